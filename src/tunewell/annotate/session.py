"""Open an annotation: texts laid before several people independently, guideline beside them."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping, Sequence
from typing import Literal

from tunewell.annotate.sample import coverage
from tunewell.errors import UserError
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.sample import SampleCandidate, draw, draw_unequal
from tunewell.people.work import Batch, Item
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Example

Suggest = Literal["none", "target"]


def queue_near(
    store: Store,
    file: TaskFile,
    examples: Sequence[Example],
    names: Sequence[str],
    *,
    author: str,
    families: Mapping[str, str] | None = None,
    title: str = "",
) -> Batch | None:
    """Open an annotation of exactly these training rows, in this order, without those that wait for people already.

    Args:
        store: Of the project.
        file: The definition.
        examples: The training rows.
        names: Ids of the rows, the most telling first.
        author: Who asks.
        families: Family by row.
        title: What people see.

    Returns:
        The batch; None if no row is new.
    """
    book = WorkStore(store)
    waiting = {
        i.example for b in book.batches(kind="annotate", status="open") for i in book.items(b.id)
    }
    there = {e.id for e in examples}
    fresh = [name for name in names if name in there and name not in waiting]
    if not fresh:
        return None
    return open_annotation(
        store,
        file,
        examples,
        author=author,
        rows=len(fresh),
        part="train",
        first=fresh,
        families=families,
        title=title or "Training rows near what was rated low",
    )


def open_annotation(
    store: Store,
    file: TaskFile,
    examples: Sequence[Example],
    *,
    author: str,
    rows: int,
    part: Literal["test", "review", "train", "own"],
    raters: int | None = None,
    gold: bool = True,
    suggest: Suggest = "target",
    blind: float = 0.2,
    title: str = "",
    adjudicators: Sequence[str] = (),
    families: Mapping[str, str] | None = None,
    first: Sequence[str] = (),
    doubts: Mapping[str, float] | None = None,
    uncertain: float = 0.0,
    seed: int = 0,
) -> Batch:
    """Draw rows and write the batch; people are given seats by `WorkStore.share`.

    Args:
        store: Of the project.
        file: The definition: labels, guideline, raters.
        examples: Rows to draw from, all of one part.
        author: Who opens it.
        rows: How many rows to draw, mirroring the slices: with equal probability, unless
            ``uncertain``.
        part: Where the rows belong; annotations of ``test`` rows make its gold and are never
            trained on.
        raters: People per row; those of the definition if None.
        gold: Whether people write or correct the answer.
        suggest: ``target`` lays the row's present answer before them, ``none`` an empty field.
        blind: Share of the rows without the suggestion, drawn at random, which tell how far it
            leads people.
        title: What people see.
        adjudicators: Ids of the accounts that decide disagreements.
        families: Family by row.
        first: Rows that come first (`suspicious`), the rest being drawn; everybody then keeps to
            this order.
        doubts: How unsure model or judge is of a row, 0 to 1 (`row_doubts`).
        uncertain: Share of what is drawn that goes in proportion to the doubts, in [0, 1); the rest
            is drawn evenly.
        seed: Of draw, order and assignment.

    Raises:
        UserError: There is nothing to ask, or no rows.
    """
    people = file.spec.people
    if not (gold or people.span_labels or people.row_labels):
        raise UserError(
            "there is nothing to ask: no answers, and tunewell.yaml names neither span_labels nor row_labels",
            hint="people: {span_labels: [amount, deadline]}",
        )
    if not examples:
        raise UserError("there are no rows to annotate", hint="tunewell curate")
    known = families or {}
    there = {e.id: e for e in examples}
    fields = [s.field for s in file.spec.slices]
    candidates = [
        SampleCandidate(
            id=e.id, strata=tuple(e.field(f) for f in fields), family=known.get(e.id, "")
        )
        for e in there.values()
    ]
    ahead = [name for name in dict.fromkeys(first) if name in there][:rows]
    rest = [c for c in candidates if c.id not in set(ahead)]
    drawn = (
        _drawn(rest, rows - len(ahead), doubts or {}, uncertain, seed)
        if rest and rows > len(ahead)
        else {}
    )
    chances = dict.fromkeys(ahead, 1.0) | drawn
    chosen = list(chances)
    batch = Batch(
        id=new_id(),
        kind="annotate",
        title=title or f"Annotation of {file.spec.task.name}",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=raters or people.raters,
        minutes=people.minutes_per_verdict,
        about=f"What goes in: {file.spec.task.input} What should come out: {file.spec.task.output}",
        guideline=read_guideline(file),
        span_labels=people.span_labels,
        row_labels=people.row_labels,
        gold=gold,
        adjudicators=tuple(adjudicators),
        ordered=bool(ahead),
        seed=seed,
        coverage=coverage(candidates, chosen, probabilities=chances, seed=seed),
    )
    # From each block of 1 / blind rows one, so that even a short batch has some.
    luck = random.Random(f"blind {seed}")
    every = round(1 / blind) if suggest == "target" and gold and blind > 0 else 0
    unseen = (
        {start + luck.randrange(every) for start in range(0, len(chosen), every)}
        if every
        else set()
    )
    items = [
        Item(
            id=new_id(),
            batch=batch.id,
            number=n,
            example=name,
            part=part,
            source=shown(conversation(there[name])),
            output=shown(there[name].target)
            if gold and suggest == "target" and n not in unseen
            else "",
            suggestion=shown(there[name].target) if gold and suggest == "target" else "",
            family=known.get(name, name),
            slices={f: there[name].field(f) for f in fields},
            probability=chances[name],
        )
        for n, name in enumerate(chosen)
    ]
    WorkStore(store).open_batch(batch, items)
    return batch


def _drawn(
    rows: Sequence[SampleCandidate],
    count: int,
    doubts: Mapping[str, float],
    share: float,
    seed: int,
) -> dict[str, float]:
    """Rows and the probability with which each was drawn."""
    if share > 0:
        return draw_unequal(rows, count, sizes=doubts, share=share, seed=seed)
    names = draw(rows, count, seed=seed)
    return dict.fromkeys(names, len(names) / len(rows))
