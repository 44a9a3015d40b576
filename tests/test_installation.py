"""What ``tunewell self-check`` says of an installation, and which Tunewell this is."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tunewell import __version__, installation, revision
from tunewell.cli.main import main
from tunewell.errors import EXIT_USER
from tunewell.installation import EXTRAS, check_installation

ROOT = Path(__file__).parents[1]


def test_this_installation_works() -> None:
    checks = {check.name: check for check in check_installation()}
    assert {check.state for check in checks.values()} <= {"works", "missing"}
    assert checks["doctor"].state == checks["store"].state == checks["statistics"].state == "works"
    assert checks["version"].detail.startswith(f"tunewell {__version__}")


def test_every_extra_of_the_package_is_looked_for() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = declared["project"]["optional-dependencies"]
    assert set(EXTRAS) == set(extras) - {"all", "dev", "docs"}


def test_a_missing_extra_is_named_with_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    checks = {check.name: check for check in check_installation()}
    assert checks["extra train"].state == "missing"
    assert checks["extra train"].hint == "pip install 'tunewell[train]'"


def test_a_missing_package_around_a_module_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    modules = ("nosuchpackage.inner",)
    monkeypatch.setitem(installation.EXTRAS, "otlp", (modules, "spans"))
    checks = {check.name: check for check in check_installation()}
    assert checks["extra otlp"].state == "missing"


def test_every_module_of_an_extra_leads_to_it() -> None:
    for extra, (modules, _) in EXTRAS.items():
        for module in modules:
            found = installation.extra_of(f"{module}.inner")
            assert module in EXTRAS[found][0], (extra, module)
    assert installation.extra_of("opentelemetry") == installation.extra_of("nosuch") == ""


def test_what_is_broken_fails_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "ORACLE", (15, 148, "0.1 [0.05, 0.2]"))
    assert main(["self-check"]) == EXIT_USER
    shown = capsys.readouterr().out
    assert re.search(r"^fails    statistics: ValueError: 15 of 148 gave", shown, re.MULTILINE)
    assert main(["self-check", "--json"]) == EXIT_USER
    assert json.loads(capsys.readouterr().out)["verdict"] == "NO-GO"


def test_a_package_that_is_gone_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        importlib.metadata, "requires", lambda _: ["numpy>=2", "nosuchpackage>=1; extra == 'x'"]
    )
    assert installation.required() == ["numpy"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: ["nosuchpackage>=1"])
    checks = {check.name: check for check in check_installation()}
    assert checks["versions of packages"].detail == "UserError: not installed: nosuchpackage"


def test_the_revision_of_a_build_is_read_where_there_is_no_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def known(folder: Any) -> str:
        monkeypatch.setattr(revision, "_PACKAGE", folder)
        revision.code_revision.cache_clear()
        return revision.code_revision()

    package = tmp_path / "site-packages" / "tunewell"
    package.mkdir(parents=True)
    assert known(package) == __version__
    (package / revision.BUILT_FROM).write_text("abc123\n", encoding="ascii")
    assert known(package) == f"{__version__}+abc123"
    revision.code_revision.cache_clear()
