"""Scores of an output: the task's metrics, each knowing its unit, direction, range and whether it may guard a gate."""

from tunewell.metrics.base import Marked, Metric, MetricFunction
from tunewell.metrics.custom import metric
from tunewell.metrics.registry import BUILTINS, NATS, build_metrics, infos
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
