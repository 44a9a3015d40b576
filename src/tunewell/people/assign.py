"""Who sees which item, and in which order: even, independent, and each arm first equally often."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tunewell.types import Value

BLOCK = 12
"""Examples a block: a person reads one output of each before the other outputs of the same examples come."""


class Seat(Value):
    """One person in front of one item; ``position`` orders the person's queue."""

    item: str
    account: str
    position: int


def share_out(
    examples: Mapping[str, Sequence[str]],
    accounts: Sequence[str],
    *,
    raters: int,
    seed: int = 0,
    taken: Iterable[tuple[str, str]] = (),
    ordered: bool = False,
) -> list[Seat]:
    """Seats so that each item is seen by ``raters`` people, loads differ by at most one example, and nobody can guess.

    All items of an example (its outputs by different arms) go to the same people, so that arms are
    compared within a person; they lie about `BLOCK` items apart, and which comes first is drawn
    anew for each person. Whoever stops early has still judged whole examples.

    Args:
        examples: Items of each example.
        accounts: Ids of the people.
        raters: How many people each item needs; never more than there are.
        seed: Of the order and the draw.
        taken: Seats that exist already, as (item, account): they count towards ``raters`` and are
            not given again.
        ordered: Whether queues keep the order of ``examples`` (the worst first) rather than being
            shuffled.

    Returns:
        The new seats, sorted by account and position.

    Example:
        >>> seats = share_out({"1": ["i1"], "2": ["i2"], "3": ["i3"]}, ["ann", "bob", "eve"], raters=2)
        >>> sorted({s.account: sum(t.account == s.account for t in seats) for s in seats}.items())
        [('ann', 2), ('bob', 2), ('eve', 2)]
    """
    have: dict[str, set[str]] = defaultdict(set)
    for item, account in taken:
        have[item].add(account)
    load: Counter[str] = Counter(dict.fromkeys(accounts, 0))
    for people in have.values():
        load.update(p for p in people if p in load)
    chosen: dict[str, list[str]] = defaultdict(list)
    for example in (
        examples if ordered else sorted(examples, key=lambda e: _draw(seed, "example", e))
    ):
        there = set().union(*(have[i] for i in examples[example]))
        free = sorted(
            (a for a in accounts if a not in there),
            key=lambda a: (load[a], _draw(seed, example, a)),
        )
        for account in free[: max(0, raters - len(there))]:
            chosen[account].append(example)
            load[account] += len(examples[example])
    return [
        seat
        for account in sorted(chosen)
        for seat in _queue(account, chosen[account], examples, seed, ordered)
    ]


def _queue(
    account: str,
    own: Sequence[str],
    examples: Mapping[str, Sequence[str]],
    seed: int,
    ordered: bool,
) -> list[Seat]:
    """One person's order: shuffled, in blocks with one round per arm, so that two arms of an example lie apart."""
    order = own if ordered else sorted(own, key=lambda e: _draw(seed, account, "order", e))
    turns = {e: sorted(examples[e], key=lambda i: _draw(seed, account, i)) for e in order}
    queue: list[str] = []
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        for turn in range(max(len(turns[e]) for e in block)):
            queue += [turns[e][turn] for e in block if turn < len(turns[e])]
    return [Seat(item=item, account=account, position=n) for n, item in enumerate(queue)]


def _draw(*parts: object) -> str:
    """A number that nobody can guess without the seed and that repeats with it."""
    return hashlib.sha256("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass")).hexdigest()
