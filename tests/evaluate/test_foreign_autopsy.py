"""Fine-tunes made elsewhere: what is broken is found, what is sound is not blocked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.evaluate.test_autopsy import state
from tunewell.evaluate.autopsy import autopsy
from tunewell.evaluate.autopsy.tensors import TensorFile
from tunewell.types import Finding

PREFIX = "base_model.model.model"
Tensors = dict[str, np.ndarray[Any, Any]]


def saved(path: Path, tensors: Tensors, *, dtype: str = "F32", twice: bool = False) -> None:
    """A safetensors file in any type that the format knows."""
    header: dict[str, Any] = {}
    body = b""
    for name, array in tensors.items():
        raw = _raw(array.astype(np.float32), dtype)
        place = [len(body), len(body) + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": place}
        body += raw
    text = json.dumps(header)
    if twice:
        first = next(iter(header))
        text = text[:-1] + f", {json.dumps(first)}: {json.dumps(header[first])}" + "}"
    raw_header = text.encode()
    path.write_bytes(len(raw_header).to_bytes(8, "little") + raw_header + body)


def _raw(array: np.ndarray[Any, Any], dtype: str) -> bytes:
    if dtype == "BF16":
        return (array.view(np.uint32) >> 16).astype("<u2").tobytes()
    if dtype == "F16":
        return array.astype("<f2").tobytes()
    return array.astype("<f4").tobytes()


def pairs(*, layers: int = 2, targets: tuple[str, ...] = ("q_proj", "v_proj")) -> Tensors:
    luck = np.random.default_rng(0)
    made: Tensors = {}
    for layer in range(layers):
        for target in targets:
            module = f"{PREFIX}.layers.{layer}.self_attn.{target}"
            made[f"{module}.lora_A.weight"] = luck.normal(size=(4, 16))
            made[f"{module}.lora_B.weight"] = luck.normal(size=(16, 4))
    return made


def adapter(folder: Path, tensors: Tensors, *, dtype: str = "F32", **config: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "peft_type": "LORA",
        "r": 4,
        "lora_alpha": 8,
        "target_modules": ["q_proj", "v_proj"],
        **config,
    }
    (folder / "adapter_config.json").write_text(json.dumps(settings), encoding="utf-8")
    saved(folder / "adapter_model.safetensors", tensors, dtype=dtype)
    return folder


def plumbing(folder: Path) -> list[Finding]:
    return [f for f in autopsy(folder) if f.code == "T07"]


def blocked(folder: Path) -> bool:
    return any(f.blocking and f.status == "found" for f in plumbing(folder))


@pytest.mark.parametrize("dtype", ["F32", "F16", "BF16"])
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda n, t: t, ""),
        (lambda n, t: t * 0 if "lora_B" in n else t, "never trained"),
        (lambda n, t: t * 0 if "lora_A" in n else t, "never trained"),
        (
            lambda n, t: t * np.nan if "layers.1.self_attn.v_proj.lora_B" in n else t,
            "1 matrix holds",
        ),
        (lambda n, t: t * np.inf if "lora_A" in n else t, "NaN or infinity"),
        (lambda n, t: t * 0, "never trained"),
    ],
)
def test_every_tensor_is_opened_in_its_own_type(
    tmp_path: Path, dtype: str, spoil: Callable[[str, Any], Any], words: str
) -> None:
    tensors = {name: spoil(name, tensor) for name, tensor in pairs().items()}
    with np.errstate(invalid="ignore"):
        folder = adapter(tmp_path, tensors, dtype=dtype)
    found = plumbing(folder)
    assert {f.status for f in found} == ({"found"} if words else {"clear"})
    assert any(words in f.why for f in found)
    assert blocked(folder) == bool(words)


def test_one_module_that_never_learnt_is_told_and_does_not_block(tmp_path: Path) -> None:
    tensors = pairs()
    name = f"{PREFIX}.layers.0.self_attn.q_proj.lora_B.weight"
    tensors[name] = tensors[name] * 0
    folder = adapter(tmp_path, tensors)
    assert "1 of 4 adapted modules change nothing" in plumbing(folder)[0].why
    assert not blocked(folder)


@pytest.mark.parametrize(
    ("change", "words", "blocks"),
    [
        (lambda t: dict(list(t.items())[1:]), "lacks half of its pair", True),
        (lambda t: dict(list(t.items())[:-1]), "lacks half of its pair", True),
        (lambda t: dict(list(t.items())[2:]), "no tensors where other layers have them", False),
        (
            lambda t: {n: v for n, v in t.items() if "v_proj" not in n},
            "without tensors: v_proj",
            True,
        ),
        (
            lambda t: {n: t[n.replace("layers.1", "layers.0")] for n in t},
            "hold the same trained matrix",
            False,
        ),
        (lambda t: {}, "holds no tensors", True),
        (lambda t: {n.replace("v_proj", "o_proj"): v for n, v in t.items()}, "no target", True),
    ],
)
def test_missing_and_doubled_tensors(
    tmp_path: Path, change: Callable[[Tensors], Tensors], words: str, blocks: bool
) -> None:
    folder = adapter(tmp_path, change(pairs(layers=3)))
    assert any(words in f.why for f in plumbing(folder))
    assert blocked(folder) == blocks


def test_a_name_that_stands_twice_and_files_that_are_cut_off(tmp_path: Path) -> None:
    folder = adapter(tmp_path / "a", pairs())
    saved(folder / "adapter_model.safetensors", pairs(), twice=True)
    assert "twice in the files" in plumbing(folder)[0].why
    file = folder / "adapter_model.safetensors"
    for size in (3, 40, len(file.read_bytes()) - 9):
        file.write_bytes(file.read_bytes()[:size])
        assert blocked(folder)
        assert "cannot be read" in plumbing(folder)[0].why


def test_sharded_adapters(tmp_path: Path) -> None:
    tensors = pairs()
    names = list(tensors)
    folder = adapter(tmp_path, {})
    (folder / "adapter_model.safetensors").unlink()
    for number, part in enumerate((names[:4], names[4:]), 1):
        shard = folder / f"adapter_model-0000{number}-of-00002.safetensors"
        saved(shard, {name: tensors[name] for name in part})
    index = {"weight_map": dict.fromkeys(names, "x")}
    (folder / "adapter_model.safetensors.index.json").write_text(json.dumps(index))
    assert {f.status for f in plumbing(folder)} == {"clear"}
    shard.unlink()
    assert any("in the index but in no file" in f.why for f in plumbing(folder))


def ones(shape: tuple[int, ...], plus: float) -> np.ndarray[Any, Any]:
    return np.ones(shape) + plus


@pytest.mark.parametrize(
    ("config", "tensors", "status"),
    [
        (
            {"peft_type": "IA3", "r": None, "target_modules": ["k_proj"]},
            {f"{PREFIX}.layers.0.self_attn.k_proj.ia3_l": ones((16, 1), 0.1)},
            "clear",
        ),
        (
            {"peft_type": "IA3", "r": None, "target_modules": ["k_proj"]},
            {f"{PREFIX}.layers.0.self_attn.k_proj.ia3_l": ones((16, 1), 0)},
            "found",
        ),
        (
            {"target_modules": ["embed_tokens"]},
            {
                f"{PREFIX}.embed_tokens.lora_embedding_A": ones((4, 100), 0),
                f"{PREFIX}.embed_tokens.lora_embedding_B": ones((16, 4), 0),
            },
            "clear",
        ),
        (
            {"target_modules": ["embed_tokens"]},
            {
                f"{PREFIX}.embed_tokens.lora_embedding_A": ones((4, 100), -1),
                f"{PREFIX}.embed_tokens.lora_embedding_B": ones((16, 4), 0),
            },
            "found",
        ),
        ({"target_modules": r".*\.[qv]_proj"}, pairs(), "clear"),
        ({"use_dora": True}, pairs(), "clear"),
        ({"exclude_modules": ["layers.0"]}, pairs(), "clear"),
        ({"rank_pattern": {"q_proj": 4}, "r": 9}, pairs(), "clear"),
        ({"lora_alpha": None}, pairs(), "clear"),
        (
            {"modules_to_save": ["lm_head"]},
            {**pairs(), f"{PREFIX}.lm_head.weight": ones((9, 16), 0)},
            "clear",
        ),
        (
            {"peft_type": "LN_TUNING", "target_modules": []},
            {"norm.weight": ones((4,), 0.2)},
            "unchecked",
        ),
        (
            {"peft_type": "PROMPT_TUNING", "target_modules": None},
            {"prompt_embeddings": ones((4, 16), 0.2)},
            "unchecked",
        ),
        (
            {"peft_type": "VERA", "target_modules": ["q_proj"]},
            {
                f"{PREFIX}.layers.0.self_attn.q_proj.vera_lambda_b": ones((16,), 0),
                f"{PREFIX}.layers.0.self_attn.q_proj.vera_lambda_d": ones((4,), 0),
            },
            "clear",
        ),
    ],
)
def test_adapters_of_every_kind(
    tmp_path: Path, config: dict[str, Any], tensors: Tensors, status: str
) -> None:
    folder = adapter(tmp_path, tensors, **config)
    assert {f.status for f in plumbing(folder)} == {status}, plumbing(folder)
    assert blocked(folder) == (status == "found")


def log(folder: Path, entries: list[dict[str, Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "trainer_state.json").write_text(json.dumps({"log_history": entries}))
    return folder


def steps(key: str, values: list[float], *, first: int = 1) -> list[dict[str, Any]]:
    return [{key: v, "epoch": float(i), "step": i} for i, v in enumerate(values, first)]


FALLING = [2.5, 2.2, 2.0, 1.9]
NAN = float("nan")


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (steps("loss", [NAN, 2.0, 1.9]) + steps("eval_loss", FALLING), "of loss are NaN"),
        (steps("loss", [2.0, 1.9]) + steps("eval_loss", [2.0, NAN]), "of eval_loss are NaN"),
        (
            steps("loss", [2.0, 1.9]) + steps("eval_law_loss", [2.0, NAN]),
            "of eval_law_loss are NaN",
        ),
        (steps("loss", [0.0] * 9) + steps("eval_loss", FALLING), "training loss is 0 all 9 times"),
        (steps("loss", [2.3] * 9) + steps("eval_loss", FALLING), "training loss is 2.3 all 9"),
        (steps("loss", FALLING) + steps("eval_loss", [2.5] * 5), "evaluation loss is 2.5 all 5"),
        (steps("loss", FALLING) + steps("grad_norm", [0.0] * 5, first=9), "gradient is 0 all 5"),
        (steps("loss", FALLING) + steps("grad_norm", [NAN] * 5, first=9), "of grad_norm are NaN"),
        (steps("loss", FALLING) + steps("grad_norm", [NAN, *[1.0] * 30], first=9), ""),
        (steps("loss", FALLING) + steps("eval_loss", FALLING), ""),
    ],
)
def test_logs_in_which_nothing_was_learnt(
    tmp_path: Path, entries: list[dict[str, Any]], words: str
) -> None:
    found = plumbing(log(tmp_path, entries))
    assert any(f.status == "found" for f in found) == bool(words)
    assert any(words in f.why for f in found)
    if words:
        assert "T02" not in {f.code for f in autopsy(tmp_path) if f.status == "clear"}


def overfitting(folder: Path) -> list[Finding]:
    return [f for f in autopsy(folder) if f.code == "T01"]


def test_named_evaluation_sets_are_read_each(tmp_path: Path) -> None:
    late = [2.4, 2.2, 2.1, 2.15, 2.3, 2.5, 2.8]
    entries = (
        steps("loss", FALLING) + steps("eval_law_loss", late) + steps("eval_mail_loss", FALLING)
    )
    found = overfitting(log(tmp_path, entries))
    assert [(f.status, f.why.split(":")[0]) for f in found] == [("found", "law"), ("clear", "mail")]


@pytest.mark.parametrize(
    ("values", "status"),
    [([2.0], "unchecked"), ([2.0, 1.9], "clear"), ([2.0, 2.0], "unchecked"), ([], "found")],
)
def test_few_evaluations_clear_nothing(tmp_path: Path, values: list[float], status: str) -> None:
    (found,) = overfitting(state(tmp_path, values))
    assert found.status == status


def test_a_resumed_run_counts_each_step_once(tmp_path: Path) -> None:
    first = steps("eval_loss", [2.5, 2.2, 9.0])
    again = steps("eval_loss", [2.0, 1.9], first=3)
    (found,) = overfitting(log(tmp_path, steps("loss", FALLING) + first + again))
    assert (found.status, "resumed" in found.why) == ("clear", True)
    assert "last 1.9" in found.why


def test_a_full_fine_tune_is_read_for_what_it_is(tmp_path: Path) -> None:
    folder = state(tmp_path, FALLING)
    saved(folder / "model-00001-of-00001.safetensors", {"a": np.ones((4, 4))}, dtype="BF16")
    (found,) = plumbing(folder)
    assert found.status == "unchecked"
    assert found.why.startswith("A full fine-tune")
    saved(folder / "model.safetensors", {"b": np.full((4, 4), np.nan)}, dtype="BF16")
    assert blocked(folder)


def test_eight_bit_floats_are_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for dtype, one, nan in (("F8_E4M3", 0x38, 0x7F), ("F8_E5M2", 0x3C, 0x7E)):
        raw = bytes([one, one | 0x80, 0])
        header = json.dumps({"t": {"dtype": dtype, "shape": [3], "data_offsets": [0, 3]}}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + raw)
        (summary,) = TensorFile.open(path).summaries()
        assert (summary.largest, summary.bad) == (1.0, 0)
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes([nan, 0, 0]))
        (summary,) = TensorFile.open(path).summaries()
        assert summary.bad == 1
