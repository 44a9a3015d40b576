"""Rows a second of all that D06, D07 and D08 ask of a row: dates, personal data, faults, language.

TUNEWELL_DATA=… python -m bench checks/speed
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.curation.corpus import paragraphs
from bench.machine import keep
from tunewell.checks.broken import find_fault
from tunewell.checks.date_columns import read_dates
from tunewell.checks.dates import find_cut_off, find_date
from tunewell.checks.language import language_shares
from tunewell.checks.personal.identifiers import find_personal
from tunewell.curate import clean
from tunewell.curate.rows import InputRow
from tunewell.engine import Engine

ROWS = 20_000


def measure(asked: list[str], answered: list[str]) -> dict[str, Any]:
    """Processor time of the checks alone, and of the whole pass with its repairs."""
    pairs = [(asked[i % len(asked)], answered[i % len(answered)]) for i in range(ROWS)]
    stated = [f"{1 + i % 28:02d}.03.20{i % 24:02d}" for i in range(ROWS)]
    checks = _seconds(lambda: _check(pairs, stated))
    rows = [
        InputRow(str(i), f"a:{i}", [("user", question), ("assistant", answer)])
        for i, (question, answer) in enumerate(pairs)
    ]
    whole = _seconds(lambda: clean.look(rows, clean.Wanted(languages=True), Engine(workers=1)))
    return {
        "rows": ROWS,
        "characters_a_row": round(sum(len(q) + len(a) for q, a in pairs) / ROWS),
        "checks_rows_per_core_second": round(ROWS / checks),
        "whole_pass_rows_per_core_second": round(ROWS / whole),
        "cores": os.cpu_count(),
    }


def _check(pairs: list[tuple[str, str]], stated: list[str]) -> None:
    read_dates(stated)
    for question, answer in pairs:
        find_fault([("user", question), ("assistant", answer)])
        find_cut_off(answer)
        find_date(answer)
        for text in (question, answer):
            language_shares(text)
            find_personal(text)


def _seconds(run: Callable[[], object]) -> float:
    clock = time.process_time()
    run()
    return time.process_time() - clock


def main() -> None:
    """Measure and keep."""
    data = Path(os.environ.get("TUNEWELL_DATA", "") or "absent")
    if not data.is_dir():
        print("skipped: TUNEWELL_DATA is not set")
        return
    lines = (data / "banking77" / "train.csv").read_text(encoding="utf-8").splitlines()[1:]
    questions = [row[0] for row in csv.reader(lines) if row]
    result = {
        "questions and short answers": measure(questions, questions[::-1]),
        "questions and paragraphs": measure(questions, paragraphs(3_000, seed=1)),
    }
    print(json.dumps(result, indent=1))
    keep("checks-speed", result)


if __name__ == "__main__":
    main()
