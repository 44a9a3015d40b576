"""The built-in metrics by name; a decorator beside the function that computes one registers it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from tunewell.metrics.base import Metric, MetricFunction
from tunewell.task import TaskFile
from tunewell.types import MetricInfo, Value

Function = TypeVar("Function", bound=MetricFunction)
Options = TypeVar("Options", bound=Value)


class NoOptions(Value):
    """None."""


@dataclass(frozen=True)
class MetricSetting:
    """What a metric of a project is made from, beside its options.

    Attributes:
        info: What the metric is, under the project's name for it.
        file: The definition.
        sibling: Another metric of the definition by its name, from 0 to 1.
    """

    info: MetricInfo
    file: TaskFile
    sibling: Callable[[str], Metric]


Make = Callable[[Options, MetricSetting], Metric]


@dataclass(frozen=True)
class BuiltinMetric:
    """A metric that comes with Tunewell.

    Attributes:
        info: What it is.
        about: How it is computed.
        make: From its options and the project to the metric.
        options: Model of its options.
    """

    info: MetricInfo
    about: str
    make: Make[Any]
    options: type[Value] = NoOptions


class MetricRegistry(Mapping[str, BuiltinMetric]):
    """Metrics by name, listed by name: the order does not depend on what is imported first."""

    def __init__(self) -> None:
        self._metrics: dict[str, BuiltinMetric] = {}

    def __getitem__(self, name: str) -> BuiltinMetric:
        return self._metrics[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._metrics))

    def __len__(self) -> int:
        return len(self._metrics)

    def built_in(self, info: MetricInfo) -> Callable[[Function], Function]:
        """Register a metric function; its docstring says how it is computed.

        Args:
            info: Name, title, unit, range and direction.
        """

        def register(function: Function) -> Function:
            def make(_: NoOptions, setting: MetricSetting) -> Metric:
                return Metric(info=setting.info, function=function)

            self._metrics[info.name] = BuiltinMetric(info, _about(function), make)
            return function

        return register

    def built_in_with(
        self, info: MetricInfo, options: type[Options]
    ) -> Callable[[Make[Options]], Make[Options]]:
        """Register what makes a metric from options; its docstring says how it is computed.

        Args:
            info: Name, title, unit, range and direction.
            options: What tunewell.yaml may say under ``options``.
        """

        def register(make: Make[Options]) -> Make[Options]:
            self._metrics[info.name] = BuiltinMetric(info, _about(make), make, options)
            return make

        return register


def _about(function: Callable[..., object]) -> str:
    """A docstring up to its first section, as one paragraph."""
    text = inspect.getdoc(function) or ""
    description = re.split(r"\n\n[A-Z][a-z]+:\n", text)[0]
    return " ".join(description.split())


BUILTINS = MetricRegistry()
"""The built-in metrics; `tunewell.metrics.build` imports every file that registers one."""
built_in = BUILTINS.built_in
built_in_with = BUILTINS.built_in_with
