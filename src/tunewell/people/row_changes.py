"""What people's words do to the data: corrections become rows, gold changes, gold never trains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pydantic import Field

from tunewell.people.settle import Settled, settle
from tunewell.people.work import Batch
from tunewell.people.work_store import WorkStore
from tunewell.store import Store
from tunewell.types import Value, digest
from tunewell.types.rows import Sparse

EVENT = "gold"

FROM_USE = "rows-from-use"
"""Kind of the events that say which rows from use were taken up last."""

HowWritten = Literal["review", "agreed", "adjudicated", "one person"]


class WrittenAnswer(Value):
    """An answer that a person wrote for a row.

    Attributes:
        example: The row.
        target: The answer as it should be.
        by: How it came to be: ``review`` (a correction), annotation that is
            ``agreed``, ``adjudicated`` or of ``one person``.
        account: Who wrote it, where it was one person.
        version: Of the guideline it was written by.
        tags: What annotators marked: ``points``, ``label``.
    """

    example: str
    target: str
    by: HowWritten = "review"
    account: str = ""
    version: str = ""
    tags: Mapping[str, str] = Field(default_factory=dict)


class PeopleChanges(Sparse):
    """Everything that people have said which the next version of the data takes up.

    Attributes:
        corrections: Of rows of the review pool, and settled annotations of its and of training
            rows: each becomes a row of its own.
        gold: Of rows of the test set, and rows of the frozen registry: the row's answer changes,
            and neither it nor its family is ever trained on.
        from_use: Artifact digest of the rows from use that were taken up (see
            `tunewell.people.rows_from_use`); empty if none were.
    """

    corrections: tuple[WrittenAnswer, ...] = ()
    gold: tuple[WrittenAnswer, ...] = ()
    from_use: str = ""

    sparse: ClassVar[frozenset[str]] = frozenset({"from_use"})

    @property
    def digest(self) -> str:
        """Changes with every word that changes the data; empty if there is none."""
        has_any = self.corrections or self.gold or self.from_use
        return digest(self) if has_any else ""


class Registry(Value):
    """The frozen gold: rows whose answer was settled by people.

    Attributes:
        version: Digest of the rows; empty if nothing was ever frozen.
        rows: By id of the row.
    """

    version: str = ""
    rows: Mapping[str, WrittenAnswer] = Field(default_factory=dict)


@dataclass(frozen=True)
class _Correction:
    """A correction as it was given.

    Attributes:
        part: Where its row belongs.
        number: Of the verdict that holds it.
        answer: What was written.
    """

    part: str
    number: int
    answer: WrittenAnswer

    @property
    def place(self) -> tuple[str, str]:
        return self.part, self.answer.example


def standing_corrections(store: Store) -> dict[str, list[WrittenAnswer]]:
    """Corrections of every review by part, sorted by row.

    Parts are ``test``, ``review``, and ``own`` of answers that are in no data: those given in use,
    and outputs from elsewhere.

    Of several corrections of one row the newest.
    """
    newest: dict[tuple[str, str], _Correction] = {}
    for correction in _corrections(WorkStore(store)):
        known = newest.get(correction.place)
        if known is None or known.number < correction.number:
            newest[correction.place] = correction

    by_part: dict[str, list[WrittenAnswer]] = {}
    for place in sorted(newest):
        correction = newest[place]
        by_part.setdefault(correction.part, []).append(correction.answer)
    return by_part


def _corrections(work_store: WorkStore) -> Iterator[_Correction]:
    """Every correction of every review."""
    for batch in work_store.batches(kind="review"):
        items = {item.id: item for item in work_store.items(batch.id)}
        for verdict in work_store.verdicts(batch.id):
            item = items[verdict.item]
            if item.gold or not verdict.said.correction.strip():
                continue
            answer = WrittenAnswer(
                example=item.example,
                target=verdict.said.correction,
                account=verdict.account,
                version=verdict.version,
            )
            yield _Correction(item.part, verdict.number, answer)


def taken_up(store: Store) -> str:
    """Artifact digest of the rows from use that were taken up last; empty if none were."""
    events = store.said(FROM_USE)
    return events[-1].subject if events else ""


def settled_annotations(store: Store) -> list[tuple[str, WrittenAnswer]]:
    """Answers that annotators settled, as (part, answer); of several of one row the newest."""
    work_store = WorkStore(store)
    newest: dict[tuple[str, str], WrittenAnswer] = {}
    for batch in reversed(work_store.batches(kind="annotate")):
        items = work_store.items(batch.id)
        verdicts = work_store.verdicts(batch.id)
        for one in settle(items, verdicts, batch).settled:
            newest[one.item.part, one.item.example] = _annotated(one)
    found = []
    for place in sorted(newest):
        part, _ = place
        found.append((part, newest[place]))
    return found


def _annotated(one: Settled) -> WrittenAnswer:
    spans = sorted(one.said.spans, key=lambda span: span.start)
    points = [one.item.source[span.start : span.end] for span in spans]
    tags = {
        "points": " | ".join(points),
        "label": one.said.label,
    }
    return WrittenAnswer(
        example=one.item.example,
        target=one.said.answer,
        by=one.how,
        version=one.version,
        tags={name: value for name, value in tags.items() if value},
    )


def freeze_gold(
    store: Store,
    rows: Iterable[WrittenAnswer],
    *,
    author: str,
) -> Registry:
    """Add rows to the frozen gold: a new version; rows that were there stay unless written anew."""
    before = gold_registry(store)
    return _write_gold(store, before, {**before.rows, **_by_row(rows)}, author)


def freeze_batch(store: Store, batch: Batch, *, author: str) -> tuple[Registry, int]:
    """Add what a batch has settled to the frozen gold.

    Returns:
        The gold as it is now, and how many of its rows are of this batch.
    """
    ours = {item.example for item in WorkStore(store).items(batch.id)}
    settled = [word for _, word in settled_annotations(store)]
    rows = [word for word in settled if word.example in ours and word.target]
    return freeze_gold(store, rows, author=author), len(rows)


def freeze_gold_anew(
    store: Store,
    rows: Iterable[WrittenAnswer],
    *,
    author: str,
) -> Registry:
    """Make these rows, and no others, the frozen gold: a new version."""
    return _write_gold(store, gold_registry(store), _by_row(rows), author)


def _write_gold(
    store: Store,
    before: Registry,
    merged: Mapping[str, WrittenAnswer],
    author: str,
) -> Registry:
    ordered = {name: merged[name] for name in sorted(merged)}
    dumped = [row.model_dump(mode="json") for row in ordered.values()]
    version = digest(dumped)[:12]
    if version != before.version:
        store.say(EVENT, version, author=author, record={"rows": dumped})
    return Registry(version=version, rows=ordered)


def gold_registry(store: Store, *, version: str = "") -> Registry:
    """The frozen gold as it is, or as it was in an earlier version; empty if there is none."""
    events = store.said(EVENT, subject=version)
    if not events:
        return Registry()
    newest = events[-1]
    rows = [WrittenAnswer.model_validate(row) for row in newest.record["rows"]]
    return Registry(version=newest.subject, rows=_by_row(rows))


def words_for(store: Store) -> PeopleChanges:
    """What the next version of the data takes up: corrections, and the gold of test rows."""
    corrected = standing_corrections(store)
    settled = settled_annotations(store)

    # Later ones win: frozen gold over a correction, a correction over an annotation of a test row;
    # of other rows, an annotation over a correction.
    gold = _by_row(_of_parts(settled, {"test"}))
    gold |= _by_row(corrected.get("test", ()))
    gold |= gold_registry(store).rows

    own = _by_row(corrected.get("review", ()))
    own |= _by_row(_of_parts(settled, {"review", "train"}))
    trained = sorted(own.keys() - gold.keys())
    return PeopleChanges(
        corrections=tuple(own[name] for name in trained),
        gold=tuple(gold[name] for name in sorted(gold)),
        from_use=taken_up(store),
    )


def _of_parts(
    settled: Iterable[tuple[str, WrittenAnswer]],
    parts: set[str],
) -> list[WrittenAnswer]:
    """Settled answers of rows of these parts, where an answer was written."""
    return [answer for part, answer in settled if part in parts and answer.target]


def _by_row(answers: Iterable[WrittenAnswer]) -> dict[str, WrittenAnswer]:
    return {answer.example: answer for answer in answers}


def gold_ids(store: Store) -> tuple[str, ...]:
    """Rows that are never trained on because people have settled their answer, sorted."""
    return tuple(answer.example for answer in words_for(store).gold)
