"""How many wrong transcripts are found by the loss of the base model, and how many right ones are.

``python -m bench.speech.wrong_transcripts NAME=FOLDER:FIRST-LAST …``: of each speaker of a folder
with ``metadata.csv`` the recordings from FIRST to LAST by length. All are looked at with their own
transcripts; then every third with that of another recording, and with one word changed for another
word of the folder. The limit was set on the readings 0-3 and 7-15 of LibriSpeech; all others are
new to it.
"""

from __future__ import annotations

import csv
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import soundfile

from bench.machine import keep
from tunewell.curate.wrong_transcripts import MOST_NATS, transcript_doubts
from tunewell.model.speech.whisper import SpeechModel
from tunewell.stats import proportion
from tunewell.types import Example, Message


def chosen(folder: Path, first: int, last: int) -> list[dict[str, str]]:
    """Readings of every speaker, by length."""
    with (folder / "metadata.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    by_speaker: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda each: soundfile.info(folder / each["file_name"]).duration):
        by_speaker.setdefault(row["speaker"], []).append(row)
    return [row for own in by_speaker.values() for row in own[first:last]]


def rows_with(rows: Sequence[dict[str, str]], words: Sequence[str]) -> list[Example]:
    """The recordings with these transcripts."""
    found = []
    for row, text in zip(rows, words, strict=True):
        turns = (
            Message(role="user", content="", audio=row["file_name"]),
            Message(role="assistant", content=text),
        )
        found.append(Example(id=row["file_name"], messages=turns))
    return found


def one_word_changed(words: Sequence[str]) -> list[str]:
    """Each text with one of its longer words changed for another text's."""
    chance = random.Random(5)
    pool = sorted({word for text in words for word in text.split() if len(word) > 3})
    found = []
    for text in words:
        parts = text.split()
        place = chance.choice([i for i, word in enumerate(parts) if len(word) > 3])
        parts[place] = chance.choice([word for word in pool if word != parts[place]])
        found.append(" ".join(parts))
    return found


EVERY = 3
"""Of so many recordings one has a wrong transcript."""

KINDS: dict[str, Callable[[Sequence[str]], list[str]]] = {
    "right": list,
    "of another recording": lambda words: [*words[1:], words[0]],
    "one word changed": one_word_changed,
}


def measured(folder: Path, first: int, last: int) -> dict[str, object]:
    """Shares in doubt on some recordings of a folder, by what was done to their transcripts."""
    rows = chosen(folder, first, last)
    right = [row["transcription"] for row in rows]
    model = SpeechModel(clips=lambda name: folder / name)
    speakers = {row["speaker"] for row in rows}
    result: dict[str, object] = {"recordings": len(rows), "speakers": len(speakers)}
    began, clock = time.process_time(), time.monotonic()
    planted = {row["file_name"] for row in rows[::EVERY]}
    for kind, change in KINDS.items():
        changed = list(right)
        changed[::EVERY] = change(right)[::EVERY]
        doubts = transcript_doubts(model, rows_with(rows, changed))
        if kind != "right":
            doubts = [doubt for doubt in doubts if doubt.row in planted]
        above = sum(doubt.nats > MOST_NATS for doubt in doubts)
        share = proportion(above, len(doubts))
        result[kind] = {"in doubt": str(share), "nats": [round(d.nats, 1) for d in doubts]}
        if kind == "right":
            false = [doubt for doubt in doubts if doubt.nats > MOST_NATS]
            said = dict(zip((row["file_name"] for row in rows), right, strict=True))
            result["false"] = [[said[doubt.row], doubt.heard] for doubt in false]
            print(result["false"], flush=True)
        print(f"{folder.name}, {kind}: {above} of {len(doubts)} in doubt, {share}", flush=True)
    result["processor_s"] = round(time.process_time() - began)
    result["wall_s"] = round(time.monotonic() - clock)
    return result


def main() -> None:
    """Measure, print and write the result."""
    found: dict[str, object] = {"limit_nats": MOST_NATS}
    for given in sys.argv[1:]:
        name, _, rest = given.partition("=")
        folder, _, part = rest.rpartition(":")
        first, last = map(int, part.split("-"))
        found[name] = measured(Path(folder), first, last)
        keep("speech-wrong-transcripts", found)


if __name__ == "__main__":
    main()
