"""Whether a perturbation leaves the right answer as it claims: a sample for people to judge."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewell.errors import UserError
from tunewell.evaluate.stress.result import Label
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.judgements import SAME_ANSWER, judgements
from tunewell.people.work import Batch, Item
from tunewell.project import Project
from tunewell.stats import mean
from tunewell.store import Store
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Example, Judgement, by_id, digest

ENOUGH = 0.9
"""Share of perturbed rows that have to keep their answer for a perturbation's failures to count."""
ASKED = RubricCriterion(
    name=SAME_ANSWER, question="Would the answer below still do for the changed question?"
)
ABOUT = (
    "A question and its right answer, and the same question changed. Say yes if the answer below "
    "the changed question would be right for it, however oddly it is put."
)


@dataclass(frozen=True)
class AnswerCheck:
    """How people are asked whether the right answer stays the same.

    Attributes:
        author: Who opens the batch.
        count: How many perturbed rows, balanced over the perturbations.
        raters: People per row; those of the definition if None.
        title: What people see.
        seed: Of draw and order.
    """

    author: str
    count: int
    raters: int | None = None
    title: str = ""
    seed: int = 0


def balanced(
    perturbed: Sequence[Example],
    count: int,
    *,
    seed: int = 0,
) -> dict[str, float]:
    """A sample with about as many rows of each perturbation.

    Each row of a perturbation is equally likely.

    Args:
        perturbed: Rows with tag ``perturbation``.
        count: How many to draw; a perturbation with fewer rows than its share leaves the rest to
            the others.
        seed: Of the draw.

    Returns:
        Id to the probability with which it was drawn, given how many its perturbation gets.

    Example:
        >>> names = ["0~a", "1~a", *(f"{i}~b" for i in range(10))]
        >>> rows = [Example(id=n, messages=(), tags={"perturbation": n[-1]}) for n in names]
        >>> found = balanced(rows, 6)
        >>> sorted((name[-1], p) for name, p in found.items())
        [('a', 1.0), ('a', 1.0), ('b', 0.4), ('b', 0.4), ('b', 0.4), ('b', 0.4)]
    """
    groups: dict[str, list[str]] = {}
    for row in sorted(perturbed, key=lambda e: e.id):
        groups.setdefault(row.tags["perturbation"], []).append(row.id)
    chance = random.Random(f"same-answer {seed}")
    order = sorted(groups)
    chance.shuffle(order)
    order.sort(key=lambda kind: len(groups[kind]))

    drawn: dict[str, float] = {}
    for done, kind in enumerate(order):
        ids = groups[kind]
        share = (count - len(drawn)) // (len(order) - done)
        size = min(len(ids), share)
        drawn |= dict.fromkeys(chance.sample(ids, size), size / len(ids))
    return drawn


def open_preserved(
    project: Project,
    rows: Sequence[Example],
    check: AnswerCheck,
    *,
    families: Mapping[str, str],
) -> Batch:
    """Ask people about the newest stress test: the clean question beside the changed one.

    What they say is read by the next `stress`. The batch is a review of one criterion; it never
    trains anything.

    Args:
        project: The project.
        rows: The clean rows.
        check: How many rows, by whom, for how many people.
        families: Family by clean row; a row that is not among them stands alone.

    Raises:
        UserError: There was no stress test, or its rows are gone.
    """
    file, store = project.file, project.store
    clean = by_id(rows)
    perturbed = _perturbed(store, clean)
    drawn = balanced(list(perturbed.values()), check.count, seed=check.seed)
    batch = Batch(
        id=new_id(),
        kind="review",
        title=check.title or "Would the same answer do?",
        created=dt.datetime.now(dt.UTC),
        author=check.author,
        raters=check.raters or file.spec.people.raters,
        minutes=file.spec.people.minutes_per_verdict,
        about=ABOUT,
        guideline=read_guideline(file),
        rubric=(ASKED,),
        seed=check.seed,
    )

    names = sorted(drawn)
    random.Random(f"items {check.seed}").shuffle(names)
    items = []
    for number, name in enumerate(names):
        changed = perturbed[name]
        before = clean[changed.parent or ""]
        item = Item(
            id=new_id(),
            batch=batch.id,
            number=number,
            example=name,
            arms=("stress",),
            source=_shown(before),
            audio=(*before.audio, *changed.audio),
            output=_shown(changed),
            family=families.get(before.id, before.id),
            probability=drawn[name],
        )
        items.append(item)
    WorkStore(store).open_batch(batch, items)
    return batch


def _perturbed(store: Store, clean: Mapping[str, Example]) -> dict[str, Example]:
    """The perturbed rows of the newest stress test, by their id."""
    last = store.last_run("stress")
    if last is None or "perturbed" not in last.outputs:
        raise UserError("there is no stress test to take rows from", hint="tunewell stress")
    rows = store.examples(last.outputs["perturbed"])
    perturbed = {e.id: e for e in rows if e.parent in clean}
    if not perturbed:
        raise UserError(
            "the newest stress test is of other rows than these", hint="tunewell stress"
        )
    return perturbed


def _shown(example: Example) -> str:
    return shown(f"{conversation(example)}\n\n— Answer —\n{example.target}")


def preserved_share(
    said: Sequence[Judgement], families: Mapping[str, str], *, level: float
) -> tuple[Estimate | None, Label]:
    """The share of perturbed rows whose right answer people call preserved, and what follows.

    Args:
        said: Everybody's words on the rows of one perturbation.
        families: Perturbed row to the family of its clean row: words on one family are not
            independent.
        level: Of the interval (Wilson's, on the effective number of families).

    Example:
        >>> import datetime as dt
        >>> def word(row: int) -> Judgement:
        ...     return Judgement(id=str(row), example=str(row), arm="stress", author="ann",
        ...                      criterion="same-answer", value=float(row < 2),
        ...                      at=dt.datetime.now(dt.UTC))
        >>> said = [word(row) for row in range(10)]
        >>> found, label = preserved_share(said, {}, level=0.95)
        >>> str(found), label
        ('0.2 [0.0567, 0.51]', 'not kept')
        >>> preserved_share(said[:2], {}, level=0.95)[1]
        'inconclusive'
    """
    if not said:
        return None, "not asked"
    groups = [families.get(j.example, j.example) for j in said]
    share = mean(
        [j.value for j in said],
        clusters=groups,
        low=0,
        high=1,
        level=level,
    )
    share = share.model_copy(update={"unit": "share of perturbed rows"})
    if share.high < ENOUGH:
        return share, "not kept"
    return share, "kept" if share.low >= ENOUGH else "inconclusive"


def heard(store: Store) -> str:
    """Changes with every word of people on whether perturbed rows keep their answer."""
    recorded = [event.record for event in store.said("judgement")]
    in_room = [judgement.model_dump(mode="json") for judgement in judgements(store)]
    return digest([_on_same_answer(recorded), _on_same_answer(in_room)])


def _on_same_answer(judgements: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [j for j in judgements if j.get("criterion") == SAME_ANSWER]


def discounted(increase: Estimate, preserved: Estimate) -> Estimate:
    """An increase of failures less what may be the rows' own fault.

    These are the rows whose right answer the change has spoilt.

    Args:
        increase: As measured.
        preserved: Share of perturbed rows whose answer people call preserved.

    Returns:
        The lower end falls by as many failures as may be spoilt rows; the upper end stays.

    Example:
        >>> up = Estimate(value=0.2, low=0.1, high=0.3, n=50, method="t")
        >>> kept = Estimate(value=1.0, low=0.93, high=1.0, n=50, method="Wilson")
        >>> str(discounted(up, kept))
        '0.2 [0.03, 0.3]'
    """
    low = increase.low - (1 - preserved.low)
    value = max(low, increase.value - (1 - preserved.value))
    method = f"{increase.method}, label kept in {preserved}"
    return increase.model_copy(
        update={
            "value": value,
            "low": min(low, value),
            "method": method,
        }
    )
