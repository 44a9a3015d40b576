"""Coverage and error rates of the intervals and tests of `tunewell.stats`.

Those that have no benchmark of their own.

Each row draws datasets with a known truth, calls the public function and counts how often its
interval holds the truth (or how often a test claims what is not so). Usage: ``python -m
bench.statistics.promises [repetitions]``.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.statistics.record import write
from tunewell.stats import (
    JudgedArm,
    bradley_terry,
    confidence_sequence,
    corrected_difference,
    corrected_mean,
    corrected_win_rate,
    difference,
    equivalence,
    mcnemar,
    mean,
    position_bias,
    proportion,
    win_rate,
)
from tunewell.types import Estimate

Floats = NDArray[np.float64]
Rng = np.random.Generator
Case = tuple[str, str, float, Callable[[Rng], Estimate]]


def coverage(case: Case, repeats: int) -> dict[str, Any]:
    """How often the interval of one case holds its truth; what is undefined is counted apart."""
    name, setting, truth, make = case
    rng = np.random.default_rng(51)
    low, high, undefined = [], [], 0
    for _ in range(repeats):
        try:
            e = make(rng)
        except ValueError:
            undefined += 1
            continue
        low.append(e.low)
        high.append(e.high)
    bottom, top = np.array(low), np.array(high)
    return {
        "function": name,
        "setting": setting,
        "repetitions": len(low),
        "coverage": round(float(np.mean((bottom <= truth + 1e-12) & (truth - 1e-12 <= top))), 4),
        "width": round(float(np.mean(top - bottom)), 4),
        "undefined": undefined,
    }


def shares_and_means() -> Iterator[Case]:
    """Wilson, Jeffreys, Clopper-Pearson; t for skewed, graded and clustered scores."""
    for n in (30, 100):
        for p in (0.5, 0.8, 0.95):
            for method in ("wilson", "jeffreys", "clopper-pearson"):

                def share(rng: Rng, n: int = n, p: float = p, method: str = method) -> Estimate:
                    return proportion(int(rng.binomial(n, p)), n, method=method)  # type: ignore[arg-type]

                yield f"proportion, {method}", f"{n} of rate {p}", p, share
    yield "mean", "30 normal", 0.0, lambda rng: mean(rng.normal(size=30))
    yield "mean", "50 exponential", 1.0, lambda rng: mean(rng.exponential(size=50))
    grades = np.array([0.05, 0.05, 0.1, 0.3, 0.5])
    yield (
        "mean",
        "50 grades of 1 to 5",
        float(grades @ np.arange(1, 6)),
        lambda rng: mean(rng.choice(5, 50, p=grades) + 1.0, low=1.0, high=5.0),
    )
    for groups, size in ((10, 5), (40, 5)):

        def clustered(rng: Rng, groups: int = groups, size: int = size) -> Estimate:
            x = np.repeat(rng.normal(size=groups) * 0.65, size) + rng.normal(size=groups * size)
            return mean(x, clusters=np.repeat(np.arange(groups), size))

        def shares(rng: Rng, groups: int = groups, size: int = size) -> Estimate:
            rate = np.repeat(rng.beta(0.8 * 7 / 3, 0.2 * 7 / 3, groups), size)
            return mean(
                (rng.random(groups * size) < rate).astype(float),
                clusters=np.repeat(np.arange(groups), size),
            )

        yield "mean, clustered", f"{groups} clusters of {size}, correlation .3", 0.0, clustered
        yield (
            "mean of 0/1, clustered",
            f"{groups} clusters of {size}, correlation .3, rate .8",
            0.8,
            shares,
        )


def _pair(rng: Rng, n: int, a: float, b: float, common: float) -> tuple[Floats, Floats]:
    """Two arms on the same rows: with probability ``common`` both are decided by one draw."""
    one = rng.random(n)
    other = np.where(rng.random(n) < common, one, rng.random(n))
    return (one < a).astype(float), (other < b).astype(float)


def differences() -> Iterator[Case]:
    """Paired, unpaired and clustered differences of passes and of scores."""
    for n, a, b in ((50, 0.8, 0.7), (50, 0.95, 0.9), (200, 0.95, 0.9)):

        def paired(rng: Rng, n: int = n, a: float = a, b: float = b) -> Estimate:
            return difference(*_pair(rng, n, a, b, 0.5), paired=True)

        def unpaired(rng: Rng, n: int = n, a: float = a, b: float = b) -> Estimate:
            return difference(*_pair(rng, n, a, b, 0.0), paired=False)

        yield "difference, paired 0/1", f"{n} rows, {a} and {b}", a - b, paired
        yield "difference, unpaired 0/1", f"{n} rows an arm, {a} and {b}", a - b, unpaired

    def scores(rng: Rng) -> Estimate:
        base = rng.normal(size=40)
        return difference(base + rng.normal(size=40), base + rng.normal(size=40) - 0.2, paired=True)

    def unequal(rng: Rng) -> Estimate:
        return difference(rng.normal(0.2, 1, 25), rng.normal(0, 3, 60), paired=False)

    def clustered(rng: Rng) -> Estimate:
        at = np.repeat(np.arange(20), 5)
        base, own = rng.normal(size=100), rng.normal(size=20)[at] * 0.6
        return difference(base + own + 0.2, base + rng.normal(size=100), paired=True, clusters=at)

    def clustered_shares(rng: Rng) -> Estimate:
        at = np.repeat(np.arange(20), 5)
        a, b = np.repeat(rng.beta(1.87, 0.47, (2, 20)), 5, axis=1)
        u = rng.random((2, 100))
        return difference(
            (u[0] < a).astype(float), (u[1] < b).astype(float), paired=True, clusters=at
        )

    yield "difference, paired scores", "40 rows", 0.2, scores
    yield "difference, unpaired scores", "25 and 60 rows, spread 1 and 3", 0.2, unequal
    yield "difference, paired scores, clustered", "20 clusters of 5", 0.2, clustered
    yield (
        "difference, paired 0/1, clustered",
        "20 clusters of 5, correlation .3",
        0.0,
        clustered_shares,
    )


def preferences() -> Iterator[Case]:
    """Win rates with ties, strengths, position bias."""
    for n, p in ((30, (0.5, 0.2, 0.3)), (100, (0.45, 0.1, 0.45)), (100, (0.85, 0.1, 0.05))):

        def rate(rng: Rng, n: int = n, p: tuple[float, float, float] = p) -> Estimate:
            won, tied, lost = rng.multinomial(n, p)
            return win_rate(int(won), int(lost), int(tied))

        yield "win_rate", f"{n} pairs, won tied lost {p}", p[0] + p[1] / 2, rate
    strengths = np.array([1.0, 0.5, 0.0, -0.5, -1.0])
    for games in (13, 40):

        def strongest(rng: Rng, games: int = games) -> Estimate:
            w = np.zeros((5, 5))
            for i in range(5):
                for j in range(i):
                    w[i, j] = rng.binomial(games, 1 / (1 + np.exp(strengths[j] - strengths[i])))
                    w[j, i] = games - w[i, j]
            return bradley_terry(w).strengths[0]

        yield "bradley_terry", f"5 items, {games} games a pair, the strongest", 1.0, strongest

    def bias(rng: Rng) -> Estimate:
        better = rng.random(60) < 0.5
        first = rng.random(60) < np.where(better, 0.85, 0.35)
        swapped = rng.random(60) < np.where(better, 0.35, 0.85)
        return position_bias(first.astype(float), swapped.astype(float)).bias

    yield "position_bias", "60 pairs in both orders, bias .1", 0.1, bias


def corrected() -> Iterator[Case]:
    """Means, differences and win rates of a judge corrected by people."""
    for n in (50, 150):

        def scores(rng: Rng, n: int = n) -> Estimate:
            truth = rng.normal(3, 1, 2000)
            human = np.where(np.arange(2000) < n, truth, np.nan)
            return corrected_mean(judge=0.7 * truth + rng.normal(1, 0.6, 2000), human=human)

        def grades(rng: Rng, n: int = n) -> Estimate:
            truth = rng.choice(5, 2000, p=[0.02, 0.03, 0.1, 0.25, 0.6]) + 1.0
            judge = np.clip(truth + rng.integers(-1, 2, 2000), 1, 5)
            return corrected_mean(
                judge=judge, human=np.where(np.arange(2000) < n, truth, np.nan), low=1, high=5
            )

        yield "corrected_mean", f"{n} labels, normal", 3.0, scores
        yield "corrected_mean", f"{n} labels, grades of 1 to 5", 4.38, grades
        for accuracy in (0.5, 0.8, 0.95):

            def apart(
                rng: Rng, n: int = n, accuracy: float = accuracy, paired: bool = True
            ) -> Estimate:
                a, b = _pair(rng, 2000, 0.85, 0.75, 0.5)
                said = [np.where(rng.random(2000) < accuracy, v, 1 - v) for v in (a, b)]
                seen = np.arange(2000) < n
                return corrected_difference(
                    JudgedArm(said[0], np.where(seen, a, np.nan)),
                    JudgedArm(said[1], np.where(seen, b, np.nan)),
                    paired=paired,
                )

            def alone(rng: Rng, make: Callable[..., Estimate] = apart) -> Estimate:
                return make(rng, paired=False)

            def won(rng: Rng, n: int = n, accuracy: float = accuracy) -> Estimate:
                truth = rng.choice([0.0, 0.5, 1.0], p=[0.3, 0.1, 0.6], size=2000)
                judge = np.where(
                    rng.random(2000) < accuracy, truth, rng.choice([0.0, 0.5, 1.0], size=2000)
                )
                return corrected_win_rate(
                    judge=judge, human=np.where(np.arange(2000) < n, truth, np.nan)
                )

            yield "corrected_difference, paired", f"{n} labels, judge {accuracy}", 0.1, apart
            yield (
                "corrected_difference, unpaired",
                f"{n} labels an arm, judge {accuracy}",
                0.1,
                alone,
            )
            yield "corrected_win_rate", f"{n} labels, judge {accuracy}, a tenth ties", 0.65, won


def errors(repeats: int) -> list[dict[str, Any]]:
    """How often a test claims what is not so."""
    rng = np.random.default_rng(52)
    rows: list[dict[str, Any]] = []
    for n, discordant in ((50, 0.2), (200, 0.1)):
        for method in ("mid-p", "exact", "asymptotic"):
            hits = 0
            for _ in range(repeats):
                both, only_a, only_b, neither = rng.multinomial(
                    n, [0.6, discordant / 2, discordant / 2, 0.4 - discordant]
                )
                table = [[both, only_a], [only_b, neither]]
                hits += mcnemar(table, method=method).p_value <= 0.05  # type: ignore[arg-type]
            setting = f"{n} pairs, {discordant} discordant"
            rows.append(
                {
                    "function": f"mcnemar, {method}",
                    "setting": setting,
                    "aim": 0.05,
                    "claimed": hits / repeats,
                }
            )
    for n in (100, 400):
        hits = 0
        for _ in range(repeats):
            a, b = _pair(rng, n, 0.85, 0.9, 0.6)
            hits += equivalence(difference(a, b, paired=True), margin=0.05).holds is True
        row = {
            "function": "equivalence, non-inferiority",
            "setting": f"{n} pairs, worse by the margin of .05",
        }
        rows.append({**row, "aim": 0.025, "claimed": hits / repeats})
    return rows


def sequences(repeats: int) -> list[dict[str, Any]]:
    """How often a confidence sequence misses the truth anywhere within 400 observations."""
    rng = np.random.default_rng(53)
    rows = []
    for name, truth, make in (
        ("0/1 of rate .1", 0.1, lambda: (rng.random(400) < 0.1).astype(float)),
        ("0/1 of rate .5", 0.5, lambda: (rng.random(400) < 0.5).astype(float)),
        ("Beta(8, 2)", 0.8, lambda: rng.beta(8, 2, 400)),
    ):
        missed, width = 0, 0.0
        for _ in range(repeats):
            s = confidence_sequence(make(), low=0, high=1)
            missed += bool((s.low > truth).any() or (s.high < truth).any())
            width += s.last.high - s.last.low
        row = {"function": "confidence_sequence", "setting": f"{name}, 400 looks", "aim": 0.05}
        rows.append({**row, "missed": missed / repeats, "width": round(width / repeats, 4)})
    return rows


def main(repeats: int = 10_000) -> None:
    started = time.perf_counter()
    cases = [*shares_and_means(), *differences(), *preferences(), *corrected()]
    rows = []
    for case in cases:
        # A judge's datasets hold 2,000 rows each: a quarter of the repetitions.
        rows.append(coverage(case, repeats // 4 if case[0].startswith("corrected") else repeats))
        print(rows[-1], flush=True)
    claims, anytime = errors(repeats), sequences(max(repeats // 10, 20))
    result = {
        "repetitions": repeats,
        "below_0.94": [r for r in rows if r["coverage"] < 0.94],
        "intervals": rows,
        "tests": claims,
        "sequences": anytime,
    }
    write("promises", result, started)
    for row in [*claims, *anytime]:
        print(row)


if __name__ == "__main__":
    main(*(int(v) for v in sys.argv[1:]))
