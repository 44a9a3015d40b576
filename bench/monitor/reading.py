"""Suspicious answers: the share of bad ones that is caught, and whether the bound holds.

A thousand answers a week, 10 % of them bad, a judge whose AUC is .90, and novelty that tells
nothing; people read a tenth. Beside it the most doubtful tenth alone (no audit, so no bound), and a
random tenth.
Usage: ``python -m bench.monitor.reading [WEEKS]``.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from scipy.special import expit

from bench.machine import keep
from tunewell.monitor.anomaly import queue_answers, queue_result
from tunewell.monitor.suspicion import Signals
from tunewell.stats import mean, proportion

POOL = 1_000
BUDGET = 100
APART = 1.812
"""Between good and bad answers in standard deviations, for an AUC of .90."""


def main(weeks: int = 400) -> None:
    """Simulate weeks, and keep what was caught."""
    started = time.process_time()
    caught: list[float] = []
    doubtful: list[float] = []
    at_random: list[float] = []
    held = 0
    for week in range(weeks):
        rng = np.random.default_rng(week)
        bad = rng.random(POOL) < 0.1
        z = rng.normal(size=POOL) + APART * bad
        signals = [
            Signals(interaction=str(i), doubt=float(expit(z[i])), novelty=float(rng.random()))
            for i in range(POOL)
        ]
        queue = queue_answers(signals, budget=BUDGET, seed=week)
        said = {each.interaction: bool(bad[int(each.interaction)]) for each in queue.answers}
        result = queue_result(queue, said)
        assert result.missed is not None
        found = sum(said.values())
        held += int(bad.sum()) - found <= result.missed.high
        caught.append(found / int(bad.sum()))
        doubtful.append(float(bad[np.argsort(-z)[:BUDGET]].sum() / bad.sum()))
        at_random.append(float(bad[rng.permutation(POOL)[:BUDGET]].sum() / bad.sum()))
    result_of = {
        "weeks": weeks,
        "caught": mean(caught).model_dump(),
        "caught by doubt alone, no bound": mean(doubtful).model_dump(),
        "caught at random": mean(at_random).model_dump(),
        "bound on the missed holds": proportion(held, weeks).model_dump(),
        "cpu_seconds": round(time.process_time() - started, 1),
    }
    for name, value in result_of.items():
        print(name, value)
    keep("monitor-reading", result_of)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
