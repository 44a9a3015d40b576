"""Evaluate: base, prompted and tuned model on the same held-out rows, and the verdict of the gates."""

from tunewell.evaluate.gate import decide
from tunewell.evaluate.interchange import inspect_log, read_predictions
from tunewell.evaluate.outputs import evaluate_outputs
from tunewell.evaluate.stage import evaluate

__all__ = ["decide", "evaluate", "evaluate_outputs", "inspect_log", "read_predictions"]
