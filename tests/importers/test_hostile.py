"""Damaged and hostile sources: one clear error, nothing executed, nothing written elsewhere."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.importers.made import made, write
from tunewell.cli.main import main
from tunewell.errors import UserError
from tunewell.importers import import_project

DAMAGED: dict[str, tuple[str, str]] = {
    "empty": ("a.yaml", ""),
    "cut off": ("a.yaml", "base_model: x\ndatasets: [{path: "),
    "no YAML": ("a.yaml", "base_model: : :\n\t- x"),
    "a tag": ("a.yaml", "base_model: !!python/object/apply:os.system ['touch trap']"),
    "cyclic": ("a.yaml", "base_model: x\ndatasets: &a [*a]"),
    "billions": (
        "a.yaml",
        "base_model: x\na: &a [1,1,1,1,1,1,1,1,1]\n"
        + "".join(
            f"a{n}: &a{n} [{', '.join([f'*a{n - 1}' if n else '*a'] * 9)}]\n" for n in range(8)
        ),
    ),
    "deep": ("a.json", '{"base_model": ' * 300 + "1" + "}" * 300),
    "no JSON": ("a.json", '{"object": "eval",}'),
    "no TOML": ("tensorzero.toml", "[functions\nx"),
    "a text": ("a.yaml", "just words"),
    "a number": ("a.json", "5"),
    "nulls": ("a.json", "[null]"),
    "unknown": ("a.yaml", "colour: blue"),
    "a list of lists": ("a.json", "[[1], [2]]"),
    "not UTF-8": ("a.yaml", ""),
    "rows": ("a.csv", "question,answer\na,b\n"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_is_damaged_is_one_clear_error(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, text = DAMAGED[name]
    source = write(tmp_path / file, text)
    if name == "not UTF-8":
        source.write_bytes(b"base_model: \xff\xfe")
    assert main(["import", str(source), str(tmp_path / "p")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "Traceback" not in said
    assert not (tmp_path / "p").exists()
    assert not (tmp_path / "trap").exists()


def test_a_project_is_never_written_over(tmp_path: Path) -> None:
    source = write(tmp_path / "c.yml", {"base_model": "a/b", "datasets": [{"path": "c/d"}]})
    made(source, tmp_path / "p")
    with pytest.raises(UserError, match="a project in"):
        made(source, tmp_path / "p")


WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = {
    "axolotl": (
        "base_model",
        "datasets",
        "val_set_size",
        "num_epochs",
        "lora_r",
        "micro_batch_size",
    ),
    "llama-factory": ("model_name_or_path", "stage", "dataset", "cutoff_len", "lora_target"),
    "trl": ("model_name_or_path", "dataset_name", "num_train_epochs", "dataset_mixer", "datasets"),
    "promptfoo": ("prompts", "tests", "defaultTest", "scenarios", "providers"),
    "evals": ("a", "a.v0"),
    "eval": ("object", "testing_criteria", "name"),
    "job": ("training_file", "method", "hyperparameters", "result_files", "model"),
}


@pytest.mark.parametrize("kind", KEYS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(WILD, min_size=6, max_size=6), number=st.integers(0, 10**9))
def test_wild_values_give_a_project_or_an_error_of_the_users(
    kind: str, values: list[Any], number: int, tmp_path: Path
) -> None:
    config = dict(zip(KEYS[kind], values, strict=False))
    if kind == "evals":
        config["a.v0"] = {"class": "evals.elsuite.basic.match:Match", "args": values[0]}
    if kind == "eval":
        config |= {"object": "eval", "testing_criteria": [{"type": "string_check", "x": values[0]}]}
    source = write(tmp_path / f"{kind}.json", config)
    folder = tmp_path / f"{kind}-{number}-{len(list(tmp_path.iterdir()))}"
    with contextlib.suppress(UserError):
        import_project(source, folder)


def test_hostile_texts_stay_texts_in_the_table(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script> | `x` [y](javascript:z)\x1b[31m"
    config = {"base_model": "a/b", "datasets": [{"path": "c/d"}], hostile: hostile}
    made(write(tmp_path / "c.json", config), tmp_path / "p")
    table = (tmp_path / "p" / "IMPORT.md").read_text(encoding="utf-8")
    assert "<script>" not in table
    assert "](javascript" not in table
    assert "\x1b" not in table
    (line,) = [line for line in table.splitlines() if "alert(1)" in line]
    assert line.count("|") == 5


def test_the_command_prints_what_became_of_the_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {"base_model": "a/b", "datasets": [{"path": "c/d"}], "lora_r": 8, "flux": 1}
    source = write(tmp_path / "c.yml", config)
    assert main(["import", str(source), str(tmp_path / "p")]) == 0
    shown = capsys.readouterr()
    assert "lora_r: 8 → train.rank" in shown.out
    assert "flux: 1 (Tunewell does not know this key)" in shown.out
    assert "Your configuration held out nothing" in shown.out
    assert "hf download c/d" in shown.out
    assert main(["config", str(tmp_path / "p"), "--json"]) == 0
    capsys.readouterr()
    assert main(["import", str(source), str(tmp_path / "q"), "--json"]) == 0
    assert '"carried over": ' in capsys.readouterr().out
