"""How a person is taken out of every dataset version to come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field

from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.masks import mask
from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.curate.versions import datasets
from tunewell.errors import UserError
from tunewell.lineage import downstream
from tunewell.people.erased_people import (
    ERASURE,
    ErasedPerson,
    mark_of,
    marks_of,
    mentions,
    names_erased,
)
from tunewell.similar import normalise
from tunewell.store import Store
from tunewell.types import (
    Dataset,
    Split,
    Trained,
    Value,
)

_SHORTEST = 4
"""Letters of a name that can be told from ordinary words."""

_OF_RECORDINGS = ("perturbed", "accepted")
"""Outputs of stress and augmentation that are rows."""

_ERASED = StepRule(
    step="erased",
    rule="rows that mention an erased person are dropped",
    cites="tunewell erase",
    code="D07",
)


class Erasure(Value):
    """What erasing a person reached.

    Attributes:
        tombstone: Digest that stands for the person; the store keeps no name.
        rows: By dataset id, the rows that mention the person.
        models: Models that were trained on a dataset with such rows.
        clips: How many recordings of such rows were deleted from the store.
    """

    tombstone: str
    rows: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    models: tuple[str, ...] = ()
    clips: int = 0


def erase(
    store: Store,
    person: str,
    *,
    author: str,
) -> Erasure:
    """Take a person out of every dataset version to come.

    Say where the person is in those there are.

    Old versions stay as they were recorded, but `tunewell status` shows them as not to be used
    again. The name itself is not kept: rows are matched by digests. A full name is matched as a
    whole: a family name alone may be another person's.

    Raises:
        UserError: The name is too short to be told from ordinary words.
    """
    words = normalise(person).split()
    if len("".join(words)) < _SHORTEST:
        raise UserError(
            f"{person!r} is too short to erase by",
            hint="give the full name, e-mail address or number",
        )
    marks = marks_of(person)
    rows: dict[str, tuple[str, ...]] = {}
    models: list[str] = []
    clips: set[str] = set()
    for dataset in datasets(store):
        hit = _rows_with(store, dataset, person, marks)
        if hit:
            rows[dataset.id] = hit
            clips.update(*(row.audio for row in store.examples(dataset, ids=hit)))
            models += _models_on(store, dataset, frozenset(hit))
    if clips:
        clips |= _changed_recordings(store, {row for hit in rows.values() for row in hit})

    tombstone = mark_of(person)
    record = {
        "words": len(words),
        "marks": sorted(marks),
        "datasets": {name: len(hit) for name, hit in rows.items()},
        "models": models,
    }
    store.say(ERASURE, tombstone, author=author, record=record)
    return Erasure(
        tombstone=tombstone,
        rows=rows,
        models=tuple(dict.fromkeys(models)),
        clips=sum(map(store.files.remove, sorted(clips))),
    )


def _rows_with(
    store: Store,
    dataset: Dataset,
    person: str,
    marks: frozenset[str],
) -> tuple[str, ...]:
    """Rows of a dataset that mention the person, in their text or beside it."""
    found = []
    for example in store.examples(dataset):
        texts = [turn.text for turn in example.messages]
        texts += [example.group, *example.tags.values()]
        if mentions(texts, person, marks):
            found.append(example.id)
    return tuple(found)


def _changed_recordings(store: Store, rows: set[str]) -> set[str]:
    """Recordings that stress and augmentation made of these rows.

    All babble goes too: whose voices are in it is not kept.
    """
    found: set[str] = set()
    for run in store.runs(status="finished"):
        for name in _OF_RECORDINGS:
            artifact = run.outputs.get(name)
            if artifact is None or not store.files.has(artifact):
                continue
            for row in store.examples(artifact):
                made_by = row.tags.get("perturbation") or row.tags.get("generator", "")
                if row.parent in rows or made_by.startswith("babble"):
                    found.update(row.audio)
    return found


def _models_on(
    store: Store,
    dataset: Dataset,
    rows: frozenset[str],
) -> list[str]:
    """Models that were trained on one of the rows: it stood in the folds of their split."""
    found: list[str] = []
    for run in downstream(store, dataset.examples):
        if "trained" in run.outputs and "split" in run.inputs:
            split = store.get_value(run.inputs["split"], Split)
            trained = store.get_value(run.outputs["trained"], Trained)
            if split.dataset == dataset.id and rows.intersection(split.all_folds):
                found.append(trained.model.id)
    return found


def tombstoned(store: Store) -> dict[str, int]:
    """Dataset versions with rows of somebody erased since, with how many: not to be used again."""
    found: Counter[str] = Counter()
    for event in store.said(ERASURE):
        found.update(event.record["datasets"])
    return found


def drop_erased(
    rows: Sequence[InputRow],
    people: Sequence[ErasedPerson],
    ledger: Ledger,
) -> None:
    """Drop rows that mention somebody who was erased, test rows too."""
    if not people:
        return
    for row in rows:
        masked = [mask(text, find_personal(text)) for text in row.texts]
        if names_erased([*row.texts, *masked, row.group, *row.tags.values()], people):
            ledger.drop(row, _ERASED, evidence="an erased person")
