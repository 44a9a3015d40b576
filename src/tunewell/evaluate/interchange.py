"""Outputs made elsewhere: prediction files, lm-eval samples, inspect_ai logs.

And our results as an inspect_ai log.

Sources: lm-eval 0.4 ``samples_*.jsonl`` (``doc``, ``target``, ``resps``/``filtered_resps``);
inspect_ai log format, version 2 (``eval``, ``results``, ``samples``).
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.types import Evaluation, Example, Message, Prediction, Score, Unscored, Value, by_id

OUTPUT_KEYS: Final = (
    "output",
    "prediction",
    "response",
    "answer",
    "text",
    "completion",
    "generated_text",
)
INPUT_KEYS: Final = ("input", "prompt", "question", "instruction")
TARGET_KEYS: Final = ("target", "reference", "gold", "expected", "label", "ideal")
ID_KEYS: Final = ("id", "example", "row", "doc_id", "sample_id")
INSPECT_API: Final = "mockllm"
"""inspect_ai opens a log's model before it scores anew; this one of its own needs no key and no network."""
ARM_KEYS: Final = ("arm", "model", "system")


class Foreign(Value):
    """Outputs made elsewhere.

    Attributes:
        predictions: One per row and arm.
        examples: Rows that the file brought with it (input and target), where it did.
        rejects: Lines that could not be read, as (``file:line``, why).
        source: Which format it was.
    """

    predictions: tuple[Prediction, ...]
    examples: tuple[Example, ...] = ()
    rejects: tuple[tuple[str, str], ...] = ()
    source: str = ""


def read_predictions(path: Path, *, arm: str = "") -> Foreign:
    """Read outputs of any model from a file; the format is recognised by its content.

    Args:
        path: JSON lines (or a JSON array) of objects with an output and an id, or input and target;
            lm-eval's ``samples_*.jsonl``; an inspect_ai log (``.json``).
        arm: What to call the model; what the file says, else ``candidate``, if empty.

    Raises:
        DataError: Nothing in it can be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    whole = _json(text)
    if isinstance(whole, dict) and "eval" in whole and "samples" in whole:
        found = _inspect(whole, arm)
    else:
        rows = whole if isinstance(whole, list) else None
        lines = enumerate(rows, 1) if rows is not None else _lines(text)
        found = _rows(path.name, lines, arm)
    if not found.predictions:
        why = (
            "; ".join(f"{place}: {reason}" for place, reason in found.rejects[:3]) or "it is empty"
        )
        raise DataError(
            f"no outputs could be read from {path}: {why}",
            hint=f"one JSON object a line, with an id and one of {', '.join(OUTPUT_KEYS)}",
        )
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> Iterable[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, _json(line)


def _rows(name: str, lines: Iterable[tuple[int, Any]], arm: str) -> Foreign:
    predictions: list[Prediction] = []
    examples: list[Example] = []
    rejects: list[tuple[str, str]] = []
    seen: set[tuple[str, str]] = set()
    kind = "rows"
    for number, row in lines:
        place = f"{name}:{number}"
        if not isinstance(row, dict):
            rejects.append((place, "not a JSON object"))
            continue
        if "doc" in row and ("resps" in row or "filtered_resps" in row):
            kind = "lm-eval"
            row = _lm_eval(row)
        output = _first(row, OUTPUT_KEYS)
        if output is None:
            rejects.append((place, f"none of {', '.join(OUTPUT_KEYS)}"))
            continue
        own = _first(row, ID_KEYS) or place
        who = arm or _first(row, ARM_KEYS) or "candidate"
        if (own, who) in seen:
            rejects.append((place, f"a second output of {who!r} for {own!r}"))
            continue
        seen.add((own, who))
        predictions.append(Prediction(example=own, arm=who, text=output))
        made = _example(own, _first(row, INPUT_KEYS), _first(row, TARGET_KEYS))
        if made is not None and all(e.id != own for e in examples[-8:]):
            examples.append(made)
    unique = tuple({e.id: e for e in examples}.values())
    return Foreign(
        predictions=tuple(predictions), examples=unique, rejects=tuple(rejects), source=kind
    )


def _first(row: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    for key in keys:
        value = row.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            return str(value)
    return None


def _example(own: str, given: str | None, target: str | None) -> Example | None:
    if given is None or target is None:
        return None
    return Example(
        id=own,
        messages=(Message(role="user", content=given), Message(role="assistant", content=target)),
    )


def _lm_eval(row: dict[str, Any]) -> dict[str, Any]:
    """A line of lm-eval's samples as one of ours; of several responses the first."""
    doc = row["doc"] if isinstance(row["doc"], dict) else {}
    responses = row.get("filtered_resps") or row.get("resps")
    while isinstance(responses, list) and responses:
        responses = responses[0]
    arguments = row.get("arguments")
    if isinstance(arguments, dict):  # {"gen_args_0": {"arg_0": prompt, …}}
        arguments = next(iter(arguments.values()), None)
        prompt = arguments.get("arg_0") if isinstance(arguments, dict) else None
    else:
        while isinstance(arguments, list) and arguments:
            arguments = arguments[0]
        prompt = arguments
    return {
        "id": row.get("doc_id", _first(doc, ID_KEYS)),
        "input": prompt if isinstance(prompt, str) else _first(doc, INPUT_KEYS),
        "target": row.get("target")
        if isinstance(row.get("target"), str | int)
        else _first(doc, TARGET_KEYS),
        "output": responses if isinstance(responses, str) else None,
    }


def _inspect(log: dict[str, Any], arm: str) -> Foreign:
    said = (log["eval"].get("metadata") or {}).get("tunewell_arm") or log["eval"].get("model")
    who = arm or str(said or "candidate")
    predictions, examples, rejects = [], [], []
    seen: set[str] = set()
    for number, sample in enumerate(log["samples"] or [], 1):
        place = f"samples[{number - 1}]"
        try:
            own = str(sample["id"])
            output = sample.get("output") or {}
            text = _text((output.get("choices") or [{}])[0].get("message", {}).get("content", ""))
        except (KeyError, TypeError, AttributeError, IndexError) as error:
            rejects.append((place, f"{type(error).__name__}: {error}"))
            continue
        if own in seen:  # further epochs of the same sample
            continue
        seen.add(own)
        failed = sample.get("error") or output.get("error")
        reason = (
            str(failed.get("message", "failed") if isinstance(failed, dict) else failed)
            if failed
            else ""
        )
        predictions.append(
            Prediction(
                example=own,
                arm=who,
                text=text,
                finish="error" if failed else "stop",
                reason=reason[:300],
            )
        )
        made = _example(own, _asked(sample.get("input")), _target(sample.get("target")))
        if made is not None:
            examples.append(made)
    return Foreign(
        predictions=tuple(predictions),
        examples=tuple(examples),
        rejects=tuple(rejects),
        source="inspect_ai",
    )


def _text(content: Any) -> str:
    """Content that is text or a list of parts."""
    if isinstance(content, list):
        return "".join(
            str(p.get("text", ""))
            for p in content
            if isinstance(p, dict) and p.get("type") == "text"
        )
    return str(content)


def _asked(given: Any) -> str | None:
    if isinstance(given, list):
        return next(
            (_text(m.get("content", "")) for m in reversed(given) if m.get("role") == "user"), None
        )
    return str(given) if given is not None else None


def _target(target: Any) -> str | None:
    if isinstance(target, list):
        return str(target[0]) if target else None
    return str(target) if target is not None else None


# --- out ------------------------------------------------------------------------------------------


def inspect_log(
    evaluation: Evaluation,
    arm: str,
    *,
    examples: Sequence[Example],
    predictions: Sequence[Prediction],
    scores: Sequence[Score],
    task: str,
    created: dt.datetime,
) -> dict[str, Any]:
    """One arm of an evaluation as an inspect_ai log (JSON values): its API reads it, its viewer shows it.

    Args:
        evaluation: All arms.
        arm: Which one.
        examples: The held-out rows.
        predictions: Of the evaluation.
        scores: Of the evaluation; unscored ones are left out of the sample, their reason is in its
            metadata.
        task: Name of the task.
        created: When the evaluation was made.
    """
    known = by_id(examples)
    own = {p.example: p for p in predictions if p.arm == arm}
    per_row: dict[str, list[Score]] = {}
    for s in scores:
        if s.arm == arm:
            per_row.setdefault(s.example, []).append(s)
    stamp = created.isoformat()
    levels = [x for x in evaluation.levels if x.arm == arm and not x.slice]
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": f"tunewell-{evaluation.scores[:12]}-{arm}",
            "run_id": f"tunewell-{evaluation.scores[:12]}",
            "created": stamp,
            "task": task,
            "task_id": f"tunewell-{task}",
            "task_version": 0,
            "dataset": {
                "name": task,
                "samples": len(evaluation.rows),
                "sample_ids": list(evaluation.rows),
            },
            "model": f"{INSPECT_API}/{arm}",
            "metadata": {"tunewell_arm": arm},
            "config": {},
        },
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {}},
        "results": {
            "total_samples": len(evaluation.rows),
            "completed_samples": len(own),
            "scores": [
                {
                    "name": x.metric,
                    "scorer": x.metric,
                    "params": {},
                    "metrics": {
                        name: {"name": name, "value": value, "params": {}}
                        for name, value in (
                            ("mean", x.estimate.value),
                            ("low", x.estimate.low),
                            ("high", x.estimate.high),
                        )
                        if abs(value) != float("inf")
                    },
                }
                for x in levels
            ],
        },
        "stats": {"started_at": stamp, "completed_at": stamp, "model_usage": {}},
        "samples": [
            _sample(known[r], own[r], per_row.get(r, []), arm) for r in evaluation.rows if r in own
        ],
    }


def _sample(
    example: Example, prediction: Prediction, scores: Sequence[Score], arm: str
) -> dict[str, Any]:
    answer = {"role": "assistant", "content": prediction.text, "source": "generate"}
    unscored = {s.metric: s.value.reason for s in scores if isinstance(s.value, Unscored)}
    stop = {"stop": "stop", "length": "max_tokens", "error": "unknown"}[prediction.finish]
    return {
        "id": example.id,
        "epoch": 1,
        "input": [{"role": m.role, "content": m.content} for m in example.prompt],
        "target": example.target,
        "messages": [*({"role": m.role, "content": m.content} for m in example.prompt), answer],
        "output": {
            "model": f"{INSPECT_API}/{arm}",
            "choices": [{"message": answer, "stop_reason": stop}],
        },
        "scores": {
            s.metric: {"value": s.value, "answer": prediction.text, "explanation": s.reason}
            for s in scores
            if not isinstance(s.value, Unscored)
        },
        "metadata": {
            "unscored": unscored,
            "kind": example.kind,
            "source": example.source,
            **example.tags,
        },
    }
