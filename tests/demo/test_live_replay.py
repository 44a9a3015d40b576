"""The replayed half year: real questions, the detectors, decisions at four moments."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.decide.case import alarm
from tests.shared_data import DATA, NO_DATA
from tunewell.decide import QualityReading, decisions
from tunewell.demo.areas import AREAS, AreaModel, AreaQuestion
from tunewell.demo.live_decay import RepairedService
from tunewell.demo.live_picture import draw_story
from tunewell.demo.live_questions import live_questions
from tunewell.demo.live_records import (
    replayed_answers,
    rows_learned_from_use,
    rows_to_watch,
    weekly_readings,
)
from tunewell.demo.live_replay import MOMENTS, replay
from tunewell.demo.live_story import LiveStory, Moment, TriedVersion
from tunewell.gateway.keep import feedback_line, interaction_line, traffic_ledger
from tunewell.releases import history
from tunewell.store import Store
from tunewell.store.traffic_tables import feedback, interactions
from tunewell.types import Decision, Estimate, Feedback, Interaction

AT = dt.datetime(2023, 8, 1, tzinfo=dt.UTC)


def question(number: int, text: str, area: str) -> AreaQuestion:
    return AreaQuestion(id=str(number), at=AT, text=text, area=area)


def test_a_model_names_the_area_that_its_words_belong_to() -> None:
    rows = [
        question(i, f"{word} does not work since today {i}", area)
        for i, (word, area) in enumerate(
            [("calendar event", "calendar"), ("toolbar colour", "settings")] * 5
        )
    ]
    model = AreaModel.trained_on(rows)
    assert model.weight.shape[0] == len(AREAS)
    assert model.answer("My calendar event is gone") == "calendar"
    assert model.answer("the toolbar has another colour") == "settings"


def test_the_pictures_escape_what_they_show(tmp_path: Path) -> None:
    share = Estimate(value=0.3, low=0.2, high=0.4, n=9, method="m")
    week = dt.timedelta(days=7)
    weeks = tuple(QualityReading(at=AT + i * week, version="v", wrong=share) for i in (0, 1))
    attack = "<script>alert(1)</script>"
    held = Decision(action="hold", why=attack, gain=share)
    made = alarm("knowledge", 0, slice=attack).alarm
    moments = tuple(Moment(AT + i * week, (made,), held) for i in range(4))
    repaired = RepairedService(weeks, AT, (made,), ((AT, held),), AT + week)
    tried = (TriedVersion(attack, share), TriedVersion("another", None))
    story = LiveStory(attack, moments, weeks, tried, repaired, tmp_path)
    page = draw_story(story, [(AT + i * week, 5 + i) for i in range(3)])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 4
    assert "promotion refused: it was not asked" in page


def test_a_version_is_promoted_only_where_it_is_clearly_better() -> None:
    def tried(low: float, high: float) -> TriedVersion:
        gain = Estimate(value=(low + high) / 2, low=low, high=high, n=90, method="m")
        return TriedVersion("new", gain)

    assert "promotion earned" in tried(0.01, 0.05).told
    assert tried(-0.02, 0.05).told.endswith("promotion refused: not clearly better")
    assert tried(-0.05, -0.01).told.endswith("promotion refused: it is worse")
    assert not tried(-0.02, 0.05).is_earned


def test_made_up_questions_stand_in_where_the_forum_is_not_there(tmp_path: Path) -> None:
    questions = live_questions(tmp_path)
    assert "made-up questions" in questions.source
    assert "there is no" in questions.source
    assert len(questions.history) > 2_000
    assert len(questions.asked) > 2_000
    assert len(questions.areas) >= 5
    wave = [row for row in questions.asked if " x" in row.text]
    assert len(wave) >= 80
    model = AreaModel.trained_on(questions.history, questions.areas)
    right = [model.answer(row.text) == row.area for row in questions.asked[:400]]
    assert 0.6 < sum(right) / len(right) < 0.85, "as many askers are mistaken as in the forum"


def test_what_the_gateway_recorded_is_read_at_the_moments_of_the_questions(tmp_path: Path) -> None:
    rows = [question(i, f"the calendar {i}", "calendar") for i in range(6)]
    by_id = {row.id: row for row in rows}
    with Store(tmp_path) as store:
        for number in range(6):
            record(store, number, "calendar" if number % 2 else "settings")
        answers = replayed_answers(store, by_id)
        learned = rows_learned_from_use(store, answers, until=AT + dt.timedelta(days=1))
    assert [each.question.id for each in answers] == [row.id for row in rows]
    assert {each.question.at for each in answers} == {AT}
    (reading,) = weekly_readings(answers, "v")
    assert (reading.wrong.value, reading.wrong.n) == (0.5, 6)
    assert len(rows_to_watch(rows[:1], answers, until=AT)) == 0
    assert len(rows_to_watch([], answers, until=AT + dt.timedelta(days=1))) == 6
    assert {row.area for row in learned} == {"calendar"}, "confirmed, and corrected"


def record(store: Store, number: int, answer: str) -> None:
    """As the gateway leaves an answer and what its asker said."""
    about = f"i{number}"
    now = dt.datetime.now(dt.UTC)
    request = {
        "metadata": {"question": str(number)},
        "messages": [{"role": "user", "content": f"the calendar {number}"}],
    }
    asked = Interaction(
        id=about, at=now, served="recorded", version="v", request=request, response=answer
    )
    store.change(interactions.insert().values(**interaction_line(asked)))
    right = answer == "calendar"
    given = {"interaction": about, "at": now, "received": now}
    rating = {"key": f"{number}-r", "kind": "rating", "name": "right", "value": right, **given}
    said = [Feedback.model_validate(rating)]
    if not right:
        corrected = {"key": f"{number}-c", "kind": "correction", "text": "calendar", **given}
        said.append(Feedback.model_validate(corrected))
    for each in said:
        store.change(feedback.insert().values(**feedback_line(each)))


def check(folder: Path, said: list[str], data: Path) -> LiveStory:
    """A replay through the real gateway, without the embedded model; a second one asks nothing."""
    story = replay(folder, data, say=said.append, generated=0)
    assert [moment.at for moment in story.moments] == list(MOMENTS)
    assert all(moment.decision.action != "retrain" for moment in story.moments), "little decays"
    clock = story.moments[2]
    assert clock.decision.action == "hold"
    assert "November 2023, not the model" in clock.decision.why
    assert story.repaired.retrained is not None
    assert story.picture.read_text(encoding="utf-8").count("<svg") == 4
    with Store(folder) as store:
        assert len(decisions(store)) >= 3
        assert not store.check_ledger().faults
        ledger = traffic_ledger(store)
        assert ledger.balances
        assert ledger.recorded == ledger.accepted
        assert (len(history(store, "production")) == 2) == story.tried[0].is_earned
    return story


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "thunderbird").is_dir(), reason=NO_DATA)
def test_the_half_year_is_replayed(tmp_path: Path) -> None:
    said: list[str] = []
    story = check(tmp_path / "live", said, DATA)
    assert any("115" in alarm.slice for alarm in story.moments[0].alarms)
    assert story.tried[0].gain is not None
    assert story.tried[0].gain.low > -0.05
    assert "forum" in said[0]


@pytest.mark.slow
def test_the_half_year_is_made_up_where_there_is_no_data(tmp_path: Path) -> None:
    said: list[str] = []
    check(tmp_path / "live", said, tmp_path)
    assert "made-up" in said[0]
