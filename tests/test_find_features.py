"""A stranger who looks for a feature finds its file by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "src" / "tunewell"

FEATURES = {
    "label errors": "train/diagnose/label_errors.py",
    "overfitting": "train/diagnose/overfitting.py",
    "memorisation": "train/diagnose/memorisation.py",
    "early stopping": "train/diagnose/stopping.py",
    "forgetting": "train/forgetting/finding.py",
    "learning curve": "train/studies/learning_curve.py",
    "leave one group out": "train/studies/unseen_groups.py",
    "search for a recipe": "train/studies/recipe_search.py",
    "export to GGUF": "train/export/gguf.py",
    "leaks": "similar/leaks.py",
    "contradictions": "curate/contradictions.py",
    "templates": "similar/templates.py",
    "stale rows": "curate/age.py",
    "broken rows": "checks/broken/__init__.py",
    "language of a text": "checks/language.py",
    "payment cards": "checks/personal/payment.py",
    "families for the split": "split/families.py",
    "sign in": "web/sign_in.py",
    "passwords": "people/passwords.py",
    "audit log": "people/audit.py",
    "gate": "evaluate/gate.py",
    "autopsy": "evaluate/autopsy/__init__.py",
    "calibration": "evaluate/calibration.py",
    "corrections of judges": "evaluate/judge_correction.py",
    "releases": "releases.py",
}


@pytest.mark.parametrize(("feature", "file"), FEATURES.items())
def test_a_feature_is_in_the_file_of_its_name(feature: str, file: str) -> None:
    assert (PACKAGE / file).is_file(), f"{feature} is no longer in {file}"


def test_no_module_imports_itself_round_a_corner() -> None:
    graph = {name: _imported(name) for name in _modules()}
    assert not list(_circles(graph))


def _modules() -> list[str]:
    names = []
    for path in PACKAGE.rglob("*.py"):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        names.append(".".join(part for part in parts if part != "__init__"))
    return names


def _imported(module: str) -> set[str]:
    """Modules of ours that a module imports when it is imported itself."""
    import ast

    base = PACKAGE.parent / Path(*module.split("."))
    file = base.with_suffix(".py") if base.with_suffix(".py").is_file() else base / "__init__.py"
    found: set[str] = set()
    known = set(_KNOWN)
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ImportFrom) or not node.module:
            continue
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            if inner in known:
                found.add(inner)
            elif node.module in known and node.module != module:
                found.add(node.module)
    return found - {module}


_KNOWN = _modules()


def _circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """Groups of modules that import one another, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in graph.get(name, ()):
            if other not in order:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], order[other])
        if low[name] == order[name]:
            group = set()
            while True:
                member = stack.pop()
                group.add(member)
                if member == name:
                    break
            if len(group) > 1:
                found.add(frozenset(group))

    for name in graph:
        if name not in order:
            visit(name)
    return found
