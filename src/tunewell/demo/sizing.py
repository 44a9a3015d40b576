"""How much the demo trains on and asks, so that it ends in time on the machine at hand.

Every phase is counted at the speed that was measured: filling the cache, the folds and their
learning curve, the looks at every row between epochs, both full trainings, prompts, answers, and
the losses of the answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from tunewell.plan import Speeds
from tunewell.task import TaskSpec
from tunewell.train.studies.forecast import SHARES
from tunewell.train.studies.learning_curve import epochs_at, first_look

FIXED_S = 100.0
"""Measuring, reading, curating, loading, the report: what does not grow with the training."""

ROW_TOKENS = 96
"""Of a row of the desk with its instruction, about: speeds are measured on rows as long."""

PROMPT_TOKENS = 48
TARGET_TOKENS = 48
"""Of a message with its instruction, and of its answer."""

GUIDANCE_TOKENS = 64
"""Of the best prompt, besides its solved examples."""

LOOK_SPEED = 1.6
"""Tokens per second of a look at the losses, as a multiple of training in the folds.

Measured on two cores without AMX: 53 s for 52,000 tokens at 986 tokens/s in the folds.
"""

LOOKS_AT_END = 3
"""What the trained folds would write by themselves (twice all rows), and answers without inputs."""

ARMS = 4
"""base, prompted and tuned, and the one that was trained on everything."""

EVALUATION_SHARE = 0.35
"""Of what is left for training and evaluation, at most."""

FEWEST_ROWS = 48
MOST_ROWS = 110
"""Test rows: below, every interval is too wide; above, the desk has no more that nobody leaked."""

LEAST_TOKENS = 4_000
MOST_TOKENS = 60_000
"""Distinct training tokens: the desk's curated rows hold about as many."""


@dataclass(frozen=True)
class DemoSize:
    """What fits.

    Attributes:
        tokens: Distinct training tokens, in `LEAST_TOKENS` to `MOST_TOKENS`.
        rows: Test rows that every arm answers, in `FEWEST_ROWS` to `MOST_ROWS`.
        seconds: How long all of it takes, about.
    """

    tokens: int
    rows: int
    seconds: float


def demo_size(spec: TaskSpec, speeds: Speeds, *, seconds: float) -> DemoSize:
    """What fits into the time at the speeds of this machine.

    Args:
        spec: The definition; its recipe, folds and evaluation decide what a token and a row cost.
        speeds: Measured on this machine.
        seconds: For everything.
    """
    left = max(0.0, seconds - FIXED_S)
    of_row, of_token = row_seconds(spec, speeds), token_seconds(spec, speeds)
    affordable = math.floor(EVALUATION_SHARE * left / of_row)
    rows = min(MOST_ROWS, max(FEWEST_ROWS, affordable))
    in_hundreds = math.floor((left - rows * of_row) / of_token / 500) * 500
    tokens = min(MOST_TOKENS, max(LEAST_TOKENS, in_hundreds))
    if tokens in (LEAST_TOKENS, MOST_TOKENS):
        # The tokens are at a limit: the rows take what is left, or give it up.
        affordable = math.floor((left - tokens * of_token) / of_row)
        rows = min(MOST_ROWS, max(FEWEST_ROWS, affordable))
    total = FIXED_S + rows * of_row + tokens * of_token
    return DemoSize(tokens=tokens, rows=rows, seconds=total)


def token_seconds(spec: TaskSpec, speeds: Speeds) -> float:
    """What one distinct training token costs, over all trainings."""
    recipe, folds = spec.train, spec.split.folds
    lengths = {share: epochs_at(share, recipe.epochs) for share in SHARES if share < 1}
    curve = sum(share * epochs for share, epochs in lengths.items())
    looks = (LOOKS_AT_END + _looks(recipe.epochs, lengths.values())) / (LOOK_SPEED * speeds.folds)
    of_folds = 1 / speeds.trunk + (recipe.epochs + curve) * (folds - 1) / speeds.folds
    is_checked = recipe.layers != recipe.fold_layers
    check = recipe.epochs * (1 - 1 / folds) / speeds.train if is_checked else 0.0
    final_and_dumped = 2 * recipe.epochs / speeds.train
    return of_folds + looks + check + final_and_dumped


def _looks(epochs: int, of_curve: Iterable[int]) -> int:
    """How often all rows are measured: in the folds, and in the curve of these lengths."""
    # Once before training, then each row under the fold that never saw it and one that did.
    of_folds = 1 + 2 * epochs
    return of_folds + sum(length - first_look(length) + 1 for length in of_curve)


def row_seconds(spec: TaskSpec, speeds: Speeds) -> float:
    """What one test row costs: every arm reads its prompt, answers, and is held to the answer."""
    shots = spec.evaluate.shots * (PROMPT_TOKENS + TARGET_TOKENS)
    prompts = ARMS * PROMPT_TOKENS + GUIDANCE_TOKENS + shots
    # A prompt is read once to answer and once, with the right answer, to be held to it.
    passed_on = 2 * prompts + ARMS * TARGET_TOKENS
    answered = ARMS * spec.evaluate.max_new_tokens
    return passed_on / _forward(spec, speeds) + answered / speeds.generate


def _forward(spec: TaskSpec, speeds: Speeds) -> float:
    """Tokens per second through all layers; the trunk is those below the folds' adapters."""
    below = 1.0 - spec.train.fold_layers
    return speeds.trunk * below if below else speeds.trunk
