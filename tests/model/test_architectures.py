"""Not only Llama: the loop and the scores against transformers itself, on tiny random networks."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tunewell.model.base import GenerateOptions
from tunewell.model.local import LocalModel
from tunewell.model.weights import resolve
from tunewell.testing.models import PROMPTS, ask

torch = pytest.importorskip("torch")
SMALL = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "initializer_range": 0.2,
}
FAMILIES: dict[str, dict[str, Any]] = {
    "Qwen2": SMALL,
    "Qwen3": SMALL | {"head_dim": 8},
    "Mistral": SMALL | {"sliding_window": 16},
    "Phi3": SMALL,
    "Gemma2": SMALL | {"head_dim": 8, "sliding_window": 16},
    "Gemma3Text": SMALL | {"head_dim": 8, "sliding_window": 16},
    "GPTNeoX": {k: v for k, v in SMALL.items() if k != "num_key_value_heads"},
    "GPT2": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_positions": 512, "initializer_range": 0.2},
}
CLASSES = {"Gemma3Text": "Gemma3ForCausalLM", "GPT2": "GPT2LMHeadModel"}


@pytest.fixture
def folder(tiny: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    import transformers

    family = request.param
    config = getattr(transformers, f"{family}Config")(
        vocab_size=268, bos_token_id=1, eos_token_id=2, pad_token_id=2, **FAMILIES[family]
    )
    torch.manual_seed(1)
    getattr(transformers, CLASSES.get(family, f"{family}ForCausalLM"))(config).save_pretrained(
        tmp_path
    )
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(tiny / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize("folder", FAMILIES, indirect=True)
def test_answers_and_scores_are_those_of_transformers(folder: Path) -> None:
    from transformers import AutoModelForCausalLM

    model = LocalModel(resolve(str(folder), cache=folder / "cache"), dtype="float32", device="cpu")
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    prompts = [*PROMPTS, ask("<|im_end|>")]
    answers = model.generate(prompts, options=GenerateOptions(max_new_tokens=24))
    scores = model.score(prompts, ["a b c"] * len(prompts))
    for prompt, answer, score in zip(prompts, answers, scores, strict=True):
        ids = torch.tensor([model.chat.encode(prompt).ids])
        out = network.generate(
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=24, do_sample=False
        )
        assert answer.text == model.chat.decode(out[0, ids.shape[1] :].tolist())
        encoded = model.chat.encode(prompt, "a b c")
        with torch.no_grad():
            logp = torch.log_softmax(network(torch.tensor([encoded.ids])).logits[0].double(), -1)
        steps = range(encoded.target_start, len(encoded.ids))
        assert score.nats == pytest.approx(
            -sum(float(logp[t - 1, encoded.ids[t]]) for t in steps), rel=1e-4
        )
