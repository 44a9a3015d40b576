"""Synthetic rows: the funnel by cell, pairs of parent and child, and whether they pay."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from tunewell.augment.erasure import without_erased
from tunewell.augment.nouns import Augmented, CellResult
from tunewell.augment.results import newest_augmentation, standing
from tunewell.augment.stage import RowsOfSplit
from tunewell.report.results import Results
from tunewell.report.safe_text import without_private
from tunewell.report.text_diff import edits
from tunewell.train.studies.added_rows import AddedRows, newest_trial
from tunewell.types import Example, Finding, by_id

PAIRS: Final = 4


@dataclass(frozen=True)
class ParentAndChild:
    """A synthetic row beside the row that it was made from.

    Attributes:
        parent: Id of the row.
        child: Id of the synthetic one.
        cell: What it was asked for by.
        asked: The inputs of both, edits marked.
        answers: Their targets, edits marked.
    """

    parent: str
    child: str
    cell: str
    asked: tuple[Markup, Markup]
    answers: tuple[Markup, Markup]


@dataclass(frozen=True)
class AugmentationShown:
    """What is shown of an augmentation.

    Attributes:
        result: What it gave.
        reasons: Why rows were not taken, most frequent first: in how many cases.
        failures: Why no row came, likewise.
        pairs: Drawn by seed.
        trial: Whether the rows pay; None without a trial.
        finding: D15 as it stands.
        used: How many of them the reported version was trained on.
    """

    result: Augmented
    reasons: Mapping[str, int]
    failures: Mapping[str, int]
    pairs: Sequence[ParentAndChild]
    trial: AddedRows | None
    finding: Finding
    used: int

    @property
    def cells(self) -> Sequence[CellResult]:
        """The funnel of each cell."""
        return self.result.cells


def augmentation(results: Results) -> AugmentationShown | None:
    """The newest augmentation of the reported dataset; None if there is none."""
    store = results.store
    if results.dataset is None or results.split is None:
        return None
    dataset = results.dataset
    result = newest_augmentation(store, dataset)
    if result is None:
        return None
    rows = without_erased(store, store.examples(result.accepted))
    training = RowsOfSplit.of(dataset, results.split, store).training
    return AugmentationShown(
        result=result,
        reasons=_counted(cell.rejected for cell in result.cells),
        failures=_counted(cell.failed for cell in result.cells),
        pairs=_pairs(rows, training, seed=results.split.seed),
        trial=newest_trial(store, result.accepted),
        finding=standing(store, result, training=len(training)),
        used=_used(results),
    )


def _counted(each: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    found: Counter[str] = Counter()
    for reasons in each:
        found.update(reasons)
    return dict(found.most_common())


def _used(results: Results) -> int:
    """How many synthetic rows are in the data that the reported version was trained on."""
    train = results.runs.get("train")
    if train is None:
        return 0
    for run in reversed(results.store.runs(stage="augmented-data", status="finished")):
        if run.outputs.get("examples") == train.inputs.get("examples"):
            return run.counts.get("taken", 0)
    return 0


def _pairs(
    rows: Sequence[Example],
    training: Sequence[Example],
    *,
    seed: int,
) -> list[ParentAndChild]:
    parents = by_id(training)
    known = [row for row in rows if row.parent in parents]
    drawn = random.Random(seed).sample(known, min(PAIRS, len(known)))
    found = []
    for child in drawn:
        parent = parents[child.parent]
        pair = ParentAndChild(
            parent=parent.id,
            child=child.id,
            cell=child.tags.get("augmentation", ""),
            asked=_edits(parent.input, child.input),
            answers=_edits(parent.target, child.target),
        )
        found.append(pair)
    return found


def _edits(
    before: str,
    after: str,
) -> tuple[Markup, Markup]:
    return edits(without_private(before), without_private(after))
