"""Stopping on a test, replayed: how often it says "go back" wrongly, and what it saves in a search.

* **False calls, synthetic**: curves that fall and then stay, with the row-to-row noise of real
  traces (changes of single rows between epochs, their mean taken out, rows drawn anew). Beside it
  the usual rule: any rise after the best.
* **False calls, our own traces**: the held-out rows are split in halves; the rule decides on one
  half, the other half says whether the loss really is above its best. A call is false where the
  other half sees no rise.
* **Searches**: eight recipes, raced by `tunewell.train.studies.recipe_search.Race`, against running
  all of them to their end. The curves are those recorded by `bench.training.ranking` on three sets
  (as they are, and with the rows drawn anew), and simulated ones: recipes that differ by 3 % in
  what they gain and by the noise of real rows.

Traces are those of the projects named in ``TUNEWELL_TRACES`` (folders separated by colons), and the
recorded runs of every recipe of `bench.training.ranking`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.machine import keep
from bench.training.ranking import DEPTHS, OWN, kept
from tunewell.store import Store
from tunewell.store.traces import trace_from_bytes
from tunewell.train.diagnose.losses import held_out_loss
from tunewell.train.diagnose.stopping import HeldOut, choose_length
from tunewell.train.lora.run import LossReading
from tunewell.train.studies.race import Race
from tunewell.train.studies.recipe_search import candidates_around
from tunewell.types import Trained

NAME = "training-stopping"
SETS = ("legal", "mts_dialog", "banking")
Losses = NDArray[np.float64]


class Recorded:
    """A run that was recorded, revealed epoch by epoch."""

    def __init__(self, losses: Losses) -> None:
        self._losses = losses
        self.readings = [LossReading(0.0, losses[0][None].astype(np.float32))]

    def epoch_on(self) -> None:
        """One more."""
        i = len(self.readings)
        self.readings.append(LossReading(float(i), self._losses[i][None].astype(np.float32)))


def traces() -> dict[str, tuple[Losses, NDArray[np.int64]]]:
    """Held-out losses (evaluations, rows) and target tokens of recorded trainings."""
    found = {}
    for name in filter(None, os.environ.get("TUNEWELL_TRACES", "").split(":")):
        store = Store(Path(name))
        for run in store.runs(stage="train", status="finished"):
            trained = store.get_value(run.outputs["trained"], Trained)
            for kind, digest in (("folds", trained.trace), ("check", trained.check)):
                if digest:
                    trace = trace_from_bytes(store.files.open(digest).read_bytes())
                    losses = np.stack([held_out_loss(trace, e) for e in range(len(trace.losses))])
                    seen = np.isfinite(losses).all(0)
                    found[f"{Path(name).name}, {kind}"] = (losses[:, seen], trace.tokens[seen])
    return found


def recorded() -> dict[str, tuple[list[Losses], NDArray[np.int64]]]:
    """Every set and depth of which all eight recipes are recorded.

    Their held-out losses, and target tokens.
    """
    found = {}
    for name in SETS:
        one = kept(name)
        for depth in DEPTHS:
            if all(f"{depth}-{i}" in one for i in range(8)):
                curves = [np.asarray(one[f"{depth}-{i}"]["losses"]) for i in range(8)]
                found[f"{name}, {depth}"] = (curves, np.asarray(one["targets"], np.int64))
    return found


def rule_of(tokens: NDArray[np.int64], names: Sequence[object] = ()) -> HeldOut:
    """What counts: every row, each a family of its own if not named otherwise."""
    families = [str(n) for n in names] or [str(i) for i in range(len(tokens))]
    return HeldOut(np.ones((1, len(tokens)), np.bool_), tokens, families)


def worse(losses: Losses, tokens: NDArray[np.int64]) -> bool:
    """Whether the rule says that the last evaluation is past the best."""
    return choose_length([x[None].astype(np.float32) for x in losses], rule_of(tokens)).worse


def usual(losses: Losses, tokens: NDArray[np.int64]) -> bool:
    """The usual rule: the last mean is above the lowest."""
    means = np.average(losses, weights=tokens, axis=1)
    return bool(means[-1] > means[1:].min())


def synthetic(
    losses: Losses, tokens: NDArray[np.int64], *, runs: int, rows: int, rng: Any
) -> tuple[int, int]:
    """Calls on curves that fall and stay, by ours and by the usual rule."""
    change = np.diff(losses[1:], axis=0)
    change = change - np.average(change, weights=tokens, axis=1)[:, None]
    ours = theirs = 0
    for _ in range(runs):
        pick = rng.integers(0, len(tokens), rows)
        curve = [losses[0][pick], losses[1][pick]]
        for _ in range(5):
            curve.append(
                curve[-1] + change[rng.integers(len(change))][pick] * rng.choice([-1.0, 1.0])
            )
        # The truth is flat over all rows; the drawn ones carry their own noise.
        ours += worse(np.stack(curve), tokens[pick])
        theirs += usual(np.stack(curve), tokens[pick])
    return ours, theirs


def halves(
    losses: Losses, tokens: NDArray[np.int64], *, runs: int, rng: Any
) -> tuple[int, int, int, int]:
    """(our calls, false ones, usual calls, false ones).

    One half of the rows decides and the other judges.
    """
    counts = [0, 0, 0, 0]
    for _ in range(runs):
        side = rng.permutation(len(tokens)) < len(tokens) // 2
        means = np.average(losses[:, ~side], weights=tokens[~side], axis=1)
        at = np.average(losses[:, side], weights=tokens[side], axis=1)
        best = 1 + int(np.argmin(at[1:]))
        rose = bool(means[-1] > means[best])
        for k, rule in ((0, worse), (2, usual)):
            called = rule(losses[:, side], tokens[side])
            counts[k] += called
            counts[k + 1] += called and not rose
    return counts[0], counts[1], counts[2], counts[3]


def raced(
    curves: list[Losses], tokens: NDArray[np.int64], names: Sequence[object] = ()
) -> dict[str, float]:
    """A race of recorded recipes, against running all to the end."""
    rule = rule_of(tokens, names)
    recipes = [r.model_copy(update={"epochs": len(curves[0]) - 1}) for r in candidates_around(OWN)]
    found = Race(rule, recipes, [Recorded(c) for c in curves], own=OWN).go()
    ends = [min(float(np.average(x, weights=tokens)) for x in c[1:]) for c in curves]
    best = min(ends)
    return {
        "saved": round(found.saved, 3),
        "loss_of_the_leader": round(ends[found.best] / best - 1, 5),
        "loss_of_the_chosen": round(ends[found.chosen] / best - 1, 5),
    }


def simulated(losses: Losses, tokens: NDArray[np.int64], rng: Any) -> list[Losses]:
    """Eight recipes: a real trace, its gain in log loss scaled by recipe (3 %).

    Its rows are moved by real changes.
    """
    change = np.diff(losses[1:], axis=0)
    change = change - np.average(change, weights=tokens, axis=1)[:, None]
    curves = []
    for _ in range(8):
        factor = 1 + 0.03 * rng.normal()
        moved = [losses[0] * (np.maximum(x, 1e-3) / losses[0]) ** factor for x in losses[1:]]
        noise = [
            0.3 * change[rng.integers(len(change))][rng.permutation(len(tokens))] for _ in moved
        ]
        curves.append(np.stack([losses[0], *(m + n for m, n in zip(moved, noise, strict=True))]))
    return curves


def redrawn(
    curves: list[Losses], tokens: NDArray[np.int64], rng: Any, *, draws: int
) -> dict[str, float]:
    """Races over the rows drawn anew with replacement; a row drawn twice counts as one family."""
    races = []
    for _ in range(draws):
        pick = rng.integers(0, len(tokens), len(tokens))
        races.append(raced([c[:, pick] for c in curves], tokens[pick], pick.tolist()))
    return summary(races)


def main() -> None:
    """Replay everything; write bench/results/training-stopping.json."""
    rng = np.random.default_rng(0)
    searched = recorded()
    own = {n: [t] for n, t in traces().items() if len(t[0]) > 2}
    own |= {f"{n}, eight recipes": [(c, t) for c in curves] for n, (curves, t) in searched.items()}
    runs = {n: 240 // len(x) for n, x in own.items()}
    result: dict[str, Any] = {
        "limit_false_calls": round(1 / 24, 4),
        "target_saved": 0.5,
        "target_loss": 0.005,
    }

    flat = {
        n: np.sum(
            [synthetic(x, t, runs=runs[n], rows=min(len(t), 200), rng=rng) for x, t in every],
            axis=0,
        )
        for n, every in own.items()
    }
    result["synthetic"] = {
        n: {"runs": 240, "ours": int(a), "usual_rule": int(b), "share_ours": round(int(a) / 240, 4)}
        for n, (a, b) in flat.items()
    }
    a, b = np.sum([(0, 0), *flat.values()], axis=0).tolist()
    total = 240 * max(len(flat), 1)
    result["synthetic_all"] = {
        "runs": total,
        "share_ours": round(a / total, 4),
        "share_usual_rule": round(b / total, 4),
    }

    names = ("calls", "false", "usual_calls", "usual_false")
    counts = {
        n: np.sum([halves(x, t, runs=runs[n], rng=rng) for x, t in every], axis=0).tolist()
        for n, every in own.items()
    }
    result["halves"] = {n: dict(zip(names, c, strict=True)) for n, c in counts.items()}
    sums = np.sum([(0, 0, 0, 0), *counts.values()], axis=0).tolist()
    result["halves_all"] = {
        "runs": total,
        **dict(zip(names, sums, strict=True)),
        "false_share_of_runs": round(sums[1] / total, 4),
    }

    result["searches"] = {
        "recorded": {n: raced(c, t) for n, (c, t) in searched.items()},
        "recorded_rows_drawn_anew": {
            n: redrawn(c, t, rng, draws=60) for n, (c, t) in searched.items()
        },
        "simulated": summary(
            [
                raced(simulated(x, t, rng), t)
                for n, every in own.items()
                if "eight" not in n
                for x, t in every
                for _ in range(10)
            ]
        ),
    }
    result["searches"]["recorded_all"] = summary(list(result["searches"]["recorded"].values()))
    keep(NAME, result)
    print({k: v for k, v in result.items() if k not in ("synthetic", "halves")}, flush=True)


def summary(races: list[dict[str, float]]) -> dict[str, float]:
    """Means and worst of many races."""
    if not races:
        return {}
    return {
        "races": len(races),
        "saved_mean": round(float(np.mean([r["saved"] for r in races])), 3),
        "saved_least": min(r["saved"] for r in races),
        **{
            f"{k}_mean": round(float(np.mean([r[k] for r in races])), 5)
            for k in ("loss_of_the_leader", "loss_of_the_chosen")
        },
        **{
            f"{k}_worst": max(r[k] for r in races)
            for k in ("loss_of_the_leader", "loss_of_the_chosen")
        },
    }


if __name__ == "__main__":
    main()
