"""What a stress test gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tunewell.evaluate.stress.perturbations import Effect
from tunewell.types import Estimate, Unscored, Value

Label = Literal["kept", "not kept", "inconclusive", "not asked"]
"""Whether people say that a perturbation leaves the right answer as it claims, in 9 of 10 rows."""


class Endured(Value):
    """One kind of stress against the clean rows, paired.

    Attributes:
        name: Of the perturbation.
        about: What it does.
        effect: On the right answer.
        rows: How many rows it applies to.
        clean: Failure rate of these rows as they are.
        stressed: Failure rate of the same rows perturbed.
        increase: The difference.
        preserved: Of the perturbed rows that people have looked at, the share whose right answer
            they call unchanged (or changed as stated); None until they have. ``increase`` then
            allows for rows at fault.
        label: ``not kept`` where fewer than nine in ten (the upper end) keep it: failures then do
            not count against the model and are not kept for augmentation.
        p_value: Of no difference, two-sided.
        adjusted: The same corrected for the number of perturbations (Holm).
        worst: Ids of perturbed rows that fail while the clean row does not, worst loss of the
            metric first.
    """

    name: str
    about: str
    effect: Effect
    rows: int
    clean: Estimate
    stressed: Estimate
    increase: Estimate
    preserved: Estimate | None = None
    label: Label = "not asked"
    p_value: float | None = None
    adjusted: float | None = None
    worst: tuple[str, ...] = ()


class SeverityStep(Value):
    """Rows that are heard under one strength of a kind of stress.

    Attributes:
        step: Name of the step, as of the perturbation.
        strength: In the unit of the kind.
        rows: How many rows.
        word_errors: Errors per word under stress, by speaker; where nobody speaks, the share of the
            recordings in which words were heard.
        increase: Over the same rows as they are, paired; not for recordings without speech.
    """

    step: str
    strength: float
    rows: int
    word_errors: Estimate | Unscored
    increase: Estimate | Unscored


class SeverityCurve(Value):
    """Word errors as the recordings get worse.

    Attributes:
        kind: Name of the kind of stress.
        about: What it does.
        unit: Of the strengths.
        clean: Errors per word of the rows as they are.
        steps: From mild to hard.
    """

    kind: str
    about: str
    unit: str
    clean: Estimate | Unscored
    steps: tuple[SeverityStep, ...]


class Stressed(Value):
    """How one model endures every kind of stress.

    Attributes:
        arm: Which model.
        metric: Which metric decides what a failure is.
        passing: Values below it (above, where smaller is better) are failures.
        rows: Ids of the clean rows.
        kinds: One `Endured` for each perturbation that applies to two families or more.
        predictions: Artifact digest of ``list[Prediction]`` of the clean and the perturbed rows.
        failures: Artifact digest of the Examples that fail while their clean row does not: as
            augmentation takes them (parent, origin, the right target), once people have agreed to
            them.
        skipped: Perturbation to the reason why it was left out.
        curves: Of rows that are heard: word errors as the recordings get worse.
    """

    arm: str
    metric: str
    passing: float
    rows: tuple[str, ...]
    kinds: tuple[Endured, ...]
    predictions: str
    failures: str
    skipped: Mapping[str, str] = Field(default_factory=dict)
    curves: tuple[SeverityCurve, ...] = ()
