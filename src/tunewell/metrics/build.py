"""The metrics of a project, as tunewell.yaml names them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from pydantic import Field, ValidationError

from tunewell.documentation import reference
from tunewell.errors import TaskError, UserError
from tunewell.metrics import (
    answer_format,
    brier,
    coverage,
    currency,
    decision,
    guideline,
    heard,
    key_points,
    label,
    length,
    match,
    must_not,
    overlap,
    readability,
    string_check,
    support,
)
from tunewell.metrics.base import Metric
from tunewell.metrics.custom import load_own
from tunewell.metrics.judge import metric as judge
from tunewell.metrics.registry import BUILTINS, MetricSetting
from tunewell.task import TaskFile
from tunewell.types import REAL_TIME_FACTOR, MetricInfo, Value
from tunewell.types.speeds import FOR_INFORMATION

MODULES = (
    answer_format,
    brier,
    coverage,
    currency,
    decision,
    guideline,
    heard,
    judge,
    key_points,
    label,
    length,
    match,
    must_not,
    overlap,
    readability,
    string_check,
    support,
)
"""Every file that registers a built-in metric."""

NATS = MetricInfo(
    name="nats",
    title="loss of the gold answer",
    unit="nats/token",
    bigger_is_better=False,
    low=0.0,
    high=float("inf"),
    validated=True,
)
"""Always measured, through ``Model.score``: how improbable the gold answer is, per token."""

Fault = tuple[str, str]
"""Place and message."""


class OwnOptions(Value):
    """Options of the project's own metrics.

    Attributes:
        python: File inside the project's folder that defines the function, such as ``metrics.py``.
    """

    python: str = Field(min_length=1)


def infos(metrics: Sequence[Metric]) -> tuple[MetricInfo, ...]:
    """What was measured: the metrics' own descriptions and, always, `NATS`."""
    return (*(m.info for m in metrics), NATS)


def build_metrics(file: TaskFile) -> tuple[Metric, ...]:
    """The metrics of a project, in the order of tunewell.yaml.

    ``name`` is free where ``options.metric`` names the built-in one, so that one metric may stand
    twice with different options. ``options.python`` names the file of an own metric.

    Raises:
        TaskError: Every unknown name, wrong option and unusable own metric together, with their
            lines.
    """
    made: dict[str, Metric] = {}
    faults: list[Fault] = []
    for index, spec in enumerate(file.spec.metrics):
        if spec.name in made or spec.name == NATS.name:
            message = f"metrics[{index}]: {spec.name!r} is listed twice (nats is always measured)."
            faults.append((_place(file, index), message))
            continue
        try:
            made[spec.name] = _build(file, index)
        except (ValueError, UserError) as error:
            faults += _faults(error, file, index)

    if faults:
        raise TaskError(
            faults, hint=f"{reference('metrics.md')} lists every metric and its options"
        )
    return tuple(made.values())


def metrics_of_kinds(
    file: TaskFile,
    kinds: Sequence[str],
) -> list[Metric]:
    """The metrics of a project that are some built-in ones, under whatever names.

    Args:
        file: The definition.
        kinds: Names of built-in metrics.
    """
    wanted = [
        index
        for index, spec in enumerate(file.spec.metrics)
        if spec.options.get("metric", spec.name) in kinds
    ]
    return [_build(file, index) for index in wanted]


def _place(
    file: TaskFile,
    index: int,
) -> str:
    return file.where(f"metrics.{index}")


def _build(
    file: TaskFile,
    index: int,
) -> Metric:
    spec = file.spec.metrics[index]
    options: dict[str, Any] = dict(spec.options)
    if "python" in options:
        own = OwnOptions.model_validate(options)
        return load_own(
            file.root,
            own.python,
            spec.name,
            place=_place(file, index),
        )

    kind = str(options.pop("metric", spec.name))
    if kind == REAL_TIME_FACTOR:
        raise ValueError(FOR_INFORMATION)
    if kind not in BUILTINS:
        known = ", ".join(BUILTINS)
        raise ValueError(
            f"no metric {kind!r}; known: {known}; an own one needs options: {{python: metrics.py}}"
        )
    builtin = BUILTINS[kind]
    setting = MetricSetting(
        info=builtin.info.model_copy(update={"name": spec.name}),
        file=file,
        sibling=partial(_sibling, file),
    )
    return builtin.make(builtin.options.model_validate(options), setting)


def _sibling(
    file: TaskFile,
    name: str,
) -> Metric:
    """Another metric of the same definition, from 0 to 1."""
    index = _index_of(file, name)
    found = _build(file, index)
    if (found.info.low, found.info.high) != (0.0, 1.0):
        raise ValueError(
            f"brier needs a metric from 0 to 1 to be compared with; {name!r} has another range"
        )
    return found


def _index_of(
    file: TaskFile,
    name: str,
) -> int:
    for index, spec in enumerate(file.spec.metrics):
        kind = str(spec.options.get("metric", spec.name))
        if spec.name == name and kind not in {"judge", "brier"}:
            return index
    raise ValueError(
        f"brier is compared with another metric of this task; there is no {name!r} (option 'of')"
    )


def _faults(
    error: ValueError | UserError,
    file: TaskFile,
    index: int,
) -> list[Fault]:
    """What is wrong with one metric of the definition."""
    if isinstance(error, ValidationError):
        return [_option_fault(file, index, detail) for detail in error.errors()]
    if isinstance(error, UserError):
        hint = f" ({error.hint})" if error.hint else ""
        place = error.place or _place(file, index)
        return [(place, f"{error.message}{hint}")]
    return [(_place(file, index), f"metrics[{index}]: {error}.")]


def _option_fault(
    file: TaskFile,
    index: int,
    detail: Any,
) -> Fault:
    option = ".".join(map(str, detail["loc"]))
    message = str(detail["msg"]).removeprefix("Value error, ")
    name = file.spec.metrics[index].name
    place = file.where(f"metrics.{index}.options.{option}")
    return place, f"metrics[{index}] ({name}): {option}: {message}."
