"""Plans from what the project knows: gaps, stress, reviews, contradictions, facts, counterfactuals.

Every function gives cells as people would write them in ``augment.cells``; what is known only to
other stages comes in as plain values.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.augment.parents import fits, may_be_parent
from tunewell.metrics.facts import Fact, Facts
from tunewell.metrics.support import check_support
from tunewell.similar.contradictions import contradictory
from tunewell.similar.conversations import conversations_of
from tunewell.stats import proportion
from tunewell.task import AugmentCell, CellCondition, Slice
from tunewell.types import Example

SOURCES: Final = ("gaps", "stress", "review", "contradictions", "facts", "counterfactual")
"""What plans are made from."""

ROWS: Final = 40
"""Rows of a cell whose source does not say how many are missing."""

MOST_ROWS: Final = 400
_MOST_CELLS: Final = 12


def cell_name(*parts: str) -> str:
    """A name that ``augment.cells`` takes, of any texts.

    Example:
        >>> cell_name("gap", "Region", "Nord & Süd")
        'gap-region-nord-s-d'
    """
    joined = "-".join(parts).casefold()
    plain = re.sub(r"[^a-z0-9_.=]+", "-", joined).strip("-")
    return plain[:80] or "cell"


def gaps(
    slices: Sequence[Slice],
    training: Sequence[Example],
) -> list[AugmentCell]:
    """Slices that are rarer in training than in the target population (D14).

    As many rows as bring a slice to its share, where the whole interval of its share lies below.
    """
    found = []
    for each in slices:
        have = Counter(row.field(each.field) for row in training)
        for value, share in each.target.items():
            missing = _missing(have[value], len(training), share)
            if missing:
                found.append(_gap(each.field, value, missing, exists=have[value] > 0))
    return found


def _missing(
    have: int,
    of: int,
    share: float,
) -> int:
    """Rows that bring ``have`` of ``of`` to a share; 0 where it may already be there."""
    if not of or share >= 1 or proportion(have, of).high >= share:
        return 0
    return min(MOST_ROWS, math.ceil((share * of - have) / (1 - share)))


def _gap(
    field: str,
    value: str,
    rows: int,
    *,
    exists: bool,
) -> AugmentCell:
    name = field.removeprefix("tags.")
    about = f"Rows whose {name} is '{value}'."
    return AugmentCell(
        name=cell_name("gap", name, value),
        rows=rows,
        vary=("everything that a row of this kind may differ in",),
        about=about if exists else f"{about} The example is of another {name}: carry it over.",
        parents={field: value} if exists else {},
        set={name: value},
    )


@dataclass(frozen=True)
class StressedKind:
    """One kind of stress under which the model fails.

    Attributes:
        name: Of the perturbation.
        about: What it does.
        failing: How many held-out rows failed under it and not without.
    """

    name: str
    about: str
    failing: int


def stress_failures(
    kinds: Sequence[StressedKind],
    *,
    rows: int = ROWS,
) -> list[AugmentCell]:
    """Training rows perturbed as those were under which the model failed.

    The rows that failed are rows of the test set: they are never trained on. What they teach is
    the kind of stress.
    """
    return [
        AugmentCell(
            name=cell_name("stress", kind.name),
            rows=rows,
            about=kind.about,
            kind="edit",
            by=kind.name,
        )
        for kind in kinds
        if kind.failing
    ]


@dataclass(frozen=True)
class TaggedError:
    """A kind of error that reviewers ticked.

    Attributes:
        tag: Its name.
        count: On how many rows.
        nearest: Training rows that are most like them.
        comments: What reviewers wrote beside it.
    """

    tag: str
    count: int
    nearest: Sequence[str]
    comments: Sequence[str] = ()


def tagged_errors(
    errors: Sequence[TaggedError],
    *,
    rows: int = ROWS,
) -> list[AugmentCell]:
    """Rows that teach what reviewers found wrong."""
    found = []
    for error in sorted(errors, key=lambda each: -each.count)[:_MOST_CELLS]:
        told = f" Reviewers wrote: {'; '.join(error.comments[:3])}." if error.comments else ""
        cell = AugmentCell(
            name=cell_name("review", error.tag),
            rows=rows,
            vary=("the details of the case",),
            about=(
                f"Models make the error '{error.tag}' on rows like this one. Write a case in which "
                f"it is easily made, with the answer that avoids it.{told}"
            ),
            rows_of=tuple(error.nearest),
        )
        found.append(cell)
    return found


def contradictions(
    training: Sequence[Example],
    *,
    rows: int = ROWS,
) -> list[AugmentCell]:
    """Rows that tell apart what the data answers in two ways (D09)."""
    able = [row for row in training if may_be_parent(row)]
    families = contradictory(conversations_of(able))
    ids = tuple(sorted(row.id for family in families for row in family))
    if not ids:
        return []
    cell = AugmentCell(
        name="contradictions",
        rows=min(rows, 4 * len(ids)),
        vary=("what decides which answer is right",),
        about=(
            "Rows like this one are answered in two ways. Write a case whose input says plainly "
            "what decides, with the answer that follows from it."
        ),
        rows_of=ids,
    )
    return [cell]


def changed_facts(
    facts: Facts,
    training: Sequence[Example],
    *,
    today: dt.date,
    rows: int = ROWS,
) -> list[AugmentCell]:
    """Rows for facts that have changed (E08): the new value at a date at which it holds."""
    found = []
    for (entity, attribute), versions in facts.topics.items():
        now = [fact for fact in versions if fact.holds(today)]
        before = [fact for fact in versions if fact.last_day < today]
        if not now or not before:
            continue
        parents = list(_about(entity, versions, training))
        if parents:
            found.append(_fact_cell(entity, attribute, before[-1], now[0], parents, rows))
    return found[:_MOST_CELLS]


def _about(
    entity: str,
    versions: Sequence[Fact],
    training: Sequence[Example],
) -> Iterator[str]:
    names = {entity, *(name for fact in versions for name in fact.also)}
    for row in training:
        text = f"{row.input}\n{row.target}".casefold()
        if may_be_parent(row) and any(name.casefold() in text for name in names):
            yield row.id


def _fact_cell(
    entity: str,
    attribute: str,
    before: Fact,
    now: Fact,
    parents: Sequence[str],
    rows: int,
) -> AugmentCell:
    since = now.start or dt.date.min
    return AugmentCell(
        name=cell_name("fact", entity, attribute),
        rows=rows,
        vary=("how it is asked", "the circumstances"),
        about=(
            f"Since {since.isoformat()} the {attribute} of {entity} is {now.value}; before it was "
            f"{before.value}. Ask about it and answer with what holds now; the input states it."
        ),
        rows_of=tuple(parents),
        holds=(CellCondition.model_validate({"in": "target", "has": (now.value,)}),),
        set={"date": since.isoformat()} if now.start else {},
    )


def counterfactuals(
    training: Sequence[Example],
    *,
    language: str,
    rows: int = ROWS,
) -> list[AugmentCell]:
    """Pairs in which one fact of the input is another, and the answer accordingly.

    Parents are rows whose answer states something that can be looked up in their input.
    """
    able = [row for row in training if may_be_parent(row)]
    ids = tuple(row.id for row in able if _depends(row, language))
    if not ids:
        return []
    cell = AugmentCell(
        name="counterfactual",
        rows=min(rows, len(ids)),
        vary=("one amount, date, name or condition that the answer depends on",),
        kind="counterfactual",
        rows_of=ids,
    )
    return [cell]


def _depends(
    row: Example,
    language: str,
) -> bool:
    items = check_support(row.target, row.asked, language=language)
    return any(item.supported for item in items)


def without_doubles(cells: Sequence[AugmentCell]) -> tuple[AugmentCell, ...]:
    """Cells with different names: of two with one name the first."""
    named: dict[str, AugmentCell] = {}
    for cell in cells:
        named.setdefault(cell.name, cell)
    return tuple(named.values())


def parents_of(
    cells: Sequence[AugmentCell],
    training: Sequence[Example],
) -> Mapping[str, int]:
    """How many rows each cell can draw its parents from."""
    able = [row for row in training if may_be_parent(row)]
    counts = {}
    for cell in cells:
        named = set(cell.rows_of)
        fitting = [row for row in able if fits(row, cell.parents)]
        counts[cell.name] = sum(not named or row.id in named for row in fitting)
    return counts
