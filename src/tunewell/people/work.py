"""The nouns of people's work: a batch, an item, what was said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, model_validator

from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Value, digest

Kind = Literal["review", "annotate"]
WorkPart = Literal["test", "review", "train", "own"]

MOST_TEXT = 200_000
"""Longest text that a person may send, in characters."""


class Coverage(Value):
    """How well a sample stands for the rows it was drawn from, beside random samples of its size.

    Attributes:
        rows: How many were chosen.
        groups: How many values of the slices there are in all.
        covered: How many of them the sample holds.
        random: The same of a random sample: mean over draws, with the middle 95 % of them.
        error: Root of the mean squared difference between the shares of the groups as the sample
            estimates them (weighted by 1 / probability) and in all rows.
        error_random: The same of a random sample: mean over draws, with the middle 95 % of them.
    """

    rows: int
    groups: int
    covered: int
    random: Estimate
    error: float
    error_random: Estimate


class Batch(Value):
    """A piece of work: what is asked, of how many people, under which guideline.

    Attributes:
        id: Random.
        kind: ``review`` (outputs are judged by a rubric) or ``annotate`` (texts are marked and
            answered).
        title: What people see in their queue.
        status: ``open`` takes verdicts, ``closed`` takes none.
        created: When, UTC.
        author: Who made it.
        raters: How many people see each item.
        minutes: Expected minutes per verdict, until a person's own pace is known.
        about: One sentence on the task for those who work.
        guideline: The text that people work by.
        rubric: What is asked of an output.
        error_tags: Kinds of error that a reviewer may tick.
        span_labels: What may be marked in the text of an annotation.
        row_labels: Labels that hold for the whole row; exactly one is chosen where there are any.
        gold: Whether annotators write or correct the answer.
        adjudicators: Ids of the accounts that decide where annotators disagree.
        evaluation: Artifact digest of the predictions that are judged.
        ordered: Whether everybody goes through the items as drawn (the worst first) rather than
            shuffled.
        seed: Of order and assignment.
        coverage: How well its rows stand for those they were drawn from, as reckoned when it was
            opened.
    """

    id: str
    kind: Kind
    title: str = Field(min_length=1)
    status: Literal["open", "closed"] = "open"
    created: dt.datetime
    author: str
    raters: int = Field(default=2, ge=1)
    minutes: float = Field(default=1.0, gt=0)
    about: str = ""
    guideline: str = ""
    rubric: tuple[RubricCriterion, ...] = ()
    error_tags: tuple[str, ...] = ()
    span_labels: tuple[str, ...] = ()
    row_labels: tuple[str, ...] = ()
    gold: bool = False
    adjudicators: tuple[str, ...] = ()
    evaluation: str = ""
    ordered: bool = False
    seed: int = 0
    coverage: Coverage | None = None

    @property
    def version(self) -> str:
        """Short digest of everything that people were asked: judgements carry it."""
        asked = {
            "guideline": self.guideline,
            "rubric": [
                c.model_dump(mode="json", exclude=None if c.signed else {"signed"})
                for c in self.rubric
            ],
            "labels": [*self.span_labels, *self.row_labels, *self.error_tags],
        }
        return digest(asked)[:12]

    @property
    def signed(self) -> tuple[RubricCriterion, ...]:
        """The criteria whose verdicts are sign-offs."""
        return tuple(c for c in self.rubric if c.signed)


class Item(Value):
    """One thing to look at.

    Attributes:
        id: Random, so that neither address nor page tells the arm.
        batch: Id of the batch.
        number: Position in the batch as drawn.
        example: Id of the row.
        arms: Arms that gave this very output (equal outputs are read once and count for each);
            never shown to raters.
        part: Where the row belongs: ``test`` rows are never trained on; corrections of ``review``
            rows may be.
        source: What the output answers.
        output: The output, or the answer to begin from; empty if there is none.
        suggestion: The answer that could be laid before annotators; where ``output`` is empty they
            do not see it.
        gold: Known right values by criterion, for calibration rows; never shown.
        family: Family of the row, for honest intervals.
        slices: Value of each slice field.
        marks: What in the output should be looked up.
        groups: Source and kind of the row, by which patterns of error are grouped as well.
        probability: Probability with which the row was drawn, in (0, 1].
    """

    id: str
    batch: str
    number: int
    example: str
    arms: tuple[str, ...] = ()
    part: WorkPart = "own"
    source: str
    output: str = ""
    suggestion: str = ""
    gold: Mapping[str, float] = Field(default_factory=dict)
    family: str = ""
    slices: Mapping[str, str] = Field(default_factory=dict)
    groups: Mapping[str, str] = Field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    probability: float = Field(default=1.0, gt=0, le=1)


class Mark(Value):
    """A stretch of an output that a reader should look up: characters ``start`` … ``end`` - 1.

    Attributes:
        start: First character.
        end: One past the last.
        kind: ``unsupported`` by the source (E07), or ``outdated``, ``early``, ``wrong`` by the
            project's facts (E08).
        why: In words.
    """

    start: int = Field(ge=0)
    end: int
    kind: Literal["unsupported", "outdated", "early", "wrong"]
    why: str


class MarkedSpan(Value):
    """A marked stretch of the source: characters (code points) ``start`` … ``end`` - 1."""

    start: int = Field(ge=0)
    end: int
    label: str

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a span ends after it starts, got {self.start}–{self.end}")
        return self


class Said(Value):
    """What one person says of one item.

    Attributes:
        scores: Value by criterion: 0 or 1 for yes/no, 1 … 5 on the scale.
        correction: The output as it should have been; empty = not corrected.
        comment: In the person's words.
        tags: Kinds of error.
        spans: Marks in the source.
        evidence: Places of the source that bear a sign-off out; the label is the criterion.
        label: The label of the row.
        answer: The gold answer, where the batch asks for one.
        skipped: Why the person could not decide; then nothing else counts.
        withdrawn: Takes back what was said before; the item is open again.
    """

    scores: Mapping[str, float] = Field(default_factory=dict)
    correction: str = Field(default="", max_length=MOST_TEXT)
    comment: str = Field(default="", max_length=MOST_TEXT)
    tags: tuple[str, ...] = ()
    spans: tuple[MarkedSpan, ...] = ()
    evidence: tuple[MarkedSpan, ...] = ()
    label: str = ""
    answer: str = Field(default="", max_length=MOST_TEXT)
    skipped: str = Field(default="", max_length=2000)
    withdrawn: bool = False


class RaterVerdict(Value):
    """A person's word as it was written down: append-only, the last one on an item counts.

    Attributes:
        number: Order of arrival.
        key: Chosen by the sender, so that what is sent twice counts once.
        item: Id of the item.
        batch: Id of the batch.
        account: Id of the account.
        at: When it arrived, UTC.
        seconds: How long the person had it in front of them.
        version: Of rubric and guideline (`Batch.version`).
        said: The content.
    """

    number: int
    key: str
    item: str
    batch: str
    account: str
    at: dt.datetime
    seconds: float
    version: str
    said: Said


def faults(said: Said, batch: Batch, item: Item) -> list[str]:
    """Everything that keeps a person's word from being taken down; empty if nothing does.

    Example:
        >>> import datetime as dt
        >>> batch = Batch(id="b", kind="review", title="t", created=dt.datetime.now(dt.UTC), author="a",
        ...               rubric=(RubricCriterion(name="right", question="Is it right?"),))
        >>> item = Item(id="i", batch="b", number=0, example="1", source="?")
        >>> faults(Said(scores={"right": 3}), batch, item)
        ['right: yes (1) or no (0), got 3.0']
        >>> faults(Said(scores={}), batch, item)
        ['right: not answered']
    """
    if said.withdrawn or said.skipped:
        return []
    return [
        *_score_faults(said, batch),
        *_mark_faults(said, batch, item),
        *_evidence_faults(said, batch, item),
    ]


def vouches(criterion: RubricCriterion, value: float) -> bool:
    """Whether a verdict says that an output is right, and so needs its evidence where it is signed."""
    return value == 1.0 if criterion.scale == "yes/no" else value >= 4.0


def _evidence_faults(said: Said, batch: Batch, item: Item) -> list[str]:
    signed = {c.name: c for c in batch.signed}
    out = [
        f"evidence for {s.label!r}: no such sign-off"
        for s in said.evidence
        if s.label not in signed
    ]
    for span in said.evidence:
        if span.end > len(item.source) or not item.source[span.start : span.end].strip():
            out.append(
                f"evidence {span.start}–{span.end} is no place in the text ({len(item.source)} characters)"
            )
    named = {s.label for s in said.evidence}
    for name, criterion in signed.items():
        if name not in named and vouches(criterion, said.scores.get(name, 0.0)):
            out.append(f"{name}: mark the place in the source that bears this out")
    return out


def _score_faults(said: Said, batch: Batch) -> list[str]:
    out = []
    for criterion in batch.rubric:
        value = said.scores.get(criterion.name)
        if value is None:
            out.append(f"{criterion.name}: not answered")
        elif criterion.scale == "yes/no" and value not in (0.0, 1.0):
            out.append(f"{criterion.name}: yes (1) or no (0), got {value}")
        elif criterion.scale == "1-5" and value not in (1.0, 2.0, 3.0, 4.0, 5.0):
            out.append(f"{criterion.name}: a whole number from 1 to 5, got {value}")
    known = {c.name for c in batch.rubric}
    return out + [f"{name}: no such criterion" for name in said.scores if name not in known]


def _mark_faults(said: Said, batch: Batch, item: Item) -> list[str]:
    out = [f"{tag!r}: no such kind of error" for tag in said.tags if tag not in batch.error_tags]
    for span in said.spans:
        if span.label not in batch.span_labels:
            out.append(f"{span.label!r}: no such label")
        if span.end > len(item.source):
            out.append(
                f"span {span.start}–{span.end} lies outside the text ({len(item.source)} characters)"
            )
    if batch.row_labels and said.label not in batch.row_labels:
        out.append(f"label: one of {', '.join(batch.row_labels)}, got {said.label!r}")
    if not batch.row_labels and said.label:
        out.append(f"label: this batch has none, got {said.label!r}")
    if batch.gold and not said.answer.strip():
        out.append("answer: not written")
    return out
