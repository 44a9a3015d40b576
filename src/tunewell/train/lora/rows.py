"""Rows as token ids with the place of their target; what cannot be used is recorded, never cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tunewell.errors import ModelError
from tunewell.model.chat import ChatFormat, Encoded, EncodedTurns, chat_format
from tunewell.train.arrays import Ints, TokenIds
from tunewell.types import Example, digest
from tunewell.types.turns import Preferences, Turns, learned_places, target_id

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


Span = tuple[int, int]
"""First place of a target and the first behind it."""


@dataclass(frozen=True, eq=False)
class TrainRow:
    """One training row: a conversation with one target or several.

    Attributes:
        id: Id of its Example.
        ids: The conversation up to the end-of-turn token of the last target, shape (tokens,).
        start: Where the first target begins.
        spans: Each target with its end-of-turn token; the loss is on these alone. Everything from
            ``start`` on where none are named.
        names: Id of each target; the row's own where none are named.
        clip: Digest of the recording that the row is the transcript of; empty if there is none.
    """

    id: str
    ids: TokenIds
    start: int
    spans: tuple[Span, ...] = ()
    names: tuple[str, ...] = ()
    clip: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "spans", self.spans or ((self.start, len(self.ids)),))
        object.__setattr__(self, "names", self.names or (self.id,))

    @property
    def sizes(self) -> list[int]:
        """Tokens of each target, the end of turn included."""
        return [end - start for start, end in self.spans]

    @property
    def targets(self) -> int:
        """Number of target tokens, ends of turns included."""
        return sum(self.sizes)

    @property
    def places(self) -> Ints:
        """Where the target tokens stand, shape (targets,)."""
        return np.concatenate([np.arange(start, end) for start, end in self.spans])

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
        too_long: Ids of rows, or of single targets, longer than the limit.
        empty: Ids of rows without a target.
        refused: Ids of rows whose turns the model's chat template refuses.
        bad: Ids of rows whose answer people called bad.
        preferences: Ids of rows left out because they hold a chosen and a rejected answer.
        context: How many of the assistant's turns in ``rows`` are context and not learned.
    """

    rows: tuple[TrainRow, ...]
    too_long: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    preferences: tuple[str, ...] = ()
    context: int = 0

    @property
    def tokens(self) -> int:
        """Tokens of all rows, prompt and target."""
        return sum(len(r.ids) for r in self.rows)

    @property
    def key(self) -> str:
        """Digest of every token and target place, in order."""
        return digest([[r.id, _where(r), r.ids.tolist()] for r in self.rows])

    @property
    def names(self) -> tuple[str, ...]:
        """Id of every target."""
        return tuple(name for row in self.rows for name in row.names)


def said_of_turns(rows: Rows) -> str:
    """How many answers are learned and how many are context, in words.

    Example:
        >>> said_of_turns(Rows(rows=(), context=2))
        '0 answers of 0 conversations are learned; 2 more are context only.'
    """
    conversations = len({row.id for row in rows.rows})
    learned = len(rows.names)
    return (
        f"{learned} answers of {conversations} conversations are learned; {rows.context} more are "
        "context only."
    )


def _where(row: TrainRow) -> int | list[Span]:
    """Where the loss is: one number for a row of one target, as keys have always had it."""
    if row.spans == ((row.start, len(row.ids)),):
        return row.start
    return list(row.spans)


def lengths_of(rows: Sequence[TrainRow]) -> Ints:
    """Tokens of every row, shape (rows,)."""
    return np.asarray([len(r.ids) for r in rows], np.int64)


def targets_of(rows: Sequence[TrainRow]) -> Ints:
    """Target tokens of every row, shape (rows,)."""
    return np.asarray([r.targets for r in rows], np.int64)


def target_sizes(rows: Sequence[TrainRow]) -> Ints:
    """Tokens of every target, rows in order, shape (targets,)."""
    return np.asarray([size for row in rows for size in row.sizes], np.int64)


def owners_of(rows: Sequence[TrainRow]) -> Ints:
    """The row of every target, shape (targets,)."""
    return np.repeat(np.arange(len(rows)), [len(row.spans) for row in rows])


def encode_rows(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    *,
    max_tokens: int,
    turns: Turns = "all",
    preferences: Preferences = "leave_out",
) -> Rows:
    """Examples as token ids, in the given order.

    Args:
        examples: What to encode.
        tokenizer: From `tunewell.model.chat.load_tokenizer`.
        max_tokens: Rows longer than this are left out and named; of a conversation, the answers
            that do not fit.
        turns: ``train.turns``.
        preferences: ``train.preferences``.
    """
    encoder = _Encoder(chat_format(tokenizer), max_tokens, turns)
    for example in examples:
        if example.label == "bad":
            encoder.bad.append(example.id)
        elif example.rejected and preferences == "leave_out":
            encoder.preferences.append(example.id)
        else:
            encoder.add(example)
    return encoder.done()


class _Encoder:
    """Takes examples one by one, and keeps book of what becomes of each."""

    def __init__(self, chat: ChatFormat, max_tokens: int, turns: Turns) -> None:
        self._chat = chat
        self._max_tokens = max_tokens
        self._turns = turns
        self.rows: list[TrainRow] = []
        self.too_long: list[str] = []
        self.empty: list[str] = []
        self.refused: list[str] = []
        self.bad: list[str] = []
        self.preferences: list[str] = []
        self.context = 0

    def add(self, example: Example) -> None:
        """Encode an example, or note why it is not used."""
        places = learned_places(example, self._turns)
        if not places:
            self.empty.append(example.id)
            return
        try:
            coded = self._chat.encode_turns(
                example.messages,
                places,
                max_tokens=self._max_tokens,
                tools=example.tools,
            )
        except ModelError:
            self.refused.append(example.id)
            return

        names = [target_id(example, i + 1, len(places)) for i in range(len(places))]
        used = 0
        for part in coded:
            own = tuple(names[number] for number in part.numbers)
            if not part.fits:
                self.too_long += own
                continue
            used += len(own)
            self.rows.append(_row_of(example.id, part, own))
        if used:
            answers = sum(turn.role == "assistant" for turn in example.messages)
            self.context += answers - used

    def done(self) -> Rows:
        """What was made."""
        return Rows(
            rows=tuple(self.rows),
            too_long=tuple(self.too_long),
            empty=tuple(self.empty),
            refused=tuple(self.refused),
            bad=tuple(self.bad),
            preferences=tuple(self.preferences),
            context=self.context,
        )


def _row_of(id: str, coded: EncodedTurns, names: tuple[str, ...]) -> TrainRow:
    return TrainRow(
        id=id,
        ids=np.asarray(coded.ids, np.int32),
        start=coded.spans[0][0],
        spans=coded.spans,
        names=names,
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
    return replace(rows, rows=kept)
