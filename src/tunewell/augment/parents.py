"""Which rows may be parents, and which of them a candidate is made from."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tunewell.augment.nouns import Candidate
from tunewell.errors import UserError
from tunewell.plurals import plural
from tunewell.task import AugmentCell, GeneratorSpec
from tunewell.types import Example
from tunewell.types.turns import learned_places


def why_no_parent(example: Example) -> str:
    """Why no rows can be made from a row; empty if they can.

    A parent is a real row of texts that ends in an answer that is learned.

    Example:
        >>> why_no_parent(Example(id="a", messages=(), origin="augmentation"))
        'synthetic'
    """
    if example.origin == "augmentation":
        return "synthetic"
    if example.tools or any(turn.tool_calls or turn.role == "tool" for turn in example.messages):
        return "with tools"
    if example.rejected:
        return "a preference"
    if any(turn.media for turn in example.messages):
        return "with audio or images"
    if len(example.messages) - 1 not in learned_places(example):
        return "without a learned answer at its end"
    return ""


def may_be_parent(example: Example) -> bool:
    """Whether rows can be made from a row."""
    return not why_no_parent(example)


def fits(
    example: Example,
    wanted: Mapping[str, str | tuple[str, ...]],
) -> bool:
    """Whether a row has the field values that a cell wants its parents to have.

    Example:
        >>> row = Example(id="a", messages=(), kind="memo")
        >>> fits(row, {"kind": ("memo", "note")}), fits(row, {"kind": "note"})
        (True, False)
    """
    for field, value in wanted.items():
        allowed = (value,) if isinstance(value, str) else value
        if example.field(field) not in allowed:
            return False
    return True


@dataclass(frozen=True)
class ParentPool:
    """The rows that each cell draws from.

    Attributes:
        of_cell: Cell to the ids of its parents, in the order in which they are drawn: each once,
            then each again.
        rows: The parents by id.
    """

    of_cell: Mapping[str, Sequence[str]]
    rows: Mapping[str, Example]

    @classmethod
    def of(
        cls,
        cells: Sequence[AugmentCell],
        training: Sequence[Example],
        *,
        seed: int,
    ) -> ParentPool:
        """Draw the order of every cell's parents.

        Args:
            cells: What is wanted.
            training: The rows of the folds: no row of the test set, of the review pool, and none
                whose answer is frozen gold.
            seed: Of the order.

        Raises:
            UserError: A cell has no parent.
        """
        able = [row for row in training if may_be_parent(row)]
        orders: dict[str, list[str]] = {}
        for cell in cells:
            named = set(cell.rows_of)
            # Rules alone make a row of a recording: who writes has not heard it.
            fit = [row for row in able if fits(row, cell.parents) and (cell.by or not row.audio)]
            ids = [row.id for row in fit if not named or row.id in named]
            if not ids:
                raise UserError(
                    f"cell '{cell.name}': none of {plural(len(training), 'training row')} can be a "
                    f"parent{_wanted(cell)}{_unable(training)}",
                    hint="relax the cell's parents or rows_of (tunewell.yaml, augment.cells)",
                )
            random.Random(f"{seed} {cell.name}").shuffle(ids)
            orders[cell.name] = ids
        used = {name for ids in orders.values() for name in ids}
        return cls(orders, {row.id: row for row in able if row.id in used})

    def draw(
        self,
        cell: str,
        place: int,
    ) -> str:
        """The parent of the ``place``-th candidate of a cell."""
        ids = self.of_cell[cell]
        return ids[place % len(ids)]


def _unable(training: Sequence[Example]) -> str:
    """How many rows cannot be parents of any cell, by reason."""
    times = Counter(filter(None, map(why_no_parent, training)))
    told = [f"{count:,} {reason}" for reason, count in times.most_common()]
    return f"; unusable: {', '.join(told)}" if told else ""


def _wanted(cell: AugmentCell) -> str:
    asked = [f"{name} = {value}" for name, value in cell.parents.items()]
    return f" with {', '.join(asked)}" if asked else ""


class Numbering:
    """Gives candidates their numbers, parents and generators; the same in every run.

    Args:
        pool: Where parents come from.
        generators: Who writes.
    """

    def __init__(
        self,
        pool: ParentPool,
        generators: Sequence[GeneratorSpec],
    ) -> None:
        self._pool = pool
        self._turns = list(_shares(generators))
        self._number = 0
        self._places: dict[str, int] = {}

    def next(self, cell: str) -> Candidate:
        """The next candidate of a cell."""
        place = self._places.get(cell, 0)
        self._places[cell] = place + 1
        number = self._number
        self._number += 1
        return Candidate(
            number=number,
            cell=cell,
            place=place,
            parent=self._pool.draw(cell, place),
            generator=self._turns[place % len(self._turns)],
        )


def _shares(generators: Sequence[GeneratorSpec]) -> Iterator[int]:
    """Positions of the generators, each as often in a hundred turns as its share asks for."""
    if len(generators) < 2:
        yield 0
        return
    total = sum(generator.share for generator in generators)
    owed = [0.0] * len(generators)
    for _ in range(100):
        for position, generator in enumerate(generators):
            owed[position] += generator.share / total
        chosen = max(range(len(owed)), key=owed.__getitem__)
        owed[chosen] -= 1
        yield chosen
