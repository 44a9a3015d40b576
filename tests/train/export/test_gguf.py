"""GGUF through a converter that behaves as llama.cpp's does.

Arguments, exit code, a file in the end.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tunewell.errors import ModelError
from tunewell.train.export.gguf import CONVERTER, find_converter, to_gguf

CONVERTS = """
import argparse, json, pathlib, sys
p = argparse.ArgumentParser()
p.add_argument("model")
p.add_argument("--outfile")
p.add_argument("--outtype")
p.add_argument("--model-name", default="")
a = p.parse_args()
config = json.loads((pathlib.Path(a.model) / "config.json").read_text())
told = json.dumps([config["model_type"], a.outtype, a.model_name])
pathlib.Path(a.outfile).write_bytes(b"GGUF" + told.encode())
"""
FAILS = """
import pathlib, sys
pathlib.Path(sys.argv[3]).write_bytes(b"half")
sys.exit("Model FooForCausalLM is not supported")
"""
NEEDS = "import a_module_that_nobody_has.part"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "merged").mkdir()
    (tmp_path / "merged" / "config.json").write_text('{"model_type": "llama"}')
    return tmp_path / "merged"


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    monkeypatch.setenv("PATH", "")


def install(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "llama.cpp"
    root.mkdir()
    (root / CONVERTER).write_text(script)
    monkeypatch.setenv("LLAMA_CPP", str(root))
    return root


def test_it_converts(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = install(tmp_path, CONVERTS, monkeypatch)
    assert find_converter() == root / CONVERTER
    made = to_gguf(folder, tmp_path / "new" / "model.gguf", outtype="q8_0", name="desk")
    assert made.read_bytes() == b'GGUF["llama", "q8_0", "desk"]'
    assert [p.name for p in made.parent.iterdir()] == ["model.gguf"]
    with pytest.raises(ModelError, match="is there already"):
        to_gguf(folder, made)


def test_without_the_converter_it_says_what_to_do(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="was not found on this machine") as caught:
        to_gguf(folder, tmp_path / "model.gguf")
    assert "LLAMA_CPP" in caught.value.hint


def test_a_folder_without_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LLAMA_CPP", str(tmp_path))
    with pytest.raises(ModelError, match="holds no convert_hf_to_gguf"):
        find_converter()


def test_what_fails_leaves_nothing_behind(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, FAILS, monkeypatch)
    with pytest.raises(
        ModelError, match=r"failed \(exit 1\): Model FooForCausalLM is not supported"
    ):
        to_gguf(folder, tmp_path / "model.gguf")
    assert not list(tmp_path.glob("model.gguf*"))


def test_a_package_that_the_converter_needs_is_named(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, NEEDS, monkeypatch)
    with pytest.raises(ModelError, match="No module named") as caught:
        to_gguf(folder, tmp_path / "model.gguf")
    assert caught.value.hint == "pip install a_module_that_nobody_has"


def test_a_link_on_the_path_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = install(tmp_path, CONVERTS, monkeypatch)
    monkeypatch.delenv("LLAMA_CPP")
    (root / CONVERTER).chmod(0o755)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / CONVERTER).symlink_to(root / CONVERTER)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert find_converter() == root / CONVERTER
