"""What a speech recogniser does to words, learnt from paired transcripts.

Run: python -m bench.evaluation.recogniser

The recogniser's text and the human transcript of the same visits (aci_bench, CC BY 4.0) are aligned
word by word; the rates of substituted, dropped and added words and the commonest pairs are what
`tunewell.evaluate.stress.speech` uses.
"""

from __future__ import annotations

import csv
import os
import re
import sys
from collections import Counter
from pathlib import Path

from rapidfuzz.distance import Levenshtein

from bench.machine import keep

FILLERS = frozenset({"um", "uh", "mm-hmm", "hmm", "er", "ah", "uh-huh"})


def pairs(folder: Path) -> list[tuple[list[str], list[str]]]:
    """(human words, recogniser's words) of each visit."""
    csv.field_size_limit(10**9)
    out = []
    for human in sorted(folder.glob("*_humantrans.csv")):
        heard = human.with_name(human.name.replace("humantrans", "asr"))
        texts = {r["id"]: r["dialogue"] for r in csv.DictReader(heard.open(encoding="utf-8"))}
        for r in csv.DictReader(human.open(encoding="utf-8")):
            if r["id"] in texts:
                out.append((words(r["dialogue"]), words(texts[r["id"]])))
    return out


def words(text: str) -> list[str]:
    """Words of a transcript, speakers' tags and punctuation left out."""
    return re.findall(r"[a-z0-9][\w'/-]*", re.sub(r"\[\w+\]", " ", text.lower()))


def main() -> None:
    """Measure and keep."""
    data = Path(os.environ.get("TUNEWELL_DATA", "../shared/data")) / "aci_bench"
    if not data.is_dir():
        sys.exit(f"no data in {data}: set TUNEWELL_DATA")
    kinds: Counter[str] = Counter()
    changed: Counter[tuple[str, str]] = Counter()
    dropped: Counter[str] = Counter()
    total = fillers = 0
    found = pairs(data)
    for human, heard in found:
        total += len(human)
        fillers += sum(w in FILLERS for w in human)
        for op in Levenshtein.editops(human, heard):
            kinds[op.tag] += 1
            if op.tag == "replace":
                changed[human[op.src_pos], heard[op.dest_pos]] += 1
            elif op.tag == "delete":
                dropped[human[op.src_pos]] += 1
    result = {
        "visits": len(found),
        "words": total,
        "substituted": kinds["replace"] / total,
        "dropped": kinds["delete"] / total,
        "added": kinds["insert"] / total,
        "fillers_said": fillers / total,
        "pairs": [[a, b, n] for (a, b), n in changed.most_common(60)],
        "often_dropped": dropped.most_common(30),
    }
    print(
        keep("evaluation-recogniser", result).name,
        {k: v for k, v in result.items() if not isinstance(v, list)},
    )


if __name__ == "__main__":
    main()
