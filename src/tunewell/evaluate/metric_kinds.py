"""Which metrics of a task are of a built-in kind, under whatever name."""

from __future__ import annotations

from tunewell.task import MetricSpec, TaskFile


def kind_of(spec: MetricSpec) -> str:
    """The built-in that a metric is: ``options.metric``, else its own name.

    Example:
        >>> kind_of(MetricSpec(name="tone", options={"metric": "judge"}))
        'judge'
    """
    return str(spec.options.get("metric", spec.name))


def metrics_of_kind(file: TaskFile, kind: str) -> list[MetricSpec]:
    """The metrics of a task that are of one kind, in order."""
    return [spec for spec in file.spec.metrics if kind_of(spec) == kind]


def options_of(spec: MetricSpec) -> dict[str, object]:
    """A metric's own options, without the one that names its kind."""
    options = dict(spec.options)
    options.pop("metric", None)
    return options
