"""Web pages read by the hand-written reader, beside htmldate (days) and trafilatura (text).

TUNEWELL_HTMLDATE=… TUNEWELL_TRAFILATURA=… python -m bench checks/pages

The two name checkouts of those projects: their tests hold real pages with the right day, and with
sentences that belong to the text and sentences that do not. Neither library is a dependency.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.machine import keep
from tunewell.curate.reading.documents import from_html
from tunewell.curate.reading.encoding import decode


def _page(folders: list[Path], name: str) -> str:
    for folder in folders:
        path = folder / name
        if path.is_file():
            return decode(path.read_bytes())[0]
    return ""


def _own_day(page: str) -> str:
    day = from_html(page).date
    return str(day) if day else ""


def _own_text(page: str) -> str:
    return from_html(page).text


def days(root: Path) -> dict[str, Any]:
    """Pages whose day is right, wrong and missing."""
    wanted: dict[str, dict[str, str]] = {}
    for name in ("eval_default.json", "eval_mediacloud_2020.json"):
        wanted |= json.loads((root / "tests" / name).read_text(encoding="utf-8"))
    folders = [root / "tests" / part for part in ("cache", "eval", "test_set")]
    pages = [(_page(folders, entry["file"]), entry["date"]) for entry in wanted.values()]
    pages = [(page, day) for page, day in pages if page]
    readers: dict[str, Callable[[str], str]] = {"tunewell": _own_day}
    if importlib.util.find_spec("htmldate"):
        from htmldate import find_date

        readers["htmldate"] = lambda page: find_date(page, original_date=True) or ""
    result: dict[str, Any] = {"pages": len(pages)}
    for name, read in readers.items():
        clock = time.process_time()
        found = [read(page) for page, _ in pages]
        seconds = time.process_time() - clock
        right = sum(day == wanted_day for day, (_, wanted_day) in zip(found, pages, strict=True))
        result[name] = {
            "right": right,
            "wrong": sum(map(bool, found)) - right,
            "none": found.count(""),
            "pages_per_cpu_second": round(len(pages) / seconds),
        }
    return result


def texts(root: Path) -> dict[str, Any]:
    """Sentences of the text that are kept, and sentences beside it that are kept too."""
    wanted = json.loads((root / "tests" / "evaldata.json").read_text(encoding="utf-8"))
    folders = [root / "tests" / part for part in ("cache", "eval")]
    pages = [(_page(folders, entry["file"]), entry) for entry in wanted.values()]
    pages = [(page, entry) for page, entry in pages if page]
    readers: dict[str, Callable[[str], str]] = {"tunewell": _own_text}
    if importlib.util.find_spec("trafilatura"):
        import trafilatura

        readers["trafilatura"] = lambda page: trafilatura.extract(page) or ""
    result: dict[str, Any] = {"pages": len(pages)}
    for name, read in readers.items():
        clock = time.process_time()
        found = [_squeezed(read(page)) for page, _ in pages]
        seconds = time.process_time() - clock
        kept = total = beside = total_beside = 0
        for text, (_, entry) in zip(found, pages, strict=True):
            kept += sum(_squeezed(part) in text for part in entry["with"])
            beside += sum(_squeezed(part) in text for part in entry["without"])
            total += len(entry["with"])
            total_beside += len(entry["without"])
        result[name] = {
            "of_the_text_kept": round(kept / total, 3),
            "beside_the_text_kept": round(beside / total_beside, 3),
            "pages_per_cpu_second": round(len(pages) / seconds),
        }
    return result


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def main() -> None:
    """Measure what there is, and keep it."""
    result: dict[str, Any] = {}
    for name, measure in (("HTMLDATE", days), ("TRAFILATURA", texts)):
        root = Path(os.environ.get(f"TUNEWELL_{name}", "") or "absent")
        if root.is_dir():
            result[name.lower()] = measure(root)
        else:
            print(f"skipped: TUNEWELL_{name} is not set")
    print(json.dumps(result, indent=1))
    if result:
        keep("checks-pages", result)


if __name__ == "__main__":
    main()
