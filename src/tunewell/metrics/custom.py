"""The project's own metrics: Python functions in a file that tunewell.yaml names.

The file is the user's code and runs with the user's rights, like a test suite. So it is run only
when ``tunewell.yaml`` names it (``options: {python: metrics.py}``), only from inside the project's
folder, and its digest is the version in every score.
"""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from tunewell.errors import UserError
from tunewell.metrics.base import Metric, MetricFunction
from tunewell.types import MetricInfo

DECORATED_VERSION = "own"


def metric(
    *,
    title: str = "",
    name: str = "",
    unit: str = "share",
    bigger_is_better: bool = True,
    low: float = 0.0,
    high: float = 1.0,
    exact: bool = True,
) -> Callable[[MetricFunction], Metric]:
    """Make a metric of a function ``(output, example, *, task)`` that gives a number, `Unscored` or `Marked`.

    Args:
        title: In words, for reports; the first line of the docstring if empty.
        name: As in tunewell.yaml; the function's name if empty.
        unit: ``share``, ``words`` …
        bigger_is_better: Direction.
        low: Smallest possible value; results outside the range are unscored.
        high: Greatest possible value.
        exact: Whether its verdict is right by nature (a rule, a lookup). Say False when it asks a
            model or guesses: it then guards no gate until it has been held against people.

    Example:
        >>> from tunewell.types import Example, Message
        >>> @metric(title="Says goodbye")
        ... def goodbye(output, example, *, task):
        ...     return output.rstrip(" .!").endswith("Kind regards")
        >>> row = Example(id="1", messages=(Message(role="user", content="Hello"),))
        >>> goodbye("Done. Kind regards!", row, task=None).value
        1.0
    """

    def make(function: MetricFunction) -> Metric:
        own_name = name or str(getattr(function, "__name__", "metric"))
        words = title or (function.__doc__ or "").strip().split("\n")[0].rstrip(".") or own_name
        info = MetricInfo(
            name=own_name,
            title=words,
            unit=unit,
            bigger_is_better=bigger_is_better,
            low=low,
            high=high,
            own=True,
            validated=exact,
        )
        return Metric(info=info, function=function, version=DECORATED_VERSION)

    return make


def load_own(root: Path, file: str, name: str, *, place: str) -> Metric:
    """The metric called ``name`` of a Python file of the project.

    Args:
        root: The project's folder; the file must lie inside it, links followed.
        file: Relative path, as tunewell.yaml gives it.
        name: Which metric.
        place: Where tunewell.yaml names it, for errors.

    Raises:
        UserError: The file is outside the project, missing, fails to run, or has no such metric.
    """
    path = (root / file).resolve()
    if Path(file).is_absolute() or not path.is_relative_to(root.resolve()) or path.suffix != ".py":
        raise UserError(
            f"own metrics are read from a .py file inside the project's folder; got {file!r}",
            place=place,
            hint="put the file beside tunewell.yaml and name it: options: {python: metrics.py}",
        )
    try:
        source = path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{file} cannot be read: {error.strerror}", place=place, hint=f"write {file}"
        ) from error
    digest = hashlib.sha256(source).hexdigest()
    module = _run(path, digest, file, place)
    found = {m.name: m for m in vars(module).values() if isinstance(m, Metric)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise UserError(
            f"{file} has no metric {name!r}; it has: {known}",
            place=place,
            hint=f"from tunewell.metrics import metric; @metric() above def {name}(output, example, *, task)",
        )
    return replace(found[name], version=digest[:12])


def _run(path: Path, digest: str, file: str, place: str) -> ModuleType:
    name = f"_tunewell_own_{digest[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"{file} cannot be loaded as Python", place=place)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look their module up here
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        line = _line_of(error, path)
        raise UserError(
            f"{type(error).__name__}: {error} (named in {place})",
            place=f"{file}:{line}",
            hint=f"run: python {file}",
        ) from error
    return module


def _line_of(error: BaseException, path: Path) -> int:
    line = getattr(error, "lineno", 0) or 0
    trace = error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return int(line)
