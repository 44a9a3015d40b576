"""Make the recordings of the speech demo: synthetic voices, no speech, and real people reading.

Run ``python -m bench.speech.make_clips LIBRISPEECH [PART …]``; what it writes is part of the
package. The programs ``espeak-ng`` (GPL), ``flite`` and ``festival`` speak the texts of
``clips.yaml``; they run as processes and are no part of Tunewell. LIBRISPEECH is a folder with
LibriSpeech's recordings and their ``metadata.csv`` (columns file_name, transcription, speaker).
"""

from __future__ import annotations

import csv
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

import tunewell.demo
from tunewell.audio.clips import RATE, Clip, Samples, read_clip
from tunewell.audio.fingerprint import fingerprint, same_recordings

HERE = Path(__file__).parent
TARGET = Path(tunewell.demo.__file__).parent / "speech" / "recordings"
COLUMNS = ("file_name", "transcription", "speaker", "kind", "accent")
SEED = 25

TRAIN_A_VOICE = 13
TEST_A_VOICE = 12
NO_SPEECH = {"train": 24, "test": 12}
REAL_PEOPLE_A_SPEAKER = 7
NEW_TERMS_IN_TEST = 0.5
COMPRESSION = 0.93
"""Of Opus in libsndfile, from 0 to 1: about 20 kbit/s."""

LOUD = 0.5
"""Peak of a spoken recording."""


@dataclass(frozen=True)
class Said:
    """A recording and what is known of it."""

    name: str
    clip: Clip
    words: str
    speaker: str
    kind: str
    accent: str = ""

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """As `COLUMNS` name it."""
        return (f"{self.name}.ogg", self.words, self.speaker, self.kind, self.accent)


# --- voices ---------------------------------------------------------------------------------------


def spoken(text: str, voice: dict[str, Any]) -> Clip:
    """A text, spoken by a program."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        subprocess.run(_command(voice, path), input=text.encode(), check=True, capture_output=True)
        clip = read_clip(path).at(RATE)
    return Clip(clip.samples * LOUD / np.abs(clip.samples).max(), RATE)


def _command(voice: dict[str, Any], path: Path) -> list[str]:
    name, out = voice["voice"], str(path)
    if voice["program"] == "flite":
        return ["flite", "-voice", name, "-f", "/dev/stdin", "-o", out]
    if voice["program"] == "festival":
        return ["text2wave", "-eval", f"(voice_{name})", "-o", out]
    speed = str(voice["speed"])
    return ["espeak-ng", "-v", name, "-s", speed, "-w", out, "--stdin"]


class Writer:
    """Fills the templates of the texts; no text comes twice."""

    def __init__(self, texts: dict[str, Any], chance: random.Random) -> None:
        self.texts = texts
        self.chance = chance
        self.drugs: dict[str, list[str]] = {"trained": [], "new": []}
        self.used: set[str] = set()

    def drug(self, which: str) -> str:
        """The next drug: all come equally often."""
        if not self.drugs[which]:
            self.drugs[which] = self.chance.sample(self.texts["terms"][which], k=6)
        return self.drugs[which].pop()

    def write(self, template: str, which: str) -> str:
        """A template with its slots filled, another text than all before."""
        while True:
            slots = {name: self.chance.choice(given) for name, given in self.texts["slots"].items()}
            slots["drug"] = self.drug(which)
            if "{drug2}" in template:
                slots["drug2"] = self.drug("trained")
            text = template.format(**slots)
            text = text[0].upper() + text[1:]
            if text not in self.used and slots["drug"] != slots.get("drug2"):
                self.used.add(text)
                return text


def without_likenesses(rows: Sequence[Said]) -> list[Said]:
    """The recordings but those that sound like an earlier one, for a synthesiser repeats itself."""
    alike = same_recordings([fingerprint(said.clip) for said in rows])
    later = {pair.right for pair in alike}
    return [said for place, said in enumerate(rows) if place not in later]


def dictations(texts: dict[str, Any], part: str, a_voice: int) -> Iterator[Said]:
    """Every voice of a part says its own sentences."""
    chance = random.Random(f"{SEED}:{part}")
    writer = Writer(texts, chance)
    number = 0
    for speaker, voice in texts["voices"][part].items():
        for turn in range(a_voice):
            template = texts[part][(number + turn) % len(texts[part])]
            is_new = part == "test" and chance.random() < NEW_TERMS_IN_TEST
            words = writer.write(template, "new" if is_new else "trained")
            clip = spoken(words, voice)
            yield Said(f"{speaker}-{turn:02}", clip, words, speaker, "dictation", voice["accent"])
        number += 3


def general(texts: dict[str, Any]) -> Iterator[Said]:
    """Ordinary sentences by the voices of the training set."""
    voices = texts["voices"]["train"]
    for (speaker, voice), text in zip(voices.items(), texts["general"], strict=False):
        words = text.format(number="nine")
        clip = spoken(words, voice)
        yield Said(f"{speaker}-general", clip, words, speaker, "general", voice["accent"])


# --- nobody speaks --------------------------------------------------------------------------------


def no_speech(part: str) -> Iterator[Said]:
    """Noise, hum, clicks and near silence of three seconds, at several levels."""
    rng = np.random.default_rng([SEED, len(part)])
    for number in range(NO_SPEECH[part]):
        kind = SOUNDS[number % len(SOUNDS)]
        samples = kind(rng, 3 * RATE)
        peak = np.abs(samples).max()
        level = 10 ** rng.uniform(-1.8, -0.5)
        clip = Clip((samples * level / peak).astype(np.float32), RATE)
        name = f"{part}-{kind.__name__.removeprefix('_')}-{number:02}"
        yield Said(name, clip, "", "", "no-speech")


def _white(rng: np.random.Generator, length: int) -> Samples:
    return rng.normal(size=length).astype(np.float32)


def _fan(rng: np.random.Generator, length: int) -> Samples:
    spectrum = np.fft.rfft(rng.normal(size=length))
    frequencies = np.fft.rfftfreq(length, 1 / RATE)
    coloured = np.fft.irfft(spectrum / np.maximum(frequencies, 40.0) ** 0.8, length)
    return coloured.astype(np.float32)


def _hum(rng: np.random.Generator, length: int) -> Samples:
    moments = np.arange(length) / RATE
    base = rng.choice([50.0, 60.0])
    tones = [np.sin(2 * np.pi * base * k * moments) / k for k in (1, 2, 3, 5)]
    return (np.sum(tones, axis=0) + 0.02 * rng.normal(size=length)).astype(np.float32)


def _keys(rng: np.random.Generator, length: int) -> Samples:
    samples = 0.01 * rng.normal(size=length)
    decay = np.exp(-np.arange(400) / 60)
    for start in rng.integers(0, length - 400, size=14):
        samples[start : start + 400] += decay * rng.normal(size=400)
    return samples.astype(np.float32)


SOUNDS = (_white, _fan, _hum, _keys)


# --- real people ----------------------------------------------------------------------------------


def real_people(folder: Path) -> Iterator[Said]:
    """The shortest readings of each speaker of LibriSpeech."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_speaker: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda each: soundfile.info(folder / each["file_name"]).duration):
        by_speaker.setdefault(row["speaker"], []).append(row)
    for speaker, own in sorted(by_speaker.items()):
        for row in own[:REAL_PEOPLE_A_SPEAKER]:
            clip = read_clip(folder / row["file_name"]).at(RATE)
            name = Path(row["file_name"]).stem
            words = row["transcription"].capitalize()
            yield Said(name, clip, words, f"librispeech-{speaker}", "general")


# --- writing --------------------------------------------------------------------------------------


def write(part: str, rows: Sequence[Said]) -> None:
    """One folder with its recordings and the list of what is said in them."""
    folder = TARGET / part
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for said in rows:
        samples = np.clip(said.clip.samples, -1, 1)
        path = folder / f"{said.name}.ogg"
        soundfile.write(
            path, samples, RATE, format="OGG", subtype="OPUS", compression_level=COMPRESSION
        )
    with (folder / "metadata.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(said.row for said in rows)
    seconds = sum(said.clip.seconds for said in rows)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{part}: {len(rows)} recordings, {seconds:.0f} s, {size / 1e6:.2f} MB")


def main() -> None:
    """Make all parts, or those that are named."""
    texts = yaml.safe_load((HERE / "clips.yaml").read_text(encoding="utf-8"))
    librispeech = Path(sys.argv[1])
    parts: dict[str, Callable[[], Iterable[Said]]] = {
        "train": lambda: without_likenesses([*dictations(texts, "train", TRAIN_A_VOICE)]),
        "test": lambda: dictations(texts, "test", TEST_A_VOICE),
        "replay": lambda: [*general(texts), *no_speech("train")],
        "no-speech": lambda: no_speech("test"),
        "general": lambda: real_people(librispeech),
    }
    for part in sys.argv[2:] or parts:
        write(part, list(parts[part]()))


if __name__ == "__main__":
    main()
