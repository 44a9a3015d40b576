"""Evaluate: base, prompted and tuned model on the same held-out rows, and the verdict of the gates."""

from tunewell.evaluate.gate import decide
from tunewell.evaluate.stage import evaluate

__all__ = ["decide", "evaluate"]
