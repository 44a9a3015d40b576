"""Which Tunewell this is: its version, with the revision where that is known."""

from __future__ import annotations

import functools
import subprocess
from pathlib import Path
from typing import Final

from tunewell import __version__

_PACKAGE: Final = Path(__file__).resolve().parent
BUILT_FROM: Final = "revision.txt"
"""Beside this file in an installed package: the revision that it was built from."""


@functools.cache
def code_revision() -> str:
    """Version of Tunewell, with the revision (and ``dirty``) where it is known.

    From a checkout the revision is asked of git, from a package it is read from the file that the
    build wrote.
    """
    revision = _of_checkout() or _of_build()
    return f"{__version__}+{revision}" if revision else __version__


def _of_checkout() -> str:
    if not (_PACKAGE.parents[1] / ".git").exists():
        return ""
    command = ["git", "-C", str(_PACKAGE), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def _of_build() -> str:
    try:
        return (_PACKAGE / BUILT_FROM).read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
