"""Held-out losses by slice of the task.

Where training helps, and where more rows would help most.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import numpy as np

from tunewell.train.arrays import Mask
from tunewell.train.diagnose.stopping import HeldOut, Losses
from tunewell.types import Estimate, Example, FoldTrace, Split, Value
from tunewell.types.turns import conversation_id

LEAST_ROWS: Final = 5
"""Slices with fewer rows are not measured by themselves."""

MOST: Final = 24
"""Slices that are measured at most."""

Slices = Mapping[str, Mask]
"""``field=value`` to which rows, shape (rows,)."""


class SliceLoss(Value):
    """The folds on one slice of the task.

    Attributes:
        slice: ``field=value``.
        rows: How many rows it has.
        held_out: Loss of its rows under the folds that never saw them, nats a token.
        gain: What training took off the base model's loss of the same rows. The intervals of all
            slices hold together.
    """

    slice: str
    rows: int
    held_out: Estimate
    gain: Estimate


def slices_of(
    examples: Sequence[Example],
    fields: Sequence[str],
    *,
    least: int = LEAST_ROWS,
    most: int = MOST,
) -> dict[str, Mask]:
    """The slices that have enough rows, the largest first.

    Args:
        examples: The rows.
        fields: Of the definition's slices.
        least: Fewest rows of a slice.
        most: How many slices at most.

    Returns:
        ``field=value`` to which rows, shape (rows,).
    """
    names = np.asarray([_names(example, fields) for example in examples], dtype=object)
    count = Counter(names.ravel().tolist())
    large = [name for name, rows in count.items() if least <= rows < len(examples)]
    large.sort(key=lambda name: (-count[name], name))
    found = {}
    for name in large[:most]:
        found[name] = np.asarray((names == name).any(1), np.bool_)
    return found


def _names(example: Example, fields: Sequence[str]) -> list[str]:
    """The slices that a row is in."""
    return [f"{field}={example.field(field) or '(none)'}" for field in fields]


def slice_losses(
    before: Losses,
    after: Losses,
    rule: HeldOut,
    slices: Slices,
) -> tuple[SliceLoss, ...]:
    """Held-out loss of each slice, and what training took off it, the smallest gain first.

    The intervals hold together (Bonferroni over the slices).

    Args:
        before: Losses before training, shape (adapters, rows), NaN where not measured.
        after: At the length that was chosen.
        rule: What is held out.
        slices: From `slices_of`.
    """
    level = 1 - 0.05 / max(len(slices), 1)
    found = []
    for name, rows in slices.items():
        own = HeldOut(rule.where & rows[None], rule.tokens, rule.families)
        measured = np.isfinite(after) & own.where
        if measured.any():
            loss = SliceLoss(
                slice=name,
                rows=int(rows.sum()),
                held_out=own.mean(after, level=level),
                gain=own.change(after, before, level=level),
            )
            found.append(loss)
    return tuple(sorted(found, key=lambda s: s.gain.value))


def losses_by_slice(
    trace: FoldTrace,
    examples: Iterable[Example],
    split: Split,
    fields: Sequence[str],
    *,
    epoch: float,
) -> tuple[SliceLoss, ...]:
    """The folds of a finished training by slice of the definition as it is now.

    Args:
        trace: Of the folds.
        examples: The dataset, in any order.
        split: Whose folds; its families count once.
        fields: Of the definition's slices.
        epoch: The length that was chosen.
    """
    by_id = {e.id: e for e in examples}
    if not fields or any(name not in by_id for name in trace.examples):
        return ()
    family = {a.id: a.family for a in split.assignments}
    families = []
    for name in trace.examples:
        row = conversation_id(name)
        families.append(family.get(name) or family.get(row, row))
    rule = HeldOut(trace.held_out, trace.tokens, families)

    slices = slices_of([by_id[name] for name in trace.examples], fields)
    chosen = int(np.argmin(np.abs(trace.epochs - epoch)))
    return slice_losses(trace.losses[0], trace.losses[chosen], rule, slices)
