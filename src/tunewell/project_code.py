"""Python files of the project that tunewell.yaml names: own metrics, own recognisers.

Such a file is the user's code and runs with the user's rights, like a test suite. So it is run only
when tunewell.yaml names it, and only from inside the project's folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from tunewell.errors import UserError


def _anybody(path: Path, file: str) -> None:
    """Whoever calls this from Python runs code of their own choice."""


_may_run: Callable[[Path, str], None] = _anybody


def ask_before_running(ask: Callable[[Path, str], None]) -> None:
    """Have a function asked before any file of a project is run; it raises if it may not be.

    Args:
        ask: Takes the file, and its name as tunewell.yaml gives it.
    """
    global _may_run
    _may_run = ask


def announce(root: Path, file: str) -> None:
    """Say that a project names a file of code, before anything of it is opened.

    Raises:
        UserError: It may not be run.
    """
    path = path_inside(root, file)
    if path is not None and path.is_file():
        _may_run(path, file)


def run_freely() -> None:
    """Ask nobody any more."""
    ask_before_running(_anybody)


@dataclass(frozen=True)
class ProjectCode:
    """A file that was run.

    Attributes:
        module: What it defines.
        digest: SHA-256 of its source, in hexadecimal.
    """

    module: ModuleType
    digest: str


def path_inside(root: Path, file: str) -> Path | None:
    """Where a Python file of the project is; None if it is no Python file or outside the folder.

    Args:
        root: The project's folder; links are followed before the file is looked for in it.
        file: Relative path, as tunewell.yaml gives it.
    """
    path = (root / file).resolve()
    is_python = path.suffix == ".py" and not Path(file).is_absolute()
    return path if is_python and path.is_relative_to(root.resolve()) else None


def run_project_code(path: Path, *, file: str, place: str) -> ProjectCode:
    """Run a file of the project, once per process.

    Args:
        path: The file, see `path_inside`.
        file: As tunewell.yaml gives it, for errors.
        place: Where tunewell.yaml names it, for errors.

    Raises:
        UserError: It cannot be read, or fails.
    """
    try:
        source = path.read_bytes()
    except OSError as error:
        message = f"{file} cannot be read: {error.strerror}"
        raise UserError(message, place=place, hint=f"write {file}") from error

    digest = hashlib.sha256(source).hexdigest()
    _may_run(path, file)
    name = f"_tunewell_own_{digest[:16]}"
    if name not in sys.modules:
        _run(path, name, file, place)
    return ProjectCode(sys.modules[name], digest)


def _run(path: Path, name: str, file: str, place: str) -> None:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} cannot be loaded as Python", place=place)

    module = importlib.util.module_from_spec(spec)
    # Dataclasses and pydantic look their module up here.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise UserError(
            f"{type(error).__name__}: {error} (named in {place})",
            place=f"{file}:{_line_of(error, path)}",
            hint=f"run: python {file}",
        ) from error


def _line_of(error: BaseException, path: Path) -> int:
    """The line of the file that was at work when the error was raised."""
    line = getattr(error, "lineno", 0) or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return int(line)
