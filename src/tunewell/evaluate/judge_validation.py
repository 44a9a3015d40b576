"""A judge held to people (E02): how far its verdicts agree with theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tunewell.evaluate.lookup import picked
from tunewell.plurals import per_cent
from tunewell.stats import balanced_accuracy, proportion, rank_correlation
from tunewell.types import Estimate, Finding, MetricInfo, Value

Floats = NDArray[np.float64]
Standing = Literal["validated", "refuted", "open"]
FEWEST = 30
"""Fewer verdicts of people than this validate nothing."""
FLOOR = 0.70
"""Of balanced accuracy (the mean of sensitivity and specificity): one half is guessing."""
MOST_SILENT = 0.05
"""Of the outputs that it was asked about: a judge without a verdict on more is not validated."""
CORRELATION_FLOOR = 0.50
"""Of the rank correlation, for scales of more than two values."""
_FEWEST_MORE = 10
_NEAREST = 0.02
"""An agreement nearer to the floor than this asks for no more verdicts than one this far away."""


class Validation(Value):
    """How a judge stands to people on one criterion.

    Attributes:
        criterion: Which.
        standing: ``validated`` when the interval lies above the floor, ``refuted`` below it, else
            ``open``.
        verdicts: How many outputs both have judged.
        sensitivity: Of the outputs that people pass, the share that the judge passes (yes/no
            criteria).
        specificity: Of the outputs that people fail, the share that the judge fails.
        agreement: Balanced accuracy, or rank correlation on longer scales; what is held against the
            floor.
        floor: The limit.
        silent: Share of the outputs on which the judge gave no verdict.
        needs: What would settle it; empty when settled.
    """

    criterion: str
    standing: Standing
    verdicts: int
    sensitivity: Estimate | None = None
    specificity: Estimate | None = None
    agreement: Estimate | None = None
    floor: float = FLOOR
    silent: float = 0.0
    needs: str = ""


def validate_judge(
    criterion: MetricInfo,
    judge: Sequence[float],
    human: Sequence[float],
    *,
    clusters: Sequence[str] | None = None,
    level: float = 0.95,
) -> Validation:
    """Hold a judge's verdicts against people's on the same outputs.

    Args:
        criterion: Range 0 to 1 means yes/no.
        judge: The judge's values; NaN where it gave none (that counts as a wrong verdict on a
            yes/no criterion, and a judge silent on more than `MOST_SILENT` is not validated).
        human: People's values (of several raters the mean), NaN where nobody has spoken.
        clusters: Family of each output.
        level: Of every interval.

    Example:
        >>> info = MetricInfo(name="useful", title="useful")
        >>> human = [1.0] * 60 + [0.0] * 60
        >>> found = validate_judge(info, [1.0] * 55 + [0.0] * 62 + [1.0] * 3, human)
        >>> found.standing, round(found.sensitivity.value, 2), round(found.specificity.value, 2)
        ('validated', 0.92, 0.95)
        >>> validate_judge(info, human[:10], human[:10]).needs
        'about 20 more outputs judged by people, good ones and bad ones'
    """
    yes_no = (criterion.low, criterion.high) == (0.0, 1.0)
    verdicts = _Verdicts.both(judge, human, clusters, yes_no=yes_no)
    found = Validation(
        criterion=criterion.name,
        standing="open",
        verdicts=verdicts.count,
        floor=FLOOR if yes_no else CORRELATION_FLOOR,
        silent=_silent_share(judge),
    )
    if verdicts.count < FEWEST or not verdicts.differ:
        missing = max(FEWEST - verdicts.count, 1)
        needs = f"about {missing} more outputs judged by people, good ones and bad ones"
        return found.model_copy(update={"needs": needs})

    if not yes_no:
        agreement = rank_correlation(
            verdicts.judge,
            verdicts.human,
            clusters=verdicts.families,
            level=level,
        )
        return _judged(found, agreement)

    sensitivity, specificity = verdicts.sensitivity(level), verdicts.specificity(level)
    rates = {"sensitivity": sensitivity, "specificity": specificity}
    agreement = balanced_accuracy(sensitivity, specificity, n=verdicts.count)
    return _judged(found.model_copy(update=rates), agreement)


def _silent_share(judge: Sequence[float]) -> float:
    """Share of the outputs on which a judge gave no verdict."""
    values = np.asarray(judge, np.float64)
    return float(np.isnan(values).mean()) if values.size else 0.0


@dataclass(frozen=True)
class _Verdicts:
    """The judge's and people's verdicts on the outputs that people have judged.

    Attributes:
        judge: Shape (outputs,); NaN where the judge gave none.
        human: Shape (outputs,).
        families: Family of each output.
        yes_no: Whether there are two verdicts only.
    """

    judge: Floats
    human: Floats
    families: list[str] | None
    yes_no: bool

    @classmethod
    def both(
        cls,
        judge: Sequence[float],
        human: Sequence[float],
        clusters: Sequence[str] | None,
        *,
        yes_no: bool,
    ) -> _Verdicts:
        """Those of outputs where both count: people undecided on yes or no say nothing."""
        j, h = np.asarray(judge, np.float64), np.asarray(human, np.float64)
        spoken = ~np.isnan(h)
        usable = spoken & (h != 0.5) if yes_no else spoken & ~np.isnan(j)
        families = None if clusters is None else picked(clusters, usable)
        return cls(j[usable], h[usable], families, yes_no)

    @property
    def count(self) -> int:
        """How many outputs."""
        return self.human.size

    @property
    def good(self) -> NDArray[np.bool_]:
        """Which outputs people pass, shape (outputs,)."""
        return np.asarray(self.human >= 0.5)

    @property
    def right(self) -> NDArray[np.bool_]:
        """Where the judge says what people say; a verdict that it owes is wrong."""
        same = (self.judge >= 0.5) == self.good
        return np.asarray(same & ~np.isnan(self.judge))

    @property
    def differ(self) -> bool:
        """Whether people have given more than one verdict."""
        seen = self.good if self.yes_no else self.human
        return len(set(seen.tolist())) > 1

    def sensitivity(self, level: float) -> Estimate:
        """Of the outputs that people pass, the share that the judge passes."""
        good = self.good
        return proportion(int(self.right[good].sum()), int(good.sum()), level=level)

    def specificity(self, level: float) -> Estimate:
        """Of the outputs that people fail, the share that the judge fails."""
        bad = ~self.good
        return proportion(int(self.right[bad].sum()), int(bad.sum()), level=level)


def _judged(found: Validation, agreement: Estimate) -> Validation:
    standing: Standing = "open"
    needs = ""
    if agreement.low >= found.floor and found.silent > MOST_SILENT:
        needs = (
            f"verdicts of the judge on at least {per_cent(1 - MOST_SILENT)} of the outputs; the "
            "reason of each failure is beside its score"
        )
    elif agreement.low >= found.floor:
        standing = "validated"
    elif agreement.high < found.floor:
        standing = "refuted"
    else:
        more = _verdicts_missing(agreement, found.floor, verdicts=found.verdicts)
        needs = f"about {more} more outputs judged by people"
    return found.model_copy(
        update={
            "standing": standing,
            "agreement": agreement,
            "needs": needs,
        }
    )


def _verdicts_missing(agreement: Estimate, floor: float, *, verdicts: int) -> int:
    """How many more would take the floor out of the interval, if the agreement stays."""
    half_width = (agreement.high - agreement.low) / 2
    distance = max(_NEAREST, abs(agreement.value - floor))
    needed = int(verdicts * (half_width / distance) ** 2)
    return max(_FEWEST_MORE, needed - verdicts)


def judge_findings(
    validations: Mapping[str, Validation],
    failures: Mapping[str, str] | None = None,
) -> list[Finding]:
    """E02 for every criterion that a model judges.

    Args:
        validations: By criterion.
        failures: Why the judge of a criterion most often gave no verdict.
    """
    reasons = failures or {}
    return [_finding(name, each, reasons.get(name, "")) for name, each in validations.items()]


def _finding(name: str, validation: Validation, failure: str) -> Finding:
    shown = f"{validation.verdicts} verdicts of people"
    if validation.agreement is not None:
        shown = f"agreement with people {validation.agreement}"
    if validation.silent:
        told = f" ({failure})" if failure else ""
        shown += f", no verdict on {per_cent(validation.silent, 1)} of the outputs{told}"
    figure = f"{shown}; the floor is {validation.floor:g}."
    if validation.standing == "validated":
        return Finding(
            code="E02",
            status="clear",
            stage="evaluate",
            why=f"The judge of {name} is validated: {figure}",
            estimate=validation.agreement,
        )
    return Finding(
        code="E02",
        status="found",
        stage="evaluate",
        why=f"The judge of {name} is not validated: {figure}",
        estimate=validation.agreement,
        remedy=validation.needs or "fix the judge's question, or take another judge",
    )
