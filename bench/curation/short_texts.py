"""Short texts: how many edited copies are found among rows and against a test set, by kind of edit.

TUNEWELL_DATA=… python -m bench curation/short_texts
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.curation.corpus import share
from bench.machine import keep
from tunewell.similar import Links, by_key, key
from tunewell.similar.conversations import Conversation
from tunewell.similar.leaks import find_leaks, likely_leaks
from tunewell.similar.row_copies import find_copies

ROWS, EACH, TESTS = 1_200, 60, 600

Pair = tuple[str, str]
Edit = Callable[[str, random.Random], str]


# --- the sets


def clinc(root: Path) -> list[Pair]:
    """Commands and questions to an assistant, with their intents."""
    parts = json.loads((root / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [(text, intent) for text, intent in parts["train"]]


def banking(root: Path) -> list[Pair]:
    """Messages to a bank, with their intents."""
    with (root / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(line["text"], line["category"]) for line in csv.DictReader(file)]


def multidogo(root: Path) -> list[Pair]:
    """What customers say to an insurer, with the name of the act."""
    path = root / "multidogo" / "insurance" / "train.tsv"
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return [(line["utterance"] or "", "") for line in lines]


def clauses(root: Path) -> list[Pair]:
    """First sentences of contract clauses, with a plain-English summary."""
    path = root / "legal_summarization" / "all_v1.json"
    rows = json.loads(path.read_text(encoding="utf-8")).values()
    return [(_first(row["original_text"]), row["reference_summary"]) for row in rows]


def _first(text: str) -> str:
    return re.split(r"(?<=[.;])\s", text)[0]


SETS: Mapping[str, Callable[[Path], list[Pair]]] = {
    "clinc150": clinc,
    "banking77": banking,
    "multidogo": multidogo,
    "legal": clauses,
}


# --- edits

_SOUNDS = (
    ("to", "too"), ("for", "four"), ("your", "you're"), ("there", "their"), ("by", "buy"),
    ("right", "write"), ("know", "no"), ("would", "wood"), ("here", "hear"), ("need", "kneed"),
    ("new", "knew"), ("week", "weak"), ("sent", "cent"), ("where", "wear"), ("whether", "weather"),
)  # fmt: skip
_GREETINGS = (
    ("please", ""),
    ("hi,", ""),
    ("could you tell me", ""),
    ("", "thanks"),
    ("hello there,", "thank you very much"),
    ("", "please"),
)
_HOMOGLYPHS = str.maketrans("aeopcxi", "аеорсхі")
_SYNONYMS = {
    "want": "would like", "need": "require", "buy": "purchase", "get": "receive", "help": "assist",
    "money": "cash", "show": "display", "tell": "inform", "start": "begin", "find": "locate",
    "fix": "repair", "card": "bank card", "send": "mail", "big": "large", "make": "create",
    "wrong": "incorrect", "quickly": "fast", "car": "vehicle", "trip": "journey", "job": "work",
    "pay": "settle", "charged": "billed", "transfer": "payment", "account": "profile",
    "how": "in what way", "why": "for what reason", "much": "a lot", "terminate": "end",
    "agreement": "contract", "provide": "supply", "information": "data", "use": "utilise",
    "services": "offerings", "may": "can", "any": "whatever", "such": "this kind of",
    "change": "alter", "cancel": "call off", "lost": "misplaced", "phone": "telephone",
    "what's": "what is", "i'm": "i am", "don't": "do not", "can't": "cannot", "home": "house",
    "meeting": "appointment", "reminder": "notice", "song": "track", "flight": "plane ticket",
    "policy": "insurance policy", "claim": "damage claim", "address": "postal address",
}  # fmt: skip


def mistyped(text: str, draw: random.Random) -> str:
    """A letter left out, doubled, swapped or beside the right key, in one word or two."""
    words = text.split()
    places = [i for i, word in enumerate(words) if len(word) > 3 and word.isalpha()]
    for i in draw.sample(places, min(len(places), 1 + len(words) // 12)):
        word, at = words[i], draw.randrange(1, len(words[i]) - 1)
        words[i] = draw.choice(
            (
                word[:at] + word[at + 1 :],
                word[:at] + word[at] + word[at:],
                word[:at] + word[at + 1] + word[at] + word[at + 2 :],
                word[:at] + _beside(word[at]) + word[at + 1 :],
            )
        )
    return " ".join(words)


def _beside(letter: str) -> str:
    keys = "qwertyuiopasdfghjklzxcvbnm"
    return keys[(keys.find(letter.lower()) + 1) % len(keys)]


def misheard(text: str, draw: random.Random) -> str:
    """What a recogniser makes of it: words that sound alike, split and joined words, an "um"."""
    words = text.split()
    sounds = {**dict(_SOUNDS), **{b: a for a, b in _SOUNDS}}
    alike = [i for i, word in enumerate(words) if word.lower() in sounds]
    way = draw.randrange(4)
    if way == 0 and alike:
        i = draw.choice(alike)
        words[i] = sounds[words[i].lower()]
    elif way == 1 and len(words) > 2:
        i = draw.randrange(len(words) - 1)
        words[i : i + 2] = ["".join(words[i : i + 2])]
    elif way == 2:
        i = max(range(len(words)), key=lambda k: len(words[k]))
        middle = len(words[i]) // 2
        words[i : i + 1] = [part for part in (words[i][:middle], words[i][middle:]) if part]
    else:
        words.insert(draw.randrange(len(words)), draw.choice(("um", "uh", "er")))
    return " ".join(words).lower()


def repunctuated(text: str, draw: random.Random) -> str:
    """Other marks, other case."""
    made = re.sub(r"[.,;:!?']", lambda _: draw.choice(("", " ,", "…")), text)
    return f"{made.upper() if draw.random() < 0.3 else made} {draw.choice(('!', '??', '...', '-'))}"


def disguised(text: str, draw: random.Random) -> str:
    """Letters of another alphabet that look alike."""
    words = text.split()
    for i in draw.sample(range(len(words)), min(2, len(words))):
        words[i] = words[i].translate(_HOMOGLYPHS)
    return " ".join(words)


def greeted(text: str, draw: random.Random) -> str:
    """A polite frame."""
    before, after = draw.choice(_GREETINGS)
    return f"{before} {text} {after}".strip()


def reworded(text: str, draw: random.Random) -> str:
    """One word in five, and at least one, by another that means the same."""
    words = text.split()
    places = [i for i, word in enumerate(words) if word.lower().strip(".,?!") in _SYNONYMS]
    for i in draw.sample(places, min(len(places), max(1, len(words) // 5))):
        words[i] = _SYNONYMS[words[i].lower().strip(".,?!")]
    return " ".join(words)


def moved(text: str, draw: random.Random) -> str:
    """The second part first."""
    words = text.split()
    at = draw.randrange(2, max(3, len(words) - 1))
    return " ".join([*words[at:], *words[:at]])


EDITS: Mapping[str, Edit] = {
    "typos": mistyped,
    "recogniser": misheard,
    "punctuation": repunctuated,
    "homoglyphs": disguised,
    "frames": greeted,
    "synonyms": reworded,
    "moved clauses": moved,
}
REPORTED = frozenset({"synonyms", "moved clauses"})


# --- measuring


def measured(pairs: Sequence[Pair], *, low: int, high: int) -> dict[str, Any]:
    """Share of the copies that is found, by kind of edit, and of the others that is accused."""
    draw = random.Random(11)
    fitting = {a.casefold(): (a, b) for a, b in pairs if low <= len(a.split()) <= high}
    rows = list(fitting.values())
    draw.shuffle(rows)
    rows = rows[:ROWS]
    result: dict[str, Any] = {"rows": len(rows)}
    for kind, edit in EDITS.items():
        sources = [i for i in range(len(rows)) if _changes(rows[i][0], edit)][:EACH]
        if len(sources) < EACH // 2:
            continue
        made = [(edit(rows[i][0], random.Random(i)), rows[i][1]) for i in sources]
        result[kind] = _found(rows, made, sources, is_reported=kind in REPORTED)
    return result


def _changes(text: str, edit: Edit) -> bool:
    return edit(text, random.Random(0)).split() != text.split()


def _found(
    rows: Sequence[Pair],
    made: Sequence[Pair],
    sources: Sequence[int],
    *,
    is_reported: bool,
) -> dict[str, Any]:
    first = [_row(f"r{i}", pair) for i, pair in enumerate(rows)]
    second = [_row(f"c{i}", pair) for i, pair in enumerate(made)]
    n = len(made)
    copies = find_copies([*first, *second])
    links = Links(len(rows) + n)
    links.join_pairs(copies.pairs.positions())
    links.join_pairs(_equal([*rows, *made]))
    if is_reported:
        links.join_pairs(copies.likely.positions())
    of_copies = sum(
        links.root(source) == links.root(len(rows) + k) for k, source in enumerate(sources)
    )
    reported = copies.likely.positions() if is_reported else copies.pairs.positions()
    innocent = {i for pair in reported for i in pair if i < len(rows)} - set(sources)

    tests = [first[i] for i in sources] + [row for row in first if row.id not in _ids(sources)]
    leaks = find_leaks(second, tests[:TESTS])
    right = {(leak.train.id, leak.test.id) for leak in leaks}
    if is_reported:
        right |= {(leak.train.id, leak.test.id) for leak in likely_leaks(second, tests[:TESTS])}
    of_leaks = sum((f"c{k}", f"r{source}") in right for k, source in enumerate(sources))
    return {
        "copies": share(of_copies, n),
        "leaks": share(of_leaks, n),
        "others_accused": share(len(innocent), len(rows) - n),
    }


def _equal(rows: Sequence[Pair]) -> Iterator[tuple[int, int]]:
    """Pairs of rows that are equal after normalisation."""
    for members in by_key([key(*pair) for pair in rows]):
        yield from ((members[0], other) for other in members[1:])


def _ids(places: Sequence[int]) -> set[str]:
    return {f"r{i}" for i in places}


def _row(name: str, pair: Pair) -> Conversation:
    return Conversation(name, (("user", pair[0]), ("assistant", pair[1])))


def main() -> None:
    """Measure every set, short and longer texts, and keep."""
    root = Path(os.environ["TUNEWELL_DATA"])
    result: dict[str, Any] = {}
    for name, read in SETS.items():
        for label, low, high in (("5 to 14 words", 5, 14), ("15 to 40 words", 15, 40)):
            result[f"{name}, {label}"] = found = measured(read(root), low=low, high=high)
            print(name, label, found["rows"])
            for kind, values in found.items():
                if isinstance(values, dict):
                    figures = {k: v["value"] for k, v in values.items()}
                    print("   ", kind, json.dumps(figures), flush=True)
    keep("curation-short-texts", {"sets": result})


if __name__ == "__main__":
    main()
