"""Languages by the length of the text, on translated strings that a registry package holds.

python -m bench checks/language

Django's translations are fetched with ``pip download`` into a temporary folder (skipped offline, or
give the wheel in TUNEWELL_DJANGO). Candidates beside ours are measured where they are installed:
py3langid, lingua.
"""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.checks.language import (
    _model,
    is_language_unchecked,
    language_shares,
    other_language,
)
from tunewell.checks.segments import count_words, cut_by_words

LENGTHS = (3, 7, 15, 40)
EACH = 40
CODES = {"zh_Hans": "zh", "pt_BR": "pt", "nb": "no", "nn": "no"}
_ENTRY = re.compile(r'^msgid ((?:".*"\n)+)msgstr ((?:".*"\n)+)', re.MULTILINE)
_MARKUP = re.compile(r'[%{][^ ]*|<[^>]+>|https?\S+|["“”„»«]|\*|``?')

Row = tuple[str, int, str]


def rows_of(wheel: Path) -> list[Row]:
    """(language, words, text) of translated sentences, joined and cut to length."""
    texts: dict[str, set[str]] = defaultdict(set)
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            match = re.search(r"/locale/([A-Za-z_]+)/LC_MESSAGES/django\.po$", name)
            if match is None or ("_" in match[1] and match[1] not in CODES) or match[1] == "en":
                continue
            code = CODES.get(match[1], match[1])
            for asked, said in _entries(archive.read(name).decode("utf-8")):
                texts[code].add(said)
                if code == "de":
                    texts["en"].add(asked)
    draw = random.Random(1)
    rows: list[Row] = []
    for code, found in sorted(texts.items()):
        if len(found) < 40:
            continue
        for length in LENGTHS:
            rows += [(code, length, _joined(sorted(found), length, draw)) for _ in range(EACH)]
    return rows


def _entries(catalogue: str) -> list[tuple[str, str]]:
    found = []
    for match in _ENTRY.finditer(catalogue):
        asked, said = ("".join(re.findall(r'"(.*)"\n', part)) for part in match.groups())
        is_sentence = len(asked.split()) >= 4 and not re.search(r"[%{<]", asked)
        if is_sentence and said and said != asked:
            found.append((_MARKUP.sub("", asked), _MARKUP.sub("", said).replace("\\n", " ")))
    return found


def _joined(texts: list[str], length: int, draw: random.Random) -> str:
    text = ""
    while count_words(text) < length:
        text = f"{text} {draw.choice(texts)}".strip()
    return next(cut_by_words(text, length))


def candidates() -> dict[str, Callable[[str], tuple[str, float]]]:
    """From a text to its likeliest language and how likely that is."""

    def bare(text: str) -> tuple[str, float]:
        labels, shares = _model().predict(text.replace("\n", " "), k=1)
        return labels[0].removeprefix("__label__"), float(shares[0])

    found: dict[str, Callable[[str], tuple[str, float]]] = {"lid.176.ftz": bare}
    if importlib.util.find_spec("py3langid"):
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        identifier = LanguageIdentifier.from_pickled_model(MODEL_FILE, norm_probs=True)
        found["py3langid"] = lambda text: (lambda best: (best[0], float(best[1])))(
            identifier.classify(text)
        )
    if importlib.util.find_spec("lingua"):
        from lingua import LanguageDetectorBuilder

        detector = LanguageDetectorBuilder.from_all_languages().build()

        def by_lingua(text: str) -> tuple[str, float]:
            best = detector.compute_language_confidence_values(text)[0]
            return best.language.iso_code_639_1.name.lower(), best.value

        found["lingua"] = by_lingua
    return found


def measure(rows: list[Row]) -> dict[str, Any]:
    """Accuracy of the candidates, and what the rule makes of the rows, by length."""
    result: dict[str, Any] = {"languages": len({code for code, *_ in rows}), "rows": len(rows)}
    for name, read in candidates().items():
        clock = time.process_time()
        found = [read(text) for *_, text in rows]
        seconds = time.process_time() - clock
        right: dict[int, list[bool]] = defaultdict(list)
        for (code, length, _), (best, _) in zip(rows, found, strict=True):
            right[length].append(
                best in (code, "nn" if code == "no" else code, "nb" if code == "no" else code)
            )
        result[name] = {
            "accuracy": {length: round(sum(hits) / len(hits), 3) for length, hits in right.items()},
            "texts_per_cpu_second": round(len(rows) / seconds),
        }
    clock = time.process_time()
    shares = [language_shares(text) for *_, text in rows]
    seconds = time.process_time() - clock
    rule: dict[int, dict[str, float]] = {}
    for length in LENGTHS:
        own = [(code, each) for (code, n, _), each in zip(rows, shares, strict=True) if n == length]
        foreign = [each for code, each in own if code not in ("en", "sco")]
        rule[length] = {
            "own_language_called_another": _share([bool(other_language(s, [c])) for c, s in own]),
            "own_language_unchecked": _share([is_language_unchecked(s, [c]) for c, s in own]),
            "found_where_english_is_wanted": _share(
                [bool(other_language(s, ["en"])) for s in foreign]
            ),
        }
    result["rule"] = {"by_words": rule, "texts_per_cpu_second": round(len(rows) / seconds)}
    return result


def _share(hits: list[bool]) -> float:
    return round(sum(hits) / len(hits), 4)


def main() -> None:
    """Measure and keep."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = os.environ.get("TUNEWELL_DJANGO", "")
        if not wheel:
            command = [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "-q",
                "-d",
                folder,
                "django<6",
            ]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"skipped: {done.stderr.strip().splitlines()[-1]}")
                return
            wheel = str(next(Path(folder).glob("*.whl")))
        result = measure(rows_of(Path(wheel)))
    print(json.dumps(result, indent=1))
    keep("checks-language", result)


if __name__ == "__main__":
    main()
