"""Code that a project brings is run only for whoever has said that they trust the project.

A folder from elsewhere may name Python files of its own (metrics, a recogniser). The first time a
verb would run one, it says so and asks; in scripts, ``--trust`` answers. The answer is kept for the
folder, outside of it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from tunewell.cli.project_place import DEFINITION
from tunewell.errors import UserError
from tunewell.project_code import ask_before_running, run_freely

FLAG = "--trust"
VARIABLE = "TUNEWELL_TRUST"


def take_flag(arguments: list[str]) -> tuple[list[str], bool]:
    """Arguments without ``--trust``, wherever it stands, and whether it was there.

    Example:
        >>> take_flag(["run", "--trust", "desk"])
        (['run', 'desk'], True)
        >>> take_flag(["ask", "--", "--trust"])
        (['ask', '--', '--trust'], False)
    """
    end = arguments.index("--") if "--" in arguments else len(arguments)
    options = [argument for argument in arguments[:end] if argument != FLAG]
    return options + arguments[end:], len(options) < end


@contextmanager
def asking(trusted: bool) -> Iterator[None]:
    """While this lasts, code of a project is run only if the project is trusted.

    Args:
        trusted: Whether the command line said so already.
    """
    said_so = trusted or os.environ.get(VARIABLE, "") not in ("", "0")
    ask_before_running(lambda path, file: _ask(path, file, said_so))
    try:
        yield
    finally:
        run_freely()


def _ask(path: Path, file: str, said_so: bool) -> None:
    """Let a file of a project be run, or refuse it.

    Raises:
        UserError: Nobody has said that the project is trusted.
    """
    root = _project_of(path)
    if _is_known(root):
        return
    if said_so or _confirmed(root, file):
        _remember(root)
        return
    raise UserError(
        f"the project in {root} brings code of its own ({file}), which would run with your rights",
        hint=f"read {path}, then add {FLAG}",
    )


def _confirmed(root: Path, file: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    # Imported here: the console is not needed before.
    from tunewell.cli.common import note

    note(f"The project in {root} brings code of its own, {file}. It runs with your rights.")
    return typer.confirm("Do you trust whoever wrote this project?", default=False, err=True)


def _project_of(path: Path) -> Path:
    for folder in path.parents:
        if (folder / DEFINITION).exists():
            return folder
    return path.parent


# --- what was answered before ---------------------------------------------------------------------


def _kept_in() -> Path:
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(base) / "tunewell" / "trusted.json"


def _name(root: Path) -> str:
    """A folder at its place: another one that takes its place is not it."""
    found = root.stat()
    return f"{root} {found.st_dev}:{found.st_ino}"


def _known() -> list[str]:
    try:
        kept = json.loads(_kept_in().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [str(name) for name in kept] if isinstance(kept, list) else []


def _is_known(root: Path) -> bool:
    return _name(root) in _known()


def _remember(root: Path) -> None:
    """Keep the answer, where that is possible; it is asked again otherwise."""
    path = _kept_in()
    names = sorted({*_known(), _name(root)})
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(names, file, indent=1)
    except OSError:
        return
