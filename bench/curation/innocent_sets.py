"""Sets of question and answer that nobody spoiled, from public data.

Service desks (multidogo, thunderbird), notes of doctors (mts_dialog) and labels (clinc150,
banking77) lie in the folder that TUNEWELL_DATA names; Django's translations are fetched into a
temporary folder. TUNEWELL_CLONES names a folder with the files of these repositories, which are
left out where they are not there: jkkummerfeld/text2sql-data (questions with their SQL),
SchemaStore/schemastore (JSON of many programs), TheAlgorithms/Go and /JavaScript (code), and
google-deepmind/xquad (questions on texts in eight languages).
"""

from __future__ import annotations

import ast
import csv
import functools
import gzip
import json
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

LANGUAGES = ("de", "fr", "es", "it", "ru", "ja", "zh_Hans", "ar")
"""Of Django's translations."""

ASKED_IN = ("de", "es", "ru", "ar", "hi", "tr", "vi", "zh")
"""Of the questions on texts."""

DJANGO = "django==5.1.4"
DATABASES = "academic advising atis geography imdb restaurants scholar yelp".split()

Pairs = list[tuple[str, str]]

_PACKAGES = ("pandas/core", "rich", "sqlalchemy/orm", "networkx/algorithms", "scipy/stats")
_LONGEST = 3_000
"""Characters of an answer: longer ones are left out."""

_SHORTEST = 20


def sets() -> dict[str, Callable[[], Pairs]]:
    """Every set by its name, and how to read it; what is read is empty where it is not here."""
    data = Path(os.environ["TUNEWELL_DATA"])
    clones = Path(os.environ.get("TUNEWELL_CLONES", "/nowhere"))
    packages = Path(sysconfig.get_paths()["purelib"])
    found = {name: functools.partial(read, data) for name, read in _OF_DATA.items()}
    found["code"] = functools.partial(_functions, packages)
    found["code: Go, JavaScript"] = functools.partial(_algorithms, clones)
    found["sql"] = functools.partial(_queries, clones / "text2sql-data" / "data")
    found["json"] = functools.partial(_json_files, clones / "schemastore")
    for language in LANGUAGES:
        found[f"django {language}"] = functools.partial(_translations, language)
    for language in ASKED_IN:
        path = clones / "xquad" / f"xquad.{language}.json"
        found[f"xquad {language}"] = functools.partial(_questions, path)
    return found


def _multidogo(data: Path) -> Pairs:
    """What customers say, with its intent."""
    pairs: Pairs = []
    for domain in ("airline", "finance", "insurance"):
        with (data / "multidogo" / domain / "train.tsv").open(encoding="utf-8", newline="") as file:
            lines = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
            pairs += [(line["utterance"], line["intent"]) for line in lines]
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


_OF_DATA: Mapping[str, Callable[[Path], Pairs]] = {
    "multidogo": _multidogo,
    "mts_dialog": _mts,
    "clinc150": _clinc,
    "banking77": _banking,
    "thunderbird": _thunderbird,
}


def _functions(packages: Path) -> Pairs:
    """Docstrings with the Python functions that they belong to."""
    pairs: Pairs = []
    for folder in _PACKAGES:
        for path in sorted((packages / folder).glob("*.py")):
            text = path.read_text(encoding="utf-8")
            for node in ast.walk(ast.parse(text)):
                if not isinstance(node, ast.FunctionDef):
                    continue
                said = ast.get_docstring(node) or node.name.replace("_", " ")
                source = ast.get_source_segment(text, node) or ""
                if 0 < len(source) < _LONGEST:
                    pairs.append((said.split("\n")[0], source))
    return pairs


def _algorithms(clones: Path) -> Pairs:
    """What to write, by the name of the file, and the file."""
    pairs: Pairs = []
    for folder, language, end in (("Go", "Go", "go"), ("JavaScript", "JavaScript", "js")):
        for path in sorted((clones / folder).rglob(f"*.{end}")):
            text = path.read_text(encoding="utf-8").strip()
            if _SHORTEST < len(text) < _LONGEST:
                name = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", path.stem).lower()
                pairs.append((f"Write {name} ({path.parent.name}) in {language}.", text))
    return pairs


def _queries(folder: Path) -> Pairs:
    """Questions of people with the SQL that answers them, values filled in."""
    pairs: Pairs = []
    for name in DATABASES:
        path = folder / f"{name}.json"
        if not path.is_file():
            continue
        for entry in json.loads(path.read_text(encoding="utf-8")):
            examples = {each["name"]: each["example"] for each in entry["variables"]}
            for sentence in entry["sentences"]:
                values = examples | {k: v for k, v in sentence["variables"].items() if v}
                pairs.append((_filled(sentence["text"], values), _filled(entry["sql"][0], values)))
    return pairs


def _filled(text: str, values: Mapping[str, str]) -> str:
    for name in sorted(values, key=len, reverse=True):
        text = text.replace(name, values[name])
    return text


def _json_files(folder: Path) -> Pairs:
    """The parts of JSON files, asked for by file and key."""
    pairs: Pairs = []
    for path in sorted(folder.rglob("*.json")):
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in parts if isinstance(value, (dict, list)) else ():
            text = json.dumps(item, ensure_ascii=False)
            if _SHORTEST < len(text) < _LONGEST and isinstance(item, (dict, list)):
                pairs.append((f"{path.parent.name}, {path.stem}: {key}", text))
    return pairs


@functools.cache
def _django() -> zipfile.ZipFile | None:
    """Django's wheel; None without a network."""
    folder = Path(tempfile.mkdtemp())
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    if subprocess.run([*command, DJANGO], check=False, timeout=300).returncode:
        return None
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def _translations(language: str) -> Pairs:
    """English sentences with their translations, which are the answers."""
    archive = _django()
    pairs: Pairs = []
    for name in archive.namelist() if archive else ():
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


def _questions(path: Path) -> Pairs:
    """Questions on a text, which stands in front of each, with the words that answer them."""
    if not path.is_file():
        return []
    pairs: Pairs = []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for part in article["paragraphs"]:
            for each in part["qas"]:
                asked = f"{part['context']}\n\n{each['question']}"
                pairs.append((asked, each["answers"][0]["text"]))
    return pairs
