"""What training gives: an adapter, and the losses of every fold."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunewell.types.figures import Estimate
from tunewell.types.recipes import Recipe
from tunewell.types.values import Value


@dataclass(frozen=True)
class FoldTrace:
    """Loss of every example under every fold's adapter at every evaluation.

    Attributes:
        losses: Mean nats per target token, shape (evaluations, folds, examples); NaN where not
            evaluated.
        tokens: Target tokens of each example, shape (examples,).
        held_out: True where the example is held out from the fold, shape (folds, examples).
        epochs: Epochs done at each evaluation (0 = before training), shape (evaluations,).
        examples: Ids, in the order of the last axis.
    """

    losses: NDArray[np.float32]
    tokens: NDArray[np.int64]
    held_out: NDArray[np.bool_]
    epochs: NDArray[np.float64]
    examples: tuple[str, ...]

    def __post_init__(self) -> None:
        evaluations, folds, examples = self.losses.shape
        if self.held_out.shape != (folds, examples) or self.tokens.shape != (examples,):
            raise ValueError(
                f"held_out {self.held_out.shape}, tokens {self.tokens.shape} "
                f"misfit losses {self.losses.shape}"
            )
        if self.epochs.shape != (evaluations,) or len(self.examples) != examples:
            raise ValueError(
                f"epochs {self.epochs.shape}, examples {len(self.examples)} "
                f"misfit losses {self.losses.shape}"
            )


class ModelVersion(Value):
    """A trained adapter and where it came from.

    Attributes:
        id: Short name of the version (first 12 characters of the adapter's digest).
        base: Name of the base model.
        adapter: Artifact digest of the folder in PEFT format.
        recipe: What it was trained with (the epochs as chosen, not as allowed).
        dataset: Id of the dataset.
        split: Digest of the split.
        trained_on: How many rows.
    """

    id: str
    base: str
    adapter: str
    recipe: Recipe
    dataset: str
    split: str
    trained_on: int


class Trained(Value):
    """What training gave.

    Attributes:
        model: The final adapter.
        trace: Artifact digest of the `FoldTrace` of the K folds (see `tunewell.store.traces`).
        check: Artifact digest of the `FoldTrace` of the one full-depth run on one fold that set the
            final's length; empty if there was none.
        best_epoch: Epoch at which the mean held-out loss of the folds was lowest.
        held_out_loss: Mean nats per target token of the held-out rows at that epoch, over all
            folds.
        train_loss: The same of the rows trained on.
        too_long: Ids of rows left out because they exceed ``max_tokens``.
        tokens: Distinct training tokens of the final run (prompt and target).
        tokens_per_s: Training speed of the final run.
        notes: Sentences for the reader (what was capped, what fell back).
    """

    model: ModelVersion
    trace: str
    check: str = ""
    best_epoch: float
    held_out_loss: Estimate
    train_loss: Estimate
    too_long: tuple[str, ...] = ()
    tokens: int = 0
    tokens_per_s: float = 0.0
    notes: tuple[str, ...] = ()
