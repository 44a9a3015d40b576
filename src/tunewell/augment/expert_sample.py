"""A sample of the accepted rows for experts, drawn evenly: what they say holds for all of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from tunewell.augment.faithfulness import CRITERION, QUESTION, error_rate_of
from tunewell.augment.nouns import Augmented
from tunewell.errors import UserError
from tunewell.people import WorkStore, new_id, shown
from tunewell.people.candidates import candidates
from tunewell.people.guide import conversation, read_guideline
from tunewell.people.judgements import judgements
from tunewell.people.sample import draw
from tunewell.people.work import Batch, Item
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Example

ASKED = RubricCriterion(
    name=CRITERION,
    question=QUESTION,
)
ARM = "augmentation"
ABOUT = (
    "Rows that a model wrote to train on. Say yes if the answer is right for its input and the "
    "input bears it out; say no to anything that a model should not learn."
)


def open_sample(
    project: Project,
    rows: Sequence[Example],
    *,
    author: str,
    count: int = 0,
    raters: int = 0,
) -> Batch:
    """Draw accepted rows and write the batch; people are given seats by `WorkStore.share`.

    Args:
        project: The project.
        rows: The accepted rows.
        author: Who opens it.
        count: How many; 0 = ``augment.checked``.
        raters: People per row; 0 = as in the definition.

    Raises:
        UserError: No row was accepted.
    """
    file, store = project.file, project.store
    if not rows:
        raise UserError("no row was accepted: there is nothing to look at", hint="augment run")
    section, people = file.spec.augment, file.spec.people
    wanted = min(count or section.checked or len(rows), len(rows))
    slices = [s.field for s in file.spec.slices]
    names = draw(
        candidates(rows, ["tags.augmentation", *slices], {row.id: row.parent for row in rows}),
        wanted,
        seed=section.seed,
    )
    batch = Batch(
        id=new_id(),
        kind="review",
        title="Are these synthetic rows right?",
        created=dt.datetime.now(dt.UTC),
        author=author,
        raters=raters or people.raters,
        minutes=people.minutes_per_verdict,
        about=ABOUT,
        guideline=read_guideline(file),
        rubric=(ASKED,),
        seed=section.seed,
    )
    by_id = {row.id: row for row in rows}
    items = []
    for number, name in enumerate(names):
        row = by_id[name]
        item = Item(
            id=new_id(),
            batch=batch.id,
            number=number,
            example=name,
            arms=(ARM,),
            source=shown(conversation(row)),
            output=shown(row.target),
            family=row.parent,
            probability=wanted / len(rows),
        )
        items.append(item)
    WorkStore(store).open_batch(batch, items)
    return batch


def spoken_error_rate(
    store: Store,
    result: Augmented,
) -> Estimate | None:
    """The error rate of the accepted rows by experts; None before any has spoken."""
    rows = [row.id for row in store.examples(result.accepted)]
    return error_rate_of(judgements(store, rows), rows)
