"""What a disk can answer with, and folders that only their owner may enter."""

from __future__ import annotations

import contextlib
import errno
import stat
from collections.abc import Iterator
from pathlib import Path

from tunewell.errors import StoreError
from tunewell.full_disk import NO_SPACE, is_full
from tunewell.platforms import owns

PRIVATE = 0o700
"""Mode of the folder that holds a project's database and artifacts."""


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what the disk can do to us into a `StoreError` that says what to do.

    Args:
        path: What was being written.
    """
    try:
        yield
    except Exception as error:
        if is_full(error):
            raise StoreError(
                f"the disk is full: could not write {path}",
                hint=NO_SPACE,
            ) from error
        if isinstance(error, OSError) and error.errno in {errno.EROFS, errno.EACCES, errno.EPERM}:
            raise StoreError(
                f"no permission to write {path}",
                hint=f"check the owner and mode of {path.parent} (ls -ld)",
            ) from error
        raise


def make_private(folder: Path) -> None:
    """Make a folder that only its owner may enter, or make it so.

    Raises:
        StoreError: It cannot be made.
    """
    try:
        with disk_errors(folder):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            found = folder.stat()
            is_open = stat.S_IMODE(found.st_mode) & ~PRIVATE
            if is_open and owns(found.st_uid):
                folder.chmod(PRIVATE)
    except OSError as error:
        raise StoreError(
            f"cannot make {folder}: {error.strerror}", hint="choose another folder"
        ) from error
