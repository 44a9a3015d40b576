"""Differences between two groups that may be looked at whenever one likes, for large samples.

The mean of a bounded variable has an exact interval of this kind (`confidence_sequence`). Here the
figure may be anything that is a sum over independent clusters: groups of unequal size, strata,
judges that are corrected by people, units that go on being seen while one looks.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunewell.stats.inputs import Floats, Ints, positive, share, tally
from tunewell.stats.special import ndtr, stdtrit
from tunewell.types import Estimate

PSEUDO_WEIGHT = 0.25
"""Weight of the two pseudo-units at the ends of the range: without them a group in which nothing
has happened yet would have no variance at all."""

METHOD = "normal mixture, any time, clusters"


@dataclass(frozen=True)
class GroupMean:
    """The mean of one group of units.

    Attributes:
        value: The mean over units.
        influence: What each unit adds to the error of the mean, shape (units,), sum 0.
        ends: What the two pseudo-units add; empty where the variable has no range.
    """

    value: float
    influence: Floats
    ends: tuple[float, ...] = ()

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(self.influence.size)


def group_mean(values: Floats, *, ends: tuple[float, float] | None = None) -> GroupMean:
    """The plain mean of one value a unit.

    Args:
        values: Shape (units,), at least one.
        ends: Least and greatest possible value, where there are such.

    Example:
        >>> import numpy as np
        >>> m = group_mean(np.array([0.0, 1.0, 1.0, 0.0]), ends=(0.0, 1.0))
        >>> m.value, m.influence.tolist()
        (0.5, [-0.125, 0.125, 0.125, -0.125])
    """
    value = float(values.mean())
    pseudo = [] if ends is None else [(end - value) / values.size for end in ends]
    return GroupMean(value, (values - value) / values.size, tuple(pseudo))


def judged_mean(
    judge: Floats,
    labels: Floats,
    judged_labels: Floats,
    *,
    trust: float,
) -> GroupMean:
    """The mean of people's values, from a judge of all units and people on some of them.

    Args:
        judge: The judge's mean of every unit, shape (units,).
        labels: People's mean of every unit, NaN where they said nothing, shape (units,).
        judged_labels: The judge's mean of what people labelled; NaN where ``labels`` is.
        trust: Share of the judge that is used, in [0, 1]; 0 = people alone.

    Which units people label must not depend on their answers.

    Source:
        Angelopoulos, Duchi & Zrnic 2023, "PPI++", equation 3, by its influence on each unit.
    """
    labelled = ~np.isnan(labels)
    centre = float(judge.mean())
    rest = (labels - trust * judged_labels)[labelled]
    shift = float(rest.mean())
    influence = trust * (judge - centre) / judge.size
    influence[labelled] += (rest - shift) / rest.size
    return GroupMean(trust * centre + shift, influence)


def best_trust(judge: Floats, labels: Floats, judged_labels: Floats) -> float:
    """The share of the judge that makes `judged_mean` most precise, in [0, 1].

    Source:
        Angelopoulos, Duchi & Zrnic 2023, "PPI++", proposition 2.
    """
    labelled = ~np.isnan(labels)
    n = int(labelled.sum())
    spread = float(judge.var())
    if n < 3 or spread <= 0:
        return 0.0
    together = float(np.cov(labels[labelled], judged_labels[labelled])[0, 1])
    return min(max(together / (spread * (1 + n / judge.size)), 0.0), 1.0)


@dataclass(frozen=True)
class Stratum:
    """The two groups of one stratum: units that were drawn with the same weights.

    Attributes:
        candidate: Of the first group.
        control: Of the second.
        clusters: Cluster of each unit, the candidate's before the control's, as codes over all
            strata.
        share: Of all units.
    """

    candidate: GroupMean
    control: GroupMean
    clusters: Ints
    share: float


def any_time_difference(
    strata: list[Stratum],
    *,
    tuned_to: float,
    level: float = 0.95,
    unit: str = "",
) -> Estimate:
    """Mean of the candidates minus mean of the controls, with an interval for every moment at once.

    Looking after every observation and stopping whenever one likes leaves the error at
    1 - ``level`` for large samples. Units may be seen again and again while one looks: their means
    then change from look to look, and the interval is at least as wide as it has to be.

    Args:
        strata: At least one; each with units in both groups.
        tuned_to: The difference that the interval is to be sharpest for; fixed beforehand.
        level: Probability that no interval ever misses, in (0, 1).
        unit: Of the figure.

    Source:
        Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas 2024, Annals of Statistics 52 (asymptotic
        confidence sequences), with the variance of a sum over clusters and Student's t for few of
        them.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> a, b = (group_mean(rng.random(2000) + shift, ends=(0, 2)) for shift in (0.2, 0.0))
        >>> stratum = Stratum(a, b, np.arange(4000), 1.0)
        >>> e = any_time_difference([stratum], tuned_to=0.05)
        >>> e.low < 0.2 < e.high, e.high - e.low < 0.08
        (True, True)
    """
    value = sum(s.share * (s.candidate.value - s.control.value) for s in strata)
    variance, df = _variance(strata)
    half = mixture_half_width(variance, tuned_to=tuned_to, level=level, df=df)
    return Estimate(
        value=value,
        low=value - half,
        high=value + half,
        level=level,
        n=sum(s.candidate.units + s.control.units for s in strata),
        method=METHOD,
        unit=unit,
    )


def mixture_half_width(
    variance: float, *, tuned_to: float, level: float, df: float = math.inf
) -> float:
    """Half the width of the interval around an estimate with this variance, at any time.

    Args:
        variance: Of the estimate.
        tuned_to: The half-width at which it is sharpest.
        level: In (0, 1).
        df: Degrees of freedom of the variance.

    Source:
        Robbins 1970, Annals of Mathematical Statistics 41 (the two-sided normal mixture); the
        tuning is equation 25 of Waudby-Smith et al. 2024.

    Example:
        >>> v = information_for(0.04, level=0.95)
        >>> round(mixture_half_width(1 / v, tuned_to=0.04, level=0.95), 6)
        0.04
    """
    alpha = 1 - share(level, "level")
    if variance <= 0:
        return math.inf
    prior = _tuning(alpha) / information_for(tuned_to, level=level)
    z = math.sqrt((1 + variance / prior) * math.log((1 + prior / variance) / alpha**2))
    return float(_with_df(z, df) * math.sqrt(variance))


def information_for(half_width: float, *, level: float) -> float:
    """One over the variance at which an interval tuned to this half-width has it.

    Example:
        >>> round(1 / information_for(0.04, level=0.95) ** 0.5, 4)
        0.0132
    """
    alpha = 1 - share(level, "level")
    tuning = _tuning(alpha)
    wanted = positive(half_width, "half_width")
    return (tuning + 1) / tuning * math.log((tuning + 1) / alpha**2) / wanted**2


def _tuning(alpha: float) -> float:
    doubled = -2 * math.log(alpha)
    return doubled + math.log(doubled + 1)


def _with_df(z: float, df: float) -> float:
    """Student's critical value with the same probability outside as a normal one."""
    if not math.isfinite(df) or z > 8:
        return z
    return float(stdtrit(max(df, 1.0), float(ndtr(z))))


def _variance(strata: list[Stratum]) -> tuple[float, float]:
    """Variance of the difference over clusters, and its degrees of freedom (Satterthwaite)."""
    codes = np.concatenate([s.clusters for s in strata])
    signed = []
    ends = 0.0
    for s in strata:
        signed += [s.share * s.candidate.influence, -s.share * s.control.influence]
        for group in (s.candidate, s.control):
            ends += PSEUDO_WEIGHT * sum((s.share * end) ** 2 for end in group.ends)
    sums = tally(codes, np.concatenate(signed))
    squares = sums[sums != 0] ** 2
    groups = max(int(squares.size), 2)
    return float(squares.sum() + ends) * groups / (groups - 1), _df(strata)


def _df(strata: list[Stratum]) -> float:
    total = 0.0
    weighted = 0.0
    for s in strata:
        for group in (s.candidate, s.control):
            part = s.share**2 * float((group.influence**2).sum())
            total += part
            weighted += part**2 / max(group.units - 1, 1)
    return total**2 / weighted if weighted else math.inf


def sample_ratio_evidence(
    counts: Floats, shares: Floats, *, concentration: float = 1_000.0
) -> float:
    """Natural log of the evidence against counts having been drawn with these shares.

    It exceeds log(1/alpha) at any time with a probability of at most alpha if they were, however
    often one looks: exactly, for whatever sample size.

    Args:
        counts: Units of each arm, shape (arms,).
        shares: That they were drawn with, shape (arms,), sum 1.
        concentration: How near the shares a mismatch is looked for; greater = smaller mismatches.

    Source:
        Lindon & Malek 2022, "Anytime-valid inference for multinomial count data", equation 8.

    Example:
        >>> import numpy as np, math
        >>> half = np.array([0.5, 0.5])
        >>> sample_ratio_evidence(np.array([5050.0, 4950.0]), half) < 0
        True
        >>> sample_ratio_evidence(np.array([5400.0, 4600.0]), half) > math.log(1 / 0.001)
        True
    """
    prior = concentration * np.asarray(shares)
    found = np.asarray(counts, dtype=np.float64)
    return float(
        _log_beta(prior + found) - _log_beta(prior) - (found * np.log(np.asarray(shares))).sum()
    )


def _log_beta(a: Floats) -> float:
    return sum(map(math.lgamma, a.tolist())) - math.lgamma(float(a.sum()))
