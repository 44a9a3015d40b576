"""Which row may be trained on, and which one measures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from tunewell.types.values import Value

Part = Annotated[str, Field(pattern=r"^(test|review|fold-\d+)$")]


class Assignment(Value):
    """Where one row went in a split."""

    id: str
    family: str
    part: Part


class Split(Value):
    """Test set, review pool and K folds over families; a family is never cut.

    Example:
        >>> s = Split(dataset="d", folds=2, seed=0, assignments=(
        ...     Assignment(id="a", family="a", part="fold-0"),
        ...     Assignment(id="b", family="b", part="fold-1"),
        ...     Assignment(id="c", family="c", part="test")))
        >>> s.train_ids(0), s.held_out_ids(0), s.ids("test")
        (('b',), ('a',), ('c',))
    """

    dataset: str
    folds: int = Field(ge=2)
    seed: int
    assignments: tuple[Assignment, ...]

    def ids(self, *parts: str) -> tuple[str, ...]:
        """Ids of the rows in any of these parts, in order."""
        wanted = set(parts)
        return tuple(a.id for a in self.assignments if a.part in wanted)

    @property
    def all_folds(self) -> tuple[str, ...]:
        """Ids of every row that may be trained on: all folds."""
        return tuple(a.id for a in self.assignments if a.part.startswith("fold-"))

    def train_ids(self, fold: int) -> tuple[str, ...]:
        """Rows that fold ``fold`` trains on: those of the other folds."""
        held_out = set(self.held_out_ids(fold))
        return tuple(row for row in self.all_folds if row not in held_out)

    def held_out_ids(self, fold: int) -> tuple[str, ...]:
        """Rows that fold ``fold`` is measured on."""
        return self.ids(f"fold-{fold}")
