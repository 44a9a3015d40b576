"""The criteria of a verdict as conditions in plain language, ready to draw."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tunewell.report.number_format import number_of, suffix
from tunewell.report.results import Results
from tunewell.report.wording import first_up, with_signs
from tunewell.types import Criterion, Evaluation, MetricInfo, Verdict

_ORDER: Final = {"NO-GO": 0, "INCONCLUSIVE": 1, "GO": 2}
_THRESHOLD_AT_END: Final = re.compile(r"(by|[≥≤])\s*-?[\d.]+(e-?\d+)?\s*$")


@dataclass(frozen=True)
class Condition:
    """One criterion, ready to draw.

    Attributes:
        criterion: As decided.
        title: In plain language.
        short: The condition itself (``tuned − prompted ≥ 5 pts``).
        above: Whether the good side is above the threshold.
        signed: Whether it is a difference.
        unit: Of its figures.
    """

    criterion: Criterion
    title: str
    short: str
    above: bool
    signed: bool
    unit: str

    @property
    def needed(self) -> str:
        """The threshold with its sign (``≥ 5 pts``); empty where there is none."""
        threshold = self.criterion.threshold
        if threshold is None:
            return ""
        sign = "≥" if self.above else "≤"
        return f"{sign} {number_of(threshold.value, self.unit)}{self.suffix}"

    @property
    def suffix(self) -> str:
        """The unit as it stands after a number."""
        return suffix(self.unit, signed=self.signed)

    @property
    def needed_in_words(self) -> str:
        """The threshold as people say it (``at least 95 %``)."""
        threshold = self.criterion.threshold
        if threshold is None:
            return "another figure"
        side = "at least" if self.above else "at most"
        return f"{side} {number_of(threshold.value, self.unit)}{self.suffix}"

    @property
    def is_met(self) -> bool:
        """Whether all of the interval lies on the good side, whatever else holds it back."""
        estimate, threshold = self.criterion.estimate, self.criterion.threshold
        if estimate is None or threshold is None:
            return False
        if self.above:
            return estimate.low >= threshold.value
        return estimate.high <= threshold.value

    def number(self, value: float) -> str:
        """A number on the condition's scale, without its unit."""
        return number_of(value, self.unit, signed=self.signed)


def conditions(results: Results) -> tuple[Condition, ...]:
    """The verdict's criteria: what fails first, then what is open, then what holds."""
    if results.verdict is None:
        return ()
    rubric = {c.name: c.question for c in results.file.spec.people.rubric}
    return conditions_of(results.verdict, results.evaluation, rubric=rubric)


def conditions_of(
    verdict: Verdict,
    evaluation: Evaluation | None,
    *,
    rubric: Mapping[str, str] | None = None,
) -> tuple[Condition, ...]:
    """As `conditions`, of a verdict by itself.

    Args:
        verdict: Whose criteria.
        evaluation: For the names of the metrics.
        rubric: Questions of people's criteria by name.
    """
    metrics = evaluation.metrics if evaluation else ()
    infos = {m.name: m for m in metrics}
    questions = rubric or {}
    made = [_condition(c, infos, questions) for c in verdict.criteria]
    made.sort(key=lambda c: _ORDER[c.criterion.outcome])
    return tuple(made)


def _condition(
    criterion: Criterion,
    infos: Mapping[str, MetricInfo],
    rubric: Mapping[str, str],
) -> Condition:
    """A criterion by its name, such as ``key_points: tuned - prompted >= 0.05``."""
    name, _, condition = criterion.name.partition(": ")
    info = infos.get(name)
    title = info.title if info else rubric.get(name, name)
    no_worse = "no worse" in condition
    short = with_signs(condition)
    if criterion.threshold:
        short = _THRESHOLD_AT_END.sub("", short).strip()
    return Condition(
        criterion=criterion,
        title=first_up(title),
        short=short,
        above=_good_is_above(condition, info),
        signed=no_worse or " - " in condition,
        unit=_unit(criterion, info, of_people=name in rubric),
    )


def _good_is_above(condition: str, info: MetricInfo | None) -> bool:
    if "<=" in condition:
        return False
    lower_is_better = info is not None and not info.bigger_is_better
    return not ("no worse" in condition and lower_is_better)


def _unit(
    criterion: Criterion,
    info: MetricInfo | None,
    *,
    of_people: bool,
) -> str:
    if criterion.estimate:
        return criterion.estimate.unit
    if info:
        return info.unit
    return "share" if of_people else ""
