"""Which servers answer, which arms there are, and who is drawn to which."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from tunewell.types import Value


class ModelServerSpec(Value):
    """A server that speaks OpenAI's protocol.

    Attributes:
        name: For `ArmSpec.server`.
        url: Such as ``http://127.0.0.1:8000/v1``.
        key_variable: Environment variable with its key; local servers need none.
        timeout_s: Longest silence between two pieces of an answer.
    """

    name: str = Field(min_length=1, max_length=64)
    url: str
    key_variable: str = ""
    timeout_s: float = Field(default=120.0, gt=0)

    @field_validator("url")
    @classmethod
    def _is_address(cls, value: str) -> str:
        if not value.startswith(("http://", "https://")):
            raise ValueError("an address begins with http:// or https://")
        return value.rstrip("/")


class ArmSpec(Value):
    """One of the models that requests are drawn to.

    Attributes:
        name: Of the arm, as it stands in records.
        server: Name of the server that answers.
        model: As that server calls it. Leave it out where ``place`` says it.
        place: Serve whatever version is released there (``tunewell promote``).
        weight: Share of the units among all arms' weights; 0 = only the users of ``only``.
        only: Users that are always drawn to this arm.
        input_price: Of a million tokens of the request, in ``costs.currency``.
        output_price: Of a million tokens of the answer.
    """

    name: str = Field(min_length=1, max_length=64)
    server: str
    model: str = ""
    place: str = ""
    weight: float = Field(default=1.0, ge=0)
    only: tuple[str, ...] = ()
    input_price: float | None = Field(default=None, ge=0)
    output_price: float | None = Field(default=None, ge=0)

    @model_validator(mode="after")
    def _says_what_serves(self) -> Self:
        if not (self.model or self.place):
            raise ValueError("an arm needs model: or place:")
        if not math.isfinite(self.weight):
            raise ValueError("a weight is a number")
        return self


class TrafficLimits(Value):
    """What one key may ask for.

    Attributes:
        requests_per_minute: Of one key; 0 = no limit.
        body_mb: Largest request.
        in_flight: Requests at a time, of all keys.
    """

    requests_per_minute: int = Field(default=0, ge=0)
    body_mb: float = Field(default=10.0, gt=0)
    in_flight: int = Field(default=2_000, ge=1)


class GatewaySection(Value):
    """The gateway: servers, arms, and what is kept.

    Attributes:
        servers: That answer.
        arms: That units are drawn to.
        unit: What is drawn and stays where it was drawn: a user or a conversation.
        draw: Another text draws everybody anew.
        fallback: Arm that answers where the drawn one fails before its first piece; it serves
            everybody while the experiment is switched off.
        shadow: Arm that gets a copy of every request; its answers are recorded, never sent.
        mask: Whether personal data is masked before anything is written. Names need
            ``rules.recogniser``.
        keep_days: Records older than this are removed; 0 = never.
        spool_mb: Most that is kept while the database is away.
        limits: What one key may ask for.
    """

    servers: tuple[ModelServerSpec, ...] = Field(min_length=1)
    arms: tuple[ArmSpec, ...] = Field(min_length=1)
    unit: Literal["user", "conversation"] = "user"
    draw: str = "1"
    fallback: str = ""
    shadow: str = ""
    mask: bool = True
    keep_days: int = Field(default=0, ge=0)
    spool_mb: float = Field(default=2_048.0, gt=0)
    limits: TrafficLimits = TrafficLimits()

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        self._check_names()
        self._check_references()
        if not any(arm.weight for arm in self.arms if arm.name != self.shadow):
            raise ValueError("some arm needs a weight above zero")
        self._check_allow_lists()
        return self

    def _check_names(self) -> None:
        _check_unique("servers", [server.name for server in self.servers])
        _check_unique("arms", [arm.name for arm in self.arms])

    def _check_references(self) -> None:
        servers = [server.name for server in self.servers]
        for arm in self.arms:
            if arm.server not in servers:
                raise ValueError(f"arm {arm.name!r} names the server {arm.server!r}: {servers}")
        arms = [arm.name for arm in self.arms]
        for field, name in (("fallback", self.fallback), ("shadow", self.shadow)):
            if name and name not in arms:
                raise ValueError(f"{field} names the arm {name!r}: {arms}")

    def _check_allow_lists(self) -> None:
        listed = Counter(user for arm in self.arms for user in arm.only)
        twice = [user for user, count in listed.items() if count > 1]
        if twice:
            raise ValueError(f"user {twice[0]!r} is in `only` of two arms")

    def arm(self, name: str) -> ArmSpec:
        """The arm of a name."""
        return next(arm for arm in self.arms if arm.name == name)

    def server(self, name: str) -> ModelServerSpec:
        """The server of a name."""
        return next(server for server in self.servers if server.name == name)


def _check_unique(what: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"two {what} are called {twice[0]!r}")
