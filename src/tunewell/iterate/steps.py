"""The steps of a turn of the loop, as they are shown and kept."""

from __future__ import annotations

from typing import Literal

from tunewell.types import Value

StepState = Literal["done", "reused", "waiting", "skipped"]


class IterationStep(Value):
    """One step of a turn.

    Attributes:
        name: Such as ``take up``, ``watch``, ``dataset``, ``train``, ``promote``.
        state: ``done``, ``reused``, ``waiting`` (for people) or ``skipped``.
        why: What it did, or why it did not.
    """

    name: str
    state: StepState
    why: str
