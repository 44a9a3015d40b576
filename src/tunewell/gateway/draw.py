"""Which arm a user or a conversation is drawn to: by a salted hash, so no database is needed.

The same unit is drawn to the same arm in every process and after every restart, for as long as the
salt, ``gateway.draw`` and the arms are the same.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tunewell.task import ArmSpec, GatewaySection

SALT_BYTES = 32
HASH_CHARACTERS = 32
_RANGE = 2.0**64


@dataclass(frozen=True)
class Asker:
    """Who asks, as digests.

    Attributes:
        user: Empty where the client named none.
        conversation: Of the conversation.
        conversation_given: Whether the client named it.
    """

    user: str
    conversation: str
    conversation_given: bool


class Hasher:
    """Digests of people's ids: without the salt nobody can tell whose they are.

    Args:
        salt: Of the project; kept secret.
    """

    def __init__(self, salt: bytes) -> None:
        self._salt = salt

    def digest(self, kind: str, value: str) -> str:
        """32 hex characters that are equal for equal values of a kind."""
        message = f"{kind}\0{value}".encode("utf-8", "surrogatepass")
        return hmac.new(self._salt, message, hashlib.sha256).hexdigest()[:HASH_CHARACTERS]

    def user(self, name: str) -> str:
        """The digest of a user's id; empty for nobody."""
        return self.digest("user", name) if name else ""

    def share(self, draw: str, unit: str) -> float:
        """Where a unit falls in [0, 1), for one draw."""
        return int(self.digest(f"draw {draw}", unit)[:16], 16) / _RANGE


class Draw:
    """Draws units to arms.

    Args:
        settings: Of the gateway.
        hasher: With the project's salt.
    """

    def __init__(self, settings: GatewaySection, hasher: Hasher) -> None:
        self._unit = settings.unit
        self._draw = settings.draw
        self._hasher = hasher
        self._listed = {hasher.user(name): arm.name for arm in settings.arms for name in arm.only}
        drawn = [arm for arm in settings.arms if arm.weight and arm.name != settings.shadow]
        self._names = [arm.name for arm in drawn]
        self._bounds = _bounds(drawn)

    def arm(self, asker: Asker) -> str:
        """The arm of whoever asks.

        Where users are drawn and none is named, the conversation is.
        """
        listed = self._listed.get(asker.user)
        if listed is not None:
            return listed
        by_user = self._unit == "user" and asker.user
        unit = f"user {asker.user}" if by_user else f"conversation {asker.conversation}"
        at = self._hasher.share(self._draw, unit)
        for name, bound in zip(self._names, self._bounds, strict=True):
            if at < bound:
                return name
        return self._names[-1]


def _bounds(arms: Sequence[ArmSpec]) -> list[float]:
    """Upper bounds of the arms' shares of [0, 1)."""
    total = sum(arm.weight for arm in arms)
    return [upper / total for upper in accumulate(arm.weight for arm in arms)]
