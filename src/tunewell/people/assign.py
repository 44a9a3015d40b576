"""Who sees which item, and in which order: even, independent, and each arm first equally often."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tunewell.types import Value

BLOCK = 12
"""Examples in a block: a person reads one output of each before other outputs of the same ones."""


class Seat(Value):
    """One person assigned to one item; ``position`` orders the person's queue."""

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
    """Seats so that ``raters`` people see each item, with even loads, in an order nobody can guess.

    Loads differ by at most one example. All items of an example (its outputs by different arms) go
    to the same people, so that arms are compared within a person; they lie about `BLOCK` items
    apart, and which comes first is drawn anew for each person. Whoever stops early has still judged
    whole examples.

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
        >>> examples = {"1": ["i1"], "2": ["i2"], "3": ["i3"]}
        >>> seats = share_out(examples, ["ann", "bob", "eve"], raters=2)
        >>> sorted(Counter(seat.account for seat in seats).items())
        [('ann', 2), ('bob', 2), ('eve', 2)]
    """
    people_of: dict[str, set[str]] = defaultdict(set)
    for item, account in taken:
        people_of[item].add(account)
    load = _load(people_of.values(), accounts)

    order = list(examples)
    if not ordered:
        order.sort(key=lambda example: _draw(seed, "example", example))

    chosen: dict[str, list[str]] = defaultdict(list)
    for example in order:
        there: set[str] = set()
        for item in examples[example]:
            there |= people_of[item]
        free = [account for account in accounts if account not in there]
        ranks: dict[str, tuple[int, str]] = {}
        for account in free:
            ranks[account] = (load[account], _draw(seed, example, account))
        free.sort(key=ranks.__getitem__)
        lacking = max(0, raters - len(there))
        for account in free[:lacking]:
            chosen[account].append(example)
            load[account] += len(examples[example])

    seats = []
    for account in sorted(chosen):
        own = {example: examples[example] for example in chosen[account]}
        seats += _queue(account, own, seed=seed, ordered=ordered)
    return seats


def _load(people: Iterable[set[str]], accounts: Sequence[str]) -> Counter[str]:
    """How many items each of these accounts has already."""
    known = set(accounts)
    load = Counter(dict.fromkeys(accounts, 0))
    for group in people:
        load.update(group & known)
    return load


def _queue(
    account: str,
    examples: Mapping[str, Sequence[str]],
    *,
    seed: int,
    ordered: bool,
) -> list[Seat]:
    """One person's order: blocks with a round for each arm, so that an example's arms lie apart."""
    order = list(examples)
    if not ordered:
        order.sort(key=lambda example: _draw(seed, account, "order", example))

    turns: dict[str, list[str]] = {}
    for example in order:
        turns[example] = sorted(examples[example], key=lambda item: _draw(seed, account, item))

    queue: list[str] = []
    for start in range(0, len(order), BLOCK):
        block = [turns[example] for example in order[start : start + BLOCK]]
        rounds = max(map(len, block))
        for turn in range(rounds):
            queue += [items[turn] for items in block if turn < len(items)]
    return [
        Seat(
            item=item,
            account=account,
            position=n,
        )
        for n, item in enumerate(queue)
    ]


def _draw(*parts: object) -> str:
    """A number that nobody can guess without the seed and that repeats with it."""
    text = "\x1f".join(map(str, parts))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
