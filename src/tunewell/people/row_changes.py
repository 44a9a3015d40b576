"""What people's words do to the data: corrections that become rows, gold that changes, rows that never train."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from pydantic import Field

from tunewell.people.settle import Settled, settle
from tunewell.people.work_store import Book
from tunewell.store import Store
from tunewell.types import Value, digest

EVENT = "gold"


class WrittenAnswer(Value):
    """An answer that a person wrote for a row.

    Attributes:
        example: The row.
        target: The answer as it should be.
        by: How it came to be: ``review`` (a correction), ``agreed`` or ``adjudicated`` annotation.
        account: Who wrote it, where it was one person.
        version: Of the guideline it was written by.
        tags: What annotators marked: ``points``, ``label``.
    """

    example: str
    target: str
    by: Literal["review", "agreed", "adjudicated"] = "review"
    account: str = ""
    version: str = ""
    tags: Mapping[str, str] = Field(default_factory=dict)


class PeopleChanges(Value):
    """Everything that people have said which the next version of the data takes up.

    Attributes:
        corrections: Of rows of the review pool, and settled annotations of its and of training
            rows: each becomes a row of its own.
        gold: Of rows of the test set, and rows of the frozen registry: the row's answer changes,
            and neither it nor its family is ever trained on.
    """

    corrections: tuple[WrittenAnswer, ...] = ()
    gold: tuple[WrittenAnswer, ...] = ()

    @property
    def digest(self) -> str:
        """Changes with every word that changes the data; empty if there is none."""
        return digest(self) if self.corrections or self.gold else ""


class Registry(Value):
    """The frozen gold: rows whose answer was settled by people.

    Attributes:
        version: Digest of the rows; empty if nothing was ever frozen.
        rows: By id of the row.
    """

    version: str = ""
    rows: Mapping[str, WrittenAnswer] = Field(default_factory=dict)


def standing_corrections(store: Store) -> dict[str, list[WrittenAnswer]]:
    """Corrections of every review by part (``test``, ``review``), of several on one row the newest, by row."""
    book = Book(store)
    newest: dict[tuple[str, str], tuple[int, WrittenAnswer]] = {}
    for batch in book.batches(kind="review"):
        items = {i.id: i for i in book.items(batch.id)}
        for v in book.verdicts(batch.id):
            item = items[v.item]
            if item.gold or not v.said.correction.strip():
                continue
            word = WrittenAnswer(
                example=item.example, target=v.said.correction, account=v.account, version=v.version
            )
            known = newest.get((item.part, item.example))
            if known is None or known[0] < v.number:
                newest[item.part, item.example] = (v.number, word)
    out: dict[str, list[WrittenAnswer]] = {}
    for (part, _), (_, word) in sorted(newest.items()):
        out.setdefault(part, []).append(word)
    return out


def settled_annotations(store: Store) -> list[tuple[str, WrittenAnswer]]:
    """Answers that annotators settled, as (part, word), of several batches on one row the newest."""
    book = Book(store)
    newest: dict[tuple[str, str], WrittenAnswer] = {}
    for batch in reversed(book.batches(kind="annotate")):
        for one in settle(book.items(batch.id), book.verdicts(batch.id), batch).settled:
            newest[one.item.part, one.item.example] = _annotated(one)
    return [(part, word) for (part, _), word in sorted(newest.items())]


def _annotated(one: Settled) -> WrittenAnswer:
    spans = sorted(one.said.spans, key=lambda s: s.start)
    points = " | ".join(one.item.source[s.start : s.end] for s in spans)
    tags = ({"points": points} if points else {}) | (
        {"label": one.said.label} if one.said.label else {}
    )
    by: Literal["agreed", "adjudicated"] = "adjudicated" if one.how == "adjudicated" else "agreed"
    return WrittenAnswer(
        example=one.item.example, target=one.said.answer, by=by, version=one.version, tags=tags
    )


def freeze_gold(store: Store, rows: Iterable[WrittenAnswer], *, author: str) -> Registry:
    """Add rows to the frozen gold: a new version, in which those that were there stay unless they are written anew."""
    merged = {**gold_registry(store).rows, **{row.example: row for row in rows}}
    ordered = {name: merged[name] for name in sorted(merged)}
    version = digest([row.model_dump(mode="json") for row in ordered.values()])[:12]
    if version != gold_registry(store).version:
        record = {"rows": [row.model_dump(mode="json") for row in ordered.values()]}
        store.say(EVENT, version, author=author, record=record)
    return Registry(version=version, rows=ordered)


def gold_registry(store: Store, *, version: str = "") -> Registry:
    """The frozen gold as it is, or as it was in an earlier version; empty if there is none."""
    events = store.said(EVENT, subject=version)
    if not events:
        return Registry()
    rows = [WrittenAnswer.model_validate(row) for row in events[-1].record["rows"]]
    return Registry(version=events[-1].subject, rows={row.example: row for row in rows})


def words_for(store: Store) -> PeopleChanges:
    """What the next version of the data takes up: corrections, and the gold of test rows."""
    said, settled = standing_corrections(store), settled_annotations(store)
    tests = [*(w for part, w in settled if part == "test" and w.target), *said.get("test", ())]
    gold = {w.example: w for w in tests} | dict(gold_registry(store).rows)
    own = {w.example: w for w in said.get("review", ())}
    own |= {w.example: w for part, w in settled if part in ("review", "train") and w.target}
    return PeopleChanges(
        corrections=tuple(own[name] for name in sorted(own) if name not in gold),
        gold=tuple(gold[name] for name in sorted(gold)),
    )


def gold_ids(store: Store) -> tuple[str, ...]:
    """Rows that are never trained on because people have settled their answer, sorted."""
    return tuple(w.example for w in words_for(store).gold)
