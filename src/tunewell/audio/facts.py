"""What can be said of a recording by itself: level, silence, clipping, bandwidth, fingerprint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tunewell.audio.clips import RATE, Clip, Samples
from tunewell.audio.fingerprint import Fingerprint, fingerprint

_FRAME_S = 0.02
_SPECTRUM = 1_024
_PAUSE_DB = 35.0
_FLOOR = 1e-6

SILENT_DB = -55.0
"""A recording whose loudest moments stay below this level holds nothing that can be heard."""

_LOUDEST = 99.0
"""Percentile of the levels of short frames that stands for the loudest moments."""

CLIPPED_SHARE = 1e-4
"""Share of the samples that stand at the recording's limit from which it is clipped."""

_STEP_OF_16_BITS = 4e-5
_LIMIT = 0.985
"""Share of the largest value that counts as the limit."""

_NARROW_HZ = 4_500.0
"""What a recording at 8 kHz, or over a telephone, cannot hold …"""

_NARROW_SHARE = 3e-5
"""… so that no more of the energy lies above."""


@dataclass(frozen=True)
class ClipFacts:
    """What a recording is like.

    Attributes:
        seconds: How long it is.
        rate: Samples a second of the file.
        channels: Of the file.
        form: What the file is, such as ``FLAC``.
        loudest_db: Level of the loudest moments, in decibels below full scale.
        clipped: Share of the samples that stand in plateaus at the limit, in [0, 1].
        spoken_s: Seconds that are not much quieter than the loudest moments.
        high: Share of the energy above 4.5 kHz, in [0, 1].
        print: What is compared to find copies (see `tunewell.audio.fingerprint`).
    """

    seconds: float
    rate: int
    channels: int
    form: str
    loudest_db: float
    clipped: float
    spoken_s: float
    high: float
    print: Fingerprint

    @property
    def is_silent(self) -> bool:
        """Whether nothing can be heard."""
        return self.loudest_db < SILENT_DB

    @property
    def is_clipped(self) -> bool:
        """Whether loud parts were cut off."""
        return self.clipped >= CLIPPED_SHARE

    @property
    def is_narrow(self) -> bool:
        """Whether a file of 16 kHz or more holds no more than a telephone carries."""
        return self.rate >= RATE and self.high < _NARROW_SHARE and not self.is_silent


def facts_of(clip: Clip) -> ClipFacts:
    """Look at a recording.

    Example:
        >>> moments = np.arange(16_000) / 16_000
        >>> tone = np.sin(2 * np.pi * 440 * moments).astype(np.float32)
        >>> facts = facts_of(Clip(tone * 0.5, 16_000))
        >>> round(facts.loudest_db), facts.is_clipped, facts.is_silent
        (-9, False, False)
    """
    samples = clip.samples
    levels = _levels_db(samples, clip.rate)
    loudest = float(np.percentile(levels, _LOUDEST))
    return ClipFacts(
        seconds=clip.seconds,
        rate=clip.rate,
        channels=clip.channels,
        form=clip.form,
        loudest_db=loudest,
        clipped=clipped_share(samples),
        spoken_s=float(np.count_nonzero(levels > loudest - _PAUSE_DB)) * _FRAME_S,
        high=_high_share(clip),
        print=fingerprint(clip),
    )


def _levels_db(samples: Samples, rate: int) -> NDArray[np.float64]:
    """Level of each frame of 20 ms, shape (frames,)."""
    length = max(1, round(_FRAME_S * rate))
    whole = len(samples) // length * length
    frames = samples[:whole].reshape(-1, length) if whole else samples[np.newaxis]
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, _FLOOR**2))
    return levels


def clipped_share(samples: Samples) -> float:
    """Share of the samples that stand in plateaus at the largest or smallest value, in [0, 1].

    A plateau has at least three samples in a row within 1.5 % of the limit whose values hardly
    differ by one step of 16 bits: a slow wave near its peak does not count.
    """
    limit = float(np.abs(samples).max(initial=0.0))
    if limit < _FLOOR or len(samples) < 3:
        return 0.0
    at_limit = np.abs(samples) >= _LIMIT * limit
    stands = np.abs(np.diff(samples)) <= _STEP_OF_16_BITS
    plateaus = stands[1:] & stands[:-1] & at_limit[1:-1]
    return float(np.count_nonzero(plateaus)) / len(samples)


def _high_share(clip: Clip) -> float:
    length = min(_SPECTRUM, len(clip.samples))
    frames = sliding_window_view(clip.samples, length)[::length]
    power = (np.abs(np.fft.rfft(frames * np.hanning(length), axis=1)) ** 2).sum(axis=0)
    first = int(_NARROW_HZ * length / clip.rate) + 1
    return float(power[first:].sum() / max(power.sum(), _FLOOR))
