from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")


def states(network: Any, ids: Any, **more: Any) -> Any:
    hidden = network.embed(ids)[None]
    return network.finish(network.run(hidden, first=0, last=network.layers, **more)[0])


def reference(folder: Path, ids: Any) -> Any:
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        return model(input_ids=ids).logits


@pytest.fixture
def ids(network: Any) -> Any:
    return torch.from_numpy(np.random.default_rng(0).integers(3, network.head.shape[0], (3, 40)))


@pytest.mark.parametrize("fast", [True, False])
def test_our_layers_give_the_logits_of_transformers(tiny: Any, ids: Any, fast: bool) -> None:
    from tunewell.train.lora.load import load_network

    network = load_network(tiny.folder, dtype=torch.float32, fast=fast)
    assert type(network).__name__ == ("FastDecoder" if fast else "HookedDecoder")
    with torch.no_grad():
        ours = states(network, ids) @ network.head.T
    torch.testing.assert_close(ours, reference(tiny.folder, ids), rtol=1e-4, atol=1e-4)


def test_with_gradients_switched_on_the_states_are_the_same(network: Any, ids: Any) -> None:
    with torch.no_grad():
        plain = states(network, ids)
        hidden = network.embed(ids)[None]
    hidden.requires_grad_()
    graded = network.finish(network.run(hidden, first=0, last=network.layers)[0])
    torch.testing.assert_close(graded, plain, rtol=1e-5, atol=1e-5)


def test_cut_in_two_the_layers_give_what_they_give_whole(network: Any, ids: Any) -> None:
    with torch.no_grad():
        hidden = network.embed(ids)[None]
        half = network.run(network.run(hidden, first=0, last=2), first=2, last=4)
        torch.testing.assert_close(half, network.run(hidden, first=0, last=4), rtol=0, atol=0)


@pytest.mark.parametrize("fast", [True, False])
def test_only_the_states_that_are_wanted_come_out_of_the_last_layer(
    tiny: Any, ids: Any, fast: bool
) -> None:
    """They and the gradients through them are what they would be among all."""
    from tunewell.train.lora.load import load_network

    network = load_network(tiny.folder, dtype=torch.float32, fast=fast)
    wanted = torch.stack(
        [row * 40 + torch.arange(start, start + 5) for row, start in enumerate((0, 17, 35))]
    )[None]
    found = []
    for only in (True, False):
        hidden = network.embed(ids)[None].detach().requires_grad_()
        out = network.run(hidden, first=0, last=network.layers, wanted=wanted if only else None)
        if not only:
            out = out.view(-1, network.width)[wanted]
        assert out.shape == (1, 3, 5, network.width)
        (out * torch.linspace(-1, 1, out.numel()).view(out.shape)).sum().backward()
        found.append((out.detach(), hidden.grad))
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def other(kind: str, **more: Any) -> Any:
    import transformers

    size = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 128,
        "initializer_range": 0.2,
        "pad_token_id": 0,
    }
    config = getattr(transformers, f"{kind}Config")(**(size | more))
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind.removesuffix('Text')}ForCausalLM")
    return model(config).float().eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("kind", "more", "ours"),
    [
        ("Qwen2", {}, "FastDecoder"),
        ("Qwen3", {}, "FastDecoder"),
        ("Mistral", {"sliding_window": None}, "FastDecoder"),
        ("Mistral", {"sliding_window": 8}, "HookedDecoder"),
        ("Gemma2", {"sliding_window": 8, "attn_implementation": "eager"}, "HookedDecoder"),
        ("Gemma3Text", {"sliding_window": 8}, "HookedDecoder"),
    ],
)
def test_other_decoders(kind: str, more: dict[str, Any], ours: str, tmp_path: Path) -> None:
    from tunewell.train.lora.load import load_network

    model = other(kind, **more)
    model.save_pretrained(tmp_path)
    network = load_network(tmp_path, dtype=torch.float32)
    assert type(network).__name__ == ours
    ids = torch.from_numpy(np.random.default_rng(1).integers(1, 64, (2, 20)))
    with torch.no_grad():
        logits = states(network, ids) @ network.head.T
        if network.cap:
            logits = torch.tanh(logits / network.cap) * network.cap
        torch.testing.assert_close(logits, model(input_ids=ids).logits, rtol=1e-3, atol=1e-3)


def test_the_longest_run_is_what_greedy_decoding_writes(
    tiny: Any, network: Any, tokenizer: Any
) -> None:
    """Targets that begin with what the model itself writes, then break off.

    The run is as long as the beginning.
    """
    from tunewell.model.local import LocalModel
    from tunewell.train.lora.adapted import Adapted
    from tunewell.train.lora.rows import TrainRow
    from tunewell.types import Message, Recipe

    model = LocalModel(tiny, dtype="float32")
    prompts = [(Message(role="user", content=t),) for t in ("meter bill", "due date", "tariff")]
    rows = []
    for i, prompt in enumerate(prompts):
        ids = list(model.chat.encode(prompt).ids)
        start = len(ids)
        with torch.no_grad():
            for _ in range(4 + i):
                hidden = network.run(
                    network.embed(torch.tensor([ids]))[None], first=0, last=network.layers
                )
                logits = network.finish(hidden[0, 0, -1]) @ network.head.T
                ids.append(int(logits.argmax()))
            last = network.run(
                network.embed(torch.tensor([ids]))[None], first=0, last=network.layers
            )[0, 0, -1]
            ids.append(int((network.finish(last) @ network.head.T).argmin()))
        rows.append(TrainRow(str(i), np.asarray(ids, np.int32), start))
    adapted = Adapted.begin(network, Recipe(rank=2), cut=0)
    assert adapted.longest_runs(rows)[0].tolist() == [4.0, 5.0, 6.0]
