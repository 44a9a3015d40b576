"""The nouns of people's work: a batch, an item, what was said of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import FailFast, Field, model_validator

from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Value, digest

Kind = Literal["review", "annotate"]

AnnotatedPart = Literal["test", "review", "train"]
"""Where a row that people annotate belongs in the project's split; ``train`` is every fold."""

WorkPart = Literal[AnnotatedPart, "own"]
"""The same of any item; ``own`` is a row that belongs to none of them."""

MOST_TEXT = 200_000
"""Longest text that a person may send, in characters."""


LONGEST_LABEL = 400
"""Longest label, tag or name of a criterion that may be sent, in characters."""

LARGEST_PLACE = 2**31 - 1
"""No text is longer than this."""


class Coverage(Value):
    """How well a sample represents the rows it was drawn from, beside random samples of its size.

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
    """A review or annotation job: what is asked, of how many people, under which guideline.

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
        imported: Whether its annotations were made elsewhere: then each item has as many people as
            the file has.
        ordered: Whether everybody goes through the items as drawn (the worst first) rather than
            shuffled.
        seed: Of order and assignment.
        coverage: How well its rows represent those they were drawn from, as measured when it was
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
    imported: bool = False
    ordered: bool = False
    seed: int = 0
    coverage: Coverage | None = None

    @property
    def version(self) -> str:
        """Short digest of everything that people were asked: judgements carry it."""
        # Criteria that are not signed are digested as they were before there was such a thing.
        rubric = []
        for criterion in self.rubric:
            left_out = set() if criterion.signed else {"signed"}
            rubric.append(criterion.model_dump(mode="json", exclude=left_out))
        asked = {
            "guideline": self.guideline,
            "rubric": rubric,
            "labels": [*self.span_labels, *self.row_labels, *self.error_tags],
        }
        return digest(asked)[:12]

    @property
    def signed(self) -> tuple[RubricCriterion, ...]:
        """The criteria whose verdicts are sign-offs."""
        return tuple(criterion for criterion in self.rubric if criterion.signed)


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
        audio: Digests of the recordings that are heard in the row.
        output: The output, or the answer to begin from; empty if there is none.
        suggestion: The answer that annotators could be shown; where ``output`` is empty they are
            not shown it.
        per_row: What a question means for this row, by criterion.
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
    audio: tuple[str, ...] = ()
    output: str = ""
    suggestion: str = ""
    per_row: Mapping[str, str] = Field(default_factory=dict)
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

    start: int = Field(ge=0, le=LARGEST_PLACE)
    end: int = Field(ge=0, le=LARGEST_PLACE)
    label: str = Field(max_length=LONGEST_LABEL)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"a span ends after it starts, got {self.start}–{self.end}")
        return self


MOST_SCORES = 100
MOST_TAGS = 100
MOST_SPANS = 2_000
"""Most scores, tags and marked places in one verdict."""

ShortText = Annotated[str, Field(max_length=LONGEST_LABEL)]
MarkedSpans = Annotated[tuple[MarkedSpan, ...], FailFast(), Field(max_length=MOST_SPANS)]


class Said(Value):
    """What one person says of one item.

    Attributes:
        scores: Value by criterion: 0 or 1 for yes/no, 1 … 5 on the scale.
        correction: The output as it should have been; empty = not corrected.
        comment: In the person's words.
        tags: Kinds of error.
        spans: Marks in the source.
        evidence: Places of the source that support a sign-off; the label is the criterion.
        label: The label of the row.
        answer: The gold answer, where the batch asks for one.
        choices: What was chosen in each further control of an imported annotation, several at once
            where it allows that.
        skipped: Why the person could not decide; then nothing else counts.
        withdrawn: Takes back what was said before; the item is open again.
    """

    scores: Mapping[Annotated[str, Field(max_length=LONGEST_LABEL)], float] = Field(
        default_factory=dict, max_length=MOST_SCORES
    )
    correction: str = Field(default="", max_length=MOST_TEXT)
    comment: str = Field(default="", max_length=MOST_TEXT)
    tags: Annotated[tuple[ShortText, ...], FailFast()] = Field(default=(), max_length=MOST_TAGS)
    spans: MarkedSpans = ()
    evidence: MarkedSpans = ()
    label: ShortText = ""
    answer: str = Field(default="", max_length=MOST_TEXT)
    choices: Mapping[
        Annotated[str, Field(max_length=LONGEST_LABEL)],
        Annotated[tuple[ShortText, ...], Field(max_length=MOST_TAGS)],
    ] = Field(default_factory=dict, max_length=MOST_SCORES)
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
    """Everything that keeps a person's verdict from being saved; empty if nothing does.

    Example:
        >>> import datetime as dt
        >>> right = RubricCriterion(name="right", question="Is it right?")
        >>> batch = Batch(id="b", kind="review", title="t", created=dt.datetime.now(dt.UTC),
        ...               author="a", rubric=(right,))
        >>> item = Item(id="i", batch="b", number=0, example="1", source="?")
        >>> faults(Said(scores={"right": 3}), batch, item)
        ['right: yes (1) or no (0), got 3.0']
        >>> faults(Said(scores={}), batch, item)
        ['right: not answered']
    """
    given = [
        *_score_faults(said, batch),
        *_mark_faults(said, batch, item),
        *_label_faults(said, batch),
        *_evidence_faults(said, batch, item),
    ]
    if said.withdrawn or said.skipped:
        return given
    return [*_unanswered(said, batch), *given]


def _unanswered(said: Said, batch: Batch) -> list[str]:
    """What a verdict has to say and does not."""
    found = []
    for criterion in batch.rubric:
        if criterion.name not in said.scores:
            found.append(f"{criterion.name}: not answered")
    if batch.row_labels and not said.label and not _chosen_among(said, batch.row_labels):
        found.append(f"label: one of {', '.join(batch.row_labels)}, got {said.label!r}")
    if batch.gold and not said.answer.strip():
        found.append("answer: not written")

    marked = {span.label for span in said.evidence}
    for criterion in batch.signed:
        value = said.scores.get(criterion.name, 0.0)
        if criterion.name not in marked and vouches(criterion, value):
            found.append(f"{criterion.name}: mark the place in the source that supports this")
    return found


def _chosen_among(said: Said, labels: Sequence[str]) -> bool:
    """Whether one of several choices is a choice among the labels of the whole row."""
    return any(chosen and set(chosen) <= set(labels) for chosen in said.choices.values())


def vouches(criterion: RubricCriterion, value: float) -> bool:
    """Whether a verdict says an output is right, and so needs its evidence where it is signed."""
    return value == 1.0 if criterion.scale == "yes/no" else value >= 4.0


def _evidence_faults(said: Said, batch: Batch, item: Item) -> list[str]:
    signed = {criterion.name for criterion in batch.signed}
    found = []
    for span in said.evidence:
        if span.label not in signed:
            found.append(f"evidence for {span.label!r}: no such sign-off")

    length = len(item.source)
    for span in said.evidence:
        quote = item.source[span.start : span.end]
        if span.end > length or not quote.strip():
            place = f"{span.start}–{span.end}"
            found.append(f"evidence {place} is not a place in the text ({length} characters)")
    return found


def _score_faults(said: Said, batch: Batch) -> list[str]:
    found = []
    for criterion in batch.rubric:
        value = said.scores.get(criterion.name)
        if value is None:
            continue
        if criterion.scale == "yes/no" and value not in (0.0, 1.0):
            found.append(f"{criterion.name}: yes (1) or no (0), got {value}")
        elif criterion.scale == "1-5" and value not in (1.0, 2.0, 3.0, 4.0, 5.0):
            found.append(f"{criterion.name}: a whole number from 1 to 5, got {value}")

    known = {criterion.name for criterion in batch.rubric}
    for name in said.scores:
        if name not in known:
            found.append(f"{name}: no such criterion")
    return found


def _mark_faults(said: Said, batch: Batch, item: Item) -> list[str]:
    found = []
    for tag in said.tags:
        if tag not in batch.error_tags:
            found.append(f"{tag!r}: no such error type")

    length = len(item.source)
    for span in said.spans:
        if span.label not in batch.span_labels:
            found.append(f"{span.label!r}: no such label")
        if span.end > length:
            place = f"{span.start}–{span.end}"
            found.append(f"span {place} is outside the text ({length} characters)")
    return found


def _label_faults(said: Said, batch: Batch) -> list[str]:
    labels = batch.row_labels
    if not said.label or said.label in labels:
        return []
    if not labels:
        return [f"label: this batch has none, got {said.label!r}"]
    return [f"label: one of {', '.join(labels)}, got {said.label!r}"]
