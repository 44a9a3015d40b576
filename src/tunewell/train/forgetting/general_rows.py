"""General text and questions as rows: some are measured for forgetting, others mixed in against it.

The remedy for forgetting is a small share of general rows in every epoch. They are other passages
and questions than those that forgetting is measured on, so the measurement stays a held-out one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from tunewell.model.chat import chat_format
from tunewell.model.passages import Use, passages, questions
from tunewell.train.lora.rows import TrainRow
from tunewell.types import Message

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

SHARE = 0.03
"""Most of a run's work that measuring the trained model may take.

The base's own losses are kept.
"""

READ = 0.52
"""Work of a token that is only read, a token trained on at full depth being 1.

1,320 and 690 tokens/s on one core.
"""

FEWEST = 36
"""Passages that are measured at least: three of every kind. The set grows by one of every kind."""

FEWEST_QUESTIONS = 16
"""Questions that are always asked; the others join where over half of the passages are read."""

QUESTION = "question"
"""Kind of the rows that are no passages."""


def general_rows(
    tokenizer: PreTrainedTokenizerBase, *, work: float = math.inf
) -> tuple[TrainRow, ...]:
    """The general set: passages (loss on all but the first token) and questions with short answers.

    Args:
        tokenizer: The base's.
        work: Of the run, in tokens trained on at full depth; the set is the largest that takes
            `SHARE` of it at most, and never less than `FEWEST` passages with 16 questions.
    """
    texts = text_rows(tokenizer, "measured")
    asked = question_rows(tokenizer, "measured")
    kinds = len({kind_of(r) for r in texts})
    half = len(texts) / 2
    found: tuple[TrainRow, ...] = ()
    for count in range(FEWEST, len(texts) + 1, kinds):
        beyond_half = max(0.0, count / half - 1)
        more = round(beyond_half * (len(asked) - FEWEST_QUESTIONS))
        rows = (*texts[:count], *asked[: FEWEST_QUESTIONS + more])
        if found and reading_work(rows) > SHARE * work:
            break
        found = rows
    return found


def replay_rows(tokenizer: PreTrainedTokenizerBase) -> tuple[TrainRow, ...]:
    """General passages and questions to train on beside the project's own rows.

    About 5,000 tokens.
    """
    return (
        *text_rows(tokenizer, "replay", prefix="replay-"),
        *question_rows(tokenizer, "replay", prefix="replay-"),
    )


def kind_of(row: TrainRow) -> str:
    """The kind that a row's id names: of a passage its own, else ``question``."""
    return row.id.rpartition("/")[0]


def reading_work(rows: Sequence[TrainRow]) -> float:
    """Work of measuring rows once, in tokens trained on at full depth."""
    return READ * sum(len(r.ids) for r in rows)


def text_rows(
    tokenizer: PreTrainedTokenizerBase,
    use: Use,
    *,
    prefix: str = "",
) -> tuple[TrainRow, ...]:
    """Passages as rows, ranked as `tunewell.model.passages.passages` ranks them.

    The id names the kind.
    """
    rows = []
    for i, passage in enumerate(passages(use)):
        coded = tokenizer(passage.text, add_special_tokens=False)
        ids = np.asarray(coded["input_ids"], np.int32)
        rows.append(
            TrainRow(
                id=f"{prefix}text/{passage.kind}/{i}",
                ids=ids,
                start=1,
            )
        )
    return tuple(rows)


def question_rows(
    tokenizer: PreTrainedTokenizerBase,
    use: Use,
    *,
    prefix: str = "",
) -> tuple[TrainRow, ...]:
    """Questions with their answers as rows of a chat."""
    chat = chat_format(tokenizer)
    rows = []
    for i, (question, answer) in enumerate(questions(use)):
        asked = [Message(role="user", content=question)]
        rows.append(TrainRow.of(f"{prefix}{QUESTION}/{i}", chat.encode(asked, answer)))
    return tuple(rows)
