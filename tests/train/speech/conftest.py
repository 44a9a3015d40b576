"""A tiny random Whisper, and recordings of murmur for it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.audio.sounds import encoded, murmur
from tests.train.project import opened_project
from tunewell.testing.tiny import tiny_whisper_folder
from tunewell.train import train
from tunewell.types import Example, Message, Recipe

CLIPS = 6


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return tiny_whisper_folder(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="session")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Digest to file."""
    folder = tmp_path_factory.mktemp("clips")
    found = {}
    for seed in range(CLIPS):
        data = encoded(murmur(seed, seconds=0.6))
        digest = hashlib.sha256(data).hexdigest()
        found[digest] = folder / f"{digest}.wav"
        found[digest].write_bytes(data)
    return found


@pytest.fixture(scope="session")
def speech(whisper_folder: Path, clips: dict[str, Path]) -> Any:
    from tunewell.model.speech.whisper import SpeechModel

    return SpeechModel(str(whisper_folder), clips=clips.__getitem__)


def heard(id: str, clip: str, said: str, *, speaker: str = "", kind: str = "") -> Example:
    """A row of one recording."""
    turns = (
        Message(role="user", content="", audio=clip),
        Message(role="assistant", content=said),
    )
    return Example(id=id, messages=turns, group=speaker, kind=kind)


SAID = ["take five", "no change since may", "stop", "", "one two three four five", "ok then"]


@pytest.fixture(scope="session")
def examples(clips: dict[str, Path]) -> list[Example]:
    return [
        heard(f"r{i}", clip, said, kind="" if said else "no-speech")
        for i, (clip, said) in enumerate(zip(clips, SAID, strict=True))
    ]


SPEAKERS = 3
RECIPE = Recipe(
    rank=4,
    alpha=8,
    rate=1e-2,
    epochs=2,
    tokens_per_batch=64,
    replay=0.3,
    replay_kinds=("general",),
)


def rows_of(clips: dict[str, Path], count: int = 14) -> list[Example]:
    """Task rows and general ones of three speakers; the last two rows stay outside."""
    found = []
    for number in range(count):
        clip = list(clips)[number % len(clips)]
        kind = "general" if number % 4 == 3 else "task"
        said = SAID[number % len(SAID)]
        if not said:
            kind = "no-speech"
        speaker = f"s{number % SPEAKERS}"
        found.append(heard(f"r{number:02}", clip, said, speaker=speaker, kind=kind))
    return found


def opened(folder: Path, clips: dict[str, Path], recipe: Recipe, rows: list[Example]) -> Any:
    dataset, split, project = opened_project(folder, rows, recipe, folds=SPEAKERS)
    for path in clips.values():
        project.store.files.put_bytes(path.read_bytes(), suffix=".wav")
    return dataset, split, project


@pytest.fixture(scope="session")
def trained(
    tmp_path_factory: pytest.TempPathFactory, whisper_folder: Path, clips: dict[str, Path]
) -> Any:
    recipe = RECIPE.model_copy(update={"model": str(whisper_folder)})
    project = opened(tmp_path_factory.mktemp("heard"), clips, recipe, rows_of(clips))
    return train(*project), project
