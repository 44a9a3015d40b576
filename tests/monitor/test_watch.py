from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from tests.monitor.streams import START, day_of, rows_of, stream
from tunewell.monitor.build import RARE
from tunewell.monitor.found import Watched
from tunewell.monitor.gaps import long_gaps
from tunewell.monitor.read_records import read_rows
from tunewell.monitor.records import DatedRecords
from tunewell.monitor.results import findings_of
from tunewell.monitor.watch import look
from tunewell.monitor.words import terms_of
from tunewell.types import Alarm


def named(
    watched: Watched,
    words: str,
) -> list[Alarm]:
    return [alarm for alarm in watched.alarms if words in alarm.channel]


def test_nothing_happens_in_quiet_streams() -> None:
    alarms = [look(stream(rows_of(260, seed=seed))).alarms for seed in range(2)]
    assert alarms == [(), ()]


def test_a_rise_is_found_and_a_second_one_while_it_is_open() -> None:
    watched = look(stream(rows_of(seed=1, times={150: 1.8, 180: 3.2})))
    first, second = named(watched, "count")[:2]
    assert day_of(first.since) == pytest.approx(150, abs=1)
    assert 151 <= day_of(first.raised) <= 155
    assert first.since_low <= START + dt.timedelta(days=150) <= first.since_high
    assert first.size is not None
    assert first.before is not None
    assert first.size.value == pytest.approx(0.8 * first.before.value, rel=0.4)
    assert day_of(second.since) == pytest.approx(180, abs=1)
    assert day_of(second.raised) <= 185
    assert len(first.examples_after) == 10
    assert len(first.examples_before) == 10
    assert first.p_value < 0.05


def test_an_alarm_rests_on_nothing_after_its_own_time() -> None:
    rows = rows_of(seed=1, times={150: 1.8, 180: 3.2})
    whole = look(stream(rows))
    cut = START + dt.timedelta(days=172)
    until_then = look(read_rows(rows, "questions", until=cut)[0])
    early = [alarm for alarm in whole.alarms if alarm.raised <= cut]
    assert [(a.id, a.raised, a.since) for a in early] == [
        (a.id, a.raised, a.since) for a in until_then.alarms
    ]
    assert early


def test_a_fall_back_to_the_old_level_is_no_alarm_of_its_own() -> None:
    watched = look(stream(rows_of(260, seed=2, times={150: 1.8, 185: 1.0})))
    counts = named(watched, "count")
    assert [day_of(alarm.since) // 3 for alarm in counts] == [50]
    band = next(each for each in watched.channels if each.channel.name == "count")
    assert "back at the level before an alarm" in [each.why for each in band.references]


def test_a_word_in_bursts_is_named_whatever_its_point_release() -> None:
    def release(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if day >= 160 and rng.random() < 0.2:
            row["question"] += f" after update to 7.{int(rng.integers(3))}.{int(rng.integers(9))}"

    watched = look(stream(rows_of(200, seed=3, change=release)))
    (alarm,) = named(watched, "words")
    assert set(alarm.slice.split(", ")) == {"after", "update"} | {
        term for term in alarm.slice.split(", ") if term in ("7", "to")
    }
    assert day_of(alarm.raised) <= 164
    assert alarm.before is not None
    assert alarm.after is not None
    assert alarm.before.high < 0.01 < 0.1 < alarm.after.value


def test_what_one_thread_or_one_author_says_often_is_no_burst() -> None:
    def one_author(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if day >= 160 and rng.random() < 0.15:
            row["user"] = "busy"
            row["question"] += " greetings volunteer"

    assert not named(look(stream(rows_of(200, seed=4, change=one_author))), "words")


def test_texts_that_the_reference_does_not_know_are_found() -> None:
    def foreign(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if rng.random() < 0.3:
            row["question"] += f" rare{int(rng.integers(9999))}"
        if day >= 160 and rng.random() < 0.15:
            row["question"] = " ".join(f"strange{int(rng.integers(4000))}x" for _ in range(12))

    watched = look(stream(rows_of(190, seed=12, change=foreign)))
    alarm = named(watched, "new words in texts")[0]
    assert day_of(alarm.raised) <= 166
    assert alarm.code == "L03"


FEW_WORDS = [f"word{letter}" for letter in "abcdefghijklmnopqrst"]
BEGINS = 170


def few_words(
    *,
    odd: float = 0.0,
    bursts: bool = False,
) -> DatedRecords:
    """A service whose texts are made of twenty words and, once in some days, of one of their own.

    Args:
        odd: Share of the records of four days that hold a word which no other record holds.
        bursts: Whether one new word is in every fifth record from then on.
    """

    def change(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        # All words are of one length, so that nothing but words changes.
        words = [str(word) for word in rng.choice(FEW_WORDS, size=6)]
        share = odd if BEGINS <= day < BEGINS + 4 else 0.004
        if rng.random() < share:
            words[0] = "".join(rng.choice(list("vwxyz"), size=5))
        if bursts and day >= BEGINS and rng.random() < 0.2:
            words[1] = "wordz"
        row["question"] = " ".join(words)

    return stream(rows_of(190, seed=21, change=change))


def test_rare_words_in_quiet_traffic_are_no_alarm(monkeypatch: pytest.MonkeyPatch) -> None:
    records = few_words(odd=0.12)
    watched = look(records)
    assert watched.alarms == ()
    [left_out] = [each for each in watched.unchecked if each.channel == "new words in texts"]
    assert left_out.reason == RARE
    assert not [each for each in watched.channels if "new words" in each.channel.name]
    # Their mean would have been one: a dozen odd words where some weeks have none.
    monkeypatch.setattr("tunewell.monitor.watch.is_rare", lambda *_: False)
    assert named(look(records), "new words in texts")


def test_a_new_word_in_bursts_is_an_alarm_where_few_words_are_used() -> None:
    watched = look(few_words(bursts=True))
    [alarm] = watched.alarms
    assert "words new or more frequent" in alarm.channel
    assert alarm.slice == "wordz"
    assert day_of(alarm.since) == pytest.approx(BEGINS, abs=1)
    assert day_of(alarm.raised) <= BEGINS + 2
    assert "new words in texts" in [each.channel for each in watched.unchecked]


def test_a_clock_that_is_put_on_is_found_within_days() -> None:
    def late(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if day >= 170:
            at = dt.datetime.fromisoformat(row["created"]) + dt.timedelta(hours=7)
            row["created"] = at.isoformat()

    (alarm,) = named(look(stream(rows_of(200, seed=5, change=late))), "hour of day")
    assert alarm.size is not None
    assert alarm.size.low <= 7 <= alarm.size.high
    assert 170 <= day_of(alarm.since) <= 171
    assert day_of(alarm.raised) <= 174
    assert alarm.code == "L10"


def test_a_night_is_no_gap_and_a_silent_day_is_one() -> None:
    rows = rows_of(200, a_day=60.0, seed=6)
    hole = [
        row
        for row in rows
        if not dt.timedelta(days=180, hours=8)
        <= dt.datetime.fromisoformat(row["created"]) - START
        < dt.timedelta(days=180, hours=17)
    ]
    assert not named(look(stream(rows)), "gap")
    (alarm,) = named(look(stream(hole)), "gap")
    assert day_of(alarm.since) == 180
    assert alarm.before is not None
    assert alarm.before.value > 15
    assert alarm.raised - alarm.since < dt.timedelta(hours=10)


def test_what_comes_after_the_last_complete_moment_is_no_gap() -> None:
    day, days = 86_400, 200
    seconds = np.sort(np.random.default_rng(0).integers(0, days * day, size=8_000))
    silent = np.concatenate([seconds, [(days + 40) * day]])
    both = [
        long_gaps(each, start_s=112 * day, as_of_s=days * day, yearly=0.05)
        for each in (seconds, silent)
    ]
    assert both == [([], ""), ([], "")]


def test_values_that_end_and_begin_are_named() -> None:
    def renamed(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if day >= 165 and row["topic"] == "calendar":
            row["topic"] = "calendars-and-tasks"

    found = named(look(stream(rows_of(200, seed=7, change=renamed))), "values")
    by_slice = {alarm.slice: alarm for alarm in found}
    assert set(by_slice) == {"topic=calendar", "topic=calendars-and-tasks"}
    assert all(day_of(alarm.raised) <= 170 for alarm in found)
    assert "gone" in by_slice["topic=calendar"].channel


def test_a_slower_service_and_another_mix_are_found() -> None:
    def slower(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        if day >= 160:
            row["latency"] *= 1.4
        if day >= 180 and row["topic"] == "other" and rng.random() < 0.9:
            row["topic"] = "mail"

    watched = look(stream(rows_of(210, seed=8, change=slower)))
    (latency,) = named(watched, "latency")
    assert latency.code == "L04"
    assert day_of(latency.raised) <= 165
    assert {alarm.slice for alarm in named(watched, "share of topic")} >= {"topic=mail"}
    codes = {finding.code: finding.status for finding in findings_of(watched)}
    assert codes["L04"] == "found"
    assert codes["L05"] == "unchecked"
    assert codes["L06"] == "unchecked"


def test_no_trend_is_claimed_from_totals_and_later_edits_are_told() -> None:
    def votes(
        day: int,
        rng: np.random.Generator,
        row: dict[str, Any],
    ) -> None:
        row["helpful_votes"] = int(rng.poisson(4 if day < 160 else 1))
        at = dt.datetime.fromisoformat(row["created"])
        row["updated"] = (at + dt.timedelta(days=float(rng.gamma(1, 30)))).isoformat()

    watched = look(stream(rows_of(200, seed=9, change=votes)))
    assert not watched.alarms
    reasons = {each.channel: each.reason for each in watched.unchecked}
    missing = {"judge scores", "people's scores", "feedback"}
    assert set(reasons) == {"helpful_votes", "new words in texts"} | missing
    assert "no trend can be claimed" in reasons["helpful_votes"]
    (note,) = watched.notes
    assert "topic" in note


def test_streams_that_belong_together_are_watched_together() -> None:
    questions = rows_of(210, seed=10)
    rng = np.random.default_rng(11)
    answers = []
    for row in questions:
        asked = dt.datetime.fromisoformat(row["created"])
        slow = (asked - START).days >= 170
        wait = float(rng.gamma(1, 40 if slow else 8))
        at = asked + dt.timedelta(hours=wait)
        answers.append(
            {"id": f"a{row['id']}", "question": row["id"], "created": at.isoformat(), "author": "x"}
        )
    end = START + dt.timedelta(days=210)
    streams = [
        read_rows(questions, "questions", until=end)[0],
        read_rows(answers, "answers", until=end)[0],
    ]
    watched = look(streams)
    (alarm,) = named(watched, "answered in answers within a day")
    assert day_of(alarm.since) == pytest.approx(170, abs=2)
    assert alarm.after is not None
    assert alarm.before is not None
    assert alarm.after.value < alarm.before.value


def test_versions_and_the_calendar_are_folded() -> None:
    text = "From 102.15.1 to v115.6.0b2 in January 2024 on win10, see www.example.org/x 192.168.0.1"
    assert terms_of(text) >= {"102", "115", "example", "win10"}
    assert not terms_of(text) & {"january", "2024", "102.15.1"}
    assert terms_of("<p>AT&amp;T &amp;amp; att.net</p>") == {"att"}


def test_too_little_is_refused() -> None:
    with pytest.raises(ValueError, match="no dated records"):
        look([])
    with pytest.raises(ValueError, match="end before their reference"):
        look(stream(rows_of(1)))
