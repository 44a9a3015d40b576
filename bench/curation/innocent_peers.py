"""What other tools would drop of rows that nobody spoiled.

wana and finelint run as they are where they are installed. datatrove's and Data-Juicer's
filters are their published thresholds carried out here, not their own programs: Gopher's rules on
quality and repetition (Rae et al. 2021, table A1) as datatrove sets them, and the defaults of
Data-Juicer's filters on characters, words and repetition. SemHash is its default (a cosine of 0.90)
carried out over the vectors that Tunewell carries.
"""

from __future__ import annotations

import importlib.util
import json
import math
import re
import string
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

Pair = tuple[str, str]
Dropped = set[int]

_STOP_WORDS = frozenset("the be to of and that have with".split())
_TOP_GRAMS = ((2, 0.20), (3, 0.18), (4, 0.16))
_DUPLICATE_GRAMS = ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
_WORD = re.compile(r"\w+|[^\w\s]")


def gopher_quality(text: str) -> bool:
    """Whether Gopher's rules on quality, with datatrove's thresholds, drop a text."""
    tokens = _WORD.findall(text)
    words = [token for token in tokens if token not in string.punctuation]
    if not 50 <= len(words) <= 100_000:
        return True
    mean_length = sum(map(len, words)) / len(words)
    lines = text.splitlines()
    ellipses = text.count("...") + text.count("…")
    ending_so = sum(line.rstrip().endswith(("...", "…")) for line in lines)
    bullets = sum(line.lstrip().startswith("•") for line in lines)
    with_letters = sum(any(map(str.isalpha, word)) for word in words)
    return (
        not 3 <= mean_length <= 10
        or text.count("#") > 0.1 * len(words)
        or ellipses > 0.1 * len(words)
        or bullets > 0.9 * len(lines)
        or ending_so > 0.3 * len(lines)
        or with_letters < 0.8 * len(words)
        or sum(token in _STOP_WORDS for token in tokens) < 2
    )


def gopher_repetition(text: str) -> bool:
    """Whether Gopher's rules on repetition, with datatrove's thresholds, drop a text."""
    if not text.strip():
        return True
    for parts in (re.split(r"\n{2,}", text.strip()), text.splitlines()):
        count, characters = _duplicates(parts)
        if count > 0.3 * len(parts) or characters > 0.2 * len(text):
            return True
    words = _WORD.findall(text)
    for n, most in _TOP_GRAMS:
        grams = Counter(" ".join(words[i : i + n]) for i in range(len(words) - n + 1))
        if grams:
            gram, times = grams.most_common(1)[0]
            if len(gram) * times > most * len(text):
                return True
    return any(_repeated(words, n) > most * len(text) for n, most in _DUPLICATE_GRAMS)


def _duplicates(parts: Sequence[str]) -> tuple[int, int]:
    """How many parts stand there again, and their characters."""
    counts = Counter(parts)
    again = sum(count - 1 for count in counts.values())
    characters = sum((count - 1) * len(part) for part, count in counts.items())
    return again, characters


def _repeated(words: Sequence[str], n: int) -> int:
    """Characters in runs of n words that stood there before."""
    seen: set[str] = set()
    characters = at = 0
    while at < len(words) - n + 1:
        gram = " ".join(words[at : at + n])
        if gram in seen:
            characters += len(gram)
            at += n
        else:
            seen.add(gram)
            at += 1
    return characters


def juicer_defaults(text: str) -> bool:
    """Whether Data-Juicer's filters on characters, words and repetition drop a text by default."""
    if len(text) < 10:
        return True
    alphanumeric = sum(map(str.isalnum, text)) / len(text)
    special = sum(not each.isalpha() for each in text) / len(text)
    return (
        alphanumeric < 0.25
        or special > 0.25
        or len(text.split()) < 10
        or _character_repetition(text) > 0.5
    )


def _character_repetition(text: str, length: int = 10) -> float:
    """Share of the groups of ten characters that the most frequent ones make up."""
    grams = Counter(text[i : i + length] for i in range(len(text) - length + 1))
    if not grams:
        return 0.0
    counts = sorted(grams.values(), reverse=True)
    repeated = sum(count > 1 for count in counts)
    top = min(math.isqrt(len(counts)), repeated)
    return sum(counts[:top]) / sum(counts)


def semhash(pairs: Sequence[Pair]) -> Dropped:
    """Rows whose text has a cosine of 0.90 or more with one that stays."""
    from tunewell.similar.vectors import vectors

    points = vectors([f"{asked}\n{answer}" for asked, answer in pairs])
    dropped: Dropped = set()
    kept: list[int] = []
    for i, point in enumerate(points):
        if kept and float(np.max(points[kept] @ point)) >= 0.9:
            dropped.add(i)
        else:
            kept.append(i)
    return dropped


def wana(pairs: Sequence[Pair]) -> Dropped:
    """Training rows that `wana check` names, with one half of the rows as the test set."""
    half = len(pairs) // 2
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "train.jsonl", pairs[:half])
        _write(folder / "tests.jsonl", pairs[half:])
        command = ["wana", "check", "train.jsonl", "--eval", "tests.jsonl", "-o", "out"]
        subprocess.run([sys.executable, "-m", *command], cwd=folder, check=False)
        found = json.loads((folder / "out" / "contamination.json").read_text(encoding="utf-8"))
    return {int(hit["train_id"].rsplit(":", 1)[1]) - 1 for hit in found["hits"]}


def finelint(pairs: Sequence[Pair]) -> Dropped:
    """Rows that `finelint check` names in a finding."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder / "train.jsonl", pairs)
        command = ["finelint", "check", "train.jsonl", "--id-field", "id", "--report", "out.json"]
        subprocess.run([sys.executable, "-m", *command], cwd=folder, check=False)
        found = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    named = {record["id"] for each in found["findings"] for record in each.get("records", [])}
    return {int(each.removeprefix("r")) for each in named}


def _write(path: Path, pairs: Sequence[Pair]) -> None:
    lines = []
    for i, (asked, answer) in enumerate(pairs):
        turns = [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]
        lines.append(json.dumps({"id": f"r{i}", "messages": turns}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


RECIPES: Mapping[str, Callable[[str], bool]] = {
    "datatrove: Gopher quality (recipe)": gopher_quality,
    "datatrove: Gopher repetition (recipe)": gopher_repetition,
    "Data-Juicer: defaults (recipe)": juicer_defaults,
}
PROGRAMS: Mapping[str, Callable[[Sequence[Pair]], Dropped]] = {"wana": wana, "finelint": finelint}


def shares_dropped(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Share of the rows that each peer would drop, or why it was not measured."""
    result: dict[str, Any] = {}
    for name, drops in RECIPES.items():
        count = sum(drops(f"{asked}\n{answer}") for asked, answer in pairs)
        result[name] = round(count / len(pairs), 4)
    result["SemHash: cosine 0.90 (recipe)"] = round(len(semhash(pairs)) / len(pairs), 4)
    for name, program in PROGRAMS.items():
        if importlib.util.find_spec(name) is None:
            result[name] = "not installed"
        else:
            result[name] = round(len(program(pairs)) / len(pairs), 4)
    return result
