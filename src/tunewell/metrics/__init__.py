"""Scores of an output: the task's metrics, each knowing its unit, direction and range."""

from tunewell.metrics.base import Marked, Metric, MetricFunction
from tunewell.metrics.build import NATS, build_metrics, infos
from tunewell.metrics.custom import metric
from tunewell.metrics.registry import BUILTINS
from tunewell.types import MetricInfo, Unscored

__all__ = [
    "BUILTINS",
    "NATS",
    "Marked",
    "Metric",
    "MetricFunction",
    "MetricInfo",
    "Unscored",
    "build_metrics",
    "infos",
    "metric",
]
