"""Files of outputs and annotations, broken in the ways in which such files break."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

Row = dict[str, Any]
Spoil = Callable[[random.Random, Row], Any]

SPOILS: dict[str, Spoil] = {
    "null": lambda luck, row: {**row, "output": None},
    "no output": lambda luck, row: {k: v for k, v in row.items() if k != "output"},
    "empty": lambda luck, row: {**row, "output": luck.choice(["", " ", "\n\t"])},
    "cut off": lambda luck, row: {**row, "finish_reason": luck.choice(["length", "max_tokens"])},
    "refused": lambda luck, row: {**row, "finish_reason": "content_filter"},
    "failed": lambda luck, row: {**row, "error": "429 Too Many Requests"},
    "wrong": lambda luck, row: {**row, "output": f"no {luck.random()}"},
    "number": lambda luck, row: {**row, "output": luck.choice([7, True])},
    "other id": lambda luck, row: {**row, "id": f"x{luck.randrange(99)}"},
    "no id": lambda luck, row: {k: v for k, v in row.items() if k != "id"},
    "separator": lambda luck, row: {**row, "output": f"{row['output']}\u2028no"},
    "half a pair": lambda luck, row: {**row, "output": f"{row['output']} \ud800"},
    "no object": lambda luck, row: luck.choice([[], "text", 3, None]),
}
"""Each breaks the answer of one record."""


def mutated_outputs(rows: list[Row], luck: random.Random) -> bytes:
    """The rows as JSON lines after one to eight mishaps; none of them makes an answer right."""
    records: list[Any] = [dict(row) for row in rows]
    for _ in range(luck.randint(1, 8)):
        at = luck.randrange(len(records))
        kind = luck.choice([*SPOILS, "delete", "twice", "twice, other", "swap"])
        if kind == "delete" and len(records) > 2:
            del records[at]
        elif kind == "twice":
            records.insert(luck.randrange(len(records)), records[at])
        elif kind == "twice, other" and isinstance(records[at], dict):
            records.append({**records[at], "output": "something else"})
        elif kind == "swap":
            other = luck.randrange(len(records))
            records[at], records[other] = records[other], records[at]
        elif kind in SPOILS and isinstance(records[at], dict) and "output" in records[at]:
            records[at] = SPOILS[kind](luck, records[at])
    plain = luck.random() < 0.5
    lines = [json.dumps(record, ensure_ascii=plain) for record in records]
    content = _end(luck).join(lines).encode("utf-8", "surrogatepass")
    return _spoiled(content, luck)


def _end(luck: random.Random) -> str:
    return luck.choice(["\n", "\n", "\r\n", "\n\n"])


def _spoiled(content: bytes, luck: random.Random) -> bytes:
    """Now and then the bytes themselves: cut, a byte changed, garbage between the lines."""
    kind = luck.random()
    if kind < 0.1:
        return content[: luck.randrange(len(content) // 2, len(content))]
    if kind < 0.2:
        at = luck.randrange(len(content))
        return content[:at] + bytes([luck.randrange(256)]) + content[at + 1 :]
    if kind < 0.25:
        return b"\xef\xbb\xbf" + content
    if kind < 0.3:
        at = content.find(b"\n") + 1
        return content[:at] + b"Traceback (most recent call last):\n" + content[at:]
    return content


OF_TASKS: dict[str, Spoil] = {
    "no task": lambda luck, task: luck.choice(["task", 7, None, []]),
    "no row": lambda luck, task: {**task, "data": luck.choice([{"example": "nowhere"}, {}, 7])},
    "no annotations": lambda luck, task: {**task, "annotations": luck.choice([[], 7, "x"])},
}
"""Each breaks one task."""
OF_ANNOTATIONS: dict[str, Spoil] = {
    "whose": lambda luck, a: {**a, "completed_by": luck.choice([None, 1, "somebody new"])},
    "no result": lambda luck, a: {k: v for k, v in a.items() if k != "result"},
    "broken": lambda luck, a: {**a, "result": luck.choice([7, [7], [{}], [{"type": "relation"}]])},
    "other label": lambda luck, a: {**a, "result": [_chosen("no such label")]},
    "no annotation": lambda luck, a: luck.choice([7, None, "x"]),
}
"""Each breaks one annotation."""


def mutated_annotations(tasks: list[Row], luck: random.Random) -> bytes:
    """The tasks as a Label Studio file after one to six mishaps."""
    made: list[Any] = json.loads(json.dumps(tasks))
    for _ in range(luck.randint(1, 6)):
        at = luck.randrange(len(made))
        if isinstance(made[at], dict):
            made[at] = _mutated_task(made[at], luck)
    content = json.dumps(made).encode()
    return content[: len(content) // 2] if luck.random() < 0.03 else content


def _mutated_task(task: Row, luck: random.Random) -> Any:
    annotations = task.get("annotations")
    if luck.random() < 0.3 or not isinstance(annotations, list) or not annotations:
        return OF_TASKS[luck.choice(list(OF_TASKS))](luck, task)
    at = luck.randrange(len(annotations))
    if isinstance(annotations[at], dict):
        if luck.random() < 0.2:
            annotations.append({**annotations[at], "result": [_chosen("meter")]})
        else:
            spoil = OF_ANNOTATIONS[luck.choice(list(OF_ANNOTATIONS))]
            annotations[at] = spoil(luck, annotations[at])
    return task


def _chosen(label: str) -> Row:
    return {
        "type": "choices",
        "from_name": "topic",
        "to_name": "text",
        "value": {"choices": [label]},
    }


def label_studio(labels: dict[str, list[tuple[str, str]]]) -> list[Row]:
    """Tasks with what each person chose, by row."""
    tasks = []
    for number, (row, words) in enumerate(labels.items()):
        annotations = [{"completed_by": who, "result": [_chosen(label)]} for who, label in words]
        tasks.append({"id": number, "data": {"example": row}, "annotations": annotations})
    return tasks
