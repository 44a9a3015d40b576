"""What changed between two dataset versions, and how a person is taken out of every one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import Field

from tunewell.checks.personal.identifiers import TYPES, find_personal
from tunewell.checks.personal.masks import placeholder, plain_name
from tunewell.errors import UserError
from tunewell.lineage import downstream
from tunewell.similar import normalise
from tunewell.store import Store
from tunewell.types import Dataset, Example, Split, Trained, Value, digest

ERASURE = "erasure"
"""Kind of the events that say whom to leave out of every dataset to come; they hold digests, never names."""


Person = tuple[int, frozenset[str]]
"""Somebody who was erased: how many words the name has, and the marks that stand for the person."""


class Difference(Value):
    """What changed from one dataset to another.

    Attributes:
        before: Id of the older dataset.
        after: Id of the newer one.
        added: Rows that only the newer one has.
        removed: Rows that only the older one has, with the reason where the newer receipts give
            one.
        changed: Rows in both whose text or fields differ, with the names of the fields.
        same: How many rows are equal in both.
    """

    before: str
    after: str
    added: tuple[str, ...] = ()
    removed: Mapping[str, str] = Field(default_factory=dict)
    changed: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    same: int = 0


def datasets(store: Store) -> list[Dataset]:
    """Every dataset version of the project, oldest first, each once."""
    found: dict[str, Dataset] = {}
    for run in store.runs(stage="curate", status="finished"):
        if "dataset" in run.outputs and store.files.has(run.outputs["dataset"]):
            dataset = store.get_value(run.outputs["dataset"], Dataset)
            found.setdefault(dataset.id, dataset)
    return list(found.values())


def find_dataset(store: Store, name: str) -> Dataset:
    """A dataset by the beginning of its id, ``last`` or ``previous``.

    Raises:
        UserError: There is none, or several begin so.
    """
    known = datasets(store)
    if name == "last" and known:
        return known[-1]
    if name == "previous" and len(known) > 1:
        return known[-2]
    fitting = [dataset for dataset in known if dataset.id.startswith(name)] if name else []
    if len(fitting) == 1:
        return fitting[0]
    shown = ", ".join(dataset.id[:12] for dataset in known) or "none"
    many = "several datasets begin" if fitting else "no dataset begins"
    raise UserError(f"{many} with {name!r}; there are: {shown}", hint="tunewell diff previous last")


def diff(store: Store, before: Dataset, after: Dataset) -> Difference:
    """Rows added, removed and changed from one dataset to another."""
    old = {example.id: example for example in store.examples(before)}
    new = {example.id: example for example in store.examples(after)}
    gone = sorted(old.keys() - new.keys())
    reasons = (
        {r.row: f"{r.step}: {r.rule}" for r in store.receipts(after) if r.action == "dropped"}
        if gone
        else {}
    )
    changed = {
        name: fields
        for name in sorted(old.keys() & new.keys())
        if (fields := _fields(old[name], new[name]))
    }
    return Difference(
        before=before.id,
        after=after.id,
        added=tuple(sorted(new.keys() - old.keys())),
        removed={name: reasons.get(name, "no longer read") for name in gone},
        changed=changed,
        same=len(old.keys() & new.keys()) - len(changed),
    )


def _fields(a: Example, b: Example) -> tuple[str, ...]:
    names = ("messages", "source", "kind", "date", "group", "parent", "origin")
    found = tuple(name for name in names if getattr(a, name) != getattr(b, name))
    return (*found, "tags") if dict(a.tags) != dict(b.tags) else found


class Erasure(Value):
    """What erasing a person reached.

    Attributes:
        tombstone: Digest that stands for the person; the store keeps no name.
        rows: By dataset id, the rows that mention the person.
        models: Models that were trained on a dataset with such rows.
    """

    tombstone: str
    rows: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    models: tuple[str, ...] = ()


def marks_of(person: str) -> frozenset[str]:
    """What stands for a person in rows: digests of the name or identifier, and its placeholders.

    Example:
        >>> len(marks_of("jo@okoro.net")) > 1
        True
    """
    marks = {mark_of(person)}
    for span in find_personal(person):
        marks.add(placeholder(person[span.start : span.end], span.type))
    marks |= {placeholder(form, "name") for form in (person, " ".join(plain_name(person)))}
    if "@" in person or any(c.isdigit() for c in person):
        marks |= {placeholder(person, kind) for kind in TYPES}
    return frozenset(marks)


def mark_of(person: str) -> str:
    """Digest of a name or identifier, whatever its case and spacing."""
    return digest({"person": normalise(person)})


def mentions(texts: Iterable[str], person: str, marks: frozenset[str]) -> bool:
    """Whether a text names the person, or holds one of the person's placeholders."""
    wanted = f" {normalise(person)} "
    return any(
        wanted in f" {normalise(text)} " or any(mark in text for mark in marks) for text in texts
    )


def erase(store: Store, person: str, *, author: str) -> Erasure:
    """Take a person out of every dataset version to come.

    Say where the person is in those there are.

    Old versions stay as they were recorded, but `tunewell status` shows them as not to be used
    again. The name itself
    is not kept: rows are matched by digests. A full name is matched as a whole: a family name alone
    may be another person's.

    Raises:
        UserError: The name is too short to be told from ordinary words.
    """
    if len(normalise(person).replace(" ", "")) < 4:
        raise UserError(
            f"{person!r} is too short to erase by",
            hint="give the full name, e-mail address or number",
        )
    marks = marks_of(person)
    rows: dict[str, tuple[str, ...]] = {}
    models: list[str] = []
    for dataset in datasets(store):
        hit = [
            e.id
            for e in store.examples(dataset)
            if mentions((m.content for m in e.messages), person, marks)
        ]
        if hit:
            rows[dataset.id] = tuple(hit)
            models += _models_on(store, dataset, frozenset(hit))
    tombstone = mark_of(person)
    words = len(normalise(person).split())
    record = {
        "words": words,
        "marks": sorted(marks),
        "datasets": {k: len(v) for k, v in rows.items()},
        "models": models,
    }
    store.say(ERASURE, tombstone, author=author, record=record)
    return Erasure(tombstone=tombstone, rows=rows, models=tuple(dict.fromkeys(models)))


def _models_on(store: Store, dataset: Dataset, rows: frozenset[str]) -> list[str]:
    """Models that were trained on one of the rows: it stood in the folds of their split."""
    found: list[str] = []
    for run in downstream(store, dataset.examples):
        if "trained" in run.outputs and "split" in run.inputs:
            split = store.get_value(run.inputs["split"], Split)
            if split.dataset == dataset.id and not rows.isdisjoint(split.all_folds):
                found.append(store.get_value(run.outputs["trained"], Trained).model.id)
    return found


def tombstoned(store: Store) -> dict[str, int]:
    """Dataset versions that hold rows of somebody who was erased since, with how many: not to be used again."""
    found: dict[str, int] = {}
    for event in store.said(ERASURE):
        for dataset, rows in event.record["datasets"].items():
            found[dataset] = found.get(dataset, 0) + int(rows)
    return found


def erased(store: Store) -> list[Person]:
    """Everybody who was erased."""
    return [(int(e.record["words"]), frozenset(e.record["marks"])) for e in store.said(ERASURE)]


def names_erased(texts: Iterable[str], people: Iterable[Person]) -> bool:
    """Whether a text mentions somebody who was erased: every run of as many words as the name is held against it."""
    people = list(people)
    for text in texts:
        words = normalise(text).split()
        for length, marks in people:
            if any(mark in text for mark in marks if mark.startswith("[")):
                return True
            runs = {" ".join(words[i : i + length]) for i in range(len(words) - length + 1)}
            if any(mark_of(run) in marks for run in runs):
                return True
    return False
