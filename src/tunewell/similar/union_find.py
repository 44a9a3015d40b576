"""Families: what is linked to what, closed transitively."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


class Links:
    """Union-find over 0 … n-1 with path halving.

    Example:
        >>> links = Links(5)
        >>> links.join(0, 3); links.join(3, 4)
        >>> links.groups()
        [[0, 3, 4], [1], [2]]
    """

    def __init__(self, n: int) -> None:
        self._parent = list(range(n))

    def root(self, i: int) -> int:
        """The smallest member of the family of ``i``."""
        parent = self._parent
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    def join(self, i: int, j: int) -> None:
        """Make ``i`` and ``j`` one family."""
        a = self.root(i)
        b = self.root(j)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def join_pairs(self, pairs: Iterable[tuple[int, int]]) -> None:
        """Make the two of every pair one family."""
        for i, j in pairs:
            self.join(i, j)

    def join_equal(self, keys: Sequence[bytes | str]) -> None:
        """Make all positions with the same key one family; an empty key is none.

        Example:
            >>> links = Links(5)
            >>> links.join_equal(["a", "", "a", "b", ""])
            >>> links.groups()
            [[0, 2], [1], [3], [4]]
        """
        first: dict[bytes | str, int] = {}
        for i, value in enumerate(keys):
            if value:
                self.join(first.setdefault(value, i), i)

    def groups(self) -> list[list[int]]:
        """Families in the order of their first members, each in order."""
        found: dict[int, list[int]] = {}
        for i in range(len(self._parent)):
            found.setdefault(self.root(i), []).append(i)
        return list(found.values())


def families_of(
    pairs: Iterable[tuple[int, int]],
    n: int,
    *,
    least: int = 2,
) -> list[list[int]]:
    """Families of at least ``least`` members that pairs among 0 … n-1 make.

    Example:
        >>> families_of([(0, 3), (3, 4)], 5)
        [[0, 3, 4]]
    """
    links = Links(n)
    links.join_pairs(pairs)
    return [group for group in links.groups() if len(group) >= least]


def by_key(keys: Sequence[bytes | str]) -> list[list[int]]:
    """Positions with the same key, in the order of first appearance.

    Only keys that stand more than once.

    Example:
        >>> by_key(["a", "b", "a"])
        [[0, 2]]
    """
    found: dict[bytes | str, list[int]] = {}
    for i, value in enumerate(keys):
        found.setdefault(value, []).append(i)
    return [members for members in found.values() if len(members) > 1]
