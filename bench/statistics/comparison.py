"""Comparisons by few raters: false verdicts, power, blinding, careless raters.

Six raters give 20, 33 or 50 verdicts each, with a look after every one. Raters' own preferences
vary (a beta or a two-point distribution) so that verdicts of one rater have the intraclass
correlation named. Beside it, on the same runs, two published rules that take verdicts for
independent: TensorZero's (generalised likelihood ratio of two arms against log((1 + log t) / 0.05),
from ten verdicts on) and GrowthBook's (asymptotic confidence sequence, tuning parameter 5,000).
Usage: ``python -m bench.statistics.comparison [runs]``.
"""

from __future__ import annotations

import math
import sys
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, ndtr, stdtrit

from bench.statistics.record import write
from tunewell.stats.blinding import bang_index
from tunewell.stats.careless import rater_habits
from tunewell.stats.preference import (
    BALANCED,
    LEAST_SHARE_OF_INDEPENDENT,
    _ever_beyond,
    continuous_boundary,
    plan_preference,
    preference_looks,
)

Floats = NDArray[np.float64]
RATERS = 6
EACH = (20, 33, 50)
ICCS = (0.0, 0.2, 0.5)
ORDERS = ("in turns", "one after another", "by lot")
MORE_RATERS = (8, 12)
"""Panels that are tried as well where raters come one after another."""
TUNED_TO = 5000
AT_ONCE = 1000
CHECKED = 25
FEWEST = 10


def verdicts(
    rng: np.random.Generator,
    each: int,
    icc: float,
    rate: float,
    kind: str,
    raters: int = RATERS,
) -> Floats:
    """Verdicts of all raters, shape (raters, each)."""
    own = np.full(raters, rate)
    if icc and kind == "beta":
        size = 1 / icc - 1
        own = rng.beta(rate * size, (1 - rate) * size, raters)
    elif icc:
        own = rate + math.sqrt(icc * rate * (1 - rate)) * rng.choice([-1.0, 1.0], raters)
    return (rng.random((raters, each)) < own[:, None]).astype(np.float64)


def arranged(rng: np.random.Generator, said: Floats, order: str) -> tuple[Floats, NDArray[Any]]:
    """Verdicts in an order of arrival, with who said them."""
    who = np.repeat(np.arange(len(said)), said.shape[1]).reshape(said.shape)
    if order == "in turns":
        return said.T.ravel(), who.T.ravel()
    if order == "one after another":
        return said.ravel(), who.ravel()
    mixed = rng.permutation(said.size)
    return said.ravel()[mixed], who.ravel()[mixed]


def tensorzero(x: Floats) -> bool:
    """Whether the rule ever stops: the two arms' means are those of x and of 1 - x."""
    n = np.arange(1, x.size + 1)
    centre = np.cumsum(x) / n
    variance = np.maximum(centre * (1 - centre) * n / np.maximum(n - 1, 1), 1e-6)
    ratio = (2 * centre - 1) ** 2 / (2 * 2 * variance / n)
    limit = np.log((1 + np.log(2 * n)) / 0.05)
    return bool((ratio > limit)[FEWEST - 1 :].any())


def growthbook(x: Floats, alpha: float = 0.05) -> bool:
    """Whether the confidence sequence ever excludes one half."""
    n = np.arange(1, x.size + 1)
    centre = np.cumsum(x) / n
    spread = np.sqrt(np.maximum(centre * (1 - centre), 1e-6))
    log_alpha = -2 * math.log(alpha)
    rho2 = (log_alpha + math.log(log_alpha + 1)) / TUNED_TO
    inside = 2 * (n * rho2 + 1) / (n**2 * rho2) * np.log(np.sqrt(n * rho2 + 1) / alpha)
    return bool((np.abs(centre - 0.5) > spread * np.sqrt(inside))[FEWEST - 1 :].any())


def ever_found(x: Floats, who: NDArray[Any], alpha: float = 0.05) -> NDArray[np.bool_]:
    """As `found`, of many runs at once, shape (runs,); each question is asked once.

    Args:
        x: Verdicts in order of arrival, shape (runs, n).
        who: Who said them, shape (runs, n).
        alpha: Error over all looks.
    """
    runs, n = x.shape
    raters = int(who.max()) + 1
    counts = np.arange(1, n + 1)
    size = np.zeros((runs, n, raters))
    total = np.zeros((runs, n, raters))
    for rater in range(raters):
        own = who == rater
        size[:, :, rater] = np.cumsum(own, axis=1)
        total[:, :, rater] = np.cumsum(own * x, axis=1)
    sums = np.cumsum(x, axis=1)
    value = sums / counts
    share = size / counts[None, :, None]
    rest = np.where(share < 1, 1 - share, np.nan)
    squares = ((total - value[:, :, None] * size) ** 2 / rest).sum(axis=2)
    weight = share**2 / rest
    df = 1 / ((share**2).sum(2) + weight.sum(2) ** 2 - (weight**2).sum(2))
    centre = (sums + 2) / (counts + 4)
    independent = ((np.cumsum(x**2, axis=1) + 2) / (counts + 4) - centre**2) / (counts + 4)
    variance = np.fmax(squares / counts**2, LEAST_SHARE_OF_INDEPENDENT * independent)

    boundary = continuous_boundary(1.0, alpha=alpha) / np.sqrt(counts / n)
    spent = np.array([alpha if k == n else _ever_beyond(b) for k, b in enumerate(boundary, 1)])
    enough = (size >= BALANCED * size.max(axis=2, keepdims=True)) & (size > 0)
    may_look = 2.0 ** (1 - enough.sum(axis=2)) <= spent
    tail = np.maximum(ndtr(-boundary), 1e-15)
    half = -stdtrit(np.maximum(df, 1.0), tail) * np.sqrt(variance)
    out: NDArray[np.bool_] = (may_look & (np.abs(value - 0.5) > half)).any(axis=1)
    return out


def found(x: Floats, who: NDArray[Any], questions: NDArray[Any] | None = None) -> bool:
    """Whether a preference is found at any look."""
    looks = preference_looks(x, raters=who, questions=questions, planned=x.size)
    return any(look.favours for look in looks)


def limit_of(hits: int, runs: int) -> float:
    """Upper 95 % (one-sided) Clopper-Pearson limit."""
    return 1.0 if hits == runs else float(betaincinv(hits + 1, runs - hits, 0.95))


def false_verdicts(runs: int) -> list[dict[str, Any]]:
    """How often each rule declares a winner between equal arms."""
    rows = []
    for each in EACH:
        for icc in ICCS:
            for kind in ("beta", "two points") if icc else ("none",):
                for order in ORDERS:
                    rows.append(_cell(runs, each, icc, kind, order))
                    print(rows[-1], flush=True)
    for raters in MORE_RATERS:
        for icc in (0.2, 0.5):
            rows.append(_cell(runs, 33, icc, "two points", "one after another", raters))
            print(rows[-1], flush=True)
    return rows


def _cell(
    runs: int,
    each: int,
    icc: float,
    kind: str,
    order: str,
    raters: int = RATERS,
) -> dict[str, Any]:
    rng = np.random.default_rng([each, int(10 * icc), len(kind), len(order)])
    drawn = [arranged(rng, verdicts(rng, each, icc, 0.5, kind, raters), order) for _ in range(runs)]
    hits = {
        "ours": _hits(drawn),
        "tensorzero": sum(tensorzero(x) for x, _ in drawn),
        "growthbook": sum(growthbook(x) for x, _ in drawn),
    }
    shares = {name: count / runs for name, count in hits.items()}
    limit = limit_of(hits["ours"], runs)
    cell = {"raters": raters, "each": each, "icc": icc, "preferences": kind, "order": order}
    return {**cell, "runs": runs, **shares, "upper_95": limit}


def _hits(drawn: list[tuple[Floats, NDArray[Any]]]) -> int:
    """In how many runs a preference is found; some are checked against the function itself."""
    x = np.array([said for said, _ in drawn])
    who = np.array([raters for _, raters in drawn])
    ever = np.concatenate(
        [ever_found(x[k : k + AT_ONCE], who[k : k + AT_ONCE]) for k in range(0, len(x), AT_ONCE)]
    )
    for k in range(CHECKED):
        if bool(ever[k]) != found(x[k], who[k]):
            raise AssertionError(f"run {k} differs from preference_looks")
    return int(ever.sum())


def shared_questions(runs: int) -> list[dict[str, Any]]:
    """The same where all raters are asked the same questions, whose answers differ in quality."""
    rows = []
    for icc in (0.0, 0.2):
        for spread in (0.2, 0.5):
            rng = np.random.default_rng([int(10 * icc), int(10 * spread)])
            hits = 0
            for _ in range(runs):
                size = 1 / spread - 1
                quality = rng.beta(size / 2, size / 2, 33)
                shift = rng.normal(0, 2 * icc, RATERS)
                odds = np.log(quality / (1 - quality))[None] + shift[:, None]
                said = (rng.random((RATERS, 33)) < 1 / (1 + np.exp(-odds))).astype(float)
                asked = np.tile(np.arange(33), (RATERS, 1))
                hits += found(said.T.ravel(), np.tile(np.arange(RATERS), 33), asked.T.ravel())
            limit = limit_of(hits, runs)
            cell = {"rater_icc": icc, "question_icc": spread, "runs": runs}
            rows.append({**cell, "ours": hits / runs, "upper_95": limit})
            print(rows[-1], flush=True)
    return rows


def power(runs: int) -> list[dict[str, Any]]:
    """How often 65 : 35 is found with at most 200 verdicts, and what the plan says of it."""
    rows = []
    for icc in ICCS:
        rng = np.random.default_rng(int(10 * icc))
        drawn = [
            arranged(rng, verdicts(rng, 33, icc, 0.65, "beta"), "in turns") for _ in range(runs)
        ]
        hits = _hits(drawn)
        plan = plan_preference(RATERS, 33, win_rate=0.65, icc=icc)
        fixed = plan_preference(RATERS, 33, win_rate=0.65, icc=icc, looks=1)
        row = {"icc": icc, "power": hits / runs, "planned": plan.power, "fixed": fixed.power}
        rows.append({**row, "raters_needed": plan.needed, "refused": not plan.enough})
        print(rows[-1], flush=True)
    return rows


def blinding(runs: int) -> list[dict[str, Any]]:
    """How often Bang's interval covers, with guesses alone and clustered by six raters."""
    rows = []
    for n, clustered in ((30, False), (60, False), (60, True), (120, True)):
        for right, wrong in ((0.3, 0.3), (0.5, 0.2), (0.7, 0.1), (0.1, 0.05)):
            rng = np.random.default_rng([n, int(100 * right)])
            covered = 0
            for _ in range(runs):
                shares = np.array([right, wrong, 1 - right - wrong])
                who = np.arange(n) % RATERS
                own = rng.dirichlet(6 * shares, RATERS) if clustered else np.tile(shares, (6, 1))
                drawn = (rng.random(n)[:, None] > np.cumsum(own, axis=1)[who]).sum(axis=1)
                guesses = np.array([1.0, -1.0, 0.0])[np.minimum(drawn, 2)]
                e = bang_index(guesses, raters=who if clustered else None)
                covered += e.low <= right - wrong <= e.high
            cell = {"guesses": n, "clustered": clustered, "right": right, "wrong": wrong}
            rows.append({**cell, "coverage": covered / runs})
            print(rows[-1], flush=True)
    return rows


def careless(runs: int) -> list[dict[str, Any]]:
    """How often one random rater of six is named, and how often an attentive one."""
    rows = []
    for concentration in (2.0, 1.0, 0.5, 0.25):
        rng = np.random.default_rng(int(100 * concentration))
        named = accused = panels = 0
        for _ in range(runs):
            quality = rng.beta(concentration / 2, concentration / 2, 40)
            said = (rng.random((5, 40)) < quality).astype(float)
            said = np.concatenate([said, (rng.random((1, 40)) < 0.5).astype(float)])
            said[rng.random(said.shape) < 0.15] = 0.5
            habits = rater_habits(
                said.ravel(),
                raters=np.repeat(np.arange(6), 40),
                questions=np.tile(np.arange(40), 6),
                first_shown=rng.random(240) < 0.5,
            )
            named += habits[5].named
            wrong = sum(habit.named for habit in habits[:5])
            accused += wrong
            panels += wrong > 0
        same = 1 - concentration / (concentration + 1) / 2
        row = {"two_raters_agree": same, "verdicts": 40, "power": named / runs}
        rows.append({**row, "accused_per_rater": accused / runs / 5, "per_panel": panels / runs})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """All of it."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 8000
    started = time.perf_counter()
    result = {
        "false_verdicts": false_verdicts(runs),
        "shared_questions": shared_questions(runs // 8),
        "power": power(runs),
        "blinding": blinding(runs // 8),
        "careless": careless(runs // 20),
    }
    write("comparison", result, started)


if __name__ == "__main__":
    main()
