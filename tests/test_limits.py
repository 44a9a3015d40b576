"""Text of others in bounded time: patterns, YAML, weight files."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewell.errors import ModelError, UserError
from tunewell.metrics.guideline import GuidelineRule, broken
from tunewell.metrics.label import LabelOptions, label_of
from tunewell.metrics.must_not import forbidden_in
from tunewell.model.files import tensors_in
from tunewell.task import load_task
from tunewell.timed_pattern import PatternTimeoutError, TimedPattern

SLOW = [
    (r"(a|aa)+$", "a" * 60 + "!"),
    (r"^(\w+\s?)*$", "please send form b12 with a photo of your meter today thanks!" * 2),
    (r"(.*a){25}$", "a" * 40 + "!"),
]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_pattern_that_takes_too_long_is_an_error_in_time(pattern: str, text: str) -> None:
    uses: list[Callable[[], object]] = [
        lambda: TimedPattern(pattern).search(text),
        lambda: forbidden_in(text, (f"/{pattern}/",)),
        lambda: broken(GuidelineRule(rule="r", must=(f"/{pattern}/",)), text),
        lambda: label_of(text, LabelOptions(pattern=pattern).compiled),
    ]
    for use in uses:
        started = time.monotonic()
        try:
            use()
        except PatternTimeoutError:
            pass
        # Unbounded, each would take days; the bound is wide for machines that do other work.
        assert time.monotonic() - started < 60


def test_one_of_them_is_that_slow() -> None:
    with pytest.raises(PatternTimeoutError, match="took more than 1 s"):
        TimedPattern(*SLOW[0][:1]).search(SLOW[0][1])


YAML = {
    "laughs": "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
    + "".join(
        f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n"
        for a, b in zip("abcdefg", "bcdefgh", strict=True)
    ),
    "itself": "task: &a [*a]\n",
    "itself in a mapping": "task: &a {b: {c: *a}}\n",
    "deep": "[" * 5000 + "]" * 5000,
    "deep mappings": "{a: " * 3000 + "1" + "}" * 3000,
    "deep blocks": "\n".join(" " * n + "a:" for n in range(1500)),
    "many": "a: [" + "1," * 200_000 + "]",
}


@pytest.mark.parametrize("name", YAML)
def test_yaml_that_does_not_end_or_fit_is_an_error_with_its_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "tunewell.yaml").write_text(YAML[name], encoding="utf-8")
    started = time.monotonic()
    with pytest.raises(UserError, match=r"tunewell\.yaml"):
        load_task(tmp_path)
    assert time.monotonic() - started < 20


def test_aliases_that_people_write_are_read(tmp_path: Path) -> None:
    text = """
version: 1
task: {name: desk, about: &about Answers of a desk., input: *about, output: *about}
data: [{path: rows.jsonl}]
"""
    (tmp_path / "tunewell.yaml").write_text(text, encoding="utf-8")
    assert load_task(tmp_path).spec.task.input == "Answers of a desk."


HEADERS: list[object] = [
    [],
    {"a": []},
    {"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}},
    {"a": {"dtype": "F32", "shape": [1], "data_offsets": [-4, 4]}},
    {"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}},
    {"a": {"dtype": 3, "shape": [1], "data_offsets": [0, 4]}},
    {"a": {"dtype": "F32", "shape": 1, "data_offsets": [0, 4]}},
    {"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 1.5]}},
    {"a": {"dtype": "F32", "shape": [True], "data_offsets": "ab"}},
    {"a": None},
]


@pytest.mark.parametrize("header", [*HEADERS, "[" * 100_000])
def test_a_malformed_weight_file_is_the_users_error(header: object, tmp_path: Path) -> None:
    text = header if isinstance(header, str) else json.dumps(header)
    data = text.encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(len(data).to_bytes(8, "little") + data + b"\0" * 4)
    with pytest.raises(ModelError):
        tensors_in(path)


@pytest.mark.parametrize(
    "index",
    [
        "[]",
        "{}",
        "not JSON",
        '{"weight_map": []}',
        '{"weight_map": {"a": "../../etc/passwd"}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        '{"weight_map": {"a": {"b": 1}}}',
    ],
)
def test_a_malformed_index_of_weights_is_the_users_error(index: str, tmp_path: Path) -> None:
    from tunewell.model.weights import INDEX, folder_faults

    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "model-1.safetensors").write_bytes(b"")
    (tmp_path / INDEX).write_text(index, encoding="utf-8")
    with pytest.raises(ModelError):
        folder_faults(tmp_path)


def test_a_guideline_outside_the_project_is_refused(tmp_path: Path) -> None:
    from tunewell.people.guide import read_guideline

    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    folder = tmp_path / "desk"
    folder.mkdir()
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    for name in ("../secret.md", str(tmp_path / "secret.md"), "link.md"):
        text = f"""
version: 1
task: {{name: desk, about: Answers of a desk., input: A question., output: An answer.}}
data: [{{path: rows.jsonl}}]
people: {{guideline: {name}}}
"""
        (folder / "tunewell.yaml").write_text(text, encoding="utf-8")
        with pytest.raises(UserError, match="inside the project folder"):
            read_guideline(load_task(folder))
