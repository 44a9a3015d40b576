from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from tunewell.errors import UserError
from tunewell.monitor.impact import ImpactQuestion, impact, impact_finding, sentence
from tunewell.monitor.kpi import KpiSeries, kpi_series
from tunewell.testing.service import PlantedIncident, ServiceSettings, simulate
from tunewell.types import Feedback, Interaction

FIRST = dt.date(2026, 1, 5)
UNTIL = dt.datetime(2026, 4, 27, tzinfo=dt.UTC)


def _series(rate: float, after: float, *, days: int = 112, daily: int = 200) -> KpiSeries:
    rng = np.random.default_rng(7)
    contacts = rng.poisson(daily, days).astype(np.float64)
    rates = np.where(np.arange(days) > 70, after, rate)
    events = rng.binomial(contacts.astype(int), rates).astype(np.float64)
    return KpiSeries(
        name="escalated",
        first=FIRST,
        period_days=1,
        contacts=contacts,
        sums=events,
        squares=events,
        is_share=True,
        ripening_days=0.0,
    )


RELEASED = FIRST + dt.timedelta(days=70)


def test_a_release_that_lowers_escalations_is_said_to() -> None:
    found = impact(_series(0.2, 0.1), ImpactQuestion(released=RELEASED))
    assert found.outcome == "lower"
    assert found.effect is not None
    assert found.effect.low < -10 < found.effect.high
    assert found.since == RELEASED + dt.timedelta(days=1)
    assert "lower since the release" in sentence(found)
    assert impact_finding(found, better="lower").status == "clear"
    assert impact_finding(found, better="higher").status == "found"


def test_no_effect_is_no_claim_and_says_when_there_can_be_one() -> None:
    found = impact(_series(0.2, 0.2), ImpactQuestion(released=RELEASED, smallest=3.0))
    assert found.outcome in ("cannot be told yet", "no larger than asked")
    if found.outcome == "cannot be told yet":
        assert found.tell_on is not None
        assert found.tell_on > found.until
    assert impact_finding(found, better="lower").status in ("unchecked", "found")


def test_too_young_a_release_cannot_be_told_yet() -> None:
    question = ImpactQuestion(released=FIRST + dt.timedelta(days=108))
    found = impact(_series(0.2, 0.2), question)
    assert found.effect is None
    assert found.outcome == "cannot be told yet"
    assert "8 periods are needed" in " ".join(found.notes)


def test_without_a_control_the_figure_says_so() -> None:
    alone = impact(_series(0.2, 0.1), ImpactQuestion(released=RELEASED))
    assert any("no control" in note for note in alone.notes)
    beside = impact(
        _series(0.2, 0.1),
        ImpactQuestion(released=RELEASED, control="region=south"),
        control=_series(0.2, 0.2),
    )
    assert beside.control == "region=south"
    assert not any("no control" in note for note in beside.notes)


def test_contacts_are_conversations_and_late_outcomes_are_waited_for() -> None:
    start = dt.datetime.combine(FIRST, dt.time(), dt.UTC)
    rows = []
    said = []
    for i in range(1200):
        at = start + dt.timedelta(hours=2 * (i // 2))
        rows.append(
            Interaction.model_construct(
                id=str(i), at=at, conversation=str(i // 2), shadow_of="", assigned="a"
            )
        )
        if i % 10 == 0:
            when = at + dt.timedelta(days=3)
            said.append(
                Feedback(
                    key=str(i),
                    interaction=str(i),
                    kind="event",
                    name="escalated",
                    at=when,
                    received=when,
                )
            )
    found = kpi_series("escalated", rows, said, until=start + dt.timedelta(days=50))
    assert found.contacts.sum() <= 600
    assert found.ripening_days == pytest.approx(3.0)
    assert found.period_days == 7
    assert found.values.mean() == pytest.approx(20, abs=3)


def test_an_unknown_kpi_says_where_to_look() -> None:
    with pytest.raises(UserError, match="no feedback called 'solved'"):
        kpi_series("solved", [], [], until=UNTIL)


def test_a_worse_model_of_the_simulated_service_raises_escalations() -> None:
    settings = ServiceSettings(days=112, daily=90, memory=0.0, release_days=0, escalated=0.5)
    service = simulate(settings, [PlantedIncident(kind="behaviour", day=70, size=0.3)], seed=3)
    series = kpi_series(
        "escalated", service.interactions(), service.feedback(), until=UNTIL, period_days=1
    )
    found = impact(series, ImpactQuestion(released=settings.start + dt.timedelta(days=70)))
    assert found.outcome == "higher"
