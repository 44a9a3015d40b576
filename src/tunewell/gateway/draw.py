"""Which arm a user or a conversation is drawn to: by a salted hash, so no database is needed.

The same unit is drawn to the same arm in every process and after every restart, for as long as the
salt, ``gateway.draw`` and the arms are the same. While a test on traffic runs its design draws.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from tunewell.experiment_design import RunningExperiment
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


@dataclass(frozen=True)
class Placed:
    """Where a unit was drawn to.

    Attributes:
        arm: Of the gateway.
        experiment: The test that it is in; empty if none.
        step: The step of the ramp that let it in.
    """

    arm: str
    experiment: str = ""
    step: int = 0


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
        self._settings = settings
        self._unit = settings.unit
        self._draw = settings.draw
        self._hasher = hasher
        self._listed = {hasher.user(name): arm.name for arm in settings.arms for name in arm.only}
        drawn = [arm for arm in settings.arms if arm.weight and arm.name != settings.shadow]
        self._names = [arm.name for arm in drawn]
        self._bounds = _bounds(drawn)

    def place(self, asker: Asker, running: RunningExperiment | None = None) -> Placed:
        """Where whoever asks is drawn to, by a test where one applies.

        Listed users are in no test: nobody drew them.
        """
        listed = self._listed.get(asker.user)
        if listed is not None:
            return Placed(listed)
        if running is None or not running.applies_to(self._settings):
            return Placed(self.arm(asker))
        return self._in_test(asker, running)

    def _in_test(self, asker: Asker, running: RunningExperiment) -> Placed:
        design = running.design
        unit = unit_of(asker, design.unit)
        draw = f"experiment {design.name} {design.seed}"
        step = design.step_of(self._hasher.share(f"{draw} in", unit))
        if running.stopped or not 0 < step <= running.step:
            return Placed(design.control)
        to_candidate = self._hasher.share(draw, unit) < design.steps[step - 1].candidate
        return Placed(design.candidate if to_candidate else design.control, design.name, step)

    def arm(self, asker: Asker) -> str:
        """The arm of whoever asks, by the definition alone."""
        listed = self._listed.get(asker.user)
        if listed is not None:
            return listed
        at = self._hasher.share(self._draw, unit_of(asker, self._unit))
        for name, bound in zip(self._names, self._bounds, strict=True):
            if at < bound:
                return name
        return self._names[-1]


def unit_of(asker: Asker, unit: str) -> str:
    """What is drawn: where users are and none is named, the conversation is."""
    by_user = unit == "user" and asker.user
    return f"user {asker.user}" if by_user else f"conversation {asker.conversation}"


def _bounds(arms: Sequence[ArmSpec]) -> list[float]:
    """Upper bounds of the arms' shares of [0, 1)."""
    total = sum(arm.weight for arm in arms)
    return [upper / total for upper in accumulate(arm.weight for arm in arms)]
