"""Rows that are asked about data, or answer with data: which of them have the same."""

from __future__ import annotations

from collections.abc import Sequence

from tunewell.checks.data_blocks import data_of, is_data
from tunewell.similar.same_wording import tokens_of
from tunewell.similar.slots import without_numbers


class DataBeside:
    """The data in what rows ask, and which rows answer with data; read when it is needed."""

    def __init__(self, asked: Sequence[str], said: Sequence[str]) -> None:
        self._asked = asked
        self._said = said
        self._words: dict[int, list[str]] = {}
        self._is_said: dict[int, bool] = {}

    def is_said(self, i: int) -> bool:
        """Whether a row answers with data."""
        if i not in self._is_said:
            self._is_said[i] = is_data(self._said[i])
        return self._is_said[i]

    def differ(self, i: int, j: int, numbers_may: bool) -> bool:
        """Whether two rows are asked about different data.

        Args:
            i: A row.
            j: Another.
            numbers_may: Whether other numbers are no difference.
        """
        one, other = self._of(i), self._of(j)
        if not numbers_may or one == other:
            return one != other
        return without_numbers(one) != without_numbers(other)

    def _of(self, i: int) -> list[str]:
        if i not in self._words:
            self._words[i] = tokens_of(data_of(self._asked[i]))
        return self._words[i]
