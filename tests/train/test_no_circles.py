"""Modules of training know each other in one direction alone, imports inside functions included."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import tunewell.train

ROOM = Path(tunewell.train.__file__).parent
SOURCE = ROOM.parents[1]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path, modules: set[str]) -> set[str]:
    """Modules of the room that a file imports anywhere, for type checking too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = {f"{node.module}.{name.name}" for name in node.names}
            found |= names & modules or {node.module} & modules
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names} & modules
    return found


def test_no_module_imports_one_that_imports_it() -> None:
    paths = {module_of(path): path for path in ROOM.rglob("*.py")}
    imports = {name: imported(path, set(paths)) - {name} for name, path in paths.items()}
    assert sum(map(len, imports.values())) > 50
    TopologicalSorter(imports).prepare()  # raises a CycleError that names the circle
