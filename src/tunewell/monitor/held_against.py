"""Blocks of traffic held against a reference: made and kept once, one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.block_terms import (
    NumberedBlock,
    ReferenceTerms,
    TermNumbers,
    against_reference,
    fresh_by_first_group,
    reference_terms,
)
from tunewell.monitor.channel import DAY_S
from tunewell.monitor.kept_blocks import KeptBlocks
from tunewell.monitor.periods import Grid
from tunewell.monitor.stream_terms import middle_of
from tunewell.monitor.topics_of_texts import TextClusters
from tunewell.monitor.traffic_block import Block, strings, texts_of
from tunewell.monitor.traffic_days import Counts


@dataclass(frozen=True)
class NamedBlock:
    """A block with its name and the stretch that it is in."""

    name: str
    stretch: int
    block: Block


def kept_reference(
    files: KeptBlocks,
    raw: Sequence[NamedBlock],
    counts: Counts,
    grid: Grid,
    first: tuple[int, int],
) -> tuple[str, ReferenceTerms]:
    """The reference and the name that it is kept under.

    Args:
        files: What is kept.
        raw: The blocks, oldest first.
        counts: Rows of each day.
        grid: The days.
        first: First period of the reference, and the first after it.
    """
    until_s = grid.start_s + first[1] * grid.period_s
    middle_s = grid.start_s + middle_of(first) * grid.period_s
    days = [[day, *counts[day]] for day in sorted(counts) if day * DAY_S < until_s]
    name = files.name("reference", first, days)

    def made() -> Block:
        """From the blocks that begin before its end."""
        blocks = [each.block for each in raw if each.block["seconds"].size]
        within = [block for block in blocks if int(block["seconds"][0]) < until_s]
        return _arrays_of(reference_terms(within, middle_s, until_s))

    return name, _reference_of(files.read_or_make(name, made), until_s)


def _arrays_of(reference: ReferenceTerms) -> dict[str, NDArray[Any]]:
    made = {
        "names": strings(list(reference.known)),
        "known": np.array(list(reference.known.values()), dtype=np.int64),
        "groups": strings(reference.groups),
    }
    clusters = reference.clusters
    if clusters is None:
        return made
    return made | {
        "weights": clusters.weights,
        "directions": clusters.directions,
        "centres": clusters.centres,
        "clusters": strings(clusters.names),
        "unseen": np.array([clusters.unseen]),
    }


def _reference_of(
    kept: Block,
    until_s: int,
) -> ReferenceTerms:
    names = texts_of(kept["names"])
    clusters = None
    if "weights" in kept:
        clusters = TextClusters(
            weights=kept["weights"],
            directions=kept["directions"],
            centres=kept["centres"],
            names=tuple(texts_of(kept["clusters"])),
            unseen=float(kept["unseen"][0]),
        )
    return ReferenceTerms(
        until_s=until_s,
        known=dict(zip(names, kept["known"].tolist(), strict=True)),
        groups=tuple(texts_of(kept["groups"])),
        clusters=clusters,
        place={name: i for i, name in enumerate(names)},
    )


@dataclass(frozen=True)
class BlockLink:
    """One block in the chain of those that are held against a reference.

    Attributes:
        block: Name of the block.
        stretch: The stretch of days that it is in.
        name: Of what the reference adds to it: it holds the names of all blocks before.
    """

    block: str
    stretch: int
    name: str


@dataclass(frozen=True)
class LinkedRun:
    """Some neighbouring blocks that are held against a reference.

    Attributes:
        reference: Name of the reference.
        until_s: Its end, seconds since 1970.
        before: The blocks of two stretches before them.
        links: The blocks.
        rows: Records in them.
    """

    reference: str
    until_s: int
    before: tuple[BlockLink, ...]
    links: tuple[BlockLink, ...]
    rows: int


def links_of(
    files: KeptBlocks,
    reference: str,
    raw: Sequence[NamedBlock],
) -> list[tuple[BlockLink, Block]]:
    """Every block with its place in the chain that begins at a reference."""
    found = []
    name = reference
    for each in raw:
        name = files.name("against", name, each.name)
        found.append((BlockLink(each.name, each.stretch, name), each.block))
    return found


def runs_of(
    files: KeptBlocks,
    links: Sequence[tuple[BlockLink, Block]],
    known: tuple[str, ReferenceTerms],
    workers: int,
) -> list[LinkedRun]:
    """What is not made yet, in about equal parts: one for each process."""
    sizes = [0 if files.holds(link.name) else int(block["seconds"].size) for link, block in links]
    after = np.cumsum(sizes)
    # The part in which the middle of each block lies.
    shares = (after - np.array(sizes) / 2) / max(int(after[-1]), 1)
    parts = np.minimum((shares * workers).astype(np.int64), workers - 1)
    runs = []
    for part in range(workers):
        mine = [i for i, size in enumerate(sizes) if size and parts[i] == part]
        if not mine:
            continue
        begin, end = mine[0], mine[-1] + 1
        since = links[begin][0].stretch - 2
        before = tuple(link for link, _ in links[:begin] if link.stretch >= since)
        run = tuple(link for link, _ in links[begin:end])
        rows = sum(sizes[begin:end])
        runs.append(LinkedRun(known[0], known[1].until_s, before, run, rows))
    return runs


class _Chain:
    """Blocks one after the other, each with the weeks before it in mind.

    Args:
        reference: What they are held against.
    """

    def __init__(
        self,
        reference: ReferenceTerms,
    ) -> None:
        self.reference = reference
        self.terms = TermNumbers()
        self._memory: list[tuple[int, NumberedBlock]] = []

    def before(
        self,
        link: BlockLink,
    ) -> list[NumberedBlock]:
        """The blocks of the weeks before one."""
        return [one for stretch, one in self._memory if stretch >= link.stretch - 1]

    def numbered(
        self,
        block: Block,
    ) -> NumberedBlock:
        """A block with numbers for its terms."""
        return NumberedBlock(block, self.terms)

    def remember(
        self,
        link: BlockLink,
        block: Block,
    ) -> None:
        """Keep a block in mind for the later ones."""
        if not block["seconds"].size:
            return
        self._memory = [(s, one) for s, one in self._memory if s >= link.stretch - 1]
        self._memory.append((link.stretch, self.numbered(block)))


def hold_run(
    files: KeptBlocks,
    run: LinkedRun,
) -> None:
    """Hold some blocks against a reference that is kept, and keep what it adds.

    Args:
        files: What is kept, the reference and the blocks among it.
        run: The blocks.
    """
    kept = files.read(run.reference)
    if kept is None:
        return
    chain = _Chain(_reference_of(kept, run.until_s))
    for link in run.before:
        block = files.read(link.block)
        if block is None:
            return
        before = chain.before(link)
        added = fresh_by_first_group(chain.numbered(block), before, chain.reference)
        chain.remember(link, _Both(block, added))
    for link in run.links:
        block = files.read(link.block)
        if block is None:
            return
        chain.remember(link, _with_reference(files, chain, link, block))


def _with_reference(
    files: KeptBlocks,
    chain: _Chain,
    link: BlockLink,
    block: Block,
) -> Block:
    """A block with what the reference adds to it; made and kept where it is not there."""

    def made() -> Block:
        """Held against the reference, with the weeks before it in mind."""
        return against_reference(chain.numbered(block), chain.before(link), chain.reference)

    return _Both(block, files.read_or_make(link.name, made))


def held_against(
    files: KeptBlocks,
    links: Sequence[tuple[BlockLink, Block]],
    reference: ReferenceTerms,
) -> Iterator[Block]:
    """Every block with what a reference adds to it."""
    chain = _Chain(reference)
    for link, block in links:
        both = _with_reference(files, chain, link, block)
        chain.remember(link, both)
        yield both


class _Both(Mapping[str, NDArray[Any]]):
    """A block and what its reference adds, as one."""

    def __init__(
        self,
        block: Block,
        added: Block,
    ) -> None:
        self.block = block
        self.added = added

    def __getitem__(
        self,
        name: str,
    ) -> NDArray[Any]:
        return self.added[name] if name in self.added else self.block[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.block
        yield from self.added

    def __len__(self) -> int:
        return len(self.block) + len(self.added)

    def __contains__(
        self,
        name: object,
    ) -> bool:
        return name in self.added or name in self.block
