"""The effects of a test: the outcome, what is missing of it, early and late, by slice, guards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tunewell.compare.experiment.exposures import JUDGE, OUTCOME, Bools, Exposures, Floats
from tunewell.compare.experiment.result import GuardReading
from tunewell.compare.experiment.units import Contrast, Units, first_values, unit_means, units_of
from tunewell.experiment_design import GUARD_ALPHA, GuardRail, TrafficExperiment
from tunewell.types import Estimate

CHECK_LEVEL = 0.99
"""Of the intervals behind checks: each is looked at all the time, too."""

LEAST_TUNING = 0.1
"""Logarithm of the ratio that a guard with a limit of 1 is sharpest for."""

LEAST_GUARDED = 20
"""Units of each arm before a guard may stop a test."""

SMALL_SLICE = 50
"""Units of a slice, below which it is not compared."""


@dataclass(frozen=True)
class Effects:
    """What a test's requests say, whatever the verdict.

    Attributes:
        design: Of the test.
        exposures: Its requests.
    """

    design: TrafficExperiment
    exposures: Exposures

    @cached_property
    def units(self) -> Units:
        """Who was drawn."""
        return units_of(self.design, self.exposures)

    @cached_property
    def outcomes(self) -> Floats:
        """The outcome of each unit, NaN where nothing is known, shape (units,)."""
        return unit_means(self.exposures, self.exposures.measures[OUTCOME])

    def known(self, *, candidate: bool) -> int:
        """Units of an arm with an outcome."""
        of_arm = self.units.candidate == candidate
        return int((of_arm & ~np.isnan(self.outcomes)).sum())

    @cached_property
    def contrast(self) -> Contrast:
        """How the outcome is compared."""
        outcome = self.design.outcome
        return Contrast(
            tuned_to=self.design.margin,
            level=1 - self.design.alpha,
            ends=(outcome.low, outcome.high),
        )

    def effect(self, *, among: Bools | None = None) -> Estimate | None:
        """Candidate minus control in the outcome."""
        return self.contrast.between(self.units, self.outcomes, among=among)

    def judged(self) -> Estimate | None:
        """The same by the judge of all requests, corrected by people."""
        if JUDGE not in self.exposures.measures:
            return None
        scores = self.exposures.measures[JUDGE]
        said = ~np.isnan(self.exposures.measures[OUTCOME])
        labelled = unit_means(self.exposures, np.where(said, scores, np.nan))
        judge = unit_means(self.exposures, scores)
        return self.contrast.judged(self.units, self.outcomes, judge, labelled)

    def with_missing(self, *, candidate_at: float, control_at: float) -> Estimate | None:
        """The effect if the units of which nothing is known had these values."""
        stand_in = np.where(self.units.candidate, candidate_at, control_at)
        filled = np.where(np.isnan(self.outcomes), stand_in, self.outcomes)
        return self.contrast.between(self.units, filled)

    def response(self) -> Estimate | None:
        """Difference in the share of units of which something is known."""
        known = (~np.isnan(self.outcomes)).astype(np.float64)
        contrast = Contrast(tuned_to=0.05, level=CHECK_LEVEL, ends=(0.0, 1.0))
        return contrast.between(self.units, known)

    @cached_property
    def _since_first(self) -> Floats:
        began = self.exposures.hours[self.units.first]
        return np.asarray(self.exposures.hours - began[self.exposures.unit])

    def _at_age(self, *, early: bool) -> Floats:
        is_early = self._since_first < self.design.novelty_hours
        values = np.where(is_early == early, self.exposures.measures[OUTCOME], np.nan)
        return unit_means(self.exposures, values)

    def at_age(self, *, early: bool) -> Estimate | None:
        """The effect in the first hours of each unit, or afterwards."""
        return self.contrast.between(self.units, self._at_age(early=early))

    def wear(self) -> Estimate | None:
        """How much greater the effect is later, among units that were seen early and late."""
        change = self._at_age(early=False) - self._at_age(early=True)
        span = self.design.outcome.high - self.design.outcome.low
        contrast = Contrast(tuned_to=self.design.margin, level=CHECK_LEVEL, ends=(-span, span))
        return contrast.between(self.units, change)

    def by_slice(self) -> dict[str, Estimate]:
        """The effect in each slice, at a level for all of them together."""
        masks: dict[str, Bools] = {}
        for name, values in self.exposures.slices.items():
            of_units = np.array(first_values(self.units, values))
            for value in sorted(set(of_units.tolist())):
                masks[f"{name}={value}"] = of_units == value
        large = {name: mask for name, mask in masks.items() if int(mask.sum()) >= SMALL_SLICE}
        # Corrected for all of them: one that is small today is looked at tomorrow.
        level = 1 - self.design.alpha / max(len(masks), 1)
        contrast = self.contrast.at(level)
        found = {}
        for name, mask in large.items():
            effect = contrast.between(self.units, self.outcomes, among=mask)
            if effect is not None:
                found[name] = effect
        return found

    def guards(self) -> tuple[GuardReading, ...]:
        """Every guard rail, read."""
        return tuple(self._guard(guard) for guard in self.design.guards)

    def _guard(self, guard: GuardRail) -> GuardReading:
        values = unit_means(self.exposures, self.exposures.measures[str(guard)])
        known = ~np.isnan(values)
        fewest = min(
            int((known & self.units.candidate).sum()), int((known & ~self.units.candidate).sum())
        )
        if fewest < LEAST_GUARDED:
            why = f"{guard}: fewer than {LEAST_GUARDED} units in an arm"
            return GuardReading(guard=guard, effect=None, broken=False, why=why)
        contrast = _guard_contrast(guard, len(self.design.guards))
        effect = contrast.between(self.units, values)
        if effect is None:
            return GuardReading(guard=guard, effect=None, broken=False, why=f"{guard}: no stratum")
        return _read_guard(guard, effect)


def _guard_contrast(guard: GuardRail, guards: int) -> Contrast:
    level = 1 - GUARD_ALPHA / guards
    if guard.is_ratio:
        return Contrast(tuned_to=max(math.log(guard.limit), LEAST_TUNING), level=level)
    return Contrast(tuned_to=max(guard.limit, 0.02), level=level, ends=(0.0, 1.0))


def _read_guard(guard: GuardRail, effect: Estimate) -> GuardReading:
    if guard.is_ratio:
        ends = {
            "value": math.exp(effect.value),
            "low": math.exp(effect.low),
            "high": math.exp(effect.high),
        }
        shown = effect.model_copy(update={**ends, "unit": "ratio"})
        why = f"{guard}: {shown} times the control's, tolerated up to {guard.limit:g}"
        return _reading(guard, shown, why, broken=shown.low > guard.limit)
    if guard.worse == "more":
        why = f"{guard}: {effect} more than the control's share, tolerated up to {guard.limit:g}"
        return _reading(guard, effect, why, broken=effect.low > guard.limit)
    why = f"{guard}: {effect} against the control's share, tolerated down to -{guard.limit:g}"
    return _reading(guard, effect, why, broken=effect.high < -guard.limit)


def _reading(
    guard: GuardRail,
    effect: Estimate,
    why: str,
    *,
    broken: bool,
) -> GuardReading:
    within = effect.low >= -guard.limit if guard.worse == "less" else effect.high <= guard.limit
    return GuardReading(guard=guard, effect=effect, broken=broken, holds=within, why=why)
