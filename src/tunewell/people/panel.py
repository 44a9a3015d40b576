"""A panel's estimate that may be looked at after every verdict: anytime valid, by family, corrected by a judge."""

from __future__ import annotations

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from tunewell.stats import confidence_sequence
from tunewell.task import RubricCriterion
from tunewell.types import Estimate, Judgement


def panel_estimate(
    said: Sequence[Judgement],
    criterion: RubricCriterion,
    *,
    arm: str = "tuned",
    against: str = "",
    raters: int = 1,
    clusters: Mapping[str, str] | None = None,
    judge: Mapping[tuple[str, str], float] | None = None,
    level: float = 0.95,
) -> Estimate | None:
    """The mean verdict on an arm (or its gain over another), with an interval that holds at every look at once.

    A family of rows counts once, when each of its outputs has been read by all its raters, with the
    mean over them: verdicts of one rater or on one row are not taken for independent ones. Families
    come in the order in which they were finished, which the draw made random. Where a judge has
    scored every row, people's verdicts only measure how far it is off; that is valid however good
    or bad the judge is, and narrow where it is good.

    Args:
        said: Verdicts, of all arms and criteria.
        criterion: Which one.
        arm: Whose mean.
        against: The other arm, for a gain.
        raters: How many people see each output; a row with fewer waits.
        clusters: Family by row; each row by itself if None.
        judge: The judge's score by (row, arm) on the criterion's scale, for every row of the
            evaluation; none if None.
        level: Probability that no look ever misses, in (0, 1).

    Returns:
        None as long as no family is finished. ``n`` counts families.

    Source:
        Waudby-Smith & Ramdas 2024, JRSS B 86 (betting); Angelopoulos et al. 2023, Science 382 (a
        judge's mean, corrected by people's differences from it).
    """
    arms = (arm, against) if against else (arm,)
    low, high = (0.0, 1.0) if criterion.scale == "yes/no" else (1.0, 5.0)
    finished = _finished(said, criterion.name, arms, raters)
    families: dict[str, list[tuple[dt.datetime, float]]] = defaultdict(list)
    every = {row for row, _ in judge} if judge is not None else set()
    for row, (when, values) in finished.items():
        value = _contrast(values, arms)
        if judge is not None:
            if any((row, a) not in judge for a in arms):
                continue
            value -= _contrast({a: judge[row, a] for a in arms}, arms)
        families[(clusters or {}).get(row, row)].append((when, value))
    if not families:
        return None
    ordered = sorted(
        (max(w for w, _ in rows), sum(v for _, v in rows) / len(rows)) for rows in families.values()
    )
    reach = (high - low) * (2 if against else 1)
    bounds = (-reach, reach) if judge is not None or against else (low, high)
    if judge is not None and against:
        bounds = (-2 * reach, 2 * reach)
    found = confidence_sequence(
        [v for _, v in ordered], low=bounds[0], high=bounds[1], level=level
    ).last
    shift = _judged(every, judge, arms, clusters) if judge is not None else 0.0
    least, most = (-(high - low), high - low) if against else (low, high)
    value = min(max(found.value + shift, least), most)
    method = f"{found.method}, families, {'judge corrected by people' if judge is not None else 'people'}, at any look"
    return found.model_copy(
        update={
            "value": value,
            "low": min(value, max(least, found.low + shift)),
            "high": max(value, min(most, found.high + shift)),
            "method": method,
        }
    )


def _finished(
    said: Sequence[Judgement], criterion: str, arms: Sequence[str], raters: int
) -> dict[str, tuple[dt.datetime, dict[str, float]]]:
    """Rows whose outputs all have their raters: when the last verdict came, and the mean by arm."""
    by_row: dict[str, dict[str, dict[str, Judgement]]] = defaultdict(lambda: defaultdict(dict))
    for j in said:
        if j.criterion == criterion and j.arm in arms:
            by_row[j.example][j.arm][j.author] = j
    out = {}
    for row, verdicts in by_row.items():
        if all(len(verdicts.get(a, ())) >= raters for a in arms):
            when = max(j.at for words in verdicts.values() for j in words.values())
            out[row] = (
                when,
                {a: sum(j.value for j in w.values()) / len(w) for a, w in verdicts.items()},
            )
    return out


def _contrast(values: Mapping[str, float], arms: Sequence[str]) -> float:
    return values[arms[0]] - (values[arms[1]] if len(arms) > 1 else 0.0)


def _judged(
    rows: set[str],
    judge: Mapping[tuple[str, str], float],
    arms: Sequence[str],
    clusters: Mapping[str, str] | None,
) -> float:
    """The judge's mean over the families of all rows that it scored for every arm."""
    families: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        if all((row, a) in judge and not math.isnan(judge[row, a]) for a in arms):
            families[(clusters or {}).get(row, row)].append(
                _contrast({a: judge[row, a] for a in arms}, arms)
            )
    means = [sum(v) / len(v) for v in families.values()]
    return sum(means) / len(means) if means else 0.0
