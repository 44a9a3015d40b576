"""The result of an evaluation: levels, comparisons, figures by class and calibration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunewell.evaluate.baselines import BASELINES
from tunewell.evaluate.calibration import Calibration, calibrations
from tunewell.evaluate.classes import Classes, class_figures
from tunewell.evaluate.comparisons import beside_baselines, comparisons, levels
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.store import Store
from tunewell.types import Evaluation


def evaluation_of(
    measured: ScoredArms,
    store: Store,
    *,
    arms: Sequence[str],
    pairs: Sequence[tuple[str, str]],
    prompts: Mapping[str, str] | None = None,
    looks: int = 1,
) -> Evaluation:
    """The `Evaluation` of what was measured; its parts are stored.

    Figures by class and calibration are there where the task has labels or asks for confidence.

    Args:
        measured: The answers of all arms, scored.
        store: Keeps predictions, scores and details.
        arms: In order.
        pairs: Which arms to compare, as (arm, against).
        prompts: What each arm was shown before the row.
        looks: How often these rows have been looked at.
    """
    table = measured.table
    compared = tuple(comparisons(table, level=measured.level, pairs=pairs))
    in_order = tuple(dict.fromkeys((c.arm, c.against) for c in compared))
    classes = class_figures(measured, pairs=in_order)
    calibrated = list(calibrations(measured))
    beside = measured.with_baselines
    compared += tuple(beside_baselines(beside, BASELINES, level=measured.level))
    levels_of = [*levels(table, level=measured.level)]
    if measured.baselines:
        of_baselines = levels(beside, level=measured.level)
        levels_of += [x for x in of_baselines if x.arm in BASELINES and not x.slice]
    return Evaluation(
        arms=tuple(arms),
        rows=table.rows,
        metrics=measured.infos,
        predictions=store.put_value(measured.predictions),
        scores=store.put_value(measured.scores),
        levels=tuple(levels_of),
        comparisons=compared,
        prompts=dict(prompts or {}),
        looks=looks,
        clusters=table.clusters or (),
        slices=measured.slices,
        classes=_stored(classes, store),
        calibration=_stored(calibrated, store),
        baselines=store.put_value(measured.baselines) if measured.baselines else "",
    )


def _stored(details: Classes | list[Calibration] | None, store: Store) -> str:
    """Digest of the details; empty if there are none."""
    return store.put_value(details) if details else ""


def artifacts_of(result: Evaluation, store: Store) -> dict[str, str]:
    """Name to digest of what an evaluation leaves: the outputs of its Run."""
    return {
        "evaluation": store.put_value(result),
        "predictions": result.predictions,
        "scores": result.scores,
    }
