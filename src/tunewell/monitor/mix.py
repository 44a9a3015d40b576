"""How much of a change the shares of topics, regions and the like explain by themselves."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.alarm_place import AlarmPlace
from tunewell.monitor.channel import Floats
from tunewell.monitor.evidence.base import TimeWindow
from tunewell.monitor.evidence.fields import role_of
from tunewell.monitor.evidence.words import named_in
from tunewell.monitor.records import Categories, DatedRecords

EXPLAINED: Final = 0.6
"""Share of a change that other shares have to explain."""

LEFT: Final = 3.0
"""Standard errors that may be left of it."""

MOST_VALUES: Final = 40
"""Fields of more values than this are not looked at."""

SETTLED: Final = dt.timedelta(days=14)
"""The shares before a change are those of two weeks before it, and earlier."""

FEWEST: Final = 20
"""Records on either side."""


@dataclass(frozen=True)
class MixEffect:
    """What other shares of one field's values do to a figure.

    Attributes:
        field: The field.
        change: The whole change of the figure.
        by_mix: What it would be if nothing had changed within the values.
        left_z: What is left, in standard errors.
    """

    field: str
    change: float
    by_mix: float
    left_z: float

    @property
    def explains(self) -> bool:
        """Whether the shares explain the change."""
        if self.change == 0:
            return False
        return self.by_mix / self.change >= EXPLAINED and abs(self.left_z) < LEFT


def mix_effect(
    records: DatedRecords,
    place: AlarmPlace,
    window: TimeWindow,
) -> MixEffect | None:
    """The field whose shares explain a channel's change best; None where none can be asked."""
    effects = list(_effects(records, place, window))
    return max(effects, key=lambda effect: effect.by_mix / (effect.change or 1.0), default=None)


def _effects(
    records: DatedRecords,
    place: AlarmPlace,
    window: TimeWindow,
) -> Iterator[MixEffect]:
    values = _values_of(
        records,
        place,
        window,
    )
    if values is None:
        return
    # What began a little earlier may be what made these words frequent.
    settled = replace(window, low=window.low - SETTLED)
    whole = window.whole(records)
    before = max(settled.before(records).stop - whole.start, 0)
    # An alarm on the last day has nothing behind its window: its days are those of the window.
    after = window.before(records).stop - whole.start
    for name, field in records.categories.items():
        if role_of(name) != "plain" or name in place.fields:
            continue
        if records.topics.get(name, "input") not in ("input", "traffic"):
            continue
        if len(field.values) <= MOST_VALUES:
            codes = field.codes[whole]
            effect = _effect(
                name,
                field,
                values,
                codes,
                before,
                after,
            )
            if effect is not None:
                yield effect


def _values_of(
    records: DatedRecords,
    place: AlarmPlace,
    window: TimeWindow,
) -> Floats | None:
    """The figure of each record that a channel is made of, around the change."""
    whole = window.whole(records)
    if place.kind == "words":
        column = column_of_words(
            records,
            place,
            window,
        )
        if not column:
            return None
        return _naming(records.texts[column][whole], place)
    name = place.name.partition(" of ")[2]
    if place.name.startswith("mean of ") and name in records.numbers:
        return records.numbers[name][whole]
    field, _, value = name.partition("=")
    categories = records.categories.get(field)
    if categories is None or value not in categories.values:
        return None
    codes = categories.codes[whole]
    return np.where(codes >= 0, codes == categories.values.index(value), np.nan)


def column_of_words(
    records: DatedRecords,
    place: AlarmPlace,
    window: TimeWindow,
) -> str:
    """The text column in which an alarm's words became frequent; empty where there are no texts.

    That answers say other words is the model's doing, not that of those who ask.
    """
    best, most = "", -math.inf
    for name, texts in records.texts.items():
        before = _naming(texts[window.before(records)], place)
        since = slice(window.before(records).stop, window.after(records).stop)
        after = _naming(texts[since], place)
        rise = float(after.mean() if len(after) else 0) - float(before.mean() if len(before) else 0)
        if rise > most:
            best, most = name, rise
    return best


def _naming(texts: Sequence[str], place: AlarmPlace) -> Floats:
    """1 where a text names any of an alarm's words."""
    return np.array([named_in(text, place.terms) for text in texts], np.float64)


def _effect(
    name: str,
    field: Categories,
    values: Floats,
    codes: NDArray[np.int64],
    before: int,
    after: int,
) -> MixEffect | None:
    """The effect of one field's shares: the old means of its values, weighed by the new shares."""
    known = ~np.isnan(values) & (codes >= 0)
    early = known & (np.arange(len(values)) < before)
    late = known & (np.arange(len(values)) >= after)
    if early.sum() < FEWEST or late.sum() < FEWEST:
        return None
    size = len(field.values)
    count_early = np.bincount(codes[early], minlength=size).astype(np.float64)
    count_late = np.bincount(codes[late], minlength=size).astype(np.float64)
    mean_early = float(values[early].mean())
    sums = np.bincount(codes[early], values[early], minlength=size)
    # A value that was rare before takes a part of the mean of all.
    means = (sums + 2 * mean_early) / (count_early + 2)
    expected = float((count_late * means).sum() / count_late.sum())
    observed = float(values[late].mean())
    within = values[late] - means[codes[late]]
    error = math.sqrt(
        float(within.var()) / len(within)
        + float((values[early] - means[codes[early]]).var()) / early.sum()
    )
    return MixEffect(
        field=name,
        change=observed - mean_early,
        by_mix=expected - mean_early,
        left_z=(observed - expected) / max(error, 1e-12),
    )
