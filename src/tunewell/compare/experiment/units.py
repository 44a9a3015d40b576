"""From requests to units: a unit counts once, however often it asks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tunewell.compare.experiment.exposures import Bools, Exposures, Floats, Ints
from tunewell.experiment_design import TrafficExperiment
from tunewell.stats.any_time import (
    GroupMean,
    Stratum,
    any_time_difference,
    best_trust,
    group_mean,
    judged_mean,
)
from tunewell.types import Estimate

_MeanOf = Callable[[Bools], GroupMean]

FEWEST = 5
"""Units of an arm in a stratum, below which the stratum is not compared yet."""


@dataclass(frozen=True)
class Units:
    """The drawn units; each was assigned once, by its first request.

    Attributes:
        candidate: Shape (units,).
        cluster: Code of the person, shape (units,).
        stratum: Code of the weights that it was drawn with, shape (units,).
        drawn_to_candidate: Share of each stratum that is drawn to the candidate.
        switched: Whether it was seen in both arms, shape (units,).
        mixed: Whether it shared a conversation with the other arm, shape (units,).
        first: Row of its first request, shape (units,).
    """

    candidate: Bools
    cluster: Ints
    stratum: Ints
    drawn_to_candidate: tuple[float, ...]
    switched: Bools
    mixed: Bools
    first: Ints

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.candidate.size)

    def of_arm(self, *, candidate: bool) -> int:
        """How many were drawn to an arm."""
        return int((self.candidate == candidate).sum())


def units_of(design: TrafficExperiment, exposures: Exposures) -> Units:
    """The units that a test has drawn."""
    if not exposures.requests:
        none = np.zeros(0, dtype=np.int64)
        no = np.zeros(0, dtype=np.bool_)
        return Units(no, none, none, (), no, no, none)
    _, first = np.unique(exposures.unit, return_index=True)
    weights = np.array([step.candidate for step in design.steps])
    values, stratum = np.unique(weights[exposures.step[first] - 1], return_inverse=True)
    candidate = exposures.candidate[first]
    other = exposures.candidate != candidate[exposures.unit]
    return Units(
        candidate=candidate,
        cluster=exposures.cluster[first],
        stratum=stratum.astype(np.int64),
        drawn_to_candidate=tuple(float(value) for value in values),
        switched=_any(exposures.unit, other),
        mixed=_any(exposures.unit, _in_both(exposures.conversation, exposures.candidate)),
        first=first.astype(np.int64),
    )


def _any(codes: Ints, marks: Bools) -> Bools:
    return np.asarray(np.bincount(codes, weights=marks) > 0)


def _in_both(groups: Ints, candidate: Bools) -> Bools:
    """Rows of groups that hold rows of both arms."""
    both = _any(groups, candidate) & _any(groups, ~candidate)
    return np.asarray(both[groups])


def unit_means(exposures: Exposures, values: Floats) -> Floats:
    """Mean of each unit's known values, shape (units,); NaN where none is known."""
    units = int(exposures.unit.max()) + 1 if exposures.requests else 0
    known = ~np.isnan(values)
    counts = np.bincount(exposures.unit, weights=known, minlength=units)
    sums = np.bincount(exposures.unit, weights=np.where(known, values, 0.0), minlength=units)
    means = np.full(units, np.nan)
    np.divide(sums, counts, out=means, where=counts > 0)
    return means


@dataclass(frozen=True)
class Contrast:
    """How candidate and control are compared.

    Attributes:
        tuned_to: Difference that intervals are sharpest for.
        level: Of the intervals, which hold at any time.
        ends: Least and greatest value of a unit, where there are such.
        unit: Of the figure.
    """

    tuned_to: float
    level: float
    ends: tuple[float, float] | None = None
    unit: str = ""

    def at(self, level: float) -> Contrast:
        """The same at another level."""
        return replace(self, level=level)

    def between(
        self, units: Units, values: Floats, *, among: Bools | None = None
    ) -> Estimate | None:
        """Candidate minus control, one value a unit; None where no stratum has both arms.

        Args:
            units: All of them.
            values: Shape (units,); NaN where a unit has none.
            among: Units to look at; all if None.
        """
        chosen = ~np.isnan(values)
        if among is not None:
            chosen &= among

        def mean_of(rows: Bools) -> GroupMean:
            return group_mean(values[rows], ends=self.ends)

        return self._over_strata(units, chosen, mean_of)

    def judged(
        self, units: Units, labels: Floats, judge: Floats, judged_labels: Floats
    ) -> Estimate | None:
        """Candidate minus control by a judge of all units, corrected by people on some of them.

        Args:
            units: All of them.
            labels: People's mean of every unit, NaN where they said nothing.
            judge: The judge's mean of every unit, NaN where it said nothing.
            judged_labels: The judge's mean of the requests that people labelled.
        """
        chosen = ~np.isnan(judge)
        both = chosen & ~np.isnan(labels) & ~np.isnan(judged_labels)
        known = np.where(both, labels, np.nan)
        trust = best_trust(judge[chosen], known[chosen], judged_labels[chosen])

        def mean_of(rows: Bools) -> GroupMean:
            return judged_mean(judge[rows], known[rows], judged_labels[rows], trust=trust)

        return self._over_strata(units, chosen, mean_of, counted=both)

    def _over_strata(
        self,
        units: Units,
        chosen: Bools,
        mean_of: _MeanOf,
        counted: Bools | None = None,
    ) -> Estimate | None:
        counts = chosen if counted is None else counted
        kept = [s for s in range(len(units.drawn_to_candidate)) if _both_arms(units, counts, s)]
        total = sum(int((chosen & (units.stratum == s)).sum()) for s in kept)
        strata = []
        for s in kept:
            here = chosen & (units.stratum == s)
            ours, theirs = here & units.candidate, here & ~units.candidate
            strata.append(
                Stratum(
                    candidate=mean_of(ours),
                    control=mean_of(theirs),
                    clusters=np.concatenate([units.cluster[ours], units.cluster[theirs]]),
                    share=int(here.sum()) / total,
                )
            )
        if not strata:
            return None
        return any_time_difference(strata, tuned_to=self.tuned_to, level=self.level, unit=self.unit)


def _both_arms(units: Units, chosen: Bools, stratum: int) -> bool:
    here = chosen & (units.stratum == stratum)
    ours = int((here & units.candidate).sum())
    theirs = int((here & ~units.candidate).sum())
    return min(ours, theirs) >= FEWEST


def first_values(units: Units, values: Sequence[str]) -> list[str]:
    """Each unit's value at its first request, before any arm could change it."""
    return [values[row] for row in units.first]
