"""Whether the printed bound on missed leaks holds: coverage by kind of file.

Edited copies of test rows are planted in training rows, by ways to edit that are written here and
not those of the probes. A bound covers when it is at least the number that was planted. The files:
short utterances with labels, questions behind a long instruction, messages with labels, texts with
numbers.

TUNEWELL_DATA=… python -m bench curation/leak_bound
"""

from __future__ import annotations

import csv
import json
import os
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.curation.corpus import share
from bench.machine import RESULTS, keep
from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks
from tunewell.similar.missed_leaks import missed_bound

NAME = "curation-leak-bound"
ROUNDS = 120
TESTS, CLEAN, LEAKS = 150, 250, 40

INSTRUCTION = (
    "You work at the front desk of a bank and read what customers write on their telephones. Sort "
    "each message by what the customer wants, name that in a few plain words, do not answer the "
    "message itself, do not add a greeting, and never name more than one thing, however long the "
    "message may be.\n\n"
)
_HOMOGLYPHS = str.maketrans("aeopc", "аеорс")
_GREETINGS = (
    ("Hi there,", ""),
    ("Could you please help me:", ""),
    ("", "Thanks a lot!"),
    ("Good evening,", "many thanks in advance"),
)

Pair = tuple[str, str]
Editor = Callable[[list[str], Sequence[str], random.Random], list[str]]


# --- the files


def short_rows(root: Path) -> list[Pair]:
    """Utterances of about eight words with their intents."""
    parts = json.loads((root / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [(text, intent) for text, intent in parts["train"]]


def long_frames(root: Path) -> list[Pair]:
    """Questions behind an instruction of sixty words, with answers in words."""
    return [(INSTRUCTION + text, f"They ask about {label}.") for text, label in labels(root)]


def labels(root: Path) -> list[Pair]:
    """Messages to a bank with one of 77 labels."""
    with (root / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(r["text"], r["category"].replace("_", " ")) for r in csv.DictReader(file)]


def numbers(_root: Path) -> list[Pair]:
    """Small sums in words, whose answers are numbers."""
    draw = random.Random(5)
    things = "lamps chairs tickets bricks apples pens ropes tiles cups keys books bolts".split()
    people = "Ada Ben Cem Dana Eli Fay Gus Hana Ivo June Kai Lea Max Nia Otto Pia".split()
    places = "school harbour market museum theatre station farm bakery hospital garden".split()
    verbs = "buys orders packs counts sells moves borrows finds".split()
    made = []
    for _ in range(2_000):
        a, b = draw.randint(12, 990), draw.randint(3, 95)
        who, what, where = draw.choice(people), draw.choice(things), draw.choice(places)
        asked = (
            f"{who} {draw.choice(verbs)} {a} {what} for the {where} and gives {b} of them to "
            f"{draw.choice(people)}. How many {what} are left for the {draw.choice(places)}?"
        )
        made.append((asked, str(a - b)))
    return made


FILES: Mapping[str, Callable[[Path], list[Pair]]] = {
    "short rows": short_rows,
    "long frames": long_frames,
    "labels": labels,
    "numbers": numbers,
}


# --- ways to edit, none of which changes a number


def _scattered(words: list[str], known: Sequence[str], draw: random.Random) -> list[str]:
    out = []
    rate = draw.uniform(0.05, 0.25)
    for word in words:
        if draw.random() > rate or any(map(str.isdigit, word)):
            out.append(word)
        elif draw.random() < 0.75:
            out.append(draw.choice(known))
    return out


def _mistyped(words: list[str], _known: Sequence[str], draw: random.Random) -> list[str]:
    long_words = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    for i in draw.sample(long_words, min(len(long_words), 1 + len(words) // 12)):
        at = draw.randrange(1, len(words[i]) - 1)
        words[i] = words[i][:at] + words[i][at + 1 :]
    return words


def _misheard(words: list[str], _known: Sequence[str], draw: random.Random) -> list[str]:
    long_words = [i for i, word in enumerate(words) if len(word) > 5 and word.isalpha()]
    if long_words:
        i = draw.choice(long_words)
        middle = len(words[i]) // 2
        words[i : i + 1] = [words[i][:middle], words[i][middle:]]
    return words


def _greeted(words: list[str], _known: Sequence[str], draw: random.Random) -> list[str]:
    before, after = draw.choice(_GREETINGS)
    return [*before.split(), *words, *after.split()]


def _moved(words: list[str], _known: Sequence[str], draw: random.Random) -> list[str]:
    at = draw.randrange(1, max(2, len(words)))
    return [*words[at:], *words[:at]]


def _disguised(words: list[str], _known: Sequence[str], draw: random.Random) -> list[str]:
    i = draw.randrange(len(words))
    words[i] = words[i].translate(_HOMOGLYPHS)
    return words


EDITORS: tuple[Editor, ...] = (_scattered, _mistyped, _misheard, _greeted, _moved, _disguised)


def edited(text: str, known: Sequence[str], draw: random.Random) -> str:
    """A copy of a question with an edit behind its instruction; never the very same words."""
    frame, question = (INSTRUCTION, text[len(INSTRUCTION) :]) if INSTRUCTION in text else ("", text)
    for _ in range(20):
        words = question.split()
        made = " ".join(draw.choice(EDITORS)(words, known, draw))
        if made.split() and made.casefold() != question.casefold():
            return frame + made
    return f"{frame}{question} {draw.choice(known)}"


# --- the simulation


def one_round(pairs: Sequence[Pair], seed: int) -> dict[str, float]:
    """Leaks planted, found and the bound of one drawn file."""
    draw = random.Random(seed)
    by_text = list({asked.casefold(): (asked, said) for asked, said in pairs}.values())
    chosen = draw.sample(by_text, TESTS + CLEAN)
    known = sorted({word for asked, _ in chosen for word in asked.split() if word.isalpha()})
    tests = [_row(f"e{i}", *pair) for i, pair in enumerate(chosen[:TESTS])]
    train = [_row(f"c{i}", *pair) for i, pair in enumerate(chosen[TESTS:])]
    for i, (asked, said) in enumerate(chosen[:LEAKS]):
        train.append(_row(f"t{i}", edited(asked, known, draw), said))
    draw.shuffle(train)

    leaks = find_leaks(train, tests)
    bound = missed_bound(leaks, tests)
    right = sum(leak.train.id[0] == "t" for leak in leaks)
    # Neighbours that are taken for leaks are no planted ones: the bound must hold without them.
    most = bound.high - (len(leaks) - right)
    return {"found": right, "bound": most, "accused": len(leaks) - right}


def _row(name: str, asked: str, said: str) -> Conversation:
    return Conversation(name, (("user", asked), ("assistant", said)))


def simulated(pairs: Sequence[Pair], rounds: int) -> dict[str, Any]:
    """Coverage of the bound over many drawn files."""
    every = [one_round(pairs, seed) for seed in range(rounds)]
    return {
        "rounds": rounds,
        "planted": LEAKS,
        "covered": share(sum(each["bound"] >= LEAKS for each in every), rounds),
        "recall": round(sum(each["found"] for each in every) / rounds / LEAKS, 4),
        "mean_bound": round(sum(each["bound"] for each in every) / rounds, 1),
        "clean_accused": round(sum(each["accused"] for each in every) / rounds / CLEAN, 4),
    }


def main(*names: str) -> None:
    """Simulate the named kinds of file, or all, and keep them beside those that were kept."""
    root = Path(os.environ["TUNEWELL_DATA"])
    kept = RESULTS / f"{NAME}.json"
    result = json.loads(kept.read_text(encoding="utf-8"))["files"] if kept.is_file() else {}
    for name in names or FILES:
        result[name] = simulated(FILES[name](root), ROUNDS)
        print(name, json.dumps(result[name]), flush=True)
        keep(NAME, {"files": result})


if __name__ == "__main__":
    main(*sys.argv[1:])
