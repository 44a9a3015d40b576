"""Rows as token ids with the place of their target; what cannot be used is recorded, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tunewell.errors import ModelError
from tunewell.model.chat import Encoded, chat_format
from tunewell.train.arrays import Ints, TokenIds
from tunewell.types import Example, digest

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


@dataclass(frozen=True, eq=False)
class TrainRow:
    """One training row.

    Attributes:
        id: Id of its Example.
        ids: Prompt, target and end-of-turn token, shape (tokens,).
        start: Where the target begins; the loss is on ``ids[start:]`` alone.
    """

    id: str
    ids: TokenIds
    start: int

    @property
    def targets(self) -> int:
        """Number of target tokens, the end of turn included."""
        return len(self.ids) - self.start

    @classmethod
    def of(cls, id: str, coded: Encoded) -> TrainRow:
        """A coded conversation as a row."""
        ids = np.asarray(coded.ids, np.int32)
        return cls(
            id=id,
            ids=ids,
            start=coded.target_start,
        )


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows in order, and those that were left out.

    Attributes:
        rows: What can be trained on.
        too_long: Ids of rows longer than the limit.
        empty: Ids of rows without a target.
        refused: Ids of rows whose turns the model's chat template refuses.
    """

    rows: tuple[TrainRow, ...]
    too_long: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def tokens(self) -> int:
        """Tokens of all rows, prompt and target."""
        return sum(len(r.ids) for r in self.rows)

    @property
    def key(self) -> str:
        """Digest of every token and target place, in order."""
        return digest([[r.id, r.start, r.ids.tolist()] for r in self.rows])


def lengths_of(rows: Sequence[TrainRow]) -> Ints:
    """Tokens of every row, shape (rows,)."""
    return np.asarray([len(r.ids) for r in rows], np.int64)


def targets_of(rows: Sequence[TrainRow]) -> Ints:
    """Target tokens of every row, shape (rows,)."""
    return np.asarray([r.targets for r in rows], np.int64)


def encode_rows(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int,
) -> Rows:
    """Examples as token ids, in the given order.

    Args:
        examples: What to encode.
        tokenizer: From `tunewell.model.chat.load_tokenizer`.
        max_tokens: Rows longer than this are left out and named.
    """
    chat = chat_format(tokenizer)
    rows: list[TrainRow] = []
    too_long: list[str] = []
    empty: list[str] = []
    refused: list[str] = []
    for example in examples:
        if not example.target.strip():
            empty.append(example.id)
            continue
        try:
            coded = chat.encode(example.prompt, example.target, max_tokens=max_tokens)
        except ModelError:
            refused.append(example.id)
            continue
        if coded.fits:
            rows.append(TrainRow.of(example.id, coded))
        else:
            too_long.append(example.id)
    return Rows(
        rows=tuple(rows),
        too_long=tuple(too_long),
        empty=tuple(empty),
        refused=tuple(refused),
    )


def draw(
    rows: Rows,
    *,
    max_tokens: int,
    seed: int,
) -> Rows:
    """Rows drawn by seed until the cap on distinct tokens is reached (0 = all), in their old order.

    A row that no longer fits is passed over, so the cap holds and nothing is cut.
    """
    if not max_tokens or rows.tokens <= max_tokens:
        return rows
    left = max_tokens
    taken: set[int] = set()
    order = np.random.default_rng(seed).permutation(len(rows.rows))
    for i in order.tolist():
        size = len(rows.rows[i].ids)
        if size <= left:
            taken.add(i)
            left -= size
    kept = tuple(r for i, r in enumerate(rows.rows) if i in taken)
    return Rows(rows=kept, too_long=rows.too_long, empty=rows.empty, refused=rows.refused)
