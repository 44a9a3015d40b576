from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml

import tunewell.demo
from tunewell.audio.clips import LONGEST_S, RATE, read_clip
from tunewell.metrics.spoken_words import spoken_words

FOLDER = Path(tunewell.demo.__file__).parent / "speech"
PARTS = ("train", "test", "replay", "no-speech", "general")
TEXTS = Path(__file__).parents[2] / "bench" / "speech" / "clips.yaml"


def rows(part: str) -> list[dict[str, str]]:
    with (FOLDER / "recordings" / part / "metadata.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def speakers(part: str) -> set[str]:
    return {row["speaker"] for row in rows(part)} - {""}


def test_the_recordings_are_small_enough_for_the_package() -> None:
    size = sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file())
    assert size <= 5_000_000


@pytest.mark.parametrize("part", PARTS)
def test_every_recording_is_listed_and_can_be_read(part: str) -> None:
    folder = FOLDER / "recordings" / part
    listed = {row["file_name"] for row in rows(part)}
    assert listed == {path.name for path in folder.glob("*.ogg")}
    for name in sorted(listed)[::5]:
        clip = read_clip(folder / name)
        assert clip.rate == RATE
        assert 0.5 < clip.seconds < LONGEST_S


def test_the_voices_of_the_test_are_heard_nowhere_else() -> None:
    others = speakers("train") | speakers("replay") | speakers("general")
    assert len(speakers("test")) >= 4
    assert not speakers("test") & others
    assert not speakers("general") & (speakers("train") | speakers("replay"))


def test_some_terms_are_never_trained_and_no_sentence_is_in_both() -> None:
    terms = yaml.safe_load(TEXTS.read_text(encoding="utf-8"))["terms"]
    trained = " ".join(row["transcription"].lower() for row in [*rows("train"), *rows("replay")])
    tested = " ".join(row["transcription"].lower() for row in rows("test"))
    for term in terms["new"]:
        assert term not in trained
        assert term in tested
    for term in terms["trained"]:
        assert term in trained
    said = {tuple(spoken_words(row["transcription"])) for row in rows("train")}
    assert not said & {tuple(spoken_words(row["transcription"])) for row in rows("test")}


def test_where_nobody_speaks_no_words_are_right() -> None:
    for part in PARTS:
        for row in rows(part):
            assert (row["transcription"] == "") == (row["kind"] == "no-speech")


def test_the_licences_and_that_the_voices_are_synthetic_are_stated() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    for words in ("voices are synthetic", "CC BY 4.0", "LibriSpeech", "espeak-ng", "flite"):
        assert words in text
