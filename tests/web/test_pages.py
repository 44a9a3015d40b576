"""Pages: who may see what, nothing foreign, nothing that tells the arm."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.web.conftest import ROLE_NAMES, World, texts
from tests.web.world import make_project
from tunewell.annotate import annotation_result
from tunewell.people import AccountRole
from tunewell.project import Project
from tunewell.web import create_app
from tunewell.web.access import Allow, AllowChange, ApiAllow

PUBLIC = {"/login", "/join/{token}", "/health", "/sso", "/sso/callback"}
GOOD = {"scores": {"faithful": 1, "helpful": 4}}


def test_the_first_owner_comes_by_a_link_and_signs_in_with_a_password(world: World) -> None:
    link = world.invitations.make("owner", author="Tunewell")
    client = TestClient(world.app, follow_redirects=False)
    assert "invites you as" in client.get(f"/join/{link}").text
    bad = client.post(f"/join/{link}", data={"name": "Ann", "password": "short"})
    assert bad.status_code == 400
    assert "at least 10" in bad.text
    joined = client.post(f"/join/{link}", data={"name": "Ann", "password": "a long pass phrase"})
    assert joined.status_code == 303
    assert "Ann" in client.get("/").text
    cookie = joined.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert client.get(f"/join/{link}").status_code == 404
    other = TestClient(world.app, follow_redirects=False)
    assert other.post("/login", data={"name": "Ann", "password": "wrong"}).status_code == 403
    into = other.post(
        "/login", data={"name": "ann", "password": "a long pass phrase", "next": "//evil.example"}
    )
    assert into.headers["location"] == "/"
    assert [line.action for line in world.audit.lines()][:3] == [
        "sign-in",
        "sign-in failed",
        "joined",
    ]


def test_after_too_many_failures_even_the_right_password_waits(world: World) -> None:
    world.accounts.create("Ann", role="expert", password="a long pass phrase")
    client = TestClient(world.app, follow_redirects=False)
    codes = [
        client.post("/login", data={"name": "Ann", "password": "wrong"}).status_code
        for _ in range(9)
    ]
    assert codes == [403] * 8 + [429]
    assert (
        client.post("/login", data={"name": "Ann", "password": "a long pass phrase"}).status_code
        == 429
    )


def routes(world: World) -> list[tuple[str, str, APIRoute]]:
    found: list[tuple[str, str, APIRoute]] = []

    def walk(all_routes: Iterable[Any]) -> None:
        for route in all_routes:
            if isinstance(route, APIRoute):
                found.extend((m, route.path, route) for m in sorted(route.methods or ()))
            elif hasattr(route, "original_router"):
                walk(route.original_router.routes)

    walk(world.app.routes)
    return found


def guard_of(route: APIRoute) -> Allow | None:
    return next((d.call for d in route.dependant.dependencies if isinstance(d.call, Allow)), None)


def test_every_route_says_who_may(world: World) -> None:
    found = routes(world)
    assert len(found) > 30
    for method, path, route in found:
        guard = guard_of(route)
        if path in PUBLIC:
            assert guard is None, path
            continue
        assert guard is not None, f"{method} {path} is open to everybody"
        if path.startswith("/api/"):
            assert isinstance(guard, ApiAllow), path
        elif method not in ("GET", "HEAD"):
            assert isinstance(guard, AllowChange), f"{method} {path} takes forms from anywhere"


@pytest.mark.parametrize("role", [*ROLE_NAMES, None])
def test_every_role_against_every_route(world: World, role: AccountRole | None) -> None:
    """A role that may not is refused before anything happens.

    One that may is never refused for its role.
    """
    person = world.client(f"the {role}", role) if role else None
    client = person.client if person else TestClient(world.app, follow_redirects=False)
    csrf = person.csrf if person else ""
    for method, path, route in routes(world):
        guard = guard_of(route)
        if guard is None or path == "/logout":
            continue
        url = re.sub(r"\{[^}]+\}", "0" * 32, path)
        answer = client.request(method, url, data={"csrf": csrf}, headers={"x-csrf": csrf})
        if role is None:
            assert answer.status_code in (401, 303), (method, path, answer.status_code)
            assert answer.status_code == 401 or answer.headers["location"].startswith("/login")
        elif role in guard.roles:
            assert answer.status_code in (200, 303, 400, 404, 422), (
                method,
                path,
                answer.status_code,
                answer.text,
            )
        else:
            assert answer.status_code == 403, (method, path, answer.status_code)


def test_forms_need_the_token_of_the_session(world: World) -> None:
    owner = world.client("ann", "owner")
    assert owner.client.post("/people/invite", data={"role": "expert"}).status_code == 403
    assert (
        owner.client.post("/people/invite", data={"role": "expert", "csrf": "x"}).status_code == 403
    )
    assert (
        owner.client.post("/people/invite", data={"role": "expert", "csrf": owner.csrf}).status_code
        == 200
    )
    body = {"role": "expert"}
    assert owner.client.post("/api/v1/invitations", json=body).status_code == 403
    assert (
        owner.client.post(
            "/api/v1/invitations", json=body, headers={"x-csrf": owner.csrf}
        ).status_code
        == 200
    )


@pytest.mark.parametrize(
    "headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}]
)
def test_requests_from_other_sites_are_refused_even_when_signing_in(
    world: World, headers: dict[str, str]
) -> None:
    client = TestClient(world.app)
    assert (
        client.post("/login", data={"name": "a", "password": "b"}, headers=headers).status_code
        == 403
    )


def test_every_answer_forbids_foreign_code_and_is_not_kept(world: World) -> None:
    client = TestClient(world.app)
    for path in ("/login", "/nowhere", "/api/v1/me", "/api/openapi.json"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
    assert client.post("/login", content=b"x" * (6 * 2**20)).status_code == 413


def test_no_page_holds_inline_code_or_style(world: World) -> None:
    owner = world.client("ann", "owner")
    batch = world.review(["ann"])
    marks = world.annotation(["ann"])
    pages = [
        "/",
        f"/work/{batch.id}",
        f"/work/{marks.id}",
        "/batches",
        f"/batches/{batch.id}",
        f"/batches/{marks.id}",
        "/people",
        "/audit",
        "/account",
    ]
    for path in pages:
        answer = owner.client.get(path)
        assert answer.status_code == 200, path
        html = answer.text
        assert not re.search(r"<[^>]+\son\w+=", html), path
        assert not re.search(r"<[^>]+\sstyle=|<style|javascript:", html), path
        assert all("src=" in s for s in re.findall(r"<script[^>]*>", html)), path
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html), path


def test_nothing_a_rater_gets_tells_the_arm(world: World) -> None:
    batch = world.review(["bob", "eve"], rows=20)
    bob = world.client("bob")
    items = world.work_store.items(batch.id)
    first = bob.items(batch.id)[0]
    paths = (
        "/",
        f"/work/{batch.id}",
        f"/work/{batch.id}/more",
        f"/api/v1/queues/{batch.id}",
        f"/api/v1/queues/{batch.id}/items",
        "/api/v1/queues",
        f"/item/{first['id']}/output",
    )
    for path in paths:
        answer = bob.client.get(path)
        assert answer.status_code == 200, path
        whole = f"{answer.text} {dict(answer.headers)}".lower().replace("tunewell", "")
        assert "tuned" not in whole, path
        assert "prompted" not in whole, path
        assert not re.search(r"\bt00\d\d\b", whole), (
            path
        )  # not even which row of the test set it is
    for path in (
        f"/batches/{batch.id}",
        f"/api/v1/batches/{batch.id}/results",
        "/api/v1/judgements",
    ):
        assert bob.client.get(path).status_code == 403
    assert any(len(i.arms) == 2 for i in items), "equal outputs are read once"
    order = {
        i.id: i.arms
        for i in world.work_store.next_items(batch.id, world.people["bob"].id, limit=100)
    }
    leading = [arms for arms in list(order.values())[:20] if len(arms) == 1]
    assert {"tuned"} != {a for arms in leading for a in arms} != {"prompted"}


def test_who_has_no_seat_is_not_told_that_there_is_a_batch(world: World) -> None:
    batch = world.review(["bob"], raters=1)
    item = world.work_store.items(batch.id)[0]
    eve = world.client("eve")
    for path in (
        f"/work/{batch.id}",
        f"/work/{batch.id}/more",
        f"/item/{item.id}/source",
        f"/api/v1/queues/{batch.id}/items",
        f"/decide/{batch.id}",
    ):
        assert eve.client.get(path).status_code == 404, path
    answer = eve.say(item.id, "k", **GOOD)
    assert answer.status_code == 404
    assert set(answer.json()["error"]) == {"code", "message", "hint"}


def test_a_verdict_by_api_counts_once_and_bad_ones_say_why(world: World) -> None:
    batch = world.review(["bob"], raters=1)
    bob = world.client("bob")
    item = bob.items(batch.id)[0]["id"]
    assert [bob.say(item, "k1", **GOOD).json()["new"] for _ in range(2)] == [True, False]
    bad = bob.say(bob.items(batch.id)[0]["id"], "k2", scores={"faithful": 7})
    assert bad.status_code == 400
    assert "faithful: yes (1) or no (0)" in bad.json()["error"]["message"]
    odd = bob.say("../../etc", "k3")
    assert odd.status_code == 422
    assert set(odd.json()["error"]) == {"code", "message", "hint"}
    assert len(world.work_store.verdicts(batch.id)) == 1


def test_without_our_script_a_plain_form_does(world: World) -> None:
    batch = world.review(["bob"], raters=1, rows=2)
    bob = world.client("bob")
    html = bob.client.get(f"/work/{batch.id}").text
    fields = dict(re.findall(r'name="(item|key)" value="([^"]+)"', html)[:2])
    answer = bob.post(f"/work/{batch.id}", **fields, **{"score.faithful": "1"})
    assert answer.status_code == 400
    assert "helpful: not answered" in answer.text
    answer = bob.post(
        f"/work/{batch.id}",
        **fields,
        **{"score.faithful": "0", "score.helpful": "2", "tag": "rude"},
    )
    assert answer.status_code == 303
    kept = world.work_store.verdicts(batch.id)[0].said
    assert (kept.scores, kept.tags) == ({"faithful": 0.0, "helpful": 2.0}, ("rude",))
    again = bob.client.get(f"/work/{batch.id}?undo=1").text
    assert re.search(r'name="score.helpful" value="2" checked', again)


def test_what_a_question_means_for_a_row_stands_beside_it(world: World) -> None:
    asked, plain = world.file.spec.people.rubric
    rubric = (asked.model_copy(update={"per_row": "tags.region"}), plain)
    people = world.file.spec.people.model_copy(update={"rubric": rubric})
    spec = world.file.spec.model_copy(update={"people": people})
    world.file = dataclasses.replace(world.file, spec=spec)
    batch = world.review(["bob"], raters=1, rows=2)
    bob = world.client("bob")
    html = bob.client.get(f"/work/{batch.id}").text
    assert re.findall(r'<p class="own" dir="auto">(\w+)</p>', html)[0] in {"north", "south"}
    (first, *_) = bob.items(batch.id)
    assert set(first["per_row"]) == {asked.name}


HOSTILE = (
    "<script>fetch('//evil.example')</script><img src=x onerror=alert(1)></textarea></article>"
    "<b style=position:fixed>{{ 7*7 }} \u202egnp.exe\u2066\x00\x1b[31m </div>" + "A" * 1_000_000
)


def test_hostile_output_is_text(tmp_path_factory: pytest.TempPathFactory) -> None:
    file, store = make_project(
        tmp_path_factory.mktemp("hostile"), rows=2, answers={"t0000": HOSTILE, "t0001": HOSTILE}
    )
    world = World(file, store, create_app(Project(file, store)))
    batch = world.review(["bob"], raters=1, rows=2)
    bob = world.client("bob")
    html = bob.client.get(f"/work/{batch.id}").text
    assert "<script>fetch" not in html
    assert "<img" not in html
    assert "&lt;script&gt;" in html
    assert "{{ 7*7 }}" in html
    for hidden in "\u202e\u2066\x00\x1b":
        assert hidden not in html
    assert len(html) < 700_000
    assert "more characters" in html
    item = next(i for i in world.work_store.items(batch.id) if "tuned" in i.arms)
    whole = bob.client.get(f"/item/{item.id}/output")
    assert whole.headers["content-type"].startswith("text/plain")
    assert len(whole.text) > 1_000_000
    store.close()


def test_two_annotators_and_an_adjudicator(world: World) -> None:
    batch = world.annotation(["bob", "eve"], rows=3, adjudicators=["judy"])
    bob, eve, judy = (world.client(n) for n in ("bob", "eve", "judy"))
    agreed, *rest = [i["id"] for i in bob.items(batch.id)]
    span = {"start": 0, "end": 2, "label": "amount"}
    for person in (bob, eve):
        for item in person.items(batch.id):
            label = "billing" if item["id"] == agreed or person is bob else "meter"
            said = person.say(item["id"], item["id"], label=label, spans=[span], answer="B-12")
            assert said.status_code == 200, said.text
    assert judy.client.get("/").text.count("/decide/") == 1
    assert bob.client.get(f"/decide/{batch.id}").status_code == 404
    for _ in rest:
        html = judy.client.get(f"/decide/{batch.id}").text
        assert "bob" not in texts(html)
        assert "eve" not in texts(html).split()
        fields = dict(re.findall(r'name="(item|key)" value="([^"]+)"', html))
        chosen = re.findall(r'name="chosen" value="(\d+)"', html)
        assert len(chosen) == 2
        done = judy.post(
            f"/decide/{batch.id}", **fields, chosen=chosen[0], comment="the rule on page 3"
        )
        assert done.status_code == 303, done.text
    assert "Nothing to decide" in judy.client.get(f"/decide/{batch.id}").text
    found = annotation_result(world.work_store, batch)
    assert sorted(s.how for s in found.settled) == ["adjudicated", "adjudicated", "agreed"]
    assert found.labels is not None
    assert found.labels.items == 3
    page = world.client("ann", "owner").client.get(f"/batches/{batch.id}").text
    assert "3 settled" in page


def test_the_owner_opens_a_review_and_reads_its_result(world: World) -> None:
    ann = world.client("ann", "owner")
    people = [world.account(n, "expert").id for n in ("bob", "eve")]
    assert "at most 96 verdicts" in ann.client.get("/batches").text
    opened = ann.post(
        "/batches/review", rows="12", raters="2", arms=["tuned", "prompted"], people=people
    )
    assert opened.status_code == 303, opened.text
    batch = opened.headers["location"].split("/")[-1]
    arms = {i.id: i.arms for i in world.work_store.items(batch)}
    for name in ("bob", "eve"):
        person = world.client(name)
        while items := person.items(batch):
            for item in items:
                good = "tuned" in arms[item["id"]]
                scores = {"faithful": int(good), "helpful": 4 if good else 1}
                said = person.say(
                    item["id"], item["id"], scores=scores, tags=[] if good else ["wrong amount"]
                )
                assert said.status_code == 200, said.text
    html = texts(ann.client.get(f"/batches/{batch}").text)
    assert "100 %" in html
    assert "wrong amount" in html
    assert "Raters agree on 100 %" in html
    assert "everywhere" in html


def test_the_last_owner_stays(world: World) -> None:
    ann = world.client("ann", "owner")
    me = world.people["ann"].id
    for fields in ({"role": "guest"}, {"active": "no"}):
        assert ann.post(f"/people/{me}", **fields).status_code == 403
    bob = world.client("bob")
    assert ann.post(f"/people/{world.people['bob'].id}", active="no").status_code == 303
    assert bob.client.get("/api/v1/me").status_code == 401


def test_a_guest_under_the_id_of_another_gets_nothing_of_theirs(world: World) -> None:
    password = "a long pass phrase"
    owner = world.accounts.create("Zoe", role="owner", password=password)
    link = world.invitations.make("guest", author="Zoe")
    guest = TestClient(world.app, follow_redirects=False)
    for name in (owner.id, owner.id.upper(), "Zоe", "Ｚｏｅ", "\u3164", "Z\u200boe"):
        refused = guest.post(f"/join/{link}", data={"name": name})
        assert refused.status_code == 400, name
    assert guest.post(f"/join/{link}", data={"name": "Adi"}).status_code == 303
    zoe = TestClient(world.app, follow_redirects=False)
    assert zoe.post("/login", data={"name": "Zoe", "password": password}).status_code == 303
    assert zoe.get("/api/v1/me").json()["id"] == owner.id


def test_a_machine_uses_a_token(world: World) -> None:
    ann = world.client("ann", "engineer")
    token = re.findall(r"tw_[\w-]+", ann.post("/account/tokens", name="nightly").text)[0]
    client = TestClient(world.app)
    assert client.get("/api/v1/batches", headers={"authorization": f"Bearer {token}"}).json() == []
    assert (
        client.get("/api/v1/batches", headers={"authorization": "Bearer tw_wrong"}).status_code
        == 401
    )
    account = ann.client.get("/account").text
    assert token not in account
    assert "nightly" in account
    assert (
        client.get("/api/v1/me", headers={"authorization": f"Bearer {token}"}).json()["role"]
        == "engineer"
    )


def test_a_guest_gets_work_with_the_link(world: World) -> None:
    batch = world.review(["bob"], raters=2, rows=4)
    ann = world.client("ann", "owner")
    link = re.findall(r"/join/[\w-]+", ann.post(f"/batches/{batch.id}/invite").text)[0]
    guest = TestClient(world.app, follow_redirects=True)
    html = guest.post(link, data={"name": "A visitor"}).text
    assert "left" in html
    assert batch.title in html


def test_the_api_is_described_with_one_error_shape(world: World) -> None:
    found = TestClient(world.app).get("/api/openapi.json").json()
    assert found["openapi"].startswith("3.")
    for path, methods in found["paths"].items():
        assert path.startswith("/api/v1/")
        for operation in methods.values():
            assert operation["description"]
            shape = operation["responses"]["422"]["content"]["application/json"]["schema"]
            assert shape["$ref"].endswith("/Problem")


def test_the_owner_sees_what_the_rows_of_a_batch_stand_for(world: World) -> None:
    batch = world.annotation(["bob"], rows=6)
    assert batch.coverage is not None
    page = texts(world.client("olga", "owner").client.get(f"/batches/{batch.id}").text)
    assert "How representative this sample is" in page
    assert f"Slice values covered, of {batch.coverage.groups} {batch.coverage.covered} " in page
    assert f"{batch.coverage.random.value:.1f} [" in page
    error, at_random = batch.coverage.error, batch.coverage.error_random.value
    assert f"Deviation from the target mix {error:.3f} {at_random:.3f} [" in page
