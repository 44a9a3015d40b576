"""What a database can answer with, classed by who can do something about it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from tunewell.errors import StoreError, UserError
from tunewell.full_disk import NO_SPACE


def busy_error(patience_s: float) -> StoreError:
    """Others have been writing for too long."""
    return StoreError(
        f"the store cannot be used: others have been writing for {patience_s:g} s",
        hint="try again",
    )


@contextlib.contextmanager
def database_errors(root: Path) -> Iterator[None]:
    """Turn what a database can do to us into errors that say who can mend them.

    Args:
        root: The project's own folder, for hints.

    Raises:
        UserError: A value that was sent cannot be stored: whoever sent it can send another.
        StoreError: The database is away, locked, full or damaged: whoever runs it can mend it, or
            it passes.
    """
    try:
        yield
    except (sa.exc.DataError, OverflowError, UnicodeError) as error:
        raise UserError(
            "a value cannot be stored: it holds a character or a number that no database can store"
        ) from error
    except sa.exc.TimeoutError as error:
        raise StoreError(
            "the store cannot be used: all connections to the database are busy",
            hint="try again",
        ) from error
    except (sa.exc.OperationalError, sa.exc.InterfaceError) as error:
        reason = str(error.orig)
        raise StoreError(
            f"the store cannot be used: {reason}",
            hint=_hint(reason, root),
        ) from error
    except sa.exc.IntegrityError as error:
        raise StoreError(
            f"the database refused a change: {error.orig}",
            hint="nothing was changed",
        ) from error
    except sa.exc.DatabaseError as error:
        raise StoreError(
            f"the database of this project is damaged: {error.orig}",
            hint=f"restore {root / 'tunewell.db'} from a backup; the artifacts are untouched",
        ) from error


def _hint(reason: str, root: Path) -> str:
    """What to do about an error, by a word in the database's own message."""
    hints = {
        "full": NO_SPACE,
        "readonly": f"check the owner and mode of {root}",
        "unable to open": f"check the owner and mode of {root}",
        "locked": "another process is writing; try again",
    }
    for word, hint in hints.items():
        if word in reason:
            return hint
    return "see the database's own log"
