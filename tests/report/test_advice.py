from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

from tunewell.project import Project
from tunewell.report.advice import advice, recommendation
from tunewell.report.conditions import conditions
from tunewell.report.html_page import page
from tunewell.report.results import Results, gather
from tunewell.testing.factories import sample_project
from tunewell.types import Acceptance, Finding, Verdict

D09 = Finding(
    code="D09",
    status="found",
    stage="curate",
    why="9 of 150 rows still in the data: the rule only reports",
    blocking=True,
)


def told(results: Results, verdict: Verdict) -> str:
    changed = Results(**{**results.__dict__, "verdict": verdict})
    html = page(changed)
    first = html.split('<div id="evidence"')[0]
    return " ".join(re.sub("<[^>]+>", " ", first.split("</style>")[1]).split())


def test_the_first_sentence_is_a_recommendation(results: Results) -> None:
    verdict = results.verdict
    assert verdict is not None
    made = conditions(results)
    first = recommendation(made, verdict)
    assert first.startswith("Do not release it yet. Ask for about 80 verdicts, of 2 people each")
    assert recommendation(made, verdict.model_copy(update={"outcome": "GO"})) == (
        "Release this version."
    )
    against = verdict.model_copy(update={"outcome": "NO-GO"})
    assert recommendation(made, against) == "Do not release this version."
    assert "Do not release it yet. Ask for about 80 verdicts" in told(results, verdict)


def test_what_a_signature_takes_on_who_stands_for_it_and_what_the_next_look_costs(
    results: Results,
) -> None:
    found = advice(results, conditions(results))
    assert found is not None
    assert any("may be as low as" in item for item in found.if_signed)
    assert any(item.startswith("Nobody knows whether") for item in found.if_signed)
    assert "2 h 40 min of people's time" in found.next_look[0]
    assert "EUR" in found.next_look[0]
    assert found.approved == "nobody yet; still to approve: head of service desk"


def test_approvals_are_named_with_their_dates(folder: Path) -> None:
    made = sample_project(folder, rows=100)
    with made.store:
        made.store.say("approval", made.file.definition, author="head of service desk")
        results = gather(Project(made.file, made.store))
        found = advice(results, conditions(results))
    assert found is not None
    assert re.fullmatch(r"head of service desk on \d\d \w+ \d{4}", found.approved)


def test_data_that_are_not_clean_are_named_on_page_one(results: Results) -> None:
    verdict = results.verdict
    assert verdict is not None
    unclean = verdict.model_copy(update={"findings": (*verdict.findings, D09)})
    text = told(results, unclean)
    assert "Not clean: D09 contradictions" in text
    assert "D09 (contradictions) stays open" in text

    accepted = D09.model_copy(
        update={
            "status": "accepted",
            "acceptance": Acceptance(
                code="D09",
                author="Mara",
                at=dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
                reason="known",
                until=dt.date(2027, 2, 1),
            ),
        }
    )
    taken_on = verdict.model_copy(
        update={"outcome": "GO", "findings": (*verdict.findings, accepted)}
    )
    text = told(results, taken_on)
    assert "accepted by Mara until 2027-02-01" in text
    assert "On 01 February 2027, when the first acceptance ends." in text


def test_nothing_is_cut_without_a_way_to_open_it(results: Results) -> None:
    verdict = results.verdict
    assert verdict is not None
    long = "word " * 300 + "last"
    html = page(
        Results(
            **{
                **results.__dict__,
                "verdict": verdict.model_copy(update={"would_change": (long,) * 7, "why": long}),
            }
        )
    )
    owner = html.split('<div id="evidence"')[0]
    for cut in re.findall(r"<summary>.*?</summary>(.*?)</details>", owner, re.DOTALL):
        assert "last" in cut
    assert owner.count("last</bdi>") >= 7
