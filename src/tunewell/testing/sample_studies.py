"""Invented results of ``tunewell train --curve``, ``--leave-out`` and ``--search``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunewell.lineage import run_key
from tunewell.store import Store
from tunewell.train.studies.forecast import (
    SHARES,
    MeasuredCurve,
    ShareLosses,
    SliceGain,
    forecast,
    too_few_rows,
)
from tunewell.train.studies.race import RecipeCandidate, Search
from tunewell.train.studies.recipe_search import candidates_around
from tunewell.train.studies.unseen_groups import GroupLoss, Groups, new_group_failure
from tunewell.types import Estimate, Finding, Recipe, Run, Value


def ask_training(
    store: Store, recipe: Recipe, *, groups: Sequence[str] = ("Germany", "Austria", "Poland")
) -> None:
    """Add the three answers to a project that has been trained; the last of the groups fails.

    Args:
        store: Of the project.
        recipe: Of its definition.
        groups: Names of the groups that were left out.
    """
    train = store.last_run("train")
    if train is None:
        raise ValueError("the project has not been trained")
    curve = sample_curve()
    left = sample_groups(groups)
    _save(store, train, "curve", {"curve": curve}, (too_few_rows(curve),))
    _save(store, train, "groups", {"groups": left}, (new_group_failure(left),), field=left.field)
    _save(store, train, "search", {"search": sample_search(recipe)}, ())


def sample_curve(*, rows: int = 1200, tokens: int = 24, seed: int = 0) -> MeasuredCurve:
    """A learning curve of rows that still pay, through the product's own forecast."""
    draw = np.random.default_rng(seed)
    sizes = [round(share * rows * 0.8) for share in SHARES]
    hard = draw.gamma(4, 0.25, rows)
    losses = np.stack([hard + 1.1 + 9.0 / size**0.5 + draw.normal(0, 0.05, rows) for size in sizes])
    families = [str(i) for i in range(rows)]
    shares = ShareLosses(losses, sizes, np.full(rows, tokens), families)
    curve = forecast(shares, seed=seed)
    slices = tuple(
        SliceGain(slice=f"region={name}", rows=rows // 3, gain=_loss(gain, 0.06))
        for name, gain in (("Poland", 0.22), ("Austria", 0.09), ("Germany", 0.01))
    )
    return curve.model_copy(update={"slices": slices})


def sample_groups(names: Sequence[str]) -> Groups:
    """Groups of a region, of which the last is helped by nothing."""
    found = []
    for i, name in enumerate(names):
        last = i == len(names) - 1
        found.append(
            GroupLoss(
                group=name,
                rows=210 - 60 * i,
                unseen=_loss(2.1 + 0.3 * i, 0.12),
                seen=_loss(1.9 + 0.1 * i, 0.1),
                penalty=_loss(0.31 if last else 0.04, 0.09),
                gain=_loss(0.02 if last else 0.62, 0.11),
            )
        )
    return Groups(field="region", groups=tuple(found))


def sample_search(recipe: Recipe) -> Search:
    """Eight recipes of which the best is not the simplest."""
    recipes = candidates_around(recipe)
    behind = (0.012, 0.21, 0.055, 0.02, 0.0, 0.015, 0.09, 0.013)
    names = (
        "as it is",
        "rate × 0.3",
        "rate × 3",
        "rank 4",
        "rank 64",
        "dropout 0",
        "label smoothing 0.1",
        "decay 0.1",
    )
    found = tuple(
        RecipeCandidate(
            recipe=r,
            changes=name,
            held_out=_loss(1.9 + d, 0.1),
            against_best=_loss(d, 0.03 if d else 0.0),
            epochs=2.0,
            trained=3.0 if d < 0.05 else 1.0,
            left="" if d < 0.05 else "behind the leader",
        )
        for r, name, d in zip(recipes, names, behind, strict=True)
    )
    return Search(
        candidates=found,
        best=4,
        chosen=3,
        saved=0.46,
        why="Rank 4 is within one standard error of rank 64 and simpler.",
    )


def _loss(value: float, half: float) -> Estimate:
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        n=160,
        method="paired t over families",
        unit="nats/token",
    )


def _save(
    store: Store,
    train: Run,
    stage: str,
    outputs: dict[str, Value],
    findings: tuple[Finding, ...],
    **more: Any,
) -> None:
    parameters: dict[str, Any] = {"recipe": train.parameters.get("recipe"), **more}
    store.save_run(
        train.model_copy(
            update={
                "id": f"{train.id.removesuffix('train')}{stage}",
                "stage": stage,
                "outputs": {name: store.put_value(value) for name, value in outputs.items()},
                "parameters": parameters,
                "key": run_key(stage, inputs=train.inputs, parameters=parameters, seed=train.seed),
                "findings": findings,
            }
        )
    )
