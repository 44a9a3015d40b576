from __future__ import annotations

import csv

import numpy as np
import pytest

from tests.audio.sounds import murmur
from tests.shared_data import DATA
from tunewell.audio.clips import Clip, read_clip
from tunewell.audio.voices import (
    Voice,
    VoiceEncoder,
    other_voices,
    same_voices,
    weights_file,
)

READINGS = DATA / "speech" / "librispeech"


def near(centre: int, seed: int, spread: float = 0.15) -> Voice:
    """A voice around one of several directions."""
    rng = np.random.default_rng(seed)
    point = rng.normal(size=256) * spread / 16
    point[centre] += 1
    voice: Voice = (point / np.linalg.norm(point)).astype(np.float32)
    return voice


def test_one_voice_under_two_names_is_found_and_other_people_are_not() -> None:
    voices = [near(centre, seed) for seed, centre in enumerate([1] * 3 + [2] * 3 + [1] * 3)]
    names = ["ann"] * 3 + ["ben"] * 3 + ["zoe"] * 3
    [pair] = same_voices(voices, names)
    assert (pair.first, pair.second) == ("ann", "zoe")
    assert other_voices(voices, names) == []


def test_one_name_over_two_voices_is_found_at_the_recording_that_differs() -> None:
    voices = [near(centre, seed) for seed, centre in enumerate([1, 1, 1, 3, 1, 1])]
    assert other_voices(voices, ["ann"] * 6) == [3]


def test_names_with_few_recordings_or_none_are_not_judged() -> None:
    voices = [near(1, seed) for seed in range(6)]
    assert same_voices(voices, ["ann", "ann", "zoe", "zoe", "", ""]) == []
    assert same_voices(voices, [""] * 6) == []


@pytest.mark.skipif(weights_file() is None, reason="the package resemblyzer is not installed")
def test_a_pause_alone_has_no_voice() -> None:
    encoder = VoiceEncoder()
    assert encoder.voice(Clip(np.zeros(1_600, np.float32), 16_000)) is None
    found = encoder.voice(murmur(1))
    assert found is not None
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.slow
@pytest.mark.skipif(weights_file() is None, reason="the package resemblyzer is not installed")
@pytest.mark.skipif(not READINGS.is_dir(), reason="the readings are not there")
def test_real_people_no_two_are_one_and_each_under_two_names_is_found() -> None:
    rows = list(
        csv.DictReader((READINGS / "metadata.csv").read_text(encoding="utf-8").splitlines())
    )
    encoder = VoiceEncoder()
    heard = [encoder.voice(read_clip(READINGS / row["file_name"])) for row in rows]
    voices = [voice for voice in heard if voice is not None]
    names = [row["speaker"] for row in rows]
    assert len(voices) == len(rows)
    assert same_voices(voices, names) == []
    assert other_voices(voices, names) == []

    halves = [f"{name}-{place % 2}" for place, name in enumerate(names)]
    assert len(same_voices(voices, halves)) == len(set(names))
    wrong = ["1034" if place == 0 else name for place, name in enumerate(names)]
    assert other_voices(voices, wrong) == [0]
