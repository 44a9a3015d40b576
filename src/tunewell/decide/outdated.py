"""Whether a decision still speaks of what serves, and of the newest verdict."""

from __future__ import annotations

from tunewell import releases
from tunewell.decide.overdue import STAGE
from tunewell.store import Store
from tunewell.types import Decision


def outdated(store: Store, decision: Decision) -> str:
    """Why a decision does not hold any more, as one sentence; empty if it does.

    Args:
        store: Of the project.
        decision: The newest one of its place.
    """
    now = releases.serving(store, decision.place or "production")
    serves = now.version if now else ""
    if now is not None and serves != decision.version:
        before = _called(decision.version)
        return (
            f"It was made while {before} served; since {now.since:%Y-%m-%d %H:%M} UTC "
            f"{serves[:12]} serves in {now.place}."
        )
    decided, judged = store.last_run(STAGE), store.last_run("verdict")
    if decided is None or judged is None or judged.started <= decided.started:
        return ""
    return "A verdict was made after it."


def _called(version: str) -> str:
    return version[:12] or "nothing"
