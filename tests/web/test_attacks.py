"""What strangers and insiders send: bounded, classed, and never believed."""

from __future__ import annotations

import ast
import json
import re
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tunewell.web
from tests.web.conftest import World
from tests.web.test_pages import routes
from tunewell.errors import StoreError
from tunewell.people import Accounts, Invitations
from tunewell.project import Project
from tunewell.store import Store
from tunewell.web import create_app
from tunewell.web.bodies import MOST_BYTES, body_fault

PASSWORD = "a long pass phrase"
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"

# --- bodies ---------------------------------------------------------------------------------------

NESTED = b"[" * 100_000 + b"]" * 100_000
MALFORMED: dict[str, tuple[str, bytes]] = {
    "deep arrays": (JSON, b"[" * 1_900_000),
    "deep objects": (JSON, b'{"a":' * 300_000),
    "deep and valid": (JSON, NESTED),
    "many keys": (JSON, b"{" + b",".join(b'"k%d":1' % n for n in range(150_000)) + b"}"),
    "many numbers": (JSON, b"[" + b"1," * 900_000 + b"1]"),
    "huge number": (JSON, b'{"seconds":' + b"9" * 1_900_000 + b"}"),
    "escapes that do not end": (JSON, b'"' + b'\\"' * 900_000),
    "quotes": (JSON, b'"' * 1_900_000),
    "not UTF-8": (JSON, b'{"comment":"\xff\xfe"}'),
    "NaN": (JSON, b'{"seconds": NaN}'),
    "infinity": (JSON, b'{"seconds": Infinity}'),
    "a key twice": (JSON, b'{"key":"a","key":"b"}'),
    "white space": (JSON, b" " * 1_900_000),
    "many fields": (FORM, b"&".join(b"f%d=1" % n for n in range(200_000))),
    "many empty fields": (FORM, b"&" * 1_900_000),
    "NUL": (FORM, b"name=a%00b&password=x&key=%00"),
    "multipart": ("multipart/form-data; boundary=B", b"--B\r\n" * 300_000),
    "too large": (JSON, b'"' + b"x" * MOST_BYTES + b'"'),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_every_malformed_body_is_refused_before_it_is_parsed(name: str) -> None:
    """In a tenth of a second and in ten megabytes."""
    import tracemalloc

    kind, body = MALFORMED[name]
    path = "/work/x" if kind != JSON else "/api/v1/verdicts"
    if name == "too large":
        return  # refused by its size: the test below
    body_fault(path, kind, b"{}")
    started = time.process_time()
    fault = body_fault(path, kind, body)
    took = time.process_time() - started
    assert fault is not None
    assert fault.status in (400, 415)
    assert took < 0.1, name
    tracemalloc.start()
    body_fault(path, kind, body)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 2**20, name


def test_every_route_answers_every_malformed_body(world: World) -> None:
    owner = world.client("owner", "owner")
    posts = [path for method, path, _ in routes(world) if method == "POST"]
    assert len(posts) > 15
    for path in posts:
        url = re.sub(r"\{[^}]+\}", "0" * 32, path)
        for name, (kind, body) in MALFORMED.items():
            headers = {"content-type": kind, "x-csrf": owner.csrf}
            answer = owner.client.post(url, content=body, headers=headers)
            assert 400 <= answer.status_code < 500, (path, name, answer.status_code)
            assert answer.headers["x-frame-options"] == "DENY"


SCALARS = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=20)
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(said=ANY_JSON, key=ANY_JSON)
def test_no_verdict_of_any_shape_is_a_fault_of_ours(world: World, said: Any, key: Any) -> None:
    if not world.people:
        world.review(["ann"], raters=1)
    ann = world.client("ann")
    item = "0" * 32
    body = json.dumps({"key": key, "item": item, "said": said})
    headers = {"content-type": JSON, "x-csrf": ann.csrf}
    answer = ann.client.post("/api/v1/verdicts", content=body, headers=headers)
    assert answer.status_code in (400, 404, 422)


def test_a_skipped_or_withdrawn_verdict_is_checked_like_others(world: World) -> None:
    batch = world.review(["ann"], raters=1)
    ann = world.client("ann")
    first, *_ = ann.items(batch.id)
    for word in ({"skipped": "x"}, {"withdrawn": True}):
        for more in (
            {"tags": ["t" * 1000] * 4000},
            {"tags": ["not a kind of error"]},
            {"scores": {"faithful": 7}},
            {"scores": {"no such": 1}},
            {"label": "billing"},
            {"spans": [{"start": 0, "end": 10**9, "label": "amount"}]},
        ):
            answer = ann.say(first["id"], "k1", **word, **more)
            assert answer.status_code in (400, 413, 422), (word, more)
    assert world.work_store.verdicts(batch.id, all_words=True) == []
    assert ann.say(first["id"], "k2", skipped="cannot tell").status_code == 200


# --- the store is away ----------------------------------------------------------------------------


def test_every_store_error_is_503_on_every_route(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With Retry-After and all headers; never a refusal, never a page of a fault."""
    owner = world.client("owner", "owner")

    def away(*_: object, **__: object) -> Any:
        raise StoreError("the store cannot be used: connection refused")

    monkeypatch.setattr(Store, "connection", away)
    found: list[tuple[str, str, APIRoute]] = routes(world)
    for method, path, _ in found:
        if (
            path in ("/health", "/login", "/sso", "/sso/callback", "/account/sso")
            and method == "GET"
        ):
            continue
        url = re.sub(r"\{[^}]+\}", "0" * 32, path)
        data = {"csrf": owner.csrf, "name": "ann", "password": PASSWORD}
        answer = owner.client.request(method, url, data=data, headers={"x-csrf": owner.csrf})
        assert answer.status_code == 503, (method, path, answer.status_code)
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["x-frame-options"] == "DENY"
    assert owner.client.get("/health").status_code == 200


def test_a_locked_database_answers_503_and_then_takes_the_verdict(world: World) -> None:
    world.store.patience_s = 0.2
    batch = world.review(["ann"], raters=1)
    ann = world.client("ann")
    first, *_ = ann.items(batch.id)
    with world.store._engine.connect() as kept:
        kept.rollback()
    other = sqlite3.connect(world.store.root / "tunewell.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with world.store._reading.connect() as reading:
        reading.exec_driver_sql("PRAGMA busy_timeout = 100")
    short = Store(world.file.root, patience_s=0.2)
    world.app = create_app(Project(world.file, short))
    ann.client = TestClient(world.app, cookies=dict(ann.client.cookies))
    answer = ann.say(first["id"], "k", scores={"faithful": 1, "helpful": 4})
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, 503)
    other.execute("ROLLBACK")
    other.close()
    assert ann.say(first["id"], "k", scores={"faithful": 1, "helpful": 4}).status_code == 200
    short.close()


def test_no_handler_of_the_app_takes_a_store_error_for_a_refusal() -> None:
    """Wherever a `UserError` is caught, a `StoreError` has been let through before."""
    folder = Path(tunewell.web.__file__).parent
    checked = 0
    for path in folder.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Try):
                continue
            names = [ast.unparse(h.type) if h.type else "" for h in node.handlers]
            caught = [n for n, name in enumerate(names) if "UserError" in name]
            if not caught or path.name in ("mail.py", "app.py"):
                continue
            assert "StoreError" in names[: caught[0]], f"{path.name}:{node.lineno}"
            checked += 1
    assert checked >= 8


def test_what_nobody_foresaw_is_an_answer_with_all_headers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = world.client("owner", "owner")

    def broken(*_: object, **__: object) -> Any:
        raise RuntimeError("S3CRET")

    monkeypatch.setattr(Accounts, "all", broken)
    client = TestClient(
        world.app, cookies=dict(owner.client.cookies), raise_server_exceptions=False
    )
    answer = client.get("/people")
    assert answer.status_code == 500
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert "S3CRET" not in answer.text


# --- signing in -----------------------------------------------------------------------------------


def from_address(world: World, address: str) -> TestClient:
    return TestClient(world.app, follow_redirects=False, client=(address, 5000))


def test_nobody_is_locked_out_by_strangers(world: World) -> None:
    world.accounts.create("Ann", role="expert", password=PASSWORD)
    for n in range(12):
        stranger = from_address(world, f"10.0.0.{n % 2}")
        stranger.post("/login", data={"name": "Ann", "password": f"wrong {n}"})
    own = from_address(world, "192.0.2.7")
    assert own.post("/login", data={"name": "Ann", "password": PASSWORD}).status_code == 303


def test_a_header_that_nobody_configured_changes_no_address(world: World) -> None:
    world.accounts.create("Ann", role="expert", password=PASSWORD)
    client = from_address(world, "10.0.0.1")
    codes = []
    for n in range(10):
        headers = {"x-forwarded-for": f"10.9.0.{n}", "forwarded": f"for=10.9.0.{n}"}
        data = {"name": "Ann", "password": "wrong"}
        codes.append(client.post("/login", data=data, headers=headers).status_code)
    assert codes == [403] * 8 + [429] * 2


def test_attempts_are_counted_before_they_are_hashed(world: World) -> None:
    """Of forty at once, eight are hashed."""
    world.accounts.create("Ann", role="expert", password=PASSWORD)
    with TestClient(world.app, follow_redirects=False) as client:

        def attempt(n: int) -> int:
            return client.post("/login", data={"name": "Ann", "password": f"wrong {n}"}).status_code

        with ThreadPoolExecutor(20) as pool:
            codes = list(pool.map(attempt, range(40)))
    assert sorted(set(codes)) == [403, 429]
    assert codes.count(403) == 8


def test_strangers_cannot_fill_the_log(world: World) -> None:
    world.app.state.context.sign_in_line.passwords.begin = _refusing
    client = from_address(world, "10.0.0.1")
    for n in range(60):
        client.post("/login", data={"name": f"nobody {n}", "password": "x"})
    lines = [line for line in world.audit.lines() if line.action == "sign-in refused"]
    assert len(lines) == 20


def _refusing(*_: object, **__: object) -> Any:
    from tunewell.errors import UserError

    raise UserError("too many failed attempts")


# --- authority ------------------------------------------------------------------------------------


def test_an_open_link_dies_with_what_its_author_was(world: World) -> None:
    links: Invitations = world.invitations
    for change in ("out", "role", "password", "revoked"):
        author = world.accounts.create(f"owner {change}", role="owner", password=PASSWORD)
        link = links.make("owner", author=author)
        (known,) = links.open(author.id)
        guest = TestClient(world.app, follow_redirects=False)
        assert guest.get(f"/join/{link}").status_code == 200
        if change == "out":
            world.accounts.set_active(author.id, False)
            world.accounts.set_active(author.id, True)
        elif change == "role":
            world.accounts.set_role(author.id, "expert")
        elif change == "password":
            world.accounts.set_password(author.id, "another pass phrase")
        else:
            owner = world.client("zoe", "owner")
            assert "owner revoked" in owner.client.get("/people").text
            assert owner.post("/people/invitations/revoke", id=known.id).status_code == 303
        assert guest.get(f"/join/{link}").status_code == 404, change
        posted = guest.post(f"/join/{link}", data={"name": "Eve", "password": PASSWORD})
        assert posted.status_code in (400, 404), change


def test_an_engineer_lists_and_revokes_their_own_links_alone(world: World) -> None:
    batch = world.review([])
    egon, other = world.client("egon", "engineer"), world.client("other", "engineer")
    link = re.search(r"/join/([\w-]+)", egon.post(f"/batches/{batch.id}/invite").text)
    assert link is not None
    (known,) = world.invitations.open()
    assert other.post("/account/invitations/revoke", id=known.id).status_code == 404
    assert egon.post("/account/invitations/revoke", id=known.id).status_code == 303
    assert world.invitations.find(link[1]) is None


def test_tokens_and_sessions_end_with_a_password_change(world: World) -> None:
    account = world.accounts.create("Egon", role="engineer", password=PASSWORD)
    world.people["Egon"] = account
    egon, elsewhere = world.client("Egon", "engineer"), world.client("Egon", "engineer")
    token = world.tokens.make(account, name="ci")
    bearer = {"authorization": f"Bearer {token}"}
    machine = TestClient(world.app)
    assert machine.get("/api/v1/me", headers=bearer).status_code == 200
    changed = egon.post("/account/password", old=PASSWORD, new="another pass phrase")
    assert changed.status_code == 303
    assert machine.get("/api/v1/me", headers=bearer).status_code == 401
    assert elsewhere.client.get("/api/v1/me").status_code == 401
    assert egon.client.get("/api/v1/me").status_code == 200


RESULTS = ("/batches/{}", "/api/v1/batches/{}/results", "/api/v1/batches/{}/sign-offs")


@pytest.mark.parametrize("role", ["owner", "engineer"])
def test_a_maker_who_rates_sees_no_arm_until_done_and_changes_nothing_after(
    world: World, role: Any
) -> None:
    maker = world.client("maker", role)
    batch = world.review(["maker"], rows=3, raters=1)
    twin = world.review(["ann"], rows=3, raters=1)
    for one in (batch, twin):
        for path in RESULTS:
            answer = maker.client.get(path.format(one.id))
            assert not re.search(r"tuned|prompted", answer.text), path
            if path.startswith("/api/"):
                assert answer.status_code == 403
    assert maker.client.get("/api/v1/judgements").status_code == 403
    assert maker.post(f"/batches/{batch.id}/nearest").status_code == 403

    last = ""
    while items := maker.items(batch.id):
        for item in items:
            last = item["id"]
            said = maker.say(last, last, scores={"faithful": 1, "helpful": 4})
            assert said.status_code == 200
    changed = maker.say(last, "again", scores={"faithful": 0, "helpful": 4})
    assert changed.status_code == 200  # nothing was seen yet
    assert "tuned" in maker.client.get(f"/batches/{batch.id}").text
    final = maker.say(last, "once-more", scores={"faithful": 1, "helpful": 4})
    assert (final.status_code, "stays as it is" in final.text) == (400, True)


# --- names and addresses --------------------------------------------------------------------------


def test_only_configured_hosts_are_answered(world: World) -> None:
    app = create_app(Project(world.file, world.store), hosts={"tunewell.example.org", "127.0.0.1"})
    client = TestClient(app)
    for host in ("tunewell.example.org", "TUNEWELL.example.org:8443", "127.0.0.1:8765"):
        assert client.get("/health", headers={"host": host}).status_code == 200
    for host in (
        "evil.example",
        "tunewell.example.org.evil.example",
        "x@127.0.0.1.evil",
        "",
        "10.0.0.1",
    ):
        assert client.get("/health", headers={"host": host}).status_code == 421, host


@pytest.mark.parametrize(
    "path", ["/work/%00", "/join/%00", "/audit?before=99999999999999999999999", "/work/a%00b/more"]
)
def test_characters_that_no_database_keeps_are_the_senders_fault(world: World, path: str) -> None:
    owner = world.client("owner", "owner")
    assert owner.client.get(path).status_code in (400, 404, 422)


def test_no_secret_of_a_client_follows_a_redirect() -> None:
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer
    from urllib.error import HTTPError
    from urllib.request import Request

    from tunewell.web.oidc import _OPENER

    asked: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(307 if self.path == "/token" else 200)
            self.send_header("location", "/stolen")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for data in (None, b"secret"):
            url = f"http://127.0.0.1:{server.server_port}/token"
            with pytest.raises(HTTPError) as refused:
                _OPENER.open(Request(url, data=data), timeout=5)
            refused.value.close()
        server.shutdown()
    assert asked == ["/token", "/token"]
