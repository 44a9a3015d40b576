"""The terms of blocks of interactions against one reference: fresh uses, what is new, clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.channel import DAY_S
from tunewell.monitor.records import Ints
from tunewell.monitor.stream_terms import binds
from tunewell.monitor.term_days import TermDays
from tunewell.monitor.topics_of_texts import TextClusters, text_clusters
from tunewell.monitor.traffic_block import (
    GROUPS,
    VALUES,
    WORDS,
    Block,
    rows_of_entries,
    texts_of,
)
from tunewell.monitor.words import FRESH_S, TermTable, TermUses, fresh_uses, joined_uses


@dataclass(frozen=True)
class ReferenceTerms:
    """What later blocks are held against.

    Attributes:
        until_s: End of the reference, seconds since 1970.
        known: Records of the reference that hold each term, in the order of the alphabet.
        groups: What binds interactions together, and not all of them.
        clusters: Of what is asked; None where there are too few texts.
        place: Where the clusters have each term.
    """

    until_s: int
    known: dict[str, int]
    groups: tuple[str, ...]
    clusters: TextClusters | None
    place: dict[str, int]


def reference_terms(
    blocks: Sequence[Block],
    middle_s: int,
    until_s: int,
) -> ReferenceTerms:
    """What the blocks of a reference hold.

    Args:
        blocks: Those that reach into the reference, oldest first.
        middle_s: Until when clusters are made of it, seconds since 1970.
        until_s: Its end.
    """
    every = {name for block in blocks for name in texts_of(block[f"{WORDS} names"])}
    # In the order of the alphabet: the same however the days are put into blocks.
    names = sorted(every)
    number = {name: i for i, name in enumerate(names)}
    rows, columns, asked = [], [], []
    size = 0
    for block in blocks:
        at = [number[name] for name in texts_of(block[f"{WORDS} names"])]
        inside = int(np.searchsorted(block["seconds"], until_s))
        row = rows_of_entries(block, WORDS)
        kept = row < inside
        rows.append(row[kept] + size)
        columns.append(np.array(at, dtype=np.int64)[block[f"{WORDS} entries"][kept]])
        asked.append(is_asked(block)[kept])
        size += inside
    row, column = np.concatenate(rows), np.concatenate(columns)
    counts = np.bincount(column, minlength=len(names))
    # Words of the last block that come after the reference have no place in it.
    used = np.flatnonzero(counts)
    place = np.cumsum(counts > 0) - 1
    terms = tuple(names[i] for i in used.tolist())
    of_asked = np.concatenate(asked)
    fitted = sum(int(np.searchsorted(block["seconds"], middle_s)) for block in blocks)
    table = TermTable(terms, row[of_asked], place[column[of_asked]])
    return ReferenceTerms(
        until_s=until_s,
        known=dict(zip(terms, counts[used].tolist(), strict=True)),
        groups=tuple(name for name in GROUPS if _binds(blocks, name, until_s)),
        clusters=text_clusters(table, fitted),
        place={name: i for i, name in enumerate(terms)},
    )


def is_asked(block: Block) -> NDArray[np.bool_]:
    """Which entries of a block's words are in what was asked, shape (entries,)."""
    row = rows_of_entries(block, WORDS)
    asked: NDArray[np.bool_] = np.arange(row.size) < block[f"{WORDS} asked"][row]
    return asked


def _binds(
    blocks: Sequence[Block],
    name: str,
    until_s: int,
) -> bool:
    marks = np.concatenate([block[name][block["seconds"] < until_s] for block in blocks])
    return binds(np.unique(marks).size, marks.size)


class TermNumbers:
    """One number for each term of a kind, over all blocks that are held against a reference.

    The names of a block are looked up once, however many later blocks it is the past of.
    """

    def __init__(self) -> None:
        self._place: dict[str, dict[bytes, int]] = {kind: {} for kind in (WORDS, VALUES)}

    def of(
        self,
        block: Block,
        kind: str,
    ) -> Ints:
        """The numbers of a block's terms, shape (terms,)."""
        place = self._place[kind]
        names = block[f"{kind} names"].tolist()
        return np.array([place.setdefault(name, len(place)) for name in names], dtype=np.int64)

    def places(
        self,
        numbers: Ints,
        kind: str,
    ) -> Ints:
        """The place of each term among some of them, -1 for all others, shape (terms,)."""
        place = np.full(len(self._place[kind]), -1, dtype=np.int64)
        place[numbers] = np.arange(numbers.size)
        return place


class NumberedBlock:
    """A block whose terms have numbers, given once they are asked for.

    Args:
        block: The block.
        terms: The numbers of the terms of all blocks.
    """

    def __init__(
        self,
        block: Block,
        terms: TermNumbers,
    ) -> None:
        self.block = block
        self.terms = terms
        self._numbers: dict[str, Ints] = {}

    def numbers(
        self,
        kind: str,
    ) -> Ints:
        """The numbers of its terms of a kind, shape (terms,)."""
        if kind not in self._numbers:
            self._numbers[kind] = self.terms.of(self.block, kind)
        return self._numbers[kind]

    def place_of(
        self,
        earlier: NumberedBlock,
        kind: str,
    ) -> Ints:
        """The place here of each of an earlier block's terms, -1 for none, shape (terms,)."""
        theirs = earlier.numbers(kind)
        return self.terms.places(self.numbers(kind), kind)[theirs]


def against_reference(
    block: NumberedBlock,
    before: Sequence[NumberedBlock],
    reference: ReferenceTerms,
) -> dict[str, NDArray[Any]]:
    """What a block adds once there is a reference.

    Args:
        block: The block.
        before: The whole blocks of the weeks before it, oldest first.
        reference: What it is held against.
    """
    made: dict[str, NDArray[Any]] = {"new": _new_share(block.block, reference)}
    for kind in (WORDS, VALUES):
        made |= _fresh(block, before, kind, reference.groups)
    if reference.clusters is not None:
        made |= _clustered(block.block, reference.clusters, reference.place)
    return made


def fresh_by_first_group(
    block: NumberedBlock,
    before: Sequence[NumberedBlock],
    reference: ReferenceTerms,
) -> dict[str, NDArray[Any]]:
    """What later blocks ask of a block: which of its uses count for the first group.

    It needs no such thing of the blocks before, so that a look can begin anywhere.

    Args:
        block: The block.
        before: The blocks of the weeks before it, oldest first; what they add is not asked for.
        reference: What it is held against.
    """
    made: dict[str, NDArray[Any]] = {}
    for kind in (WORDS, VALUES):
        made |= _fresh(block, before, kind, reference.groups[:1])
    return made


def _new_share(
    block: Block,
    reference: ReferenceTerms,
) -> NDArray[np.float64]:
    names = texts_of(block[f"{WORDS} names"])
    known = np.array([reference.known.get(name, 0) for name in names], dtype=np.int64)
    row = rows_of_entries(block, WORDS)
    others = known[block[f"{WORDS} entries"]] - (block["seconds"][row] < reference.until_s)
    terms = np.diff(block[f"{WORDS} ends"])
    unseen = np.bincount(row, others <= 0, minlength=terms.size)
    share: NDArray[np.float64] = np.where(terms > 0, unseen / np.maximum(terms, 1), np.nan)
    return share


def _clustered(
    block: Block,
    clusters: TextClusters,
    place: dict[str, int],
) -> dict[str, NDArray[Any]]:
    names = texts_of(block[f"{WORDS} names"])
    at = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    asked = is_asked(block)
    column = at[block[f"{WORDS} entries"][asked]]
    row = rows_of_entries(block, WORDS)[asked]
    nearest, best = clusters.places(row, column, block["seconds"].size)
    return {"cluster": nearest, "likeness": best}


def _fresh(
    numbered: NumberedBlock,
    before: Sequence[NumberedBlock],
    kind: str,
    groups: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """Which uses of terms count: one of a group in four weeks; first by thread, then by user."""
    made: dict[str, NDArray[Any]] = {}
    block = numbered.block
    row = rows_of_entries(block, kind)
    term = block[f"{kind} entries"].astype(np.int64)
    kept = np.ones(term.size, dtype=np.bool_)
    was = ""
    since_s = int(block["seconds"].min(initial=0)) - FRESH_S
    recent = [_Earlier.of(each, numbered, kind, since_s) for each in before]
    for group in groups:
        members = _Members.of(block, group)
        own = TermUses(term, members.number(block[group])[row], block["seconds"][row]).only(kept)
        uses = joined_uses([*(each.uses(members, was) for each in recent), own])
        fresh = fresh_uses(uses)
        kept = kept.copy()
        kept[kept] = fresh[uses.term.size - own.term.size :]
        was = f"{kind} fresh by {group}"
        made[was] = kept
    made[f"{kind} fresh"] = kept
    size = max(block[f"{kind} names"].size, 1)
    day = block["seconds"][row[kept]] // DAY_S
    cells = np.sort(day * size + term[kept])
    begins = np.flatnonzero(np.diff(cells, prepend=-1))
    made[f"{kind} day"] = cells[begins] // size
    made[f"{kind} term"] = (cells[begins] % size).astype(np.int32)
    made[f"{kind} count"] = np.diff(begins, append=cells.size).astype(np.int32)
    made[f"{kind} total"] = np.bincount(term, minlength=size)[:size]
    return made


@dataclass(frozen=True)
class _Members:
    """The groups that a block's records are of.

    Attributes:
        group: What they are called.
        marks: Theirs, ascending.
    """

    group: str
    marks: Ints

    @classmethod
    def of(
        cls,
        block: Block,
        group: str,
    ) -> _Members:
        """Those of a block."""
        marks = np.unique(block[group])
        return cls(group, marks[marks != 0])

    def number(
        self,
        mark: Ints,
    ) -> Ints:
        """A number from 1 on for each record, given its mark, 0 where it is of no such group."""
        if not self.marks.size:
            return np.zeros(mark.size, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.marks, mark), self.marks.size - 1)
        found: Ints = np.where(self.marks[place] == mark, place + 1, 0)
        return found


@dataclass(frozen=True)
class _Earlier:
    """What was said in the four weeks before a block, in an earlier one.

    Attributes:
        block: The earlier block.
        kind: Of the terms.
        first: Its first record of these weeks.
        term: The later block's number of each of its terms, -1 where that has none.
    """

    block: Block
    kind: str
    first: int
    term: Ints

    @classmethod
    def of(
        cls,
        earlier: NumberedBlock,
        later: NumberedBlock,
        kind: str,
        since_s: int,
    ) -> _Earlier:
        """Those of one kind since a moment."""
        block = earlier.block
        first = int(np.searchsorted(block["seconds"], since_s, side="right"))
        return cls(block, kind, first, later.place_of(earlier, kind))

    def uses(
        self,
        members: _Members,
        was: str,
    ) -> TermUses:
        """The uses by some groups, of those that still counted when it was their turn."""
        member = members.number(self.block[members.group][self.first :])
        ends = self.block[f"{self.kind} ends"][self.first :]
        begin = int(ends[0])
        # Few records are of these groups where the later block is a day: theirs alone are read.
        counts = np.diff(ends)
        place = np.flatnonzero(np.repeat(member > 0, counts))
        row = np.repeat(np.arange(member.size), counts)[place]
        place += begin
        if was:
            kept = self.block[was][place]
            place, row = place[kept], row[kept]
        term = self._terms(place)
        known = term >= 0
        at = self.block["seconds"][self.first :]
        return TermUses(term, member[row], at[row]).only(known)

    def _terms(
        self,
        place: Ints,
    ) -> Ints:
        """The later block's terms of some entries."""
        if not self.term.size:
            return np.zeros(0, dtype=np.int64)
        found: Ints = self.term[self.block[f"{self.kind} entries"][place]]
        return found


# --- all blocks together --------------------------------------------------------------------------


@dataclass(frozen=True)
class BlockRows:
    """Which records of several blocks hold a term.

    Attributes:
        blocks: Oldest first.
        kind: Of the terms.
        local: Number of each term in each block, -1 where it has none, shape (blocks, terms).
    """

    blocks: Sequence[Block]
    kind: str
    local: Ints

    @cached_property
    def starts(self) -> Ints:
        """First record of each block, and the number of records."""
        sizes = [block["seconds"].size for block in self.blocks]
        return np.concatenate([[0], np.cumsum(sizes)])

    def between(
        self,
        term: int,
        first: int,
        last: int,
    ) -> Ints:
        """Records with a term in a stretch of them."""
        found = [np.zeros(0, dtype=np.int64)]
        for number, block in enumerate(self.blocks):
            start, stop = int(self.starts[number]), int(self.starts[number + 1])
            local = int(self.local[number, term])
            if local < 0 or stop <= first or start >= last:
                continue
            hit = (block[f"{self.kind} entries"] == local) & block[f"{self.kind} fresh"]
            ends = block[f"{self.kind} ends"]
            rows = np.searchsorted(ends, np.flatnonzero(hit), side="right") - 1 + start
            found.append(rows[(rows >= first) & (rows < last)])
        return np.concatenate(found)


def block_days(
    blocks: Sequence[Block],
    kind: str,
    *,
    first_day: int,
    days: int,
    fewest: int,
) -> TermDays:
    """The terms of several blocks by day.

    Args:
        blocks: Oldest first.
        kind: Of the terms.
        first_day: The first day, counted from 1970.
        days: How many.
        fewest: Records that must hold a term.
    """
    place: dict[bytes, int] = {}
    at = []
    for block in blocks:
        names = block[f"{kind} names"].tolist()
        at.append(np.array([place.setdefault(name, len(place)) for name in names], dtype=np.int64))
    totals = np.zeros(len(place))
    for block, where in zip(blocks, at, strict=True):
        totals[where] += block[f"{kind} total"][: where.size]
    names = list(place)
    frequent = np.flatnonzero(totals >= fewest).tolist()
    # In the order of the alphabet: the same however the days are put into blocks.
    kept = np.array(sorted(frequent, key=names.__getitem__), dtype=np.int64)
    column = np.full(len(place), -1, dtype=np.int64)
    column[kept] = np.arange(kept.size)
    counts = np.zeros((days, kept.size), dtype=np.float32)
    local = np.full((len(blocks), kept.size), -1, dtype=np.int64)
    for number, (block, where) in enumerate(zip(blocks, at, strict=True)):
        _add_block(counts, block, kind, column[where], first_day)
        mine = column[where]
        local[number, mine[mine >= 0]] = np.flatnonzero(mine >= 0)
    terms = tuple(names[i].decode() for i in kept.tolist())
    return TermDays(terms, counts, BlockRows(blocks, kind, local))


def _add_block(
    counts: NDArray[np.float32],
    block: Block,
    kind: str,
    column: Ints,
    first_day: int,
) -> None:
    """Add a block's fresh uses to the counts by day."""
    day = block[f"{kind} day"] - first_day
    term = column[block[f"{kind} term"]] if column.size else np.zeros(0, dtype=np.int64)
    inside = (term >= 0) & (day >= 0) & (day < len(counts))
    counts[day[inside], term[inside]] += block[f"{kind} count"][inside]
