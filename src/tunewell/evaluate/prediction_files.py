"""Outputs made elsewhere, read from files: prediction files, lm-eval samples, inspect_ai logs.

Sources: lm-eval 0.4 ``samples_*.jsonl`` (``doc``, ``target``, ``resps``/``filtered_resps``);
inspect_ai log format, version 2 (``eval``, ``results``, ``samples``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tunewell.errors import DataError
from tunewell.evaluate.lookup import present
from tunewell.types import Example, Message, Prediction, Value

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
ARM_KEYS: Final = ("arm", "model", "system")
RESPONSE_KEYS: Final = ("resps", "filtered_resps")
"""Of lm-eval's samples."""
_LONGEST_REASON: Final = 300
_SHOWN_REJECTS: Final = 3


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

    found = _read(text, path.name, arm)
    if not found.predictions:
        rejected = [f"{place}: {reason}" for place, reason in found.rejects[:_SHOWN_REJECTS]]
        why = "; ".join(rejected) or "it is empty"
        raise DataError(
            f"no outputs could be read from {path}: {why}",
            hint=f"one JSON object a line, with an id and one of {', '.join(OUTPUT_KEYS)}",
        )
    return found


def _read(text: str, name: str, arm: str) -> Foreign:
    whole = _json(text)
    if isinstance(whole, dict) and whole.keys() >= {"eval", "samples"}:
        return _InspectReader(arm or _inspect_arm(whole)).read(whole["samples"] or [])
    if isinstance(whole, list):
        return _RowReader(name, arm).read(enumerate(whole, 1))
    return _RowReader(name, arm).read(_lines(text))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _lines(text: str) -> Iterable[tuple[int, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, _json(line)


def _first(row: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The first of these keys that holds text or a number."""
    return next(iter(present(_scalar(row.get(key)) for key in keys)), None)


def _scalar(value: Any) -> str | None:
    """Text or a number, as text; None for anything else, booleans included."""
    return str(value) if type(value) in {str, int, float} else None


def _innermost(value: Any) -> Any:
    """The first element of a list of lists, however deep."""
    while isinstance(value, list) and value:
        value = value[0]
    return value


class _Reader:
    """Collects what one file holds."""

    def __init__(self) -> None:
        self.predictions: list[Prediction] = []
        self.examples: dict[str, Example] = {}
        self.rejects: list[tuple[str, str]] = []

    def reject(self, place: str, why: str) -> None:
        """Note a line that cannot be used."""
        self.rejects.append((place, why))

    def bring(self, row: str, given: str | None, target: str | None) -> None:
        """Keep a row that came with its output, where both sides are there."""
        if given is None or target is None:
            return
        question = Message(role="user", content=given)
        answer = Message(role="assistant", content=target)
        self.examples.setdefault(row, Example(id=row, messages=(question, answer)))

    def found(self, source: str) -> Foreign:
        """All of it."""
        return Foreign(
            predictions=tuple(self.predictions),
            examples=tuple(self.examples.values()),
            rejects=tuple(self.rejects),
            source=source,
        )


class _RowReader(_Reader):
    """One JSON object a line: plain rows, or lm-eval's samples."""

    def __init__(self, name: str, arm: str) -> None:
        super().__init__()
        self._name = name
        self._arm = arm
        self._seen: set[tuple[str, str]] = set()
        self._source = "rows"

    def read(self, lines: Iterable[tuple[int, Any]]) -> Foreign:
        """Every line that can be used; the others are rejects."""
        for number, row in lines:
            place = f"{self._name}:{number}"
            if isinstance(row, dict):
                self._row(row, place)
            else:
                self.reject(place, "not a JSON object")
        return self.found(self._source)

    def _row(self, row: dict[str, Any], place: str) -> None:
        if "doc" in row and not row.keys().isdisjoint(RESPONSE_KEYS):
            self._source = "lm-eval"
            row = _lm_eval(row)
        output = _first(row, OUTPUT_KEYS)
        if output is None:
            self.reject(place, f"none of {', '.join(OUTPUT_KEYS)}")
            return

        own = _first(row, ID_KEYS) or place
        arm = self._arm or _first(row, ARM_KEYS) or "candidate"
        if (own, arm) in self._seen:
            self.reject(place, f"a second output of {arm!r} for {own!r}")
            return
        self._seen.add((own, arm))
        self.predictions.append(Prediction(example=own, arm=arm, text=output))
        self.bring(own, _first(row, INPUT_KEYS), _first(row, TARGET_KEYS))


def _lm_eval(row: dict[str, Any]) -> dict[str, Any]:
    """A line of lm-eval's samples as one of ours; of several responses the first."""
    doc = row["doc"] if isinstance(row["doc"], dict) else {}
    output = _innermost(row.get("filtered_resps") or row.get("resps"))
    prompt = _lm_eval_prompt(row.get("arguments"))
    target = row.get("target")
    return {
        "id": row.get("doc_id", _first(doc, ID_KEYS)),
        "input": _scalar(prompt) or _first(doc, INPUT_KEYS),
        "target": _scalar(target) or _first(doc, TARGET_KEYS),
        "output": _scalar(output),
    }


def _lm_eval_prompt(arguments: Any) -> Any:
    """The prompt, from ``[[prompt, …]]`` or ``{"gen_args_0": {"arg_0": prompt, …}}``."""
    if not isinstance(arguments, dict):
        return _innermost(arguments)
    request = next(iter(arguments.values()), None)
    return request.get("arg_0") if isinstance(request, dict) else None


def _inspect_arm(log: dict[str, Any]) -> str:
    metadata = log["eval"].get("metadata") or {}
    return str(metadata.get("tunewell_arm") or log["eval"].get("model", "candidate"))


class _InspectReader(_Reader):
    """The samples of an inspect_ai log; of several epochs of a sample the first."""

    def __init__(self, arm: str) -> None:
        super().__init__()
        self._arm = arm
        self._seen: set[str] = set()

    def read(self, samples: Sequence[Any]) -> Foreign:
        """Every sample that can be used; the others are rejects."""
        for number, sample in enumerate(samples):
            try:
                own = str(sample["id"])
                output = sample.get("output") or {}
                text = _answer(output)
            except (KeyError, TypeError, AttributeError, IndexError) as error:
                self.reject(f"samples[{number}]", f"{type(error).__name__}: {error}")
                continue
            if own in self._seen:
                continue
            self._seen.add(own)
            failed = sample.get("error") or output.get("error")
            self.predictions.append(self._prediction(own, text, failed))
            self.bring(own, _asked(sample.get("input")), _target(sample.get("target")))
        return self.found("inspect_ai")

    def _prediction(self, row: str, text: str, failed: Any) -> Prediction:
        if not failed:
            return Prediction(
                example=row,
                arm=self._arm,
                text=text,
                finish="stop",
            )
        if isinstance(failed, dict):
            failed = failed.get("message", "failed")
        reason = str(failed)[:_LONGEST_REASON]
        return Prediction(
            example=row,
            arm=self._arm,
            text=text,
            finish="error",
            reason=reason,
        )


def _answer(output: dict[str, Any]) -> str:
    """The text of the first choice, empty if there is none."""
    first = (output.get("choices") or [{}])[0]
    return _text(first.get("message", {}).get("content", ""))


def _text(content: Any) -> str:
    """Content that is text or a list of parts."""
    if not isinstance(content, list):
        return str(content)
    texts = []
    for part in content:
        if isinstance(part, dict) and part.get("type") == "text":
            texts.append(str(part.get("text", "")))
    return "".join(texts)


def _asked(given: Any) -> str | None:
    """What was asked: text, or the last user turn of a conversation."""
    if not isinstance(given, list):
        return _given(given)
    for turn in reversed(given):
        if turn.get("role") == "user":
            return _text(turn.get("content", ""))
    return None


def _target(target: Any) -> str | None:
    """The gold answer; of several the first."""
    if isinstance(target, list):
        return _given(next(iter(target), None))
    return _given(target)


def _given(value: Any) -> str | None:
    return None if value is None else str(value)
