"""Evaluate: base, prompted and tuned model on the same held-out rows, and the gates' verdict."""

from tunewell.evaluate.foreign import ColumnNames, read_predictions
from tunewell.evaluate.given_outputs import evaluate_outputs
from tunewell.evaluate.inspect_log import inspect_log
from tunewell.evaluate.stage import evaluate
from tunewell.evaluate.verdict import decide

__all__ = [
    "ColumnNames",
    "decide",
    "evaluate",
    "evaluate_outputs",
    "inspect_log",
    "read_predictions",
]
