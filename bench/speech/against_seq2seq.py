"""Five speaker folds at once against transformers' Seq2SeqTrainer, one fold after another.

Same recordings, base, adapters (rank, maps), batches of as many recordings, steps and losses; both
begin with recordings that are encoded already, for that is what either can do once. The trainer
runs the decoder of `WhisperForConditionalGeneration` with PEFT in fp32::

    python -m bench.speech.against_seq2seq FOLDER            # with metadata.csv, such as 5 readers
    python -m bench.speech.against_seq2seq FOLDER --clips 160 --steps 50

Seconds of the processor are those of all threads. The trainer is measured on one fold or a few; all
five are estimated from its seconds a step, and said to be an estimate.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.machine import keep
from tunewell.model.speech.whisper import SpeechModel
from tunewell.train.arrays import Ints
from tunewell.train.lora.adapted import Adapted
from tunewell.train.lora.job import Job
from tunewell.train.lora.rows import TrainRow
from tunewell.train.speech.decoder import WhisperDecoder
from tunewell.train.speech.heard_rows import HeardStates, encode_heard
from tunewell.types import Example, Message, Recipe

NAME = "speech-against-seq2seq"
FOLDS = 5
BATCH = 8
FULL_CLIPS, FULL_STEPS = 160, 50


def rows_of(folder: Path, count: int) -> list[Example]:
    """The first recordings of each speaker, in turns."""
    by_speaker: dict[str, list[Example]] = {}
    with (folder / "metadata.csv").open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            turns = (
                Message(role="user", content="", audio=line["file_name"]),
                Message(role="assistant", content=line["transcription"].lower()),
            )
            row = Example(id=line["file_name"], messages=turns, group=line["speaker"])
            by_speaker.setdefault(row.group, []).append(row)
    found: list[Example] = []
    while len(found) < count and any(by_speaker.values()):
        for rows in by_speaker.values():
            found += [rows.pop(0)] if rows else []
    return found[:count]


def ours(
    rows: Sequence[TrainRow], folds: Ints, speech: SpeechModel, recipe: Recipe, steps: int
) -> dict[str, float]:
    """All folds at once, so many steps of each; processor seconds."""
    network = WhisperDecoder(speech.network)
    began, clock = time.process_time(), time.monotonic()
    train = np.arange(FOLDS)[:, None] != folds[None]
    adapted = Adapted.begin(network, recipe, cut=0, adapters=range(FOLDS))
    job = Job(adapted, rows, train=train, states=HeardStates(network, rows, speech))
    done = epoch = 0
    while done < steps:
        for batch in job.batches(epoch):
            if done == steps:
                break
            job.backward(batch, step=done)
            job.bank.step(rate=recipe.rate, weight_decay=recipe.weight_decay)
            done += 1
        epoch += 1
    return {
        "processor_s": time.process_time() - began,
        "wall_s": time.monotonic() - clock,
        "steps": done * FOLDS,
    }


class _Encoded(torch.utils.data.Dataset[Any]):
    """Encoded recordings with their labels."""

    def __init__(self, rows: Sequence[TrainRow], speech: SpeechModel) -> None:
        self._rows = rows
        self._speech = speech

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> dict[str, Any]:
        row = self._rows[place]
        return {
            "states": self._speech.encoded.get(row.clip),
            "ids": row.ids[:-1].astype(np.int64),
            # The loss is on the transcript and its end.
            "labels": np.where(np.arange(1, len(row.ids)) < row.start, -100, row.ids[1:]).astype(
                np.int64
            ),
        }


def _collated(items: list[dict[str, Any]]) -> dict[str, Any]:
    def padded(name: str, fill: int) -> torch.Tensor:
        parts = [torch.from_numpy(item[name]) for item in items]
        return torch.nn.utils.rnn.pad_sequence(parts, batch_first=True, padding_value=fill)

    return {
        "encoder_outputs": (torch.stack([item["states"] for item in items]),),
        "decoder_input_ids": padded("ids", 0),
        "labels": padded("labels", -100),
    }


def theirs(
    rows: Sequence[TrainRow],
    folds: Ints,
    speech: SpeechModel,
    recipe: Recipe,
    steps: int,
    *,
    measured: int,
) -> dict[str, float]:
    """One fold after another, of which so many are measured; processor seconds of training."""
    from peft import LoraConfig, get_peft_model
    from transformers import (
        Seq2SeqTrainer,
        Seq2SeqTrainingArguments,
        WhisperForConditionalGeneration,
    )

    maps = r"model\.decoder\.layers\.\d+\.(self_attn\.(q|k|v|out)_proj|encoder_attn\.(q|out)_proj"
    taken = wall = 0.0
    done = 0
    for fold in range(measured):
        model = WhisperForConditionalGeneration.from_pretrained(str(speech.weights.folder))
        config = LoraConfig(
            r=recipe.rank,
            lora_alpha=recipe.alpha,
            lora_dropout=recipe.dropout,
            target_modules=rf"{maps}|fc1|fc2)",
        )
        own = [row for row, held in zip(rows, folds.tolist(), strict=True) if held != fold]
        with tempfile.TemporaryDirectory() as folder:
            arguments = Seq2SeqTrainingArguments(
                output_dir=folder,
                per_device_train_batch_size=BATCH,
                max_steps=steps,
                learning_rate=recipe.rate,
                use_cpu=not torch.cuda.is_available(),
                report_to=[],
                save_strategy="no",
                logging_strategy="no",
                disable_tqdm=True,
                remove_unused_columns=False,
                dataloader_pin_memory=False,
            )
            trainer = Seq2SeqTrainer(
                model=get_peft_model(model, config),
                args=arguments,
                train_dataset=_Encoded(own, speech),
                data_collator=_collated,
            )
            began, clock = time.process_time(), time.monotonic()
            trainer.train()
            taken += time.process_time() - began
            wall += time.monotonic() - clock
            done += steps
    return {"processor_s": taken, "wall_s": wall, "steps": done}


def main() -> None:
    """Measure both and keep the result."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--clips", type=int, default=20)
    asked.add_argument("--steps", type=int, default=4)
    asked.add_argument("--folds-of-theirs", type=int, default=1)
    given = asked.parse_args()

    examples = rows_of(given.folder, given.clips)
    speech = SpeechModel(clips=lambda name: given.folder / name)
    began, clock = time.process_time(), time.monotonic()
    for row in examples:
        speech.encoded.get(row.audio[0])
    encoding, encoding_wall = time.process_time() - began, time.monotonic() - clock

    rows = encode_heard(examples, speech).rows
    speakers = sorted({example.group for example in examples})
    fold_of = {example.id: speakers.index(example.group) % FOLDS for example in examples}
    folds = np.asarray([fold_of[row.id] for row in rows])
    mean_tokens = sum(len(row.ids) for row in rows) / len(rows)
    recipe = Recipe(tokens_per_batch=max(16, round(BATCH * mean_tokens)), dropout=0.0)

    mine = ours(rows, folds, speech, recipe, given.steps)
    other = theirs(rows, folds, speech, recipe, given.steps, measured=given.folds_of_theirs)
    full = FOLDS * FULL_STEPS
    found: dict[str, Any] = {
        "clips": len(rows),
        "tokens_of_a_transcript": round(mean_tokens, 1),
        "recordings_a_step": BATCH,
        "threads": torch.get_num_threads(),
        "encoding_processor_s_a_clip": round(encoding / len(rows), 3),
        "ours": {name: round(value, 1) for name, value in mine.items()},
        "seq2seq_trainer": {name: round(value, 1) for name, value in other.items()},
        "encoding_wall_s": round(encoding_wall, 1),
        "full_size": {
            "clips": FULL_CLIPS,
            "steps_of_each_fold": FULL_STEPS,
            "folds_of_the_trainer_measured": given.folds_of_theirs,
        },
    }
    for clock_name in ("processor_s", "wall_s"):
        a_step = mine[clock_name] / mine["steps"]
        of_theirs = other[clock_name] / other["steps"]
        found["full_size"][clock_name] = {
            "encoding": round(
                (encoding if clock_name == "processor_s" else encoding_wall)
                / len(rows)
                * FULL_CLIPS
            ),
            "ours": round(a_step * full),
            "seq2seq_trainer": round(of_theirs * full),
            "times_as_fast_a_step": round(of_theirs / a_step, 2),
        }
    keep(NAME, found)


if __name__ == "__main__":
    main()
