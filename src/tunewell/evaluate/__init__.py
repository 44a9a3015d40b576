"""Evaluate: base, prompted and tuned model on the same held-out rows, and the gates' verdict.

The package can be called: ``tunewell.evaluate(outputs, targets)`` scores outputs that are in memory
(`tunewell.notebook.outputs.evaluate`).
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any

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


class CallableStage(ModuleType):
    """A package that is a function too: both are called ``tunewell.evaluate``."""

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Score outputs against gold answers: see `tunewell.notebook.outputs.evaluate`."""
        # By name: what Python users call is built from the stages and may import them, not they it.
        return import_module("tunewell.notebook.outputs").evaluate(*arguments, **named)


sys.modules[__name__].__class__ = CallableStage
