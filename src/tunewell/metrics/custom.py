"""The project's own metrics: Python functions in a file that tunewell.yaml names.

``options: {python: metrics.py}`` names the file (see `tunewell.project_code`); its digest is the
version in every score.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from tunewell.errors import UserError
from tunewell.metrics.base import Metric, MetricFunction
from tunewell.project_code import path_inside, run_project_code
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
    """Make a metric of a function ``(output, example, *, task)``.

    The function gives a number, `Unscored` or `Marked`.

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
        about = (function.__doc__ or "").strip()
        first_line = about.split("\n")[0].rstrip(".")
        info = MetricInfo(
            name=own_name,
            title=title or first_line or own_name,
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
    path = path_inside(root, file)
    if path is None:
        raise UserError(
            f"own metrics are read from a .py file inside the project's folder; got {file!r}",
            place=place,
            hint="put the file beside tunewell.yaml and name it: options: {python: metrics.py}",
        )

    code = run_project_code(path, file=file, place=place)
    found: dict[str, Metric] = {}
    for value in vars(code.module).values():
        if isinstance(value, Metric):
            found[value.name] = value
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise UserError(
            f"{file} has no metric {name!r}; it has: {known}",
            place=place,
            hint="from tunewell.metrics import metric; "
            f"@metric() above def {name}(output, example, *, task)",
        )
    return replace(found[name], version=code.digest[:12])
