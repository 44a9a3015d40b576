"""The nouns: frozen values, no I/O.

Every figure that leaves Tunewell is an `Estimate`; every problem is a `Finding` with the code of
its pitfall; every input row has its `Receipt` lines; a release hangs on a `Verdict`.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

Role = Literal["system", "user", "assistant", "tool"]
Origin = Literal["source", "annotation", "augmentation", "correction", "production"]
Action = Literal["kept", "changed", "dropped"]
Status = Literal["found", "clear", "unchecked", "accepted"]
Outcome = Literal["GO", "NO-GO", "INCONCLUSIVE"]
Part = Annotated[str, Field(pattern=r"^(test|review|fold-\d+)$")]


REFERENCES = "references"
"""The tag that keeps every right answer of a row, as a JSON list: see `references_tag`."""


class Value(BaseModel):
    """A frozen value that refuses fields it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


def digest(value: object) -> str:
    """SHA-256 (hex, 64 characters) of a JSON-like value, independent of key order.

    Example:
        >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
        True
    """
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# --- rows -----------------------------------------------------------------------------------------


class Message(Value):
    """One turn of a chat."""

    role: Role
    content: str


class Example(Value):
    """One row: a conversation whose last assistant turn is the target.

    Attributes:
        id: The user's own id where there is one, else ``file:line``.
        messages: The turns in order. ``target`` is the last one if it is the assistant's.
        source: The system or file set that it came from.
        kind: What kind of document it is (bill question, memo, statute …), in the project's own
            words.
        date: The day that the row speaks for, where known.
        group: Document, conversation or patient: rows of one group are never cut by a split.
        parent: The id of the row that this one was made from.
        origin: How it came to be.
        tags: Everything else that is known, as text.
    """

    id: str = Field(min_length=1)
    messages: tuple[Message, ...]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    origin: Origin = "source"
    tags: Mapping[str, str] = Field(default_factory=dict)

    @property
    def target(self) -> str:
        """What the assistant should answer; empty if the last turn is not the assistant's."""
        return (
            self.messages[-1].content
            if self.messages and self.messages[-1].role == "assistant"
            else ""
        )

    @property
    def references(self) -> tuple[str, ...]:
        """Every answer that counts as right: the target, then those of the tag `REFERENCES`.

        Example:
            >>> tags = references_tag(["12 May", "May 12th"])
            >>> said = (Message(role="assistant", content="12 May"),)
            >>> Example(id="1", messages=said, tags=tags).references
            ('12 May', 'May 12th')
        """
        more = listed(self.tags.get(REFERENCES, ""))
        return tuple(dict.fromkeys([self.target, *more]))

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The turns before the target."""
        if self.messages and self.messages[-1].role == "assistant":
            return self.messages[:-1]
        return self.messages

    @property
    def input(self) -> str:
        """The text of all turns that are neither the target nor a system turn, joined by blank lines.

        Example:
            >>> Example(id="1", messages=(Message(role="user", content="When?"),
            ...                           Message(role="assistant", content="Today."))).input
            'When?'
        """
        return "\n\n".join(m.content for m in self.prompt if m.role != "system")

    def field(self, name: str) -> str:
        """The value of a field by name (``region`` looks into the tags), as text.

        Empty where unknown.
        """
        name = name.removeprefix("tags.")
        if name in {"source", "kind", "group", "parent", "origin", "id"}:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")


def listed(text: str) -> tuple[str, ...]:
    """The items of a JSON list, as texts; nothing if the text is none.

    Example:
        >>> listed('["a", 5]'), listed("a, b")
        (('a', '5'), ())
    """
    if not text.lstrip().startswith("["):
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    return tuple(item if isinstance(item, str) else json.dumps(item) for item in found)


def references_tag(answers: Sequence[str]) -> dict[str, str]:
    """The tag that keeps several right answers of a row; the first of them is its target.

    Empty with fewer than two: readers add it to a row's tags as it is.
    """
    distinct = list(dict.fromkeys(answers))
    if len(distinct) < 2:
        return {}
    return {REFERENCES: json.dumps(distinct, ensure_ascii=False)}


class Receipt(Value):
    """What one step did to one input row. Every input row has at least one line.

    Attributes:
        row: Id of the row.
        place: Where the row was read, as ``file:line``.
        step: The step of curation, such as ``age``.
        order: 0, 1, 2 … within the row.
        action: ``kept`` (the row's last word when it survived), ``changed`` or ``dropped`` (the
            last word otherwise).
        rule: The rule in words, with its numbers.
        cites: The line of tunewell.yaml that asked for it (``tunewell.yaml:41``), or ``built-in``.
        code: The pitfall (``D06``), empty for ``kept``.
        evidence: What was seen: the date, the span, the length.
        other: The row that it duplicates, leaks from or contradicts.
    """

    row: str
    place: str
    step: str
    order: int
    action: Action
    rule: str
    cites: str = ""
    code: str = ""
    evidence: str = ""
    other: str = ""


class Dataset(Value):
    """A version of the data: Parquet of Examples and of Receipts, both content-addressed.

    Nothing is edited in place.

    Attributes:
        id: Digest of the content (not of the file), 64 hex characters.
        rows: How many Examples.
        examples: Artifact digest of the Parquet of Examples, sorted by id.
        receipts: Artifact digest of the Parquet of Receipts, sorted by (row, order).
        held_out: Ids of rows that the project gave as its test set (role ``test``); they are not
            curated for training.
        read: How many input rows were read, rejects included.
        parent: The version that this one came from.
    """

    id: str
    rows: int
    examples: str
    receipts: str
    held_out: tuple[str, ...] = ()
    read: int = 0
    parent: str = ""


class Assignment(Value):
    """Where one row went in a split."""

    id: str
    family: str
    part: Part


class Split(Value):
    """Test set, review pool and K folds over families; a family is never cut.

    Example:
        >>> s = Split(dataset="d", folds=2, seed=0, assignments=(
        ...     Assignment(id="a", family="a", part="fold-0"), Assignment(id="b", family="b", part="fold-1"),
        ...     Assignment(id="c", family="c", part="test")))
        >>> s.train_ids(0), s.held_out_ids(0), s.ids("test")
        (('b',), ('a',), ('c',))
    """

    dataset: str
    folds: int = Field(ge=2)
    seed: int
    assignments: tuple[Assignment, ...]

    def ids(self, *parts: str) -> tuple[str, ...]:
        """Ids of the rows in any of these parts, in order."""
        wanted = set(parts)
        return tuple(a.id for a in self.assignments if a.part in wanted)

    @property
    def all_folds(self) -> tuple[str, ...]:
        """Ids of every row that may be trained on: all folds."""
        return tuple(a.id for a in self.assignments if a.part.startswith("fold-"))

    def train_ids(self, fold: int) -> tuple[str, ...]:
        """Rows that fold ``fold`` trains on: those of the other folds."""
        return tuple(
            a.id
            for a in self.assignments
            if a.part.startswith("fold-") and a.part != f"fold-{fold}"
        )

    def held_out_ids(self, fold: int) -> tuple[str, ...]:
        """Rows that fold ``fold`` is measured on."""
        return self.ids(f"fold-{fold}")


# --- figures --------------------------------------------------------------------------------------


class Estimate(Value):
    """A figure with its uncertainty. Any figure that leaves Tunewell is one.

    Attributes:
        value: The point estimate.
        low: Lower end of the interval (may be ``-inf``).
        high: Upper end of the interval (may be ``inf``).
        level: Probability that the interval covers the truth, in (0, 1).
        n: How many independent units it rests on.
        method: How it was made, in a few words.
        unit: What it counts (``nats/token``, ``share``, ``rows``); empty for a bare number.

    Example:
        >>> str(Estimate(value=0.82, low=0.78, high=0.86, n=400, method="Wilson"))
        '0.82 [0.78, 0.86]'
    """

    value: float
    low: float
    high: float
    level: float = Field(default=0.95, gt=0, lt=1)
    n: int = Field(ge=0)
    method: str
    unit: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if any(math.isnan(x) for x in (self.value, self.low, self.high)):
            raise ValueError("an Estimate is never NaN; use Unscored(reason)")
        if self.low > self.high:
            raise ValueError(f"low {self.low} is above high {self.high}")
        return self

    def __str__(self) -> str:
        return f"{self.value:.3g} [{self.low:.3g}, {self.high:.3g}]"

    @classmethod
    def exact(cls, value: float, *, n: int, unit: str = "rows") -> Estimate:
        """A plain count or any figure without uncertainty: low = high = value."""
        return cls(value=value, low=value, high=value, n=n, method="count", unit=unit)


class Unscored(Value):
    """Why there is no score. Never NaN, never dropped: it widens the interval."""

    reason: str


class Score(Value):
    """One metric on one output."""

    example: str
    arm: str
    metric: str
    value: float | Unscored
    reason: str = ""
    scorer: str = ""
    version: str = ""


class Prediction(Value):
    """One output of one arm (``base``, ``prompted``, ``tuned`` …).

    ``nats`` is how improbable the output is to the model that made it (``nats_tokens`` tokens, the
    end of the turn included); None where that was not measured.
    """

    example: str
    arm: str
    text: str
    prompt_tokens: int = 0
    tokens: int = 0
    finish: Literal["stop", "length", "error"] = "stop"
    reason: str = ""
    nats: float | None = None
    nats_tokens: int = 0


class Judgement(Value):
    """A person's verdict on one output. Append-only."""

    id: str
    example: str
    arm: str
    criterion: str
    value: float
    author: str
    at: dt.datetime
    rubric_version: str = ""
    comment: str = ""


# --- training -------------------------------------------------------------------------------------


class Recipe(Value):
    """Everything that decides a training run.

    Attributes:
        model: Name of the base model (``smollm2-135m``, a hub id, a folder, a GGUF file).
        rank: LoRA rank.
        alpha: LoRA scale; the update is multiplied by alpha / rank.
        dropout: Dropout before the adapter's A matrix, in [0, 1).
        weight_decay: Decoupled weight decay of AdamW.
        label_smoothing: Mass given to all other tokens, in [0, 1).
        noise: NEFTune noise scale, on the input of the first layer that carries adapters: the
            embeddings at full depth, the states at the cut in the folds (0 = off).
        replay: Share of an epoch's tokens that are general rows, against forgetting, in [0, 0.5].
        rate: Peak learning rate.
        epochs: Passes over the rows, at most.
        warmup: Share of the steps with a rising rate.
        layers: Share of the layers, from the top, that carry adapters, in (0, 1].
        fold_layers: The same for the K folds, which only compare.
        tokens_per_batch: Token budget of one optimiser step.
        max_tokens: Rows longer than this are not used (and are recorded as such), never cut.
        max_train_tokens: Cap on the distinct training tokens (0 = none): rows are drawn by seed
            until it is reached.
        patience: Evaluations without a better held-out loss before a run stops.
        targets: Which linear maps carry adapters.
        seed: Of everything random.
        forgetting_tasks: Tasks of lm-evaluation-harness that are answered before and after training
            (T04): its names (it may fetch their data), or paths of task files (``.yaml``) from the
            project's folder.
        forgetting_documents: Documents of such a task, at most.
        backend: What trains the final adapter: ``tunewell`` (one process) or ``trl`` (several GPUs,
            see ``machine``). Folds and check run are always our own.
    """

    model: str = "smollm2-135m"
    rank: int = Field(default=16, ge=1)
    alpha: float = Field(default=32.0, gt=0)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    weight_decay: float = Field(default=0.01, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    noise: float = Field(default=0.0, ge=0)
    replay: float = Field(default=0.0, ge=0, le=0.5)
    rate: float = Field(default=5e-4, gt=0)
    epochs: int = Field(default=3, ge=1)
    warmup: float = Field(default=0.06, ge=0, lt=1)
    layers: float = Field(default=1.0, gt=0, le=1)
    fold_layers: float = Field(default=0.25, gt=0, le=1)
    tokens_per_batch: int = Field(default=1024, ge=16)
    max_tokens: int = Field(default=1024, ge=16)
    max_train_tokens: int = Field(default=0, ge=0)
    patience: int = Field(default=1, ge=1)
    targets: tuple[str, ...] = (
        "q_proj",
        "k_proj",
        "v_proj",
        "o_proj",
        "gate_proj",
        "up_proj",
        "down_proj",
    )
    seed: int = 0
    forgetting_tasks: tuple[str, ...] = ()
    forgetting_documents: int = Field(default=100, ge=2)
    backend: Literal["tunewell", "trl"] = "tunewell"


@dataclass(frozen=True)
class FoldTrace:
    """Loss of every example under every fold's adapter at every evaluation.

    Attributes:
        losses: Mean nats per target token, shape (evaluations, folds, examples); NaN where not
            evaluated.
        tokens: Target tokens of each example, shape (examples,).
        held_out: True where the example is held out from the fold, shape (folds, examples).
        epochs: Epochs done at each evaluation (0 = before training), shape (evaluations,).
        examples: Ids, in the order of the last axis.
    """

    losses: NDArray[np.float32]
    tokens: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    epochs: NDArray[np.float64]
    examples: tuple[str, ...]

    def __post_init__(self) -> None:
        evaluations, folds, examples = self.losses.shape
        if self.held_out.shape != (folds, examples) or self.tokens.shape != (examples,):
            raise ValueError(
                f"held_out {self.held_out.shape}, tokens {self.tokens.shape} misfit losses {self.losses.shape}"
            )
        if self.epochs.shape != (evaluations,) or len(self.examples) != examples:
            raise ValueError(
                f"epochs {self.epochs.shape}, examples {len(self.examples)} misfit losses {self.losses.shape}"
            )


class ModelVersion(Value):
    """A trained adapter and where it came from.

    Attributes:
        id: Short name of the version (first 12 characters of the adapter's digest).
        base: Name of the base model.
        adapter: Artifact digest of the folder in PEFT format.
        recipe: What it was trained with (the epochs as chosen, not as allowed).
        dataset: Id of the dataset.
        split: Digest of the split.
        trained_on: How many rows.
    """

    id: str
    base: str
    adapter: str
    recipe: Recipe
    dataset: str
    split: str
    trained_on: int


class Trained(Value):
    """What training gave.

    Attributes:
        model: The final adapter.
        trace: Artifact digest of the `FoldTrace` of the K folds (see `tunewell.store.traces`).
        check: Artifact digest of the `FoldTrace` of the one full-depth run on one fold that set the
            final's length; empty if there was none.
        best_epoch: Epoch at which the mean held-out loss of the folds was lowest.
        held_out_loss: Mean nats per target token of the held-out rows at that epoch, over all
            folds.
        train_loss: The same of the rows trained on.
        too_long: Ids of rows left out because they exceed ``max_tokens``.
        tokens: Distinct training tokens of the final run (prompt and target).
        tokens_per_s: Training speed of the final run.
        notes: Sentences for the reader (what was capped, what fell back).
    """

    model: ModelVersion
    trace: str
    check: str = ""
    best_epoch: float
    held_out_loss: Estimate
    train_loss: Estimate
    too_long: tuple[str, ...] = ()
    tokens: int = 0
    tokens_per_s: float = 0.0
    notes: tuple[str, ...] = ()


# --- evaluation -----------------------------------------------------------------------------------


class MetricInfo(Value):
    """What a metric is.

    Attributes:
        name: As in tunewell.yaml.
        title: In words.
        unit: ``share``, ``nats/token``, ``words`` …
        bigger_is_better: Direction.
        low: Smallest possible value (may be ``-inf``).
        high: Largest possible value (may be ``inf``).
        own: Whether it is the task's own (key points, label, must_not …) rather than a generic one
            (ROUGE …).
        validated: Whether it may guard a gate: exact by nature, or shown to agree with people.
    """

    name: str
    title: str
    unit: str = "share"
    bigger_is_better: bool = True
    low: float = 0.0
    high: float = 1.0
    own: bool = False
    validated: bool = False


class Level(Value):
    """Mean of a metric for one arm, on all rows or on a slice (``region=north``)."""

    arm: str
    metric: str
    estimate: Estimate
    slice: str = ""
    missing: int = 0


class Comparison(Value):
    """Paired difference ``arm`` minus ``against`` of a metric, on the same rows.

    ``p_value`` is two-sided.

    ``adjusted`` is the p-value corrected for the number of slices, or of candidates held against
    the same rival (None where there is one of them).
    """

    arm: str
    against: str
    metric: str
    estimate: Estimate
    slice: str = ""
    p_value: float | None = None
    adjusted: float | None = None


class Evaluation(Value):
    """All arms on the same held-out rows.

    Attributes:
        arms: ``base``, ``prompted``, ``tuned`` …
        rows: Ids of the held-out rows, in order.
        metrics: What was measured (``nats`` = loss of the gold target per token is always among
            them).
        predictions: Artifact digest of ``list[Prediction]``.
        scores: Artifact digest of ``list[Score]``.
        levels: Means by arm, metric and slice.
        comparisons: Paired differences by arm, metric and slice.
        prompts: What each arm was shown before the row (instruction and shots), for the report.
        looks: How often the test set has been looked at, this time included.
        clusters: Family of each row, in the order of ``rows``; empty if every row stands alone.
        slices: Value of each slice field for each row (``{"region": ("north", …)}``), in the order
            of ``rows``.
        classes: Artifact digest of figures by class (`tunewell.evaluate.classes`); empty without
            labels.
        calibration: Artifact digest of ``list[Calibration]`` (`tunewell.evaluate.calibration`);
            empty if not measured.
        baselines: Artifact digest of ``list[Score]`` of answers that cost nothing
            (`tunewell.evaluate.baselines`); empty if not measured.
    """

    arms: tuple[str, ...]
    rows: tuple[str, ...]
    metrics: tuple[MetricInfo, ...]
    predictions: str
    scores: str
    levels: tuple[Level, ...]
    comparisons: tuple[Comparison, ...]
    prompts: Mapping[str, str] = Field(default_factory=dict)
    looks: int = 1
    clusters: tuple[str, ...] = ()
    slices: Mapping[str, tuple[str, ...]] = Field(default_factory=dict)
    classes: str = ""
    calibration: str = ""
    baselines: str = ""


# --- judgement ------------------------------------------------------------------------------------


class Threshold(Value):
    """A limit and where it came from (``tunewell.yaml:52``, ``built-in``)."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    value: float
    origin: str = Field(alias="from", serialization_alias="from")


class Acceptance(Value):
    """A person took a finding on."""

    code: str
    reason: str
    until: dt.date
    author: str
    at: dt.datetime


class Finding(Value):
    """A pitfall, measured.

    Attributes:
        code: Of the catalogue in `tunewell.pitfalls`.
        status: ``found``, ``clear``, ``unchecked`` (``why`` says why) or ``accepted``.
        stage: Which stage saw it.
        why: One sentence with the figure.
        estimate: The measured value.
        threshold: What it was held against.
        slice: Where, if not everywhere (``region=north``).
        rows: Ids of the affected rows.
        remedy: What to do, as a command where there is one.
        blocking: Whether it stops a release.
        acceptance: Who accepted it, and why.
        families: Groups of ids (near-duplicates, templates).
        pairs: Evidence of two rows, such as ``{"train": …, "eval": …, "kind": …}``.
        spans: Evidence within a row, such as ``{"row": …, "start": 3, "end": 9, "type": "email"}``.
    """

    code: str = Field(pattern=r"^[DTEL]\d\d$")
    status: Status
    stage: str
    why: str
    estimate: Estimate | None = None
    threshold: Threshold | None = None
    slice: str = ""
    rows: tuple[str, ...] = ()
    remedy: str = ""
    blocking: bool = False
    acceptance: Acceptance | None = None
    families: tuple[tuple[str, ...], ...] = ()
    pairs: tuple[Mapping[str, str], ...] = ()
    spans: tuple[Mapping[str, str | int], ...] = ()


class Criterion(Value):
    """One gate, decided.

    Attributes:
        name: The gate in words, such as ``key_points tuned - prompted >= 0.02``.
        outcome: Its own GO, NO-GO or INCONCLUSIVE.
        estimate: What was measured.
        threshold: What it was held against.
        why: One sentence.
        needs: What would settle it, if anything (``about 140 more test rows``); empty when decided.
        slice: The slice it speaks of, if not all.
    """

    name: str
    outcome: Outcome
    estimate: Estimate | None = None
    threshold: Threshold | None = None
    why: str
    needs: str = ""
    slice: str = ""


class Verdict(Value):
    """GO, NO-GO or INCONCLUSIVE, with what made it and what would change it."""

    outcome: Outcome
    why: str
    criteria: tuple[Criterion, ...]
    findings: tuple[Finding, ...] = ()
    would_change: tuple[str, ...] = ()


class Decision(Value):
    """What to do next with a model version."""

    action: Literal["promote", "hold", "collect", "retrain", "roll back"]
    why: str
    evidence: tuple[str, ...] = ()
    gain: Estimate | None = None
    cost: Estimate | None = None
    author: str = ""


# --- records --------------------------------------------------------------------------------------


class Run(Value):
    """The record that every stage writes: what went in, what came out, how, and what it took.

    Attributes:
        id: Sortable unique name.
        stage: ``curate``, ``split`` …
        key: Digest of stage, inputs and parameters: a finished run with this key need not be
            repeated.
        status: ``finished``; ``failed`` with ``error``; ``started`` while under way or after a
            kill.
        inputs: Name to artifact digest.
        outputs: Name to artifact digest.
        parameters: Resolved configuration that decided the result.
        code: Version and, in a checkout, revision of Tunewell.
        packages: Name to version of the libraries that matter.
        seed: Of everything random.
        counts: Rows in, rows out …
        findings: What it saw.
        started: When, UTC.
        seconds: Wall time.
        peak_bytes: Peak resident memory of the process.
        error: Why it failed.
        reused_from: Id of the finished run that this one took over, if it did nothing itself.
    """

    id: str
    stage: str
    key: str
    status: Literal["started", "finished", "failed"]
    inputs: Mapping[str, str] = Field(default_factory=dict)
    outputs: Mapping[str, str] = Field(default_factory=dict)
    parameters: Mapping[str, Any] = Field(default_factory=dict)
    code: str = ""
    packages: Mapping[str, str] = Field(default_factory=dict)
    seed: int = 0
    counts: Mapping[str, int] = Field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    started: dt.datetime
    seconds: float = 0.0
    peak_bytes: int = 0
    error: str = ""
    reused_from: str = ""


def ids_of(examples: Iterable[Example]) -> tuple[str, ...]:
    """The ids, in order."""
    return tuple(e.id for e in examples)


def by_id(examples: Sequence[Example]) -> dict[str, Example]:
    """Examples by their id."""
    return {e.id: e for e in examples}
