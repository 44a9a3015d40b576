from __future__ import annotations

import datetime as dt

import numpy as np

from tunewell.monitor.evidence import CauseEvidence, TimeWindow, collect, shift_everywhere
from tunewell.monitor.evidence.fields import role_of
from tunewell.monitor.records import Categories, DatedRecords

DAY_S = 86_400
START = dt.datetime(2026, 1, 5, tzinfo=dt.UTC)
START_S = int(START.timestamp())
CHANGE = 80
WINDOW = TimeWindow(
    low=START + dt.timedelta(days=CHANGE - 1),
    high=START + dt.timedelta(days=CHANGE + 1),
    end=START + dt.timedelta(days=CHANGE + 21),
)


def _records(
    *,
    days: int = CHANGE + 21,
    daily: int = 30,
    hour: int = 0,
    names: tuple[str, str] = ("a", "a"),
    words: tuple[str, str] = ("how do i", "how do i"),
    lost: float = 0.0,
) -> DatedRecords:
    """Two kinds of records a day; from the day of the change on some things are others."""
    rng = np.random.default_rng(0)
    day = np.repeat(np.arange(days), daily)
    of_day = rng.normal(13, 2.5, len(day)) * 3600
    after = day >= CHANGE
    seconds = START_S + day * DAY_S + (of_day + 3600 * hour * after) % DAY_S
    order = np.argsort(seconds)
    place = np.arange(len(day))
    name = np.where(after, names[1], names[0])
    value = np.where(place % 3 == 0, "other", name)[order]
    region = np.array(["north", "south"])[place % 2][order]
    text = np.where(after & (place % 4 == 0), words[1], words[0])[order]
    kept = ~((day[order] == CHANGE) & (rng.random(len(day)) < lost))
    found = seconds[order][kept].astype(np.int64)
    return DatedRecords(
        name="tickets",
        ids=[str(1000 + i) for i in np.nonzero(kept)[0]],
        seconds=found,
        as_of=START + dt.timedelta(days=days),
        texts={"question": text[kept].tolist()},
        categories={"topic": _category(value[kept]), "region": _category(region[kept])},
    )


def _category(values: np.ndarray) -> Categories:
    known, codes = np.unique(values, return_inverse=True)
    return Categories(tuple(known.tolist()), codes.astype(np.int64))


def _kinds(records: DatedRecords) -> set[str]:
    return {found.kind for found in collect([records], WINDOW)}


def test_quiet_records_show_nothing() -> None:
    assert collect([_records()], WINDOW) == ()


def test_a_value_that_ends_where_another_begins_was_renamed() -> None:
    (found,) = collect([_records(names=("billing", "invoices"))], WINDOW)
    assert isinstance(found, CauseEvidence)
    assert (found.kind, found.cause, found.fields) == ("renamed", "instrumentation", ("topic",))
    assert "billing ended and invoices began on" in found.what


def test_a_value_that_only_became_frequent_is_no_evidence() -> None:
    # "other" is there before and after: nothing ended, nothing began.
    assert "renamed" not in _kinds(_records(names=("a", "other")))


def test_a_new_word_is_found_and_a_point_release_is_not() -> None:
    assert _kinds(_records(words=("how do i", "what is supernova"))) == {"new words"}
    assert _kinds(_records(words=("how in 115.2.0", "how in 115.3.1"))) == set()


def test_numbers_that_were_given_out_show_lost_rows() -> None:
    (found,) = collect([_records(lost=0.8)], WINDOW)
    assert found.kind == "lost"
    assert "26 March 2026" in found.what


def test_a_shift_of_the_clock_is_seen_in_every_slice() -> None:
    assert shift_everywhere(_records(daily=60, hour=7), WINDOW) == 7.0
    assert shift_everywhere(_records(daily=60), WINDOW) is None
    assert shift_everywhere(_records(daily=60, hour=1), WINDOW) is None


def test_names_of_fields_tell_what_they_are_versions_of() -> None:
    assert role_of("request.model") == "model"
    assert role_of("prompt-version") == "template"
    assert role_of("judge_version") == "judge"
    assert role_of("topic") == "plain"
