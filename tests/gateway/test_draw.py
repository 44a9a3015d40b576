"""Units are drawn to arms in their shares, and stay where they were drawn."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from tunewell.gateway.asked import asker_of
from tunewell.gateway.draw import Asker, Draw, Hasher
from tunewell.task import GatewaySection

SERVER = {"name": "s", "url": "http://localhost:1/v1"}
HASHER = Hasher(b"salt")


def settings(**more: Any) -> GatewaySection:
    arms = [
        {"name": "a", "server": "s", "model": "m", "weight": 3},
        {"name": "b", "server": "s", "model": "m", "weight": 1, "only": ["vip"]},
    ]
    return GatewaySection.model_validate({"servers": [SERVER], "arms": arms, **more})


def asker(user: str = "", conversation: str = "c") -> Asker:
    return Asker(HASHER.user(user), HASHER.digest("conversation", conversation), True)


def test_arms_get_their_shares() -> None:
    draw = Draw(settings(), HASHER)
    drawn = [draw.arm(asker(f"user {number}")) for number in range(8_000)]
    assert abs(drawn.count("a") / len(drawn) - 0.75) < 0.02


def test_a_user_stays_whatever_the_conversation() -> None:
    draw = Draw(settings(), HASHER)
    for number in range(50):
        arms = {draw.arm(asker(f"u{number}", f"c{turn}")) for turn in range(10)}
        assert len(arms) == 1


def test_nobody_named_is_drawn_by_conversation() -> None:
    draw = Draw(settings(), HASHER)
    drawn = {draw.arm(asker("", f"c{number}")) for number in range(50)}
    assert drawn == {"a", "b"}


def test_listed_users_are_not_drawn() -> None:
    for text in ("1", "2", "3"):
        assert Draw(settings(draw=text), HASHER).arm(asker("vip")) == "b"


def test_another_draw_is_independent() -> None:
    first, second = Draw(settings(draw="1"), HASHER), Draw(settings(draw="2"), HASHER)
    users = [asker(f"user {number}") for number in range(8_000)]
    both = sum(first.arm(user) == second.arm(user) == "b" for user in users)
    assert abs(both / len(users) - 1 / 16) < 0.015


def test_a_shadow_is_never_drawn() -> None:
    draw = Draw(settings(shadow="b"), HASHER)
    assert {draw.arm(asker(f"user {number}")) for number in range(100)} == {"a"}


def test_another_process_draws_the_same() -> None:
    code = (
        "from tests.gateway.test_draw import *\n"
        "draw = Draw(settings(), HASHER)\n"
        "print(''.join(draw.arm(asker(f'u{n}')) for n in range(200)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    draw = Draw(settings(), HASHER)
    assert run.stdout.strip() == "".join(draw.arm(asker(f"u{number}")) for number in range(200))


def turns(*texts: str) -> dict[str, Any]:
    roles = ("user", "assistant")
    return {
        "messages": [
            {"role": roles[place % 2], "content": text} for place, text in enumerate(texts)
        ]
    }


def test_a_conversation_that_grows_is_the_same_one() -> None:
    first = asker_of(turns("hello"), {}, HASHER)
    later = asker_of(turns("hello", "hi", "and then?"), {}, HASHER)
    other = asker_of(turns("good morning"), {}, HASHER)
    assert first == later
    assert first.conversation != other.conversation
    assert not first.conversation_given


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({}, {b"x-tunewell-conversation": b"c-1"}),
        ({"metadata": {"conversation_id": "c-1"}}, {}),
        ({"conversation": {"id": "c-1"}}, {}),
        ({"conversation": "c-1"}, {}),
    ],
)
def test_conversations_by_name(body: dict[str, Any], headers: dict[bytes, bytes]) -> None:
    found = asker_of(body, headers, HASHER)
    assert found.conversation == HASHER.digest("conversation", "c-1")
    assert found.conversation_given


def test_people_are_known_by_digest_only() -> None:
    named = asker_of({"user": "jo@okoro.net"}, {}, HASHER)
    assert named.user == HASHER.user("jo@okoro.net")
    assert "okoro" not in named.user
    assert asker_of({"user": "jo@okoro.net"}, {}, Hasher(b"other")).user != named.user
    by_header = asker_of({"user": "x"}, {b"x-tunewell-user": b"jo@okoro.net"}, HASHER)
    assert by_header.user == named.user


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"arms": [{"name": "a", "server": "t", "model": "m"}]}, "names the server"),
        ({"arms": [{"name": "a", "server": "s"}]}, "model: or place:"),
        ({"fallback": "c"}, "names the arm"),
        ({"servers": [{"name": "s", "url": "localhost"}]}, "http://"),
        ({"servers": [SERVER, SERVER]}, "two servers"),
        ({"arms": [{"name": "a", "server": "s", "model": "m", "weight": 0}]}, "above zero"),
        ({"arms": [{"name": "a", "server": "s", "model": "m", "weight": "nan"}]}, "weight"),
        ({"unit": "request"}, "conversation"),
    ],
)
def test_settings_that_cannot_be_meant(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        settings(**change)
