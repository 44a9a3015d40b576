"""Test set, review pool and K folds over families: leaks are ruled out by construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tunewell.errors import DataError
from tunewell.plurals import plural
from tunewell.similar.in_parts import Workplace
from tunewell.split.families import RowFamilies, families_to_divide
from tunewell.task import SplitSection
from tunewell.types import (
    Assignment,
    Example,
    Split,
)

UNEVEN = 1.1
"""A fold may be so many times larger than the smallest one for the sake of its strata."""

BY_PEOPLE = frozenset({"correction", "annotation"})
"""Origins of rows that were read in order to train on them."""


@dataclass(frozen=True)
class _Family:
    """Rows that stay together.

    Attributes:
        ids: Of the rows, sorted.
        stratum: The value of the field to stratify by that most of them have.
        held: Whether it belongs to the test set whatever is drawn.
        read: Whether people have read and corrected one of its rows.
    """

    ids: tuple[str, ...]
    stratum: str
    held: bool
    read: bool

    @property
    def name(self) -> str:
        """The first of the ids."""
        return self.ids[0]

    @property
    def rows(self) -> int:
        """How many there are."""
        return len(self.ids)


def _rows_of(families: Sequence[_Family]) -> int:
    return sum(family.rows for family in families)


def divide(
    examples: Sequence[Example],
    section: SplitSection,
    *,
    held_out: Sequence[str] = (),
    pinned: Sequence[str] = (),
    dataset: str = "",
    place: Workplace | None = None,
) -> tuple[Split, RowFamilies]:
    """As `tunewell.split.split`, without a store; also gives the families.

    Families with a pinned row (`tunewell.split.stage.pinned_test`) are in the test set, whatever
    else is in them. Families with a correction were read and corrected in order to train on them:
    they are drawn neither for the test set nor for the pool.

    Args:
        examples: The rows.
        section: Shares, folds, seed, the field to stratify by.
        held_out: Ids of the project's own test set.
        pinned: Ids of rows that stay in the test set.
        dataset: Id of the dataset.
        place: Where many rows are compared part by part.

    Raises:
        DataError: There are fewer families than parts.
    """
    # A fold each, a test set, a review pool.
    made = families_to_divide(examples, fewest=section.folds + 2, place=place)
    held = frozenset([*held_out, *pinned])
    named = []
    for members in made.groups:
        rows = [examples[i] for i in members]
        named.append(_family(rows, section.stratify, held))
    part = _Draw(named, section, has_own_test=len(held_out) > 0).parts()

    of_row = {row: family.name for family in named for row in family.ids}
    for row in _surplus([example.id for example in examples], held_out, section):
        del of_row[row]
    assignments = []
    for row, family in sorted(of_row.items()):
        assignment = Assignment(
            id=row,
            family=family,
            part=part[family],
        )
        assignments.append(assignment)
    result = Split(
        dataset=dataset,
        folds=section.folds,
        seed=section.seed,
        assignments=tuple(assignments),
    )
    return result, made


def _family(
    rows: Sequence[Example],
    field: str,
    held: frozenset[str],
) -> _Family:
    ids = sorted(row.id for row in rows)
    origins = {row.origin for row in rows}
    values = Counter(row.field(field) for row in rows)
    return _Family(
        ids=tuple(ids),
        stratum=min(values, key=lambda value: (-values[value], value)),
        held=not held.isdisjoint(ids),
        read=not BY_PEOPLE.isdisjoint(origins),
    )


class _Draw:
    """Families dealt to the parts, one part after the other.

    Args:
        named: The families.
        section: Shares, folds and seed.
        has_own_test: Whether the project gave its own test set.
    """

    def __init__(
        self,
        named: Sequence[_Family],
        section: SplitSection,
        *,
        has_own_test: bool,
    ) -> None:
        random = np.random.default_rng(section.seed)
        self._order = [named[i] for i in random.permutation(len(named))]
        self._section = section
        self._has_own_test = has_own_test
        self._part = {family.name: "test" for family in self._order if family.held}

    def _free(self) -> list[_Family]:
        """Families that have no part yet."""
        return [family for family in self._order if family.name not in self._part]

    def parts(self) -> dict[str, str]:
        """The part of each family, by its name.

        Raises:
            DataError: There are fewer families than parts.
        """
        folds = self._section.folds
        free = self._free()
        test_rows = self._lacking_in_test(free)
        review_rows = round(_rows_of(free) * self._section.review)
        with_test = test_rows is not None
        with_pool = self._section.review > 0
        if len(free) < folds + with_test + with_pool:
            raise DataError(
                f"{plural(len(free), 'family', 'families')} of rows cannot make {folds} folds"
                f"{', a test set' if with_test else ''}{' and a review pool' if with_pool else ''}",
                hint="add rows, or lower split.folds and split.review in tunewell.yaml",
            )
        self._take("test", test_rows or 0, spare=folds + with_pool)
        self._take("review", review_rows, spare=folds)
        self._part |= _folds(self._free(), folds)
        return self._part

    def _lacking_in_test(self, free: Sequence[_Family]) -> int | None:
        """Rows that the test set lacks for its share, or for its most rows.

        None where the project gave its own or wants none.
        """
        share = self._section.test
        if self._has_own_test or not share:
            return None
        every = _rows_of(self._order)
        wanted = round(every * share)
        most = self._section.max_test_rows or wanted
        there = every - _rows_of(free)
        return max(0, min(wanted, most) - there)

    def _take(
        self,
        part: str,
        rows: int,
        *,
        spare: int,
    ) -> None:
        """Draw families that nobody has corrected for a part."""
        fresh = [family for family in self._free() if not family.read]
        drawn = _draw(fresh, rows, spare=spare)
        self._part |= dict.fromkeys(drawn, part)


def _draw(
    order: Sequence[_Family],
    rows: int,
    *,
    spare: int,
) -> list[str]:
    """Families in random order, from each stratum its share of ``rows``.

    Never all families of the set.

    Args:
        order: The families.
        rows: How many rows are wanted.
        spare: Families that must be left.
    """
    if not order or not rows:
        return []
    strata = _by_stratum(order)
    total = _rows_of(order)
    drawn: list[str] = []
    taken, seen = 0, 0
    for _, members in sorted(strata.items()):
        seen += _rows_of(members)
        # What is due after this stratum, so that rounding does not add up over many small strata.
        due = round(rows * seen / total)
        for family in members:
            enough_left = len(order) - len(drawn) > spare
            if enough_left and taken + family.rows <= due:
                drawn.append(family.name)
                taken += family.rows
    if not drawn:
        smallest = min(order, key=lambda family: family.rows)
        drawn.append(smallest.name)
    return drawn


def _by_stratum(order: Sequence[_Family]) -> dict[str, list[_Family]]:
    """Families of each stratum, in their order."""
    strata: dict[str, list[_Family]] = {}
    for family in order:
        strata.setdefault(family.stratum, []).append(family)
    return strata


def _folds(order: Sequence[_Family], folds: int) -> dict[str, str]:
    """Largest families first, each to the fold with the fewest rows of its stratum.

    Then to the one with the fewest rows.
    """
    total = [0] * folds
    strata: dict[str, list[int]] = {}
    part: dict[str, str] = {}
    for family in sorted(order, key=lambda family: -family.rows):
        own = strata.setdefault(family.stratum, [0] * folds)
        most = UNEVEN * (min(total) + family.rows)
        costs = [(total[k] > most, own[k], total[k], k) for k in range(folds)]
        *_, best = min(costs)
        part[family.name] = f"fold-{best}"
        own[best] += family.rows
        total[best] += family.rows
    return part


def _surplus(
    rows: Sequence[str],
    held_out: Sequence[str],
    section: SplitSection,
) -> list[str]:
    """Rows of the project's own test set that ``max_test_rows`` leaves out."""
    held = frozenset(held_out)
    ids = [row for row in rows if row in held]
    most = section.max_test_rows or len(ids)
    random = np.random.default_rng([section.seed, 1])
    left_out = random.permutation(len(ids))[most:]
    return [ids[i] for i in left_out]
