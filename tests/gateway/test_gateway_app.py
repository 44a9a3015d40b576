"""The gateway passes requests and answers on, and records what happened."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.client import KEY, Client, chat, running, two_arms
from tunewell.gateway.drain import take_up
from tunewell.gateway.keep import orphan_feedback, traffic_ledger
from tunewell.gateway.state import GatewayKey, GatewayState, secret_digest
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interaction, read_interactions
from tunewell.testing.model_server import SocketFault, SocketModelServer
from tunewell.types import Interaction

CHAT = "/v1/chat/completions"
Work = Callable[[Client], Coroutine[Any, Any, None]]


def run(folder: Path, work: Work, **options: Any) -> list[Interaction]:
    """Do something with a gateway; gives what was recorded, after checking the ledger."""
    options.setdefault("server", SocketModelServer(pieces=4))

    async def main() -> None:
        async with running(folder, **options) as client:
            await work(client)

    asyncio.run(main())
    with Store(folder) as store:
        take_up(store, folder / "spool")
        assert traffic_ledger(store).balances
        return list(read_interactions(store))


def test_a_stream_arrives_as_the_server_sent_it_and_is_recorded(tmp_path: Path) -> None:
    server = SocketModelServer(pieces=4, text=lambda body: "one two three four")

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat(stream=True, user="u-1"))
        assert answer.status == 200
        assert answer.complete
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert answer.body.count(b"data: {") == 5

    (found,) = run(tmp_path, work, server=server)
    assert found.response == "one two three four"
    assert (found.finish, found.ended, found.status) == ("stop", "answered", 200)
    assert (found.prompt_tokens, found.answer_tokens) == (7, 4)
    assert found.first_token_s is not None
    assert found.total_s is not None
    assert 0 <= found.first_token_s <= found.total_s
    assert found.user
    assert found.user != "u-1"
    assert "user" not in found.request
    assert found.server_id == "chatcmpl-same"


def test_an_answer_in_one_piece_and_the_model_of_the_arm(tmp_path: Path) -> None:
    server = SocketModelServer()

    async def work(client: Client) -> None:
        for user in range(12):
            answer = await client.post(CHAT, chat(user=f"u-{user}"))
            assert answer.json["choices"][0]["message"]["content"].startswith("word")

    found = run(tmp_path, work, server=server)
    assert len(found) == 12
    assert {request["model"] for request in server.requests} == {"m-a", "m-b"}
    assert all(row.version == f"m-{row.assigned}" for row in found)
    assert len({row.id for row in found}) == 12


def test_what_the_server_is_told_and_what_not(tmp_path: Path) -> None:
    server = SocketModelServer()

    async def work(client: Client) -> None:
        await client.post(CHAT, chat(temperature=0.5, tools=[{"type": "function"}]))

    run(tmp_path, work, server=server)
    (body,) = server.requests
    assert body["temperature"] == 0.5
    assert body["tools"] == [{"type": "function"}]
    assert "twg_test" not in server.headers[0]


def test_errors_of_a_server_pass_unchanged(tmp_path: Path) -> None:
    said = '{"error": {"message": "context too long", "code": "context_length_exceeded"}}'
    server = SocketModelServer(fault=lambda body: SocketFault(status=400, body=said))

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat(stream=True))
        assert answer.status == 400
        assert answer.body.decode() == said

    (found,) = run(tmp_path, work, server=server)
    assert (found.ended, found.status, found.error) == ("failed", 400, "context too long")


def test_the_fallback_serves_where_an_arm_fails_and_the_assignment_stays(tmp_path: Path) -> None:
    def fault(body: dict[str, Any]) -> SocketFault:
        return SocketFault(status=503 if body["model"] == "m-b" else 200)

    async def work(client: Client) -> None:
        for user in range(12):
            assert (await client.post(CHAT, chat(user=f"u-{user}"))).status == 200

    found = run(tmp_path, work, server=SocketModelServer(fault=fault))
    drawn_to_b = [row for row in found if row.assigned == "b"]
    assert drawn_to_b
    assert all(row.served == "a" and row.version == "m-a" for row in found)
    assert all(row.error == "b answered with 503" for row in drawn_to_b)


def test_a_server_that_is_not_there_is_a_502_and_a_record(tmp_path: Path) -> None:
    def nowhere(url: str) -> dict[str, Any]:
        return two_arms("http://127.0.0.1:9/v1")

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat())
        assert answer.status == 502
        assert answer.json["error"]["code"] == "upstream_unreachable"

    (found,) = run(tmp_path, work, settings=nowhere)
    assert (found.ended, found.status) == ("server_gone", 502)


def test_half_a_stream_is_not_made_whole(tmp_path: Path) -> None:
    server = SocketModelServer(pieces=4, fault=lambda body: SocketFault(cut_after=2))

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat(stream=True))
        assert answer.status == 200
        assert not answer.complete

    (found,) = run(tmp_path, work, server=server)
    assert found.ended == "server_gone"
    assert found.response
    assert found.finish == ""


def test_a_client_that_goes_away_is_recorded_with_what_it_got(tmp_path: Path) -> None:
    server = SocketModelServer(pieces=20, fault=lambda body: SocketFault(pause_s=0.02))

    async def work(client: Client) -> None:
        await client.post(CHAT, chat(stream=True), leave_after=3)

    (found,) = run(tmp_path, work, server=server)
    assert found.ended == "client_gone"
    assert 0 < len(found.response) < len("word " * 20)


def test_pieces_that_are_no_json_are_passed_on_and_counted(tmp_path: Path) -> None:
    server = SocketModelServer(pieces=4, fault=lambda body: SocketFault(garbage=True))

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat(stream=True))
        assert answer.body.count(b"{oops") == 4

    (found,) = run(tmp_path, work, server=server)
    assert found.error == "4 pieces of the answer could not be read"


def test_personal_data_is_masked_before_it_is_written(tmp_path: Path) -> None:
    server = SocketModelServer(text=lambda body: "call +44 20 7946 0958 or jo@okoro.net")
    body = chat(
        "my mail is jo@okoro.net",
        user="jo@okoro.net",
        metadata={"user_email": "jo@okoro.net", "note": "4111 1111 1111 1111"},
        tools=[{"function": {"parameters": {"default": 4111111111111111}}}],
    )

    async def work(client: Client) -> None:
        await client.post(CHAT, body)
        while not client.gateway.spool.counts.recorded:
            await asyncio.sleep(0.02)
        written = b"".join(path.read_bytes() for path in (tmp_path / "spool").iterdir())
        assert written
        for secret in (b"okoro", b"7946", b"4111"):
            assert secret not in written

    (found,) = run(tmp_path, work, server=server)
    assert "[EMAIL_" in found.response
    assert "[PHONE_" in found.response


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b"\xff\xfe", 400),
        (b"[" * 5_000, 400),
        (b'{"messages": "' + b"x" * 11_000_000 + b'"}', 413),
    ],
)
def test_bodies_that_are_no_requests_are_turned_away(
    tmp_path: Path, body: bytes, status: int
) -> None:
    async def work(client: Client) -> None:
        answer = await client.post(CHAT, body)
        assert answer.status == status
        assert answer.json["error"]["message"]

    assert run(tmp_path, work) == []


def test_odd_requests_are_the_servers_to_judge(tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {},
        {"messages": None},
        {"messages": [1, "x", {"role": []}]},
        {"stream": "yes", "metadata": [], "user": 5},
    ]

    async def work(client: Client) -> None:
        for body in odd:
            assert (await client.post(CHAT, body)).status == 200

    assert len(run(tmp_path, work)) == len(odd)


def test_keys_open_what_they_are_for(tmp_path: Path) -> None:
    only_feedback = GatewayKey(name="f", digest=secret_digest("f"), scopes=("feedback",))
    only_user = GatewayKey(name="u", digest=secret_digest("u"), scopes=("user",))
    state = GatewayState(keys=(KEY, only_feedback, only_user))

    async def work(client: Client) -> None:
        assert (await client.post(CHAT, chat(), secret="")).status == 401
        assert (await client.post(CHAT, chat(), secret="wrong")).status == 401
        assert (await client.post(CHAT, chat(), secret="f")).status == 403
        assert (await client.post("/v1/feedback", {}, secret="u")).status == 403
        assert (await client.get("/v1/gateway", secret="u")).status == 403
        assert (await client.get("/v1/gateway")).status == 200
        assert (await client.get("/v1/nothing")).status == 404
        assert (await client.get(CHAT)).status == 405

    assert run(tmp_path, work, state=state) == []


def test_the_switch_serves_everybody_by_the_fallback(tmp_path: Path) -> None:
    state = GatewayState(keys=(KEY,), off=True)

    async def work(client: Client) -> None:
        for user in range(12):
            await client.post(CHAT, chat(user=f"u-{user}"))

    found = run(tmp_path, work, state=state)
    assert {row.served for row in found} == {"a"}
    assert {row.assigned for row in found} == {"a", "b"}


def test_an_arm_of_a_place_serves_what_is_released_there(tmp_path: Path) -> None:
    def settings(url: str) -> dict[str, Any]:
        arm = {"name": "live", "server": "s", "place": "production"}
        return {"servers": [{"name": "s", "url": url}], "arms": [arm]}

    async def work(client: Client) -> None:
        assert (await client.post(CHAT, chat())).status == 502
        client.gateway.state = GatewayState(keys=(KEY,), versions={"production": "v-1"})
        assert (await client.post(CHAT, chat())).status == 200
        client.gateway.state = GatewayState(keys=(KEY,), versions={"production": "v-2"})
        assert (await client.post(CHAT, chat())).status == 200

    found = run(tmp_path, work, settings=settings)
    assert [row.version for row in found] == ["", "v-1", "v-2"]
    assert found[0].error == "nothing is released in production"


def test_a_shadow_gets_a_copy_and_its_answer_is_never_sent(tmp_path: Path) -> None:
    def settings(url: str) -> dict[str, Any]:
        return {**two_arms(url), "shadow": "b"}

    server = SocketModelServer(text=lambda body: f"from {body['model']}")

    async def work(client: Client) -> None:
        answer = await client.post(CHAT, chat(stream=True))
        assert b'"model": "m-a"' in answer.body
        assert b"m-b" not in answer.body
        for _ in range(200):
            if not (await client.get("/v1/gateway")).json["waiting"]:
                break
            await asyncio.sleep(0.05)

    found = run(tmp_path, work, server=server, settings=settings)
    shown, shadow = sorted(found, key=lambda row: row.shadow_of)
    assert shadow.shadow_of == shown.id
    assert (shadow.response, shadow.assigned) == ("from m-b", "b")


def test_limits_of_a_key(tmp_path: Path) -> None:
    def settings(url: str) -> dict[str, Any]:
        return {**two_arms(url), "limits": {"requests_per_minute": 20}}

    async def work(client: Client) -> None:
        answers = [await client.post(CHAT, chat()) for _ in range(4)]
        assert [answer.status for answer in answers] == [200, 200, 429, 429]
        assert int(answers[3].headers["retry-after"]) >= 1

    assert len(run(tmp_path, work, settings=settings)) == 2


def test_feedback_is_joined_once_whenever_it_comes(tmp_path: Path) -> None:
    ids: list[str] = []

    async def work(client: Client) -> None:
        early = {"interaction": "not-yet", "kind": "event", "name": "escalated", "key": "e1"}
        assert (await client.post("/v1/feedback", early)).status == 202
        ids.append((await client.post(CHAT, chat())).id)
        thumb = {"interaction": ids[0], "kind": "thumb", "value": 0}
        assert (await client.post("/v1/feedback", thumb)).status == 202
        assert (await client.post("/v1/feedback", thumb)).status == 202
        better = {"interaction": ids[0], "kind": "correction", "text": "ask jo@okoro.net"}
        key = {"idempotency-key": "k-7"}
        assert (await client.post("/v1/feedback", better, headers=key)).status == 202
        assert (await client.post("/v1/feedback", better, headers=key)).status == 202

    run(tmp_path, work)
    with Store(tmp_path) as store:
        found = list(read_feedback(store, ids))
        assert sorted(said.kind for said in found) == ["correction", "thumb"]
        assert "okoro" not in "".join(said.text for said in found)
        assert [said.interaction for said in orphan_feedback(store)] == ["not-yet"]
        assert read_interaction(store, ids[0]) is not None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"interaction": "x"},
        {"interaction": "x", "kind": "rating"},
        {"interaction": "x", "kind": "thumb", "value": 7},
        {"interaction": "x", "kind": "correction", "text": "  "},
        {"interaction": "x", "kind": "event"},
        {"interaction": "x", "kind": "rating", "value": 1, "unknown": True},
        {"interaction": "x", "kind": "rating", "value": 1, "at": "2026-01-01T00:00:00"},
        {"interaction": "x" * 500, "kind": "rating", "value": 1},
    ],
)
def test_feedback_that_says_nothing_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async def work(client: Client) -> None:
        answer = await client.post("/v1/feedback", body)
        assert answer.status == 400
        assert answer.json["error"]["code"] == "bad_feedback"

    run(tmp_path, work)


def test_a_full_spool_breaks_no_answer_and_the_ledger_says_so(tmp_path: Path) -> None:
    async def work(client: Client) -> None:
        for _ in range(5):
            answer = await client.post(CHAT, chat(stream=True))
            assert answer.status == 200
            assert answer.complete
        for _ in range(200):
            counts = (await client.get("/v1/gateway")).json
            if counts["refused"] + counts["recorded"] == 5:
                break
            await asyncio.sleep(0.05)
        assert counts["refused"] + counts["recorded"] == 5
        assert counts["refused"] > 0
        assert "full" in counts["failure"]
        feedback = {"interaction": "x", "kind": "thumb", "value": 1}
        assert (await client.post("/v1/feedback", feedback)).status == 503

    run(tmp_path, work, most_bytes=1_500)
