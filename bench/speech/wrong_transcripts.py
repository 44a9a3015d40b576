"""How many wrong transcripts are found by the loss of the base model, and how many right ones are.

``python -m bench.speech.wrong_transcripts LIBRISPEECH [FIRST LAST]``: of each speaker the readings
from FIRST to LAST by length. Every recording is looked at with its own transcript, with that of
another recording, and with one word changed for another word of the corpus.
"""

from __future__ import annotations

import csv
import json
import random
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import soundfile

from tunewell.curate.wrong_transcripts import MOST_NATS, transcript_doubts
from tunewell.model.speech.whisper import SpeechModel
from tunewell.stats import proportion
from tunewell.types import Example, Message

RESULTS = Path(__file__).parent.parent / "results" / "speech-wrong-transcripts.json"


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


def main() -> None:
    """Measure, print and write the result."""
    folder = Path(sys.argv[1])
    first, last = map(int, sys.argv[2:4] or ("5", "10"))
    rows = chosen(folder, first, last)
    right = [row["transcription"] for row in rows]
    model = SpeechModel(clips=lambda name: folder / name)
    kinds: dict[str, Callable[[Sequence[str]], list[str]]] = {
        "right": list,
        "of another recording": lambda words: [*words[1:], words[0]],
        "one word changed": one_word_changed,
    }
    began = time.process_time()
    result: dict[str, object] = {"recordings": len(rows), "limit_nats": MOST_NATS}
    for kind, change in kinds.items():
        doubts = transcript_doubts(model, rows_with(rows, change(right)))
        above = sum(doubt.nats > MOST_NATS for doubt in doubts)
        share = proportion(above, len(doubts))
        result[kind] = {"in doubt": str(share), "nats": [round(d.nats, 1) for d in doubts]}
        print(f"{kind}: {above} of {len(doubts)} in doubt, {share}", flush=True)
    result["processor_s"] = round(time.process_time() - began)
    RESULTS.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
