"""The verdict, made again after people have said something that it rests on."""

from __future__ import annotations

import logging

from tunewell.errors import StoreError, UserError
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
