"""Rows that nobody spoiled: how many of them each rule would drop, change or name.

Service desks (multidogo, thunderbird), notes of doctors (mts_dialog), labels (clinc150, banking77),
code, SQL and JSON of installed packages, and Django's translations into eight languages (fetched
into a temporary folder; left out without a network).

python -m bench curation/innocent      (data from the folder that TUNEWELL_DATA names)
"""

from __future__ import annotations

import ast
import csv
import gzip
import json
import os
import random
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.curation.innocent_peers import shares_dropped
from bench.machine import keep
from tunewell.checks.broken import find_fault, habits_of
from tunewell.curate.doctor.case import definition
from tunewell.curate.pipeline import apply_rules
from tunewell.curate.reading.read import ReadResult
from tunewell.curate.rows import InputRow

MOST = 1_500
"""Rows of each set."""

SHOWN = 15
"""Hits of each rule on each set, kept to be judged by hand."""

LANGUAGES = ("de", "fr", "es", "it", "ru", "ja", "zh_Hans", "ar")
DJANGO = "django==5.1.4"

Pairs = list[tuple[str, str]]

_SQL = re.compile(r"^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE TABLE|WITH)\s+\w", re.ASCII)


def main() -> None:
    """Measure every set and keep the result."""
    data = Path(os.environ["TUNEWELL_DATA"])
    result: dict[str, Any] = {}
    for name, pairs in _sets(data):
        if not pairs:
            print(name, "left out: nothing to read")
            continue
        drawn = random.Random(7).sample(pairs, min(MOST, len(pairs)))
        result[name] = measured(name, drawn)
        result[name]["peers"] = shares_dropped(drawn)
        print(name, json.dumps(result[name]["shares"]), flush=True)
        print("   ", json.dumps(result[name]["peers"]), flush=True)
    totals = {"total": _total(result), "total_of_peers": _total(result, "peers")}
    keep("curation-innocent", {"sets": result, **totals})


def measured(name: str, pairs: Pairs) -> dict[str, Any]:
    """Share of the rows that each rule drops, changes or names, and some of the hits."""
    rows = []
    for i, (asked, answer) in enumerate(pairs):
        rows.append(InputRow(f"r{i}", f"{name}:{i}", [("user", asked), ("assistant", answer)]))
    habits = habits_of(answer for _, answer in pairs)
    counts: Counter[str] = Counter()
    hits: dict[str, list[str]] = {}
    for row in rows:
        fault = find_fault(row.turns, habits)
        if fault and not fault.is_certain:
            label = f"named: {fault.kind}"
            counts[label] += 1
            hits.setdefault(label, []).append(f"{fault.evidence[:60]} | {row.target[:200]}")

    texts = {row.id: row.whole for row in rows}
    batch = ReadResult()
    batch.rows = rows
    done = apply_rules(definition(Path("x.jsonl"), None), batch)
    for receipt in done.ledger.table().to_pylist():
        if receipt["action"] == "kept":
            continue
        label = f"{receipt['action']}: {receipt['step']}"
        counts[label] += 1
        said = f"{receipt['evidence'][:80]} | {texts[receipt['row']][:200]}"
        if receipt["other"] in texts:
            said += f" || {texts[receipt['other']][:200]}"
        hits.setdefault(label, []).append(said)
    for step, taken in done.ledger.taken_back.items():
        counts[f"named: {step}"] += len(taken.rows)
    return {
        "rows": len(rows),
        "shares": {label: round(n / len(rows), 4) for label, n in sorted(counts.items())},
        "hits": {label: found[:SHOWN] for label, found in sorted(hits.items())},
    }


def _total(result: dict[str, Any], part: str = "shares") -> dict[str, float]:
    """Share over all rows, by rule or by peer."""
    rows = sum(each["rows"] for each in result.values())
    found: Counter[str] = Counter()
    for each in result.values():
        for label, share in each[part].items():
            if isinstance(share, float):
                found[label] += round(share * each["rows"])
    return {label: round(n / rows, 4) for label, n in sorted(found.items())}


def _sets(data: Path) -> Iterator[tuple[str, Pairs]]:
    yield "multidogo", _multidogo(data)
    yield "mts_dialog", _mts(data)
    yield "clinc150", _clinc(data)
    yield "banking77", _banking(data)
    yield "thunderbird", _thunderbird(data)
    packages = Path(sysconfig.get_paths()["purelib"])
    yield "code", _functions(packages)
    yield "sql", _statements(packages)
    yield "json", _json_files(packages)
    with tempfile.TemporaryDirectory() as folder:
        archive = _django(Path(folder))
        for language in LANGUAGES:
            yield f"django {language}", _translations(archive, language) if archive else []


def _multidogo(data: Path) -> Pairs:
    pairs: Pairs = []
    for domain in ("airline", "finance", "insurance"):
        last: dict[str, str] = {}
        with (data / "multidogo" / domain / "train.tsv").open(encoding="utf-8", newline="") as file:
            for line in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
                conversation, said = line["conversationId"], line["utterance"]
                if line.get("authorRole", "") == "agent" or conversation not in last:
                    pass
                asked = last.get(conversation)
                if asked:
                    pairs.append((asked, said))
                last[conversation] = said
    return pairs


def _mts(data: Path) -> Pairs:
    path = data / "mts_dialog" / "Main-Dataset" / "MTS-Dialog-TrainingSet.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return [(line["dialogue"], line["section_text"]) for line in csv.DictReader(file)]


def _clinc(data: Path) -> Pairs:
    parts = json.loads((data / "clinc150" / "data_full.json").read_text(encoding="utf-8"))
    return [(text, intent) for text, intent in parts["train"]]


def _banking(data: Path) -> Pairs:
    with (data / "banking77" / "train.csv").open(encoding="utf-8", newline="") as file:
        return [(line["text"], line["category"]) for line in csv.DictReader(file)]


def _thunderbird(data: Path) -> Pairs:
    folder = data / "thunderbird"
    asked = {line["id"]: line["content"] for line in _lines(folder / "questions.jsonl.gz")}
    pairs: Pairs = []
    for line in _lines(folder / "answers.jsonl.gz"):
        if line["question"] in asked:
            pairs.append((asked[line["question"]], line["content"]))
    return pairs


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _functions(packages: Path) -> Pairs:
    """Docstrings with the functions that they belong to."""
    pairs: Pairs = []
    for path in sorted(packages.glob("pandas/core/*.py")) + sorted(packages.glob("rich/*.py")):
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)):
            if not isinstance(node, ast.FunctionDef):
                continue
            said = ast.get_docstring(node) or node.name.replace("_", " ")
            source = ast.get_source_segment(text, node) or ""
            if 0 < len(source) < 3_000:
                pairs.append((said.split("\n")[0], source))
    return pairs


def _statements(packages: Path) -> Pairs:
    """SQL statements in the code and the tests of installed packages."""
    found: dict[str, None] = {}
    for path in sorted(packages.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="ignore")
        if "SELECT" not in text and "CREATE TABLE" not in text:
            continue
        try:
            tree = ast.parse(text)
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                if _SQL.match(node.value) and 20 < len(node.value) < 2_000:
                    found[node.value] = None
    return [(f"Query {i}", statement) for i, statement in enumerate(found)]


def _json_files(packages: Path) -> Pairs:
    pairs: Pairs = []
    for path in sorted(packages.rglob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue
        items = value if isinstance(value, list) else [value]
        if isinstance(value, dict):
            items += [{key: each} for key, each in value.items()]
        for item in items[:60]:
            text = json.dumps(item, ensure_ascii=False)
            if 20 < len(text) < 3_000 and isinstance(item, (dict, list)):
                pairs.append((f"{path.stem} {len(pairs)}", text))
    return pairs


def _django(folder: Path) -> zipfile.ZipFile | None:
    """Django's wheel; None without a network."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-q",
        "--no-deps",
        "-d",
        str(folder),
        DJANGO,
    ]
    if subprocess.run(command, check=False, timeout=300).returncode:
        return None
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _translations(archive: zipfile.ZipFile, language: str) -> Pairs:
    """English sentences with their translations, which are the answers."""
    pairs: Pairs = []
    for name in archive.namelist():
        if not name.endswith(f"/locale/{language}/LC_MESSAGES/django.po"):
            continue
        text = archive.read(name).decode("utf-8")
        for entry in text.split("\n\n"):
            pairs += _entry(entry)
    return pairs


def _entry(entry: str) -> Pairs:
    if "#, fuzzy" in entry:
        return []
    parts: dict[str, str] = {}
    key = ""
    for line in entry.splitlines():
        match = re.match(r'(msgid|msgstr)(?:\[0\])? (".*")$', line)
        if match:
            key = match[1]
            parts[key] = ast.literal_eval(match[2])
        elif line.startswith('"') and key:
            parts[key] += ast.literal_eval(line)
        else:
            key = ""
    asked, answer = parts.get("msgid", ""), parts.get("msgstr", "")
    return [(asked, answer)] if asked and answer else []


if __name__ == "__main__":
    main()
