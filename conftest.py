"""Modules whose optional package is not installed are not imported for their examples."""

from __future__ import annotations

from importlib.util import find_spec

OPTIONAL = {
    "mlflow": "src/tunewell/tracking/to_mlflow.py",
    "tensorboard": "src/tunewell/tracking/to_tensorboard.py",
}
"""Package to the module that is about nothing else."""

collect_ignore = [module for package, module in OPTIONAL.items() if find_spec(package) is None]
