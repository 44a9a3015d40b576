"""Decoders that keep their layers elsewhere: trained whole, at full depth."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tunewell.errors import ModelError
from tunewell.model.weights import Weights, resolve
from tunewell.project import Project
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Example, Recipe

torch = pytest.importorskip("torch")

KINDS = {
    "GPT2": {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 1024},
    "GPTNeoX": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
    },
    "OPT": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 48,
        "word_embed_proj_dim": 24,
        "do_layer_norm_before": False,
    },
    "Bloom": {"hidden_size": 32, "n_layer": 2, "n_head": 4},
    "Falcon": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": False},
}


def made(kind: str, folder: Path, *, vocabulary: int = 64, **more: Any) -> Any:
    import transformers

    names = {"GPT2": "GPT2LMHeadModel", "OPT": "OPTForCausalLM", "GPTJ": "GPTJForCausalLM"}
    size = {"vocab_size": vocabulary, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    config = getattr(transformers, f"{kind}Config")(**(size | KINDS.get(kind, {}) | more))
    torch.manual_seed(0)
    model = (
        getattr(transformers, names.get(kind, f"{kind}ForCausalLM"))(config)
        .float()
        .eval()
        .requires_grad_(False)
    )
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter) * 0.05)
    model.save_pretrained(folder)
    return model


def rows_of(count: int) -> list[TrainRow]:
    rng = np.random.default_rng(3)
    lengths = rng.integers(6, 14, count)
    return [
        TrainRow(str(i), rng.integers(3, 64, n).astype(np.int32), start=int(n) - 4)
        for i, n in enumerate(lengths)
    ]


@pytest.mark.parametrize("kind", list(KINDS))
def test_logits_and_gradients_are_those_of_transformers_and_peft(kind: str, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.job import Job
    from tunewell.train.lora.load import load_network

    model = made(kind, tmp_path)
    network = load_network(tmp_path, dtype=torch.float32)
    assert not network.cuts
    ids = torch.from_numpy(np.random.default_rng(1).integers(3, 64, (2, 12)))
    with torch.no_grad():
        ours = (
            network.finish(network.run(network.embed(ids)[None], first=0, last=1)[0])
            @ network.head.T
        )
        torch.testing.assert_close(ours, model(input_ids=ids).logits, rtol=1e-4, atol=1e-4)
    recipe = Recipe(rank=3, alpha=6, dropout=0.0, tokens_per_batch=400, targets=("no_such_map",))
    rows, everything = rows_of(5), np.ones((2, 5), np.bool_)
    job = Job(Adapted.begin(network, recipe, cut=0, adapters=(0, 1)), rows, train=everything)
    job.bank.values += torch.from_numpy(
        np.random.default_rng(2).normal(0, 0.05, job.bank.values.shape)
    ).float()
    values = [job.bank.tensors(k) for k in range(2)]
    (batch,) = job.batches(0)
    job.loss(batch)[0].backward()
    job.bank.values.copy_(job.bank.gradients())  # to read them by name
    maps = sorted(
        {name.removeprefix("base_model.model.").rsplit(".lora_", 1)[0] for name in values[0]}
    )
    peft = get_peft_model(
        model, LoraConfig(r=3, lora_alpha=6, target_modules=maps, fan_in_fan_out=kind == "GPT2")
    )
    theirs = dict(peft.named_parameters())
    for k in range(2):
        peft.zero_grad()
        with torch.no_grad():
            for name, value in values[k].items():
                theirs[name.replace(".weight", ".default.weight")].copy_(torch.from_numpy(value))
        nats = []
        for row in rows:
            logits = peft(input_ids=torch.from_numpy(row.ids.astype(np.int64))[None]).logits[0]
            labels = torch.from_numpy(row.ids[row.start :].astype(np.int64))
            nats.append(
                torch.nn.functional.cross_entropy(
                    logits[row.start - 1 : -1], labels, reduction="none"
                )
            )
        torch.cat(nats).mean().backward()
        for name, value in job.bank.tensors(k).items():
            wanted = theirs[name.replace(".weight", ".default.weight")].grad
            torch.testing.assert_close(torch.from_numpy(value), wanted, rtol=1e-3, atol=2e-6)


def test_maps_that_the_recipe_names_are_taken_and_else_all(tmp_path: Path) -> None:
    from tunewell.train.lora.load import load_network

    made("OPT", tmp_path)
    network = load_network(tmp_path, dtype=torch.float32)
    named = {
        s.name.rsplit(".", 1)[-1] for sites, _ in network.sites(Recipe().targets, 0) for s in sites
    }
    assert named == {"q_proj", "k_proj", "v_proj"}
    every = {s.name.rsplit(".", 1)[-1] for sites, _ in network.sites(("other",), 0) for s in sites}
    assert every == {
        "q_proj",
        "k_proj",
        "v_proj",
        "out_proj",
        "fc1",
        "fc2",
        "project_in",
        "project_out",
    }


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory, tiny: Weights) -> Weights:
    folder = tmp_path_factory.mktemp("gpt2")
    for path in tiny.folder.glob("*tokenizer*"):
        shutil.copy(path, folder)
    for path in tiny.folder.glob("*.jinja"):
        shutil.copy(path, folder)
    import json

    vocabulary = json.loads((tiny.folder / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    made("GPT2", folder, vocabulary=vocabulary)
    return resolve(str(folder), cache=tmp_path_factory.mktemp("cache"))


def test_gpt2_is_trained_loaded_by_peft_and_merged(
    gpt2: Weights, examples: Callable[..., list[Example]], tmp_path: Path
) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from tunewell.model.chat import load_tokenizer
    from tunewell.train.export.merge import merge
    from tunewell.train.fit import fit
    from tunewell.train.lora.rows import encode_rows

    recipe = Recipe(
        model=str(gpt2.folder), rank=4, alpha=8, rate=1e-2, epochs=3, tokens_per_batch=256
    )
    rows = examples(40)
    done = fit(rows[:30], recipe=recipe, weights=gpt2, held_out=rows[30:])
    before, after = (np.mean(list(x.values())) for x in (done.before, done.losses))
    assert after < before - 0.2
    adapter = done.save(tmp_path / "adapter")
    model = AutoModelForCausalLM.from_pretrained(gpt2.folder, dtype=torch.float32)
    loaded = PeftModel.from_pretrained(model, str(adapter)).eval()
    merged = AutoModelForCausalLM.from_pretrained(
        merge(adapter, gpt2, tmp_path / "merged"), dtype=torch.float32
    )
    tokenizer = load_tokenizer(gpt2.folder)
    for row in encode_rows(rows[30:33], tokenizer, max_tokens=150).rows:
        ids = torch.from_numpy(row.ids.astype(np.int64))[None]
        with torch.no_grad():
            one, other = (m(input_ids=ids).logits[0] for m in (loaded, merged))
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3)
        nats = torch.nn.functional.cross_entropy(one[row.start - 1 : -1], ids[0, row.start :])
        assert float(nats) == pytest.approx(done.losses[row.id], rel=0.05)


def test_a_project_of_such_a_model_says_that_nothing_was_cut(
    gpt2: Weights, examples: Callable[..., list[Example]], tmp_path: Path
) -> None:
    from tests.train.project import make_project
    from tunewell.train import train

    recipe = Recipe(
        model=str(gpt2.folder),
        rank=4,
        alpha=8,
        rate=1e-2,
        epochs=1,
        tokens_per_batch=256,
        fold_layers=0.5,
    )
    dataset, split, file, store = make_project(tmp_path, examples(24), recipe)
    trained = train(dataset, split, Project(file, store))
    assert any("cannot be cut" in note for note in trained.notes)
    assert (
        not trained.check
    )  # the folds are at full depth: a check run would be one more of the same


def test_rows_longer_than_its_positions_are_refused(gpt2: Weights) -> None:
    from tunewell.train.lora.load import load_network

    with pytest.raises(
        ModelError, match="1025 tokens, and this model knows positions up to 1024"
    ) as error:
        load_network(gpt2.folder, dtype=torch.float32).embed(torch.zeros(1, 1025, dtype=torch.long))
    assert error.value.hint == "train.max_tokens: 1024"


def test_a_model_that_computes_its_logits_otherwise_is_refused(tmp_path: Path) -> None:
    from tunewell.train.lora.load import load_network

    made("GPTJ", tmp_path, n_embd=32, n_layer=1, n_head=2, n_positions=32, rotary_dim=8)
    with pytest.raises(ModelError, match=r"'gptj' is no decoder that can be trained here") as error:
        load_network(tmp_path, dtype=torch.float32)
    assert "Llama" in str(error.value.hint)
