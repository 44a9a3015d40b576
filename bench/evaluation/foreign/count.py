"""What a file of outputs or annotations holds, counted by hand: no code of the readers is used.

Run it alone: python bench/evaluation/foreign/count.py GOLD.json OUTPUTS.jsonl
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MOST_UNSCORED = 0.05
ENDED_BADLY = {"length", "max_tokens", "content_filter"}


def count_outputs(gold: dict[str, str], content: bytes) -> dict[str, int]:
    """Rows, right ones, and ones without an answer that counts, in JSON lines.

    A row is right if all that the file says of it is one text, and that is the gold answer.
    """
    said: dict[str, set[str | None]] = {}
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    for line in text.split("\n"):
        try:
            pairs = json.loads(line, object_pairs_hook=list)
        except (ValueError, RecursionError):
            continue
        if not isinstance(pairs, list) or not all(isinstance(p, tuple) for p in pairs):
            continue
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names):
            continue
        record = dict(pairs)
        row = record.get("id")
        if isinstance(row, bool) or not isinstance(row, str | int):
            continue
        said.setdefault(str(row), set()).add(_text(record))
    right = unscored = 0
    for row, answer in gold.items():
        texts = said.get(row, {None})
        if len(texts) != 1 or None in texts:
            unscored += 1
        elif next(iter(texts)) == answer:
            right += 1
    return {"rows": len(gold), "right": right, "unscored": unscored}


def may_go(counted: dict[str, int], threshold: float) -> bool:
    """Whether any honest reader may call it a GO: complete, and all of its interval above.

    Rows without an answer count as wrong. The interval is Wilson's at 95 %.
    """
    rows = counted["rows"]
    if counted["unscored"] > MOST_UNSCORED * rows:
        return False
    share, z = counted["right"] / rows, 1.96
    middle = share + z * z / (2 * rows)
    spread: float = z * (share * (1 - share) / rows + z * z / (4 * rows * rows)) ** 0.5
    return (middle - spread) / (1 + z * z / rows) >= threshold


def _text(record: dict[str, Any]) -> str | None:
    """The text that counts; None if there is none."""
    output = record.get("output")
    if record.get("finish_reason") in ENDED_BADLY or record.get("error"):
        return None
    if isinstance(output, bool | int | float):
        return str(output).lower()
    if not isinstance(output, str) or not output.strip():
        return None
    return output.strip()


def count_annotations(rows: set[str], labels: set[str], content: bytes) -> dict[str, int]:
    """Rows with a label, and labels by person, in a Label Studio file.

    Of a person's two on one row the last counts; one without a name is a person of its own.
    """
    try:
        tasks = json.loads(content.decode("utf-8", "replace"))
    except ValueError:
        return {"rows": 0, "labels": 0}
    found: dict[tuple[str, str], bool] = {}
    nameless = 0
    for task in tasks if isinstance(tasks, list) else []:
        try:
            row, annotations = task["data"]["example"], task["annotations"]
        except (KeyError, TypeError):
            continue
        if row not in rows or not isinstance(annotations, list):
            continue
        for annotation in annotations:
            if not isinstance(annotation, dict):
                continue
            label = _label(annotation)
            if label is None:
                continue
            who = annotation.get("completed_by")
            nameless += who is None
            name = f"nobody {nameless}" if who is None else str(who)
            found[row, name] = label in labels
    counted = [place for place, fits in found.items() if fits]
    return {"rows": len({row for row, _ in counted}), "labels": len(counted)}


def _label(annotation: dict[str, Any]) -> str | None:
    """The one label chosen; None if the annotation cannot be read."""
    try:
        (result,) = annotation["result"]
        (label,) = result["value"]["choices"]
        return str(label) if result["type"] == "choices" else None
    except (KeyError, TypeError, ValueError):
        return None


if __name__ == "__main__":
    gold_rows = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    sys.stdout.write(f"{count_outputs(gold_rows, Path(sys.argv[2]).read_bytes())}\n")
