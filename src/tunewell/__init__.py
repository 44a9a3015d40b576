"""Tunewell fine-tunes a language model and brings the evidence that it is better.

>>> import tunewell as tw
>>> report = tw.doctor("train.jsonl")  # doctest: +SKIP
>>> done = tw.Project("my-project").run()  # doctest: +SKIP

Names are imported when they are first used: ``import tunewell`` itself loads nothing.
"""

from __future__ import annotations

import importlib as _importlib
import os as _os

# Promise 6: nothing is sent anywhere that the user did not name. Daft, TRL and huggingface_hub read
# this before or at import, so it has to be set before any of them is imported.
_os.environ.setdefault("DO_NOT_TRACK", "1")
_os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
_os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
_os.environ.setdefault("DAFT_PROGRESS_BAR", "0")

# Threads that have nothing to do sleep instead of spinning. Where other programs share the cores, a
# thread that spins keeps the one that it waits for from running: answers took 16 times as long.
# Read by the libraries' threads when they start, so before PyTorch is imported.
_os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
_os.environ.setdefault("KMP_BLOCKTIME", "0")

__version__ = "0.2.0"

# Where each public name is; `__init__.pyi` says the same to type checkers, and a test compares.
_PLACES = {
    "DataError": "errors",
    "DoctorReport": "curate.doctor",
    "Estimate": "types",
    "Example": "types",
    "Finding": "types",
    "FixedRows": "notebook.row_fix",
    "Message": "types",
    "MissingExtraError": "errors",
    "ModelError": "errors",
    "Project": "notebook.project_folder:ProjectFolder",
    "ScoredOutputs": "notebook.outputs",
    "StoreError": "errors",
    "TaskError": "errors",
    "TunewellError": "errors",
    "Unscored": "types",
    "UserError": "errors",
    "Verdict": "types",
    "doctor": "notebook.data_check",
    "fix": "notebook.row_fix",
    "metric": "metrics",
}
_ROOMS = ("evaluate", "metrics", "stats", "testing")

__all__ = [
    "DataError",
    "DoctorReport",
    "Estimate",
    "Example",
    "Finding",
    "FixedRows",
    "Message",
    "MissingExtraError",
    "ModelError",
    "Project",
    "ScoredOutputs",
    "StoreError",
    "TaskError",
    "TunewellError",
    "Unscored",
    "UserError",
    "Verdict",
    "__version__",
    "doctor",
    "evaluate",
    "fix",
    "metric",
    "metrics",
    "stats",
    "testing",
]


def __getattr__(name: str) -> object:
    """A public name, imported now."""
    if name in _ROOMS:
        return _importlib.import_module(f"{__name__}.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room, _, other_name = _PLACES[name].partition(":")
    module = _importlib.import_module(f"{__name__}.{room}")
    found: object = getattr(module, other_name or name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
