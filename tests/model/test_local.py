from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunewell.errors import ModelError
from tunewell.model.base import GenerateOptions, Model
from tunewell.model.local import LocalModel
from tunewell.model.weights import Weights
from tunewell.testing.models import CHECKS, PROMPTS, ask, check_model

torch = pytest.importorskip("torch")
TARGETS = ["Paris", "1 2 3", "Once upon a time", "On Friday.", "你好"]


@pytest.fixture(scope="module")
def model(tiny_weights: Weights) -> LocalModel:
    return LocalModel(tiny_weights, dtype="float32", device="cpu")


def reference(weights: Weights) -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(weights.folder, dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def adapters(tiny_weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Written by PEFT itself: all layers; one layer and fewer maps; with rank-stabilised scale."""
    peft = pytest.importorskip("peft")
    folders = []
    kinds: list[dict[str, Any]] = [
        {"target_modules": ["q_proj", "v_proj", "down_proj"]},
        {"target_modules": ["o_proj"], "layers_to_transform": [1], "layers_pattern": "layers"},
        {"target_modules": r".*layers\.\d+\.mlp\.up_proj", "use_rslora": True},
        {"target_modules": ["q_proj"], "use_dora": True},
    ]
    for i, kind in enumerate(kinds):
        torch.manual_seed(i)
        wrapped = peft.get_peft_model(
            reference(tiny_weights),
            peft.LoraConfig(
                task_type="CAUSAL_LM", r=4, lora_alpha=16, init_lora_weights=False, **kind
            ),
        )
        folder = tmp_path_factory.mktemp(f"adapter{i}")
        wrapped.save_pretrained(folder)
        folders.append(folder)
    return folders


@pytest.mark.parametrize("check", CHECKS, ids=lambda c: c.__name__)
def test_the_contract(check: Callable[[Model], None], model: LocalModel) -> None:
    check(model)


def test_the_contract_with_an_adapter_and_in_bfloat16(
    tiny_weights: Weights, adapters: list[Path]
) -> None:
    check_model(LocalModel(tiny_weights, adapters[0], dtype="bfloat16", device="cpu"))


def test_greedy_is_what_transformers_generates(model: LocalModel, tiny_weights: Weights) -> None:
    network = reference(tiny_weights)
    ours = model.generate(PROMPTS, options=GenerateOptions(max_new_tokens=40))
    for prompt, result in zip(PROMPTS, ours, strict=True):
        ids = torch.tensor([model.chat.encode(prompt).ids])
        mask = torch.ones_like(ids)
        theirs = network.generate(ids, attention_mask=mask, max_new_tokens=40, do_sample=False)[
            0, ids.shape[1] :
        ]
        assert result.text == model.chat.decode(theirs.tolist())
        assert result.prompt_tokens == ids.shape[1]


def test_the_output_map_gets_its_input_in_one_piece(tiny_weights: Weights) -> None:
    """A slice with gaps makes PyTorch copy the whole map for every row of a batch."""
    fresh = LocalModel(tiny_weights, dtype="bfloat16", device="cpu")
    head = fresh._network.model.get_output_embeddings()
    assert head is not None
    seen: list[tuple[bool, int]] = []
    head.register_forward_pre_hook(
        lambda _, args: seen.append((args[0].is_contiguous(), args[0].shape[0]))
    )
    fresh.generate(PROMPTS, options=GenerateOptions(max_new_tokens=3))
    assert max(rows for _, rows in seen) > 1
    assert all(whole for whole, _ in seen)


def tokens_read(model: LocalModel, prompts: list[Any]) -> list[int]:
    """Tokens, padding included, of every pass that answering takes up to the first token."""
    seen: list[int] = []
    embed = model._network.model.get_input_embeddings()
    hook = embed.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].numel()))
    model.generate(prompts, options=GenerateOptions(max_new_tokens=1))
    hook.remove()
    return seen


@pytest.mark.parametrize("sizes", [(1, 9, 30), (5, 5)])
def test_a_common_beginning_is_computed_once_and_changes_nothing(
    model: LocalModel, sizes: tuple[int, ...]
) -> None:
    prompts = [ask("x" * n, system="You sort short texts. " * 5) for n in sizes]
    options = GenerateOptions(max_new_tokens=30)
    assert model.generate(prompts, options=options) == [
        model.generate([p], options=options)[0] for p in prompts
    ]
    seen = tokens_read(model, prompts)
    assert sum(seen) < sum(len(model.chat.encode(p).ids) for p in prompts)


@pytest.mark.parametrize("system", ["", "You sort short texts. " * 5])
def test_prompts_read_in_parts_of_like_length_give_the_same(
    model: LocalModel, system: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With and without a common beginning; and hardly any padding is computed."""
    from tunewell.model import decode

    monkeypatch.setattr(decode, "PART", {False: 1})
    prompts = [ask("x y " * n, system=system) for n in (1, 30, 2, 9, 30, 3, 1)]
    options = GenerateOptions(max_new_tokens=30)
    assert model.generate(prompts, options=options) == [
        model.generate([p], options=options)[0] for p in prompts
    ]
    seen = tokens_read(model, prompts)
    assert len(seen) >= 5
    assert sum(seen) <= sum(len(model.chat.encode(p).ids) for p in prompts)


def test_many_rows_that_end_at_different_times(model: LocalModel) -> None:
    prompts = [ask(f"{i} " * (i % 7 + 1)) for i in range(40)]
    options = GenerateOptions(max_new_tokens=20, stop=("a", "e"))
    together = model.generate(prompts, options=options)
    assert together == [model.generate([p], options=options)[0] for p in prompts]
    assert len({r.tokens for r in together}) > 3


def test_small_batches_give_the_same(model: LocalModel, tiny_weights: Weights) -> None:
    small = LocalModel(tiny_weights, dtype="float32", device="cpu", batch_tokens=64)
    assert small.generate(PROMPTS) == model.generate(PROMPTS)
    for a, b in zip(small.score(PROMPTS, TARGETS), model.score(PROMPTS, TARGETS), strict=True):
        assert a.nats == pytest.approx(b.nats, rel=1e-4)


def test_sampling_draws_for_each_prompt_alone(model: LocalModel) -> None:
    options = GenerateOptions(max_new_tokens=20, temperature=1.5, top_p=0.8, seed=5)
    together = model.generate(PROMPTS, options=options)
    assert together == [model.generate([p], options=options)[0] for p in PROMPTS]
    assert together != model.generate(PROMPTS, options=options.model_copy(update={"seed": 6}))
    assert together != model.generate(PROMPTS, options=GenerateOptions(max_new_tokens=20))


def test_samples_follow_the_probabilities() -> None:
    from tunewell.model.decode import Choice, DecodingPrompt, draws_for

    logits = torch.log(torch.tensor([[0.5, 0.3, 0.15, 0.05]]))
    row = DecodingPrompt(0, (1,), 1, draws=draws_for(0, (1,)))
    drawn = [Choice(1.0, 1.0).pick(logits, [row])[0] for _ in range(4000)]
    for token, p in enumerate((0.5, 0.3, 0.15, 0.05)):
        assert drawn.count(token) / 4000 == pytest.approx(p, abs=4 * (p * (1 - p) / 4000) ** 0.5)
    nucleus = [Choice(1.0, 0.7).pick(logits, [row])[0] for _ in range(500)]
    assert set(nucleus) == {0, 1}


def test_scores_are_the_log_probabilities_of_the_network(
    model: LocalModel, tiny_weights: Weights
) -> None:
    network = reference(tiny_weights)
    for prompt, target, score in zip(PROMPTS, TARGETS, model.score(PROMPTS, TARGETS), strict=True):
        encoded = model.chat.encode(prompt, target)
        ids = torch.tensor([encoded.ids])
        with torch.no_grad():
            logp = torch.log_softmax(network(ids).logits[0].double(), -1)
        steps = range(encoded.target_start, len(encoded.ids))
        assert score.nats == pytest.approx(
            -sum(float(logp[t - 1, encoded.ids[t]]) for t in steps), rel=1e-4
        )
        assert score.tokens == len(steps)


def test_too_long_is_an_error_of_its_item(model: LocalModel) -> None:
    long = ask("word " * 400)
    results = model.generate([long, PROMPTS[1]], options=GenerateOptions(max_new_tokens=4))
    assert results[0].finish == "error"
    assert "context of 512" in results[0].reason
    assert results[1].finish != "error"
    scores = model.score([long, PROMPTS[1]], ["x", "x"])
    assert "context of 512" in scores[0].reason
    assert scores[1].tokens == 2


def test_an_answer_never_leaves_the_context(model: LocalModel) -> None:
    prompt = ask("x" * 440)
    result = model.generate([prompt], options=GenerateOptions(max_new_tokens=500))[0]
    assert result.prompt_tokens + result.tokens <= 512


@pytest.mark.parametrize("kind", range(4))
def test_adapters_do_what_peft_does(
    model: LocalModel, tiny_weights: Weights, adapters: list[Path], kind: int
) -> None:
    peft = pytest.importorskip("peft")
    tuned = model.with_adapter(adapters[kind])
    network = peft.PeftModel.from_pretrained(reference(tiny_weights), adapters[kind]).eval()
    for prompt, target, score in zip(PROMPTS, TARGETS, tuned.score(PROMPTS, TARGETS), strict=True):
        encoded = tuned.chat.encode(prompt, target)
        with torch.no_grad():
            logp = torch.log_softmax(network(torch.tensor([encoded.ids])).logits[0].double(), -1)
        steps = range(encoded.target_start, len(encoded.ids))
        assert score.nats == pytest.approx(
            -sum(float(logp[t - 1, encoded.ids[t]]) for t in steps), rel=1e-4
        )


def test_adapters_share_a_base_and_leave_it_as_it_was(
    model: LocalModel, adapters: list[Path]
) -> None:
    before = model.score(PROMPTS, TARGETS)
    one, two = model.with_adapter(adapters[0]), model.with_adapter(adapters[1])
    assert one._network is two._network is model._network
    first = one.score(PROMPTS, TARGETS)
    assert first != before
    assert two.score(PROMPTS, TARGETS) not in (before, first)
    assert one.score(PROMPTS, TARGETS) == first
    assert model.score(PROMPTS, TARGETS) == before == two.with_adapter(None).score(PROMPTS, TARGETS)
    assert one.name != two.name != model.name == two.with_adapter(None).name
    assert one.name.startswith(f"{model.name}+")


def test_an_adapter_that_is_not_plain_gets_a_base_of_its_own(
    model: LocalModel, adapters: list[Path]
) -> None:
    before = model.score(PROMPTS, TARGETS)
    dora = model.with_adapter(adapters[3])
    assert dora._network is not model._network
    assert dora.score(PROMPTS, TARGETS) != before
    assert (
        dora.with_adapter(None).score(PROMPTS, TARGETS) == before == model.score(PROMPTS, TARGETS)
    )


def spoilt(
    adapter: Path, to: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]
) -> Path:
    from safetensors.torch import load_file, save_file

    shutil.copytree(adapter, to)
    tensors, config = (
        load_file(to / "adapter_model.safetensors"),
        json.loads((to / "adapter_config.json").read_text()),
    )
    change(tensors, config)
    save_file(tensors, to / "adapter_model.safetensors")
    (to / "adapter_config.json").write_text(json.dumps(config))
    return to


def rename(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    for key in list(tensors):
        tensors[key.replace("layers.1.", "layers.7.")] = tensors.pop(key)


def drop_a_layer(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    for key in [k for k in tensors if "layers.0." in k]:
        del tensors[key]


def drop_a_side(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    del tensors[next(k for k in tensors if "lora_B" in k)]


def other_rank(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    config["r"] = 8


def strange_key(tensors: dict[str, Any], config: dict[str, Any]) -> None:
    tensors["base_model.model.model.norm.weight"] = torch.zeros(3)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (rename, "has no linear map 'model.layers.7"),
        (drop_a_layer, "there are no tensors for 'model.layers.0"),
        (drop_a_side, "only one of A and B"),
        (other_rank, "has shapes"),
        (strange_key, "no LoRA tensor"),
    ],
)
@pytest.mark.parametrize("kind", [0, 3])
def test_wrong_tensors_are_an_error_and_not_a_warning(
    model: LocalModel,
    adapters: list[Path],
    tmp_path: Path,
    change: Callable[[dict[str, Any], dict[str, Any]], None],
    says: str,
    kind: int,
) -> None:
    folder = spoilt(adapters[kind], tmp_path / "a", change)
    before = model.score(PROMPTS[:1], TARGETS[:1])
    with pytest.raises(ModelError, match=says if kind == 0 else "does not fit the model"):
        model.with_adapter(folder)
    assert model.score(PROMPTS[:1], TARGETS[:1]) == before


def test_a_pickled_adapter_is_refused(
    model: LocalModel, adapters: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "a"
    shutil.copytree(adapters[0], folder)
    (folder / "adapter_model.safetensors").rename(folder / "adapter_model.bin")
    with pytest.raises(ModelError, match="is a pickle"):
        model.with_adapter(folder)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(ModelError, match="no adapter_config"):
        model.with_adapter(folder)


def test_the_embedded_model_knows_a_capital(smollm2: Weights) -> None:
    real = LocalModel(smollm2)
    result = real.generate([PROMPTS[0]], options=GenerateOptions(max_new_tokens=12))[0]
    assert "Paris" in result.text
    assert result.finish == "stop"
    right, wrong = real.score(
        [PROMPTS[0]] * 2, ["The capital of France is Paris.", "The capital of France is Oslo."]
    )
    assert right.nats < wrong.nats


@pytest.mark.slow
def test_the_contract_with_the_embedded_model(smollm2: Weights) -> None:
    check_model(LocalModel(smollm2))
