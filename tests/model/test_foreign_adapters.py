"""Whatever PEFT writes loads and answers as PEFT itself does, or is refused for a true reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewell.errors import ModelError
from tunewell.model.local import LocalModel
from tunewell.model.weights import Weights
from tunewell.types import Message

torch = pytest.importorskip("torch")
peft = pytest.importorskip("peft")

PROMPTS = [(Message(role="user", content=f"Name the {n}th river of the land."),) for n in range(3)]
TARGETS = ["Rhine", "the Elbe", "none"]


def made(
    tiny: Path,
    folder: Path,
    config: Any,
    *,
    dtype: str = "float32",
    prepare: Callable[[Any], None] | None = None,
) -> Path:
    """An adapter as PEFT saves it, with every trained tensor away from where it began."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    if prepare:
        prepare(base)
    model = peft.get_peft_model(base, config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn_like(parameter) * 0.3)
    model.to(getattr(torch, dtype)).save_pretrained(folder)
    return folder


def lora(**settings: Any) -> Any:
    given = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"], **settings}
    return peft.LoraConfig(task_type="CAUSAL_LM", **given)


CONFIGS: dict[str, Callable[[], Any]] = {
    "plain": lora,
    "rslora": lambda: lora(use_rslora=True),
    "dora": lambda: lora(use_dora=True),
    "exclude": lambda: lora(exclude_modules=["layers.0.self_attn.q_proj"]),
    "exclude by pattern": lambda: lora(exclude_modules=r".*layers\.1.*"),
    "some layers": lambda: lora(layers_to_transform=[1]),
    "ranks by pattern": lambda: lora(rank_pattern={"q_proj": 2}, alpha_pattern={"v_proj": 3}),
    "pattern of targets": lambda: lora(target_modules=r".*layers\.\d\.self_attn\.[kq]_proj"),
    "all linear": lambda: lora(target_modules="all-linear"),
    "embeddings": lambda: lora(target_modules=["embed_tokens"]),
    "embeddings and maps": lambda: lora(target_modules=["embed_tokens", "q_proj"]),
    "output map": lambda: lora(modules_to_save=["lm_head"], ensure_weight_tying=True),
    "trained tokens": lambda: lora(trainable_token_indices=[5, 6, 7]),
    "bias": lambda: lora(bias="lora_only"),
    "ia3": lambda: peft.IA3Config(
        task_type="CAUSAL_LM",
        target_modules=["k_proj", "down_proj"],
        feedforward_modules=["down_proj"],
    ),
}


def losses(model: LocalModel) -> list[float]:
    return [score.nats for score in model.score(PROMPTS, TARGETS)]


def by_peft(tiny: Path, folder: Path, *, size: int = 0) -> LocalModel:
    """The same model as PEFT itself loads it."""
    from transformers import AutoModelForCausalLM

    reference = LocalModel(str(tiny), dtype="float32", device="cpu")
    base = AutoModelForCausalLM.from_pretrained(tiny, dtype=torch.float32)
    if size:
        base.resize_token_embeddings(size, mean_resizing=False)
    reference._network.model = peft.PeftModel.from_pretrained(base, folder).eval()
    reference._network.private = True
    return reference


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CONFIGS)
def test_what_peft_writes_loads_as_peft_loads_it(
    name: str, tiny: Path, tiny_weights: Weights, tmp_path: Path
) -> None:
    folder = made(tiny, tmp_path / "adapter", CONFIGS[name]())
    base = LocalModel(tiny_weights, dtype="float32", device="cpu")
    ours = losses(base.with_adapter(folder))
    assert ours == pytest.approx(losses(by_peft(tiny, folder)), abs=1e-3)
    assert ours != pytest.approx(losses(base), abs=1e-3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_adapters_of_every_precision(
    dtype: str, tiny: Path, tiny_weights: Weights, tmp_path: Path
) -> None:
    folder = made(tiny, tmp_path / "adapter", lora(), dtype=dtype)
    base = LocalModel(tiny_weights, dtype="float32", device="cpu")
    expected = losses(by_peft(tiny, folder))
    assert losses(base.with_adapter(folder)) == pytest.approx(expected, abs=2e-2)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"modules_to_save": ["embed_tokens", "lm_head"]},
        {"modules_to_save": ["embed_tokens"], "ensure_weight_tying": True},
    ],
)
def test_a_vocabulary_that_grew(
    settings: dict[str, Any], tiny: Path, tiny_weights: Weights, tmp_path: Path
) -> None:
    size = 0

    def grow(model: Any) -> None:
        nonlocal size
        size = model.get_input_embeddings().num_embeddings + 3
        model.resize_token_embeddings(size, mean_resizing=False)

    folder = made(tiny, tmp_path / "adapter", lora(**settings), prepare=grow)
    base = LocalModel(tiny_weights, dtype="float32", device="cpu")
    expected = losses(by_peft(tiny, folder, size=size))
    assert losses(base.with_adapter(folder)) == pytest.approx(expected, abs=1e-3)


def rewritten(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    from safetensors.torch import load_file, save_file

    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file)


@pytest.mark.filterwarnings("ignore")
def test_sharded_without_alpha_and_with_the_adapters_name(
    tiny: Path, tiny_weights: Weights, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = made(tiny, tmp_path / "adapter", lora(lora_alpha=8))
    base = LocalModel(tiny_weights, dtype="float32", device="cpu")
    expected = losses(base.with_adapter(folder))
    config = json.loads((folder / "adapter_config.json").read_text())
    del config["lora_alpha"]
    (folder / "adapter_config.json").write_text(json.dumps(config))
    assert losses(base.with_adapter(folder)) == pytest.approx(expected, abs=1e-5)

    tensors = load_file(folder / "adapter_model.safetensors")
    (folder / "adapter_model.safetensors").unlink()
    names = sorted(tensors)
    for number, part in enumerate((names[:3], names[3:]), 1):
        shard = folder / f"adapter_model-0000{number}-of-00002.safetensors"
        save_file({n.replace(".weight", ".default.weight"): tensors[n] for n in part}, shard)
    assert losses(base.with_adapter(folder)) == pytest.approx(expected, abs=1e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda t: {**t, next(iter(t)): next(iter(t.values())) * float("nan")}, "NaN or infinity"),
        (lambda t: dict(list(t.items())[1:]), "only one of A and B"),
        (lambda t: dict(list(t.items())[2:]), "there are no tensors for"),
        (
            lambda t: {
                **t,
                **{n.replace(".weight", ".default.weight"): v.clone() for n, v in t.items()},
            },
            "twice",
        ),
    ],
)
def test_what_is_broken_is_refused_for_what_it_is(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    why: str,
    tiny: Path,
    tiny_weights: Weights,
    tmp_path: Path,
) -> None:
    folder = made(tiny, tmp_path / "adapter", lora())
    rewritten(folder, change)
    with pytest.raises(ModelError, match=why):
        LocalModel(tiny_weights, dtype="float32", device="cpu").with_adapter(folder)


@pytest.mark.filterwarnings("ignore")
def test_virtual_tokens_are_refused_by_name(
    tiny: Path, tiny_weights: Weights, tmp_path: Path
) -> None:
    config = peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4)
    folder = made(tiny, tmp_path / "adapter", config)
    with pytest.raises(ModelError, match="PROMPT_TUNING"):
        LocalModel(tiny_weights, dtype="float32", device="cpu").with_adapter(folder)


@pytest.mark.parametrize(
    ("model_type", "architecture", "what"),
    [
        ("whisper", "WhisperForConditionalGeneration", "whisper"),
        ("bert", "BertForMaskedLM", "bert"),
        ("t5", "T5ForConditionalGeneration", "t5"),
        ("clip", "CLIPModel", "clip"),
        ("vit", "ViTForImageClassification", "vit"),
        ("llama", "LlamaForSequenceClassification", "LlamaForSequenceClassification"),
        ("wav2vec2", "Wav2Vec2ForCTC", "wav2vec2"),
    ],
)
def test_folders_of_other_kinds_are_refused_as_what_they_are(
    model_type: str, architecture: str, what: str, tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": model_type, "architectures": [architecture]}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=what):
        LocalModel(str(folder), dtype="float32", device="cpu")
