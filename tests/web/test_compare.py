"""Comparisons over HTTP: roles, blinding, what raters, agents and owners are sent."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.web.conftest import Person, World
from tunewell.compare import BlindComparison, ComparisonBook, GivenAnswer
from tunewell.people import AccountRole

TOLD = ("tuned", "production", "spring", "human", "secret-arm")


def book_of(world: World) -> ComparisonBook:
    return ComparisonBook(world.store)


@pytest.fixture
def agent(world: World) -> Person:
    return world.client("gus", "agent")


def drafted(
    world: World,
    raters: list[str],
    *,
    each: int = 4,
    human: bool = False,
    agents: list[str] | None = None,
    **more: Any,
) -> BlindComparison:
    """A draft over HTTP, whose program's answers are there."""
    arms = [{"name": "tuned", "kind": "prompted"}, {"name": "production", "kind": "base"}]
    if human:
        arms[1] = {"name": "human", "kind": "human"}
    design = {
        "name": "spring",
        "arms": arms,
        "raters": len(raters),
        "each": each,
        "win_rate": 0.97,
        "icc": 0.0,
        "ties": 0.0,
        **more,
    }
    owner = world.client("olga", "owner")
    sent = {"design": design, "raters": raters, "agents": agents or []}
    answer = owner.client.post("/api/v1/comparisons", json=sent, headers={"x-csrf": owner.csrf})
    assert answer.status_code == 200, answer.text
    book = book_of(world)
    comparison = book.named("spring")
    questions = {pair.question.id: pair.question for pair in book.pairs(comparison)}
    for number, question in enumerate(questions.values()):
        for arm in range(2):
            if comparison.design.arms[arm].is_human:
                continue
            text = f"Answer {'good' if arm == 0 else 'weak'} to number {number}."
            book.give(comparison, question.id, arm, GivenAnswer(text=text, shown=text))
    return comparison


def signed(world: World, raters: list[str], **more: Any) -> BlindComparison:
    drafted(world, raters, **more)
    owner = world.client("olga", "owner")
    answer = owner.client.post("/api/v1/comparisons/spring/sign", headers={"x-csrf": owner.csrf})
    assert answer.status_code == 200, answer.text
    return book_of(world).named("spring")


def six(world: World) -> list[Person]:
    return [world.client(f"Rater {n}", "guest") for n in range(6)]


def ids(people: list[Person]) -> list[str]:
    return [str(person.client.get("/api/v1/me").json()["id"]) for person in people]


def test_a_comparison_from_draft_to_result_by_api(world: World) -> None:
    raters = six(world)
    comparison = signed(world, ids(raters))
    for person in raters:
        mine = person.client.get("/api/v1/my-comparisons").json()
        assert [m["left"] for m in mine] == [4]
        while pairs := person.client.get(f"/api/v1/my-comparisons/{comparison.id}/pairs").json():
            pair = pairs[0]
            preferred = "first" if "good" in pair["first"] else "second"
            body = {
                "key": f"r-{pair['id']}",
                "pair": pair["id"],
                "seconds": 2.5,
                "said": {"preferred": preferred, "reasons": ["correct"], "comment": "clear"},
            }
            for new in (True, False):
                sent = person.client.post(
                    "/api/v1/ratings", json=body, headers={"x-csrf": person.csrf}
                )
                assert sent.json() == {"key": body["key"], "new": new}
        asked = person.client.get(f"/api/v1/my-comparisons/{comparison.id}/guesses").json()
        assert len(asked) == 4
        for number, question in enumerate(asked):
            guess = {"key": f"g-{number}", "pair": question["pair"], "arm": None}
            sent = person.client.post(
                f"/api/v1/my-comparisons/{comparison.id}/guesses",
                json=guess,
                headers={"x-csrf": person.csrf},
            )
            assert sent.status_code == 200, sent.text

    owner = world.client("olga", "owner")
    result = owner.client.get("/api/v1/comparisons/spring/result").json()
    assert result["outcome"] == "GO"
    assert result["verdicts"] == 24
    page = owner.client.get("/comparisons/spring/result")
    assert page.status_code == 200
    assert "GO" in page.text
    closed = owner.client.post("/api/v1/comparisons/spring/close", headers={"x-csrf": owner.csrf})
    assert closed.json()["outcome"] == "GO"


@pytest.mark.parametrize("role", ["engineer", "expert", "agent", "guest"])
def test_results_and_signatures_are_the_owners_alone(world: World, role: AccountRole) -> None:
    drafted(world, ids(six(world)))
    person = world.client("somebody", role)
    csrf = {"x-csrf": person.csrf}
    for path in ("sign", "close"):
        assert (
            person.client.post(f"/api/v1/comparisons/spring/{path}", headers=csrf).status_code
            == 403
        )
        assert person.post(f"/comparisons/spring/{path}").status_code == 403
    assert person.client.get("/api/v1/comparisons/spring/result").status_code == 403
    assert person.client.get("/comparisons/spring/result").status_code == 403
    wanted = 200 if role == "engineer" else 403
    assert person.client.get("/api/v1/comparisons").status_code == wanted
    assert person.client.get("/comparisons/spring").status_code == wanted
    assert person.client.get("/comparisons/new").status_code == wanted


def test_an_owner_who_rates_sees_no_result_before_it_is_closed(world: World) -> None:
    owner = world.client("olga", "owner")
    raters = [*ids(six(world))[:5], *ids([owner])]
    signed(world, raters)
    assert owner.client.get("/comparisons/spring/result").status_code == 403
    assert owner.client.get("/api/v1/comparisons/spring/result").status_code == 403
    assert owner.post("/comparisons/spring/close").status_code in (200, 303)
    assert owner.client.get("/comparisons/spring/result").status_code == 200


def test_raters_reach_their_own_pairs_alone(world: World) -> None:
    raters = six(world)
    comparison = signed(world, ids(raters))
    first, second = raters[0], raters[1]
    pair = first.client.get(f"/api/v1/my-comparisons/{comparison.id}/pairs").json()[0]
    body = {"key": "x", "pair": pair["id"], "said": {"preferred": "first"}}
    sent = second.client.post("/api/v1/ratings", json=body, headers={"x-csrf": second.csrf})
    assert sent.status_code == 404
    assert first.client.post("/api/v1/ratings", json=body).status_code == 403
    stranger = world.client("Stranger", "guest")
    for path in (f"/compare/{comparison.id}", f"/api/v1/my-comparisons/{comparison.id}/pairs"):
        assert stranger.client.get(path).status_code == 404
    agent = world.client("gus", "agent")
    assert agent.client.get("/compare").status_code == 403
    assert agent.client.get("/api/v1/my-comparisons").status_code == 403
    assert first.client.get("/inbox").status_code == 403
    assert first.client.get("/api/v1/requests").status_code == 403


def test_what_a_rater_is_sent_names_no_arm(world: World) -> None:
    raters = six(world)
    comparison = signed(world, ids(raters))
    person = raters[0]
    for path in (
        "/compare",
        f"/compare/{comparison.id}",
        "/api/v1/my-comparisons",
        f"/api/v1/my-comparisons/{comparison.id}/pairs",
    ):
        answer = person.client.get(path)
        assert answer.status_code == 200
        told = answer.text + json.dumps(dict(answer.headers))
        for word in TOLD:
            assert word not in told, (path, word)
        assert answer.headers["cache-control"] == "no-store"
        assert "etag" not in answer.headers


def test_an_agent_answers_and_is_not_told_of_the_comparison(world: World, agent: Person) -> None:
    raters = six(world)
    signed(world, ids(raters), human=True, agents=ids([agent]))
    page = agent.client.get("/inbox")
    assert page.status_code == 200
    for word in ("compar", "spring", "tuned", "rater", "good to number"):
        assert word not in page.text.lower().replace("compare.css", ""), word
    requests = agent.client.get("/api/v1/requests").json()
    assert len(requests) == 4
    body = {"key": "one", "request": requests[0]["id"], "text": "A person says so."}
    sent = agent.client.post("/api/v1/requests/answers", json=body, headers={"x-csrf": agent.csrf})
    assert sent.json() == {"key": "one", "new": True}
    empty = agent.post(f"/inbox/{requests[1]['id']}", text="  ", key="two")
    assert empty.status_code == 400
    assert agent.post(f"/inbox/{requests[1]['id']}", text="Yes.", key="two").status_code in (
        200,
        303,
    )
    assert len(agent.client.get("/api/v1/requests").json()) == 2
    ready = book_of(world).pairs(book_of(world).named("spring"))
    assert sum(pair.status == "ready" for pair in ready) == 12


def test_a_plain_form_rates_without_our_script(world: World) -> None:
    raters = six(world)
    comparison = signed(world, ids(raters))
    person = raters[0]
    page = person.client.get(f"/compare/{comparison.id}").text
    pair = re.search(r'name="pair" value="([0-9a-f]{32})"', page)
    key = re.search(r'name="key" value="([0-9a-f]{32})"', page)
    assert pair is not None
    assert key is not None
    fields = {"pair": pair[1], "key": key[1], "preferred": "tie", "comment": "alike"}
    for _ in range(2):
        sent = person.post(f"/compare/{comparison.id}/rate", **fields)
        assert sent.status_code in (200, 303)
    rated = book_of(world).rated(book_of(world).named("spring"))
    assert [said.value for said in rated] == [0.5]
    assert (
        person.post(f"/compare/{comparison.id}/rate", **{**fields, "preferred": "x"}).status_code
        == 422
    )


def test_own_questions_wait_for_both_answers(world: World) -> None:
    raters = six(world)
    comparison = signed(world, ids(raters), questions="own", each=4)
    person = raters[0]
    sent = person.post(f"/compare/{comparison.id}/ask", text="Why is my bill so high?")
    assert sent.status_code in (200, 303)
    page = person.client.get(f"/compare/{comparison.id}").text
    assert "1 question waits" in page
    book = book_of(world)
    pair = book.pairs(comparison)[0]
    for arm in range(2):
        answer = GivenAnswer(text=f"Because {arm}.", shown=f"Because {arm}.")
        book.give(comparison, pair.question.id, arm, answer)
    assert "Because 0." in person.client.get(f"/compare/{comparison.id}").text


def test_hostile_answers_are_text(world: World) -> None:
    raters = six(world)
    comparison = drafted(world, ids(raters))
    book = book_of(world)
    hostile = "<script>alert(1)</script>{{ 7*7 }}\x00\u202e"
    pair = book.pairs(comparison)[0]
    changed = pair.model_copy(
        update={"answers": (GivenAnswer(text=hostile, shown=hostile), pair.answers[1])}
    )
    assert changed.status == "ready"
    page = world.client("olga", "owner").client.get("/comparisons/spring").text
    assert "<script>alert" not in page


def test_the_form_says_what_is_missing(world: World) -> None:
    owner = world.client("olga", "owner")
    fields = {"name": "Spring!", "first": "base", "second": "base", "each": "4"}
    page = owner.post("/comparisons/new", **fields)
    assert page.status_code == 400
    assert "lower-case" in page.text or "both arms" in page.text
    raters = ids(six(world))
    good = {**fields, "name": "spring", "second": "prompted", "raters": raters, "icc": "0.5"}
    tuned = owner.post("/comparisons/new", **{**good, "first": "tuned"})
    assert tuned.status_code == 400
    assert "nothing has been trained" in tuned.text
    assert owner.post("/comparisons/new", **good).status_code in (200, 303)
    page = owner.post("/comparisons/spring/sign")
    assert page.status_code == 400
    assert "no answer yet" in page.text
