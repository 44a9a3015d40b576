"""Verdict and decision, made again after people have said something that they rest on."""

from __future__ import annotations

import logging

from tunewell.errors import StoreError, UserError
from tunewell.iterate.decisions import decide_now as decide_on_project
from tunewell.run import decide_again
from tunewell.types import Verdict
from tunewell.web.context import AppContext

log = logging.getLogger("tunewell.web")


def decide_now(context: AppContext) -> Verdict | None:
    """Decide again where there is something to decide on; what was said is kept either way.

    Returns:
        The verdict; None where nothing was evaluated, the evaluation does not fit the definition
        any more, or another process holds the project (``tunewell run`` decides again by itself).
    """
    try:
        with context.store.lock("tunewell serve"):
            return decide_again(context.project)
    except StoreError as error:
        log.warning("the verdict was not made again: %s", error.message)
        return None
    except UserError as error:
        log.warning("the verdict cannot be made: %s", error.message)
        return None


def decide_next_step(context: AppContext) -> None:
    """Decide what to do next with what serves by now; the old decision stays, and says its age."""
    try:
        with context.store.lock("tunewell serve"):
            decide_on_project(context.project)
    except StoreError as error:
        log.warning("the next step was not decided: %s", error.message)
    except UserError as error:
        log.warning("nothing was decided again: %s", error.message)
