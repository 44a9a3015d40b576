"""``import tunewell as tw``: the names it gives, what it costs, and that types say the same."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tunewell

PUBLIC = [
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
HEAVY = ("numpy", "pyarrow", "scipy", "pydantic", "torch", "typer", "rich", "sqlalchemy")


def test_the_public_names_are_these() -> None:
    assert sorted(tunewell.__all__) == tunewell.__all__ == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    found = getattr(tunewell, name)
    assert name == "__version__" or (found.__doc__ or "").strip()
    assert name in dir(tunewell)


def test_another_name_is_an_error_of_attributes() -> None:
    with pytest.raises(AttributeError, match="no attribute 'docter'"):
        _ = tunewell.docter  # type: ignore[attr-defined]


def test_type_checkers_are_told_the_same_names() -> None:
    stub = Path(tunewell.__file__).with_suffix(".pyi")
    names = {"__version__"}
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            names |= {alias.asname for alias in node.names if alias.asname}
        elif isinstance(node, ast.Assign):
            names |= {ast.unparse(target) for target in node.targets}
    assert names == set(PUBLIC)


def test_importing_loads_nothing_heavy() -> None:
    code = f"import sys, tunewell; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_evaluate_is_a_function_and_a_package_in_any_order() -> None:
    code = (
        "import tunewell.evaluate.table, tunewell as tw\n"
        "from tunewell.evaluate import decide\n"
        "print(tw.evaluate(['a'], ['a'], metrics=['exact']).level('exact').value)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "1.0"
