"""Our decoder with K adapters against transformers and PEFT."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.train.speech.conftest import heard
from tunewell.train.export.peft import peft_files
from tunewell.train.lora.adapted import Adapted
from tunewell.train.lora.job import Job
from tunewell.train.lora.run import Schedule, run_job
from tunewell.train.speech.decoder import WhisperDecoder
from tunewell.train.speech.heard_rows import HeardStates, encode_heard
from tunewell.types import Example, Recipe

NEAR = 1e-4
RECIPE = Recipe(rank=4, alpha=8, dropout=0.0, rate=1e-2, epochs=2, tokens_per_batch=64)


@pytest.fixture(scope="module")
def network(speech: Any) -> WhisperDecoder:
    return WhisperDecoder(speech.network)


def trained(speech: Any, network: WhisperDecoder, examples: list[Example], **changed: Any) -> Any:
    """Two adapters, of which each leaves out three rows; and their job."""
    recipe = RECIPE.model_copy(update=changed)
    rows = encode_heard(examples, speech).rows
    train = np.ones((2, len(rows)), np.bool_)
    train[0, :3] = train[1, 3:] = False
    adapted = Adapted.begin(network, recipe, cut=0, adapters=(0, 1))
    job = Job(adapted, rows, train=train, states=HeardStates(network, rows, speech))
    done = run_job(job, Schedule(recipe.epochs), measure=np.ones_like(train))
    return job, done


def peft_logits(folder: Path, speech: Any, adapter: Path | None, example: Example) -> Any:
    """Of transformers with PEFT: logits and the ids they were asked for."""
    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration
    from transformers.modeling_outputs import BaseModelOutput

    model: Any = WhisperForConditionalGeneration.from_pretrained(str(folder)).eval()
    if adapter is not None:
        model = PeftModel.from_pretrained(model, str(adapter))
    ids, start = speech.coded(example.target)
    states = BaseModelOutput(last_hidden_state=speech.encoded.get(example.audio[0])[None])
    with torch.no_grad():
        given = torch.tensor([ids[:-1]])
        logits = model(encoder_outputs=states, decoder_input_ids=given, use_cache=False).logits[0]
    return logits, ids, start


def loss_of(logits: Any, ids: list[int], start: int) -> float:
    wanted = torch.tensor(ids[start:])
    return float(torch.nn.functional.cross_entropy(logits[start - 1 :], wanted))


def saved(job: Job, place: int, folder: Path) -> Path:
    one = Adapted.begin(job.adapted.network, job.adapted.recipe, cut=0, adapters=(place,))
    one.bank.put(0, job.bank.tensors(place))
    for name, data in peft_files(one, base="whisper", card="").items():
        (folder / name).write_bytes(data)
    return folder


def test_losses_of_every_adapter_are_those_of_transformers_with_peft(
    whisper_folder: Path,
    speech: Any,
    network: WhisperDecoder,
    examples: list[Example],
    tmp_path: Path,
) -> None:
    job, done = trained(speech, network, examples)
    for place in range(2):
        folder = tmp_path / str(place)
        folder.mkdir()
        saved(job, place, folder)
        for row, example in enumerate(examples):
            before = loss_of(*peft_logits(whisper_folder, speech, None, example))
            after = loss_of(*peft_logits(whisper_folder, speech, folder, example))
            assert done.readings[0].losses[place, row] == pytest.approx(before, abs=NEAR)
            assert done.readings[-1].losses[place, row] == pytest.approx(after, abs=NEAR)
            assert abs(after - before) > 10 * NEAR


def test_steps_are_those_of_adamw_on_peft(
    whisper_folder: Path,
    speech: Any,
    network: WhisperDecoder,
    examples: list[Example],
    tmp_path: Path,
) -> None:
    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration
    from transformers.modeling_outputs import BaseModelOutput

    recipe = RECIPE.model_copy(update={"tokens_per_batch": 10_000, "epochs": 3, "warmup": 0.0})
    rows = encode_heard(examples, speech).rows
    adapted = Adapted.begin(network, recipe, cut=0)
    states = HeardStates(network, rows, speech)
    job = Job(adapted, rows, train=np.ones((1, len(rows)), np.bool_), states=states)
    saved(job, 0, tmp_path)

    base: Any = WhisperForConditionalGeneration.from_pretrained(str(whisper_folder)).eval()
    theirs = PeftModel.from_pretrained(base, str(tmp_path), is_trainable=True).eval()
    own = [p for p in theirs.parameters() if p.requires_grad]
    adam = torch.optim.AdamW(own, lr=recipe.rate, weight_decay=recipe.weight_decay)
    for step in range(3):
        adam.param_groups[0]["lr"] = recipe.rate * (3 - step) / 3
        tokens = sum(row.targets for row in rows)
        for row in rows:
            heard_as = BaseModelOutput(last_hidden_state=speech.encoded.get(row.clip)[None])
            given = torch.tensor([row.ids[:-1].tolist()])
            found = theirs(encoder_outputs=heard_as, decoder_input_ids=given, use_cache=False)
            wanted = torch.tensor(row.ids[row.start :].tolist())
            part = found.logits[0, row.start - 1 :]
            nats = torch.nn.functional.cross_entropy(part, wanted, reduction="sum")
            (nats / tokens).backward()
        torch.nn.utils.clip_grad_norm_(own, 1.0)
        adam.step()
        adam.zero_grad()

    run_job(job, Schedule(3, read_every=False))
    named = dict(theirs.named_parameters())
    for name, ours in job.bank.tensors(0).items():
        other = named[name.replace(".weight", ".default.weight")].detach().numpy()
        assert np.abs(ours - other).max() < NEAR, name


def test_no_adapter_is_on_the_encoder_or_on_what_it_gives(
    speech: Any, network: WhisperDecoder, examples: list[Example], tmp_path: Path
) -> None:
    import json

    from peft import PeftModel
    from transformers import WhisperForConditionalGeneration

    job, _ = trained(speech, network, examples, epochs=1)
    folder = saved(job, 0, tmp_path)
    config = json.loads((folder / "adapter_config.json").read_text())
    assert config["target_modules"].startswith(r"model\.decoder\.layers\.\d+\.(")
    base: Any = WhisperForConditionalGeneration(speech.network.config)
    names = [n for n, _ in PeftModel.from_pretrained(base, str(folder)).named_parameters()]
    adapted = [n for n in names if "lora_" in n]
    assert len(adapted) == len(job.bank.tensors(0))
    assert not [n for n in adapted if ".encoder." in n or "encoder_attn.k_" in n]


def test_an_adapter_learns_alone_what_it_learns_beside_others(
    speech: Any, network: WhisperDecoder, examples: list[Example]
) -> None:
    both, _ = trained(speech, network, examples, dropout=0.1, tokens_per_batch=10_000)
    rows = both.own_rows
    recipe = both.adapted.recipe
    alone = Adapted.begin(network, recipe, cut=0, adapters=(1,))
    job = Job(alone, rows, train=both.train[1:], states=HeardStates(network, rows, speech))
    run_job(job, Schedule(recipe.epochs))
    together = both.bank.tensors(1)
    assert all(np.allclose(v, together[n], atol=1e-5) for n, v in job.bank.tensors(0).items())


def test_keys_and_values_beyond_memory_are_computed_anew(
    speech: Any, network: WhisperDecoder, examples: list[Example]
) -> None:
    rows = encode_heard(examples, speech).rows
    adapted = Adapted.begin(network, RECIPE, cut=0)
    found = [
        adapted.measure(rows, states=HeardStates(network, rows, speech, kept_bytes=kept))
        for kept in (0, 1 << 30)
    ]
    assert np.array_equal(found[0], found[1])


def test_what_cannot_be_learned_is_named(speech: Any, clips: dict[str, Path]) -> None:
    clip = next(iter(clips))
    rows = [
        heard("long", clip, "x" * 200),
        heard("silent", clip, "", kind="no-speech"),
        heard("blank", clip, ""),
        heard("bad", clip, "no").model_copy(update={"label": "bad"}),
    ]
    found = encode_heard(rows, speech)
    assert [row.id for row in found.rows] == ["silent"]
    assert found.rows[0].targets == 1
    assert (found.too_long, found.empty, found.bad) == (("long",), ("blank",), ("bad",))


def test_an_adapter_of_the_decoder_is_used_without_loading_the_model_again(
    speech: Any, network: WhisperDecoder, examples: list[Example], tmp_path: Path
) -> None:
    job, done = trained(speech, network, examples)
    tuned = speech.with_adapter(saved(job, 0, tmp_path))
    for model, reading in ((speech, done.readings[0]), (tuned, done.readings[-1])):
        scores = model.score([e.prompt for e in examples], [e.target for e in examples])
        losses = [score.nats / score.tokens for score in scores]
        assert np.allclose(losses, reading.losses[0], atol=NEAR)
