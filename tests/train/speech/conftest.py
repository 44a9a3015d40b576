"""A tiny random Whisper, and recordings of murmur for it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.audio.sounds import encoded, murmur
from tunewell.testing.tiny import tiny_whisper_folder
from tunewell.types import Example, Message

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
