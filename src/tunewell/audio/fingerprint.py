"""Fingerprints of recordings: the same recording is found again in another encoding.

Source:
    Haitsma & Kalker 2002, A Highly Robust Audio Fingerprinting System: 32 bits for each moment, the
    signs of how the energy of neighbouring bands changes (section 4.2); two recordings are the same
    where few bits differ (section 4.3). Here with longer steps, and bands up to 3,000 Hz.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tunewell.audio.clips import Clip

Fingerprint = NDArray[np.uint32]
"""32 bits for each step of `STEP_S` seconds, shape (steps,)."""

_RATE = 8_000
_WINDOW = 2_048
_STEP = 256
STEP_S = _STEP / _RATE

_BANDS = 33
_LOWEST_HZ = 300.0
_HIGHEST_HZ = 3_000.0

MOST_DIFFERENT = 0.30
"""Share of different bits up to which two recordings are the same; others differ in half of them.

Haitsma and Kalker put the bound at .35 for 256 steps; spoken clips are often shorter.
"""

_FEWEST_STEPS = 32
"""Overlaps of fewer steps (about a second) say nothing."""

_FEWEST_VOTES = 2
_COMMON = 50
"""Bits that stand in more recordings than this (silence) are no candidates."""


def fingerprint(clip: Clip) -> Fingerprint:
    """The fingerprint of a recording; empty where it is shorter than a quarter of a second."""
    samples = clip.at(_RATE).samples
    if len(samples) < _WINDOW:
        return np.empty(0, np.uint32)
    frames = sliding_window_view(samples, _WINDOW)[::_STEP]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(_WINDOW), axis=1)) ** 2
    energy = np.add.reduceat(spectrum[:, : _EDGES[-1]], _EDGES[:-1], axis=1)
    across = energy[:, 1:] - energy[:, :-1]
    rises = across[1:] - across[:-1] > 0
    bits: Fingerprint = rises.astype(np.uint32) @ _WEIGHTS
    return bits


_EDGES = np.rint(
    np.geomspace(_LOWEST_HZ, _HIGHEST_HZ, _BANDS + 1) * _WINDOW / _RATE,
).astype(np.int64)
_WEIGHTS = (1 << np.arange(_BANDS - 1, dtype=np.uint64)).astype(np.uint32)


@dataclass(frozen=True)
class SameRecording:
    """Two recordings of the same moment.

    Attributes:
        left: Place of the first.
        right: Place of the second.
        different: Share of the bits that differ where they overlap, in [0, 1].
        covered: Share of the longer one that the overlap covers, in (0, 1].
    """

    left: int
    right: int
    different: float
    covered: float


def same_recordings(prints: Sequence[Fingerprint]) -> list[SameRecording]:
    """Every pair of recordings that hold the same moment, sorted by place.

    Candidates share equal steps at one distance; each is verified bit by bit.
    """
    found = []
    for (left, right), shifts in sorted(_votes(prints).items()):
        pairs = (_compared(prints, left, right, shift) for shift in _likeliest(shifts))
        best = min(pairs, key=lambda pair: pair.different)
        if best.different <= MOST_DIFFERENT:
            found.append(best)
    return found


def _votes(prints: Sequence[Fingerprint]) -> dict[tuple[int, int], Counter[int]]:
    """How many equal steps two recordings have, by how far apart they stand."""
    votes: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
    for places in _places(prints):
        for k, (left, at) in enumerate(places):
            for right, other in places[k + 1 :]:
                votes[left, right][other - at] += 1
    enough = {}
    for pair, shifts in votes.items():
        if pair[0] != pair[1] and shifts.total() >= _FEWEST_VOTES:
            enough[pair] = shifts
    return enough


def _places(prints: Sequence[Fingerprint]) -> Iterator[list[tuple[int, int]]]:
    """Recording and step of all steps that have equal bits, for each value that stands twice."""
    if not any(map(len, prints)):
        return
    owners = np.repeat(np.arange(len(prints)), [len(each) for each in prints])
    steps = np.concatenate([np.arange(len(each)) for each in prints])
    bits = np.concatenate(list(prints))
    order = np.lexsort((steps, owners, bits))
    ends = np.flatnonzero(np.diff(bits[order])) + 1
    for group in np.split(order, ends):
        if 1 < len(group) <= _COMMON:
            yield list(zip(owners[group].tolist(), steps[group].tolist(), strict=True))


def _likeliest(shifts: Counter[int]) -> list[int]:
    """The distances with most votes, and their neighbours: encoders add a few milliseconds."""
    wanted: dict[int, None] = {}
    for shift, _ in shifts.most_common(3):
        wanted |= dict.fromkeys((shift, shift - 1, shift + 1))
    return list(wanted)


def _compared(prints: Sequence[Fingerprint], left: int, right: int, shift: int) -> SameRecording:
    first, second = prints[left], prints[right]
    if shift >= 0:
        second = second[shift:]
    else:
        first = first[-shift:]
    steps = min(len(first), len(second))
    if steps < _FEWEST_STEPS:
        return SameRecording(left, right, 1.0, 0.0)
    different = np.bitwise_count(first[:steps] ^ second[:steps]).mean() / (_BANDS - 1)
    covered = steps / max(len(prints[left]), len(prints[right]))
    return SameRecording(left, right, float(different), covered)
