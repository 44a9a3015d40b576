"""The remedy for forgetting: a small share of general rows in every epoch.

They are other passages and questions than those that forgetting is measured on
(`tunewell.train.forgetting`), so the measurement stays a held-out one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.train.forgetting import question_rows, text_rows
from tunewell.train.rows import TrainRow


def replay_rows(tokenizer: Any) -> tuple[TrainRow, ...]:
    """General passages (loss on all but the first token) and questions with short answers, about 5,000 tokens."""
    return (
        *text_rows(tokenizer, "replay", prefix="replay-"),
        *question_rows(tokenizer, "replay", prefix="replay-"),
    )


def draw_replay(
    rows: Sequence[TrainRow], *, tokens: int, share: float, seed: Sequence[int]
) -> NDArray[np.int64]:
    """Which general rows an epoch takes: in an order drawn by seed, until they are a share of its tokens.

    No row is taken twice in an epoch, so a large set of rows may get less than the share.

    Args:
        rows: From `replay_rows`.
        tokens: Of the epoch's own rows.
        share: Of all tokens of the epoch, in [0, 1).
        seed: Of the order.
    """
    order = np.random.default_rng(tuple(seed)).permutation(len(rows))
    ends = np.cumsum([len(rows[i].ids) for i in order])
    wanted = tokens * share / (1 - share)
    return order[: int(np.searchsorted(ends, wanted)) + 1] if share else order[:0]
