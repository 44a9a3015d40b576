"""What models answered, how it was scored, and how the arms compare."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import ClassVar, Literal

from pydantic import Field

from tunewell.types.figures import Estimate, Unscored
from tunewell.types.rows import Sparse
from tunewell.types.values import Value


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


class Score(Sparse):
    """One metric on one output.

    ``weight`` is how much of the whole the row is, such as the words that are said in it: means are
    then sums over all rows, divided by the sum of the weights.
    """

    example: str
    arm: str
    metric: str
    value: float | Unscored
    reason: str = ""
    scorer: str = ""
    version: str = ""
    weight: float = 1.0

    sparse: ClassVar[frozenset[str]] = frozenset({"weight"})


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
