"""Personal data: ours beside presidio-analyzer and datafog, on planted values, traps, real chat.

TUNEWELL_DATA=… TUNEWELL_PEERS=/path/to/python python -m bench curation/personal

TUNEWELL_PEERS is the interpreter of an environment with presidio-analyzer, datafog and a spaCy
model (TUNEWELL_SPACY, else en_core_web_sm); without it ours is measured alone.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.curation.corpus import paragraphs
from bench.machine import keep
from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.names_by_rampart import PACKAGE
from tunewell.checks.personal.recogniser import find_all, load_recogniser
from tunewell.testing.planted import PERSONAL, TRAPS

EACH = 400
Spans = list[tuple[int, int, str]]
GOLD = {
    "PERSON": "name",
    "STREET_ADDRESS": "address",
    "PHONE_NUMBER": "phone",
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "IBAN_CODE": "iban",
    "US_SSN": "ssn",
    "IP_ADDRESS": "ip",
}
PEERS = {
    "PERSON": "name",
    "LOCATION": "address",
    "ADDRESS": "address",
    "PHONE_NUMBER": "phone",
    "PHONE": "phone",
    "CREDIT_CARD": "card",
    "EMAIL_ADDRESS": "email",
    "EMAIL": "email",
    "IBAN_CODE": "iban",
    "IBAN": "iban",
    "US_SSN": "ssn",
    "SSN": "ssn",
    "IP_ADDRESS": "ip",
}
SLOTS = {
    "name": "name",
    "phone_number": "phone",
    "email_address": "email",
    "address": "address",
    "card_number": "card",
    "ssn": "ssn",
    "account_number": "",
}


def ours() -> dict[str, Callable[[Sequence[str]], list[Spans]]]:
    """Our recognisers that can run here."""

    def run(name: str) -> Callable[[Sequence[str]], list[Spans]]:
        recogniser = load_recogniser(name)
        return lambda texts: [
            [(s.start, s.end, s.type) for s in each] for each in find_all(texts, recogniser)
        ]

    names = ["", "context", *(["rampart"] if importlib.util.find_spec(PACKAGE) else [])]
    return {f"tunewell {name or 'structured'}": run(name) for name in names}


def peers(texts: Sequence[str]) -> dict[str, Any]:
    """Spans and processor seconds of the other tools; empty without their environment."""
    python = os.environ.get("TUNEWELL_PEERS", "")
    if not python:
        return {}
    given = json.dumps(
        {"texts": list(texts), "spacy": os.environ.get("TUNEWELL_SPACY", "en_core_web_sm")}
    )
    script = Path(__file__).with_name("personal_peers.py")
    done = subprocess.run(
        [python, str(script)], input=given, capture_output=True, text=True, check=True
    )
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{") :])
    return result


def planted() -> dict[str, Any]:
    """Recall per type, false flags per kind of trap and among clean paragraphs, speed."""
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
            found += any(
                s.start < start + len(value) and start < s.end for s in find_personal(text)
            )
        recall[kind] = found / EACH
    for kind, make in TRAPS.items():
        traps[kind] = (
            sum(bool(find_personal(f"see {make(draw)} for this")) for _ in range(EACH)) / EACH
        )
    clock = time.process_time()
    flagged = sum(bool(find_personal(text)) for text in texts)
    cpu = time.process_time() - clock
    return {
        "each": EACH,
        "recall": recall,
        "recall_all": sum(recall.values()) / len(recall),
        "traps_flagged": traps,
        "traps_flagged_all": sum(traps.values()) / len(traps),
        "clean_rows": len(texts),
        "clean_flagged": flagged / len(texts),
        "rows_per_cpu_second": round(len(texts) / cpu),
    }


def synth(path: Path) -> dict[str, Any]:
    """Precision, recall and F1 per type on presidio_synth, exact and overlapping spans."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    texts = [row["full_text"] for row in rows]
    gold = [
        [
            (s["start_position"], s["end_position"], GOLD.get(s["entity_type"], ""))
            for s in row["spans"]
        ]
        for row in rows
    ]
    families = np.unique([row["template_id"] for row in rows], return_inverse=True)[1]
    result: dict[str, Any] = {}
    for name, run in ours().items():
        run(texts[:3])
        clock = time.process_time()
        found = run(texts)
        seconds = time.process_time() - clock
        result[name] = {
            "rows_per_cpu_second": round(len(texts) / seconds),
            **_by_type(gold, found, families),
        }
    for name, made in peers(texts).items():
        found = [[(a, b, PEERS.get(kind, "")) for a, b, kind in spans] for spans in made["spans"]]
        result[name] = {
            "version": made["version"],
            "rows_per_cpu_second": round(len(texts) / made["seconds"]),
            **_by_type(gold, found, families),
        }
    return result


def _by_type(gold: list[Spans], found: list[Spans], families: Any) -> dict[str, Any]:
    return {
        kind: {
            how: _score(gold, found, families, kind, exact=how == "exact")
            for how in ("overlapping", "exact")
        }
        for kind in dict.fromkeys(GOLD.values())
    }


def _score(
    gold: list[Spans], found: list[Spans], families: Any, kind: str, *, exact: bool
) -> dict[str, Any]:
    """Precision, recall, F1 with a 95 % interval.

    Bootstrap over templates, since rows of one template are alike.
    """
    counts = np.zeros((len(gold), 4))  # gold, gold that is found, found, found that is right
    for i, (wanted, given) in enumerate(zip(gold, found, strict=True)):
        a = [(s, e) for s, e, k in wanted if k == kind]
        b = [(s, e) for s, e, k in given if k == kind]
        hit, right = (sum(_met(x, other, exact) for x in some) for some, other in ((a, b), (b, a)))
        counts[i] = len(a), hit, len(b), right
    totals = np.zeros((families.max() + 1, 4))
    np.add.at(totals, families, counts)
    draw = np.random.default_rng(1)
    drawn = totals[draw.integers(0, len(totals), (1_000, len(totals)))].sum(axis=1)
    recall, precision, f1 = _rates(totals.sum(axis=0))
    low, high = np.quantile([_rates(x)[2] for x in drawn if x[0]], (0.025, 0.975))
    n = int(totals[:, 0].sum())
    low = min(low, max(0.0, 1 - 3 / n))  # all right so far: the rule of three over the spans
    return {
        "n": n,
        "templates": int((totals[:, 0] > 0).sum()),
        "recall": round(recall, 3),
        "precision": round(precision, 3),
        "f1": round(f1, 3),
        "f1_interval": [round(float(low), 3), round(float(high), 3)],
    }


def _met(span: tuple[int, int], others: list[tuple[int, int]], exact: bool) -> bool:
    return span in others if exact else any(span[0] < y and x < span[1] for x, y in others)


def _rates(counts: Any) -> tuple[float, float, float]:
    wanted, hit, given, right = counts
    recall, precision = hit / max(wanted, 1), right / max(given, 1)
    return (
        float(recall),
        float(precision),
        float(2 * recall * precision / max(recall + precision, 1e-9)),
    )


def slots(folder: Path) -> dict[str, Any]:
    """Recall per slot of real chats (small letters, no punctuation).

    And flags among utterances without any slot.
    """
    rows: list[tuple[str, list[tuple[int, int, str]]]] = []
    for domain in ("finance", "insurance", "airline"):
        lines = (folder / domain / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
        for cells in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            words, labels = (
                (cells[3].split(" "), cells[4].split(" ")) if len(cells) == 6 else ([], [])
            )
            if words and len(words) == len(labels):
                rows.append((cells[3], _slots(words, labels)))
    random.Random(1).shuffle(rows)
    rows = rows[:3_000]
    clean = [text for text, found in rows if not found]
    result: dict[str, Any] = {"utterances": len(rows), "without_slots": len(clean)}
    for name, run in ours().items():
        found = run([text for text, _ in rows])
        recall = {}
        for slot, kind in SLOTS.items():
            hits = [
                any(a < e and s < b and kind in (k, "") for a, b, k in spans)
                for (_, wanted), spans in zip(rows, found, strict=True)
                for s, e, is_ in wanted
                if is_ == slot
            ]
            recall[slot] = {"n": len(hits), "recall": round(sum(hits) / max(1, len(hits)), 3)}
        flagged = sum(bool(spans) for spans in run(clean)) / len(clean)
        result[name] = {"recall": recall, "flagged_without_slots": round(flagged, 4)}
    return result


def _slots(words: list[str], labels: list[str]) -> list[tuple[int, int, str]]:
    found: list[tuple[int, int, str]] = []
    at = 0
    for word, label in zip(words, labels, strict=True):
        end = at + len(word)
        if label in SLOTS:
            if found and found[-1][2] == label and found[-1][1] == at - 1:
                found[-1] = (found[-1][0], end, label)
            else:
                found.append((at, end, label))
        at = end + 1
    return found


def clean_flags(data: Path) -> dict[str, Any]:
    """Rows of real sets without names that a recogniser flags."""
    legal = json.loads(
        (data / "legal_summarization" / "all_v1.json").read_text(encoding="utf-8")
    ).values()
    lines = (data / "banking77" / "test.csv").read_text(encoding="utf-8").splitlines()[1:1_001]
    sets = {
        "contract clauses": [row["original_text"] for row in legal],
        "bank questions": [x[0] for x in csv.reader(lines)],
    }
    return {
        name: {
            what: round(sum(bool(spans) for spans in run(texts)) / len(texts), 4)
            for what, texts in sets.items()
        }
        for name, run in ours().items()
    }


def main() -> None:
    """Measure and keep."""
    result: dict[str, Any] = {"planted": planted()}
    data = Path(os.environ.get("TUNEWELL_DATA", "") or "absent")
    if data.is_dir():
        result["presidio_synth"] = synth(data / "presidio_synth" / "synth_dataset_v2.json")
        result["multidogo"] = slots(data / "multidogo")
        result["flagged_clean_rows"] = clean_flags(data)
    print(json.dumps(result, indent=1))
    keep("curation-personal", result)


if __name__ == "__main__":
    main()
