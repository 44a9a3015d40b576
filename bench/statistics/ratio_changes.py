"""How often each end of the interval of a changed ratio misses, with few clusters.

Errors per word of so many speakers before and after training: what training changes for a speaker
is normal, exponential, rare (a fifth of the speakers lose .15) or a share of the errors before.
"""

from __future__ import annotations

import sys

import numpy as np

from bench.machine import keep
from tunewell.stats import strict_ends
from tunewell.stats.ratios import linearised, ratio_change

SPEAKERS = (4, 5, 8, 16)
DRAWS = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
KINDS = ("normal", "exponential", "rare", "share")


def changed(kind: str, base: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The rate of every speaker afterwards."""
    count = len(base)
    change = {
        "normal": lambda: rng.normal(0.03, 0.03, count),
        "exponential": lambda: rng.exponential(0.04, count),
        "rare": lambda: 0.15 * (rng.random(count) < 0.2),
        "share": lambda: -base * rng.beta(2, 4, count),
    }[kind]()
    return np.clip(base + change, 0, 1)


def main() -> None:
    """Measure, print and write the result."""
    rng = np.random.default_rng(25)
    found = {}
    for kind in KINDS:
        base = rng.beta(2, 18, 200_000)
        truth = float((changed(kind, base, rng) - base).mean())
        for speakers in SPEAKERS:
            misses = np.zeros(2)
            for _ in range(DRAWS):
                words = rng.integers(60, 300, speakers)
                rate = rng.beta(2, 18, speakers)
                before = rng.binomial(words, rate)
                after = rng.binomial(words, changed(kind, rate, rng))
                names = [*range(speakers)]
                plain = ratio_change(before, after, words, clusters=names)
                change = linearised(after, words) - linearised(before, words)
                strict = strict_ends(plain, change, change, families=names, kind="difference")
                misses += truth < strict.low, truth > strict.high
            low, high = (misses / DRAWS).round(4).tolist()
            found[f"{kind}, {speakers} speakers"] = {"low end misses": low, "high end": high}
            print(kind, speakers, low, high, flush=True)
    keep("ratio-changes", {"draws": DRAWS, **found})


if __name__ == "__main__":
    main()
