"""Personal data: recall by type, traps and speed on planted rows, and on `presidio_synth` where the data is at hand.

TUNEWELL_DATA=… python -m bench curation/personal
"""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bench.curation.corpus import paragraphs
from bench.machine import keep
from tunewell.checks.personal import find_personal
from tunewell.testing.planted import PERSONAL, TRAPS

EACH = 400
SYNTH = {"PHONE_NUMBER": "phone", "CREDIT_CARD": "card", "EMAIL_ADDRESS": "email", "IBAN_CODE": "iban",
         "US_SSN": "ssn", "IP_ADDRESS": "ip"}  # fmt: skip


def planted() -> dict[str, Any]:
    """Recall per type, false flags per kind of trap, flags among clean paragraphs, rows per processor second."""
    texts = paragraphs(3_000, seed=1)
    draw = random.Random(1)

    def put(value: str) -> str:
        words = draw.choice(texts).split()
        at = draw.randrange(len(words))
        return " ".join([*words[:at], value, *words[at:]])

    recall, traps = {}, {}
    for kind, make in PERSONAL.items():
        values = [make(draw) for _ in range(EACH)]
        found = 0
        for value in values:
            text = put(value)
            start = text.index(value)
            found += any(s.start < start + len(value) and start < s.end for s in find_personal(text))
        recall[kind] = found / EACH
    for kind, make in TRAPS.items():
        traps[kind] = sum(bool(find_personal(f"see {make(draw)} for this")) for _ in range(EACH)) / EACH
    clock = time.process_time()
    flagged = sum(bool(find_personal(text)) for text in texts)
    cpu = time.process_time() - clock
    return {"recall": recall, "traps_flagged": traps, "clean_flagged": flagged / len(texts),
            "rows_per_cpu_second": round(len(texts) / cpu)}  # fmt: skip


def synth(path: Path) -> dict[str, Any]:
    """Precision, recall and F1 per structured type on presidio_synth (spans that overlap count)."""
    right: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for row in json.loads(path.read_text(encoding="utf-8")):
        gold = [(s["start_position"], s["end_position"], SYNTH.get(s["entity_type"], "")) for s in row["spans"]]
        found = find_personal(row["full_text"])
        for start, end, kind in gold:
            if kind:
                hit = any(f.type == kind and f.start < end and start < f.end for f in found)
                (right if hit else missed)[kind] += 1
        for f in found:
            if not any(kind == f.type and f.start < end and start < f.end for start, end, kind in gold):
                wrong[f.type] += 1
    return {
        kind: {"n": right[kind] + missed[kind], "recall": round(right[kind] / (right[kind] + missed[kind]), 3),
               "precision": round(right[kind] / max(1, right[kind] + wrong[kind]), 3),
               "f1": round(2 * right[kind] / (2 * right[kind] + missed[kind] + wrong[kind]), 3)}
        for kind in SYNTH.values()
    }  # fmt: skip


def main() -> None:
    """Measure and keep."""
    result: dict[str, Any] = {"planted": planted()}
    data = os.environ.get("TUNEWELL_DATA", "")
    path = Path(data, "presidio_synth", "synth_dataset_v2.json")
    if data and path.exists():
        result["presidio_synth"] = synth(path)
    print(json.dumps(result, indent=1))
    keep("curation-personal", result)


if __name__ == "__main__":
    main()
