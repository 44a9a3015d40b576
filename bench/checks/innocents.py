"""Personal data where nobody put any: code, tables, legal, medical and support text, beside peers.

TUNEWELL_DATA=… TUNEWELL_PEERS=/path/to/python python -m bench checks/innocents

A row counts as flagged when anything is found in it. Names and addresses, which peers look for too,
do not count. ``--show N`` prints N hits, to be read. TUNEWELL_PEERS is the interpreter of an
environment with presidio-analyzer and datafog (see `bench.curation.personal`).
"""

from __future__ import annotations

import csv
import gzip
import html
import json
import os
import random
import re
import sys
import sysconfig
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.curation.personal import PEERS, peers
from bench.machine import keep
from tunewell.checks.personal.identifiers import find_personal

EACH = 4_000
FOR_PEERS = 300
STRUCTURED = frozenset({"phone", "card", "email", "iban", "ssn", "ip", "national_id", "secret"})
OF_PEERS = PEERS | {
    "US_DRIVER_LICENSE": "national_id",
    "US_PASSPORT": "national_id",
    "US_ITIN": "national_id",
    "US_BANK_NUMBER": "iban",
    "UK_NHS": "national_id",
    "IN_PAN": "national_id",
    "SG_NRIC_FIN": "national_id",
    "AU_TFN": "national_id",
}


def _sample(texts: list[str]) -> list[str]:
    random.Random(1).shuffle(texts)
    return texts[:EACH]


def code() -> list[str]:
    """Thirty lines each of the source of installed packages: Python, headers, JavaScript, YAML."""
    root = Path(sysconfig.get_paths()["purelib"])
    files = sorted(
        p for suffix in ("py", "pyx", "h", "js", "css", "yaml") for p in root.rglob(f"*.{suffix}")
    )
    random.Random(1).shuffle(files)
    texts = []
    for path in files[:2_500]:
        lines = path.read_text(encoding="utf-8", errors="replace")[:60_000].split("\n")
        texts += ["\n".join(lines[at : at + 30]) for at in range(0, min(len(lines), 300), 30)]
    return _sample([text for text in texts if text.strip() and len(text) < 4_000])


def tables(data: Path) -> list[str]:
    """Ten lines each of measured series, and rows of numbers with various separators."""
    texts = []
    for path in sorted((data / "nab").rglob("*.csv")):
        lines = path.read_text(encoding="utf-8").split("\n")[:4_000]
        texts += ["\n".join(lines[at : at + 10]) for at in range(0, len(lines), 10)]
    draw = random.Random(1)
    for _ in range(EACH // 2):
        separator = draw.choice((" ", " | ", "\t", ", ", ";", "  "))
        rows = [
            separator.join(_cell(draw) for _ in range(draw.randint(3, 8)))
            for _ in range(draw.randint(2, 6))
        ]
        texts.append("\n".join(rows))
    return _sample(texts)


def _cell(draw: random.Random) -> str:
    digits = draw.randint(2, 11)
    number = draw.randrange(10 ** (digits - 1), 10**digits)
    forms = (
        str(number),
        f"{number:,}",
        f"{number:,}".replace(",", " "),
        f"{number / 100:.2f}",
        f"{draw.random():.10f}",
        f"{draw.random() / 100:.12f}",
        f"{draw.randint(100, 999)} {draw.randint(100, 999)} {draw.randint(1000, 9999)}",
        f"{draw.randint(1, 999):04d}-{draw.randint(1, 99):02d}",
    )
    return draw.choice(forms)


def legal(data: Path) -> list[str]:
    """Contract clauses and their summaries."""
    rows = json.loads((data / "legal_summarization" / "all_v1.json").read_text(encoding="utf-8"))
    return _sample([row["original_text"] for row in rows.values()])


def medical(data: Path) -> list[str]:
    """Visits of patients with their notes."""
    texts = []
    for path in sorted(
        [*(data / "aci_bench").glob("*.csv"), *(data / "mts_dialog").rglob("*.csv")]
    ):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                texts += [
                    text
                    for text in (row.get("note"), row.get("section_text"), row.get("dialogue"))
                    if text
                ]
    return _sample(sorted(set(texts)))


def support(data: Path) -> list[str]:
    """Questions on a mail program; addresses and phones were replaced by the forum."""
    texts = []
    with gzip.open(data / "thunderbird" / "questions.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            plain = html.unescape(re.sub(r"<[^<>]*>", " ", json.loads(line)["content"]))
            texts.append(plain)
    return _sample(texts)


def questions(data: Path) -> list[str]:
    """Questions to a bank, and to an assistant."""
    lines = (data / "banking77" / "train.csv").read_text(encoding="utf-8").splitlines()[1:]
    return _sample([row[0] for row in csv.reader(lines) if row])


def hits(texts: list[str]) -> Iterator[tuple[str, str, str]]:
    """Type, what was found, and what stands around it."""
    for text in texts:
        for span in find_personal(text):
            around = text[max(0, span.start - 50) : span.end + 30].replace("\n", "⏎")
            yield span.type, span.of(text), around


def main() -> None:
    """Measure and keep."""
    data = Path(os.environ.get("TUNEWELL_DATA", "") or "absent")
    if not data.is_dir():
        print("skipped: TUNEWELL_DATA is not set")
        return
    sets = {
        "code": code(),
        "tables": tables(data),
        "legal": legal(data),
        "medical": medical(data),
        "support": support(data),
        "questions": questions(data),
    }
    result: dict[str, Any] = {}
    shown = []
    for name, texts in sets.items():
        clock = time.process_time()
        found = [find_personal(text) for text in texts]
        seconds = time.process_time() - clock
        flagged = sum(map(bool, found))
        result[name] = {
            "rows": len(texts),
            "flagged": flagged,
            "unflagged_share": round(1 - flagged / len(texts), 4),
            "types": dict(Counter(span.type for spans in found for span in spans)),
            "rows_per_cpu_second": round(len(texts) / seconds),
        }
        shown += [(name, *hit) for hit in hits(texts)]
        few = texts[:FOR_PEERS]
        for tool, made in peers(few).items():
            kinds = [{OF_PEERS.get(kind, "") for *_, kind in spans} for spans in made["spans"]]
            result[name][tool] = {
                "rows": len(few),
                "flagged": sum(bool(each & STRUCTURED) for each in kinds),
                "tunewell_flagged": sum(map(bool, found[:FOR_PEERS])),
            }
    print(json.dumps(result, indent=1))
    if "--show" in sys.argv:
        random.Random(2).shuffle(shown)
        for hit in shown[: int(sys.argv[sys.argv.index("--show") + 1])]:
            print(*hit, sep=" | ")
    keep("checks-innocents", result)


if __name__ == "__main__":
    main()
