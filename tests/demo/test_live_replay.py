"""The replayed half year: real questions, the detectors, decisions at four moments."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from tests.shared_data import DATA, NO_DATA
from tunewell.decide import QualityReading, decisions
from tunewell.demo.areas import AREAS, AreaModel, AreaQuestion
from tunewell.demo.live_picture import Moment, draw_story
from tunewell.demo.live_replay import MOMENTS, replay
from tunewell.store import Store
from tunewell.types import Decision, Estimate

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


def test_the_picture_escapes_what_it_shows() -> None:
    share = Estimate(value=0.3, low=0.2, high=0.4, n=9, method="m")
    week = dt.timedelta(days=7)
    weeks = [QualityReading(at=AT + i * week, version="v", wrong=share) for i in (0, 1)]
    held = Decision(action="hold", why="<script>alert(1)</script>", gain=share)
    page = draw_story([Moment(AT, (), held)], weeks, share, [(0, held)])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert page.count("<svg") == 2


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "thunderbird").is_dir(), reason=NO_DATA)
def test_the_half_year_is_replayed(tmp_path: Path) -> None:
    said: list[str] = []
    story = replay(tmp_path / "live", DATA, say=said.append)
    assert [moment.at for moment in story.moments] == list(MOMENTS)
    assert all(moment.decision.action != "retrain" for moment in story.moments), "little decays"
    clock = story.moments[2]
    assert clock.decision.action == "hold"
    assert "28 November 2023" in clock.decision.why
    assert any("115" in alarm.slice for alarm in story.moments[0].alarms)
    assert any(decision.action == "retrain" for _, decision in story.decaying)
    assert story.gain.low > -0.05
    assert story.picture.read_text(encoding="utf-8").count("<svg") == 2
    with Store(tmp_path / "live") as store:
        assert len(decisions(store)) >= 3
        assert not store.check_ledger().faults
