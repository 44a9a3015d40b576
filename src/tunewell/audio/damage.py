"""What happens to sound on its way: noise, other voices, a telephone, a room, clipping, speed.

Every change has a stated strength, keeps the rate, and (but for speed) the length. NumPy and SciPy
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunewell.audio.clips import Clip, Samples
from tunewell.errors import MissingExtraError

TELEPHONE_HZ = (300.0, 3_400.0)
"""What a telephone line carries (ITU-T G.712)."""

_ORDER = 6
_PEAK = 0.99
_QUIET = 1e-9
_LATE_S = 0.003
"""Reflections begin so long after the direct sound."""

_FINEST = 100
"""Speeds are rounded to this fraction."""


def power(samples: NDArray[np.floating[Any]]) -> float:
    """Mean of the squares; 0 for nothing."""
    return float(np.mean(np.square(samples, dtype=np.float64))) if len(samples) else 0.0


def snr_db(signal: Samples, noise: Samples) -> float:
    """How much stronger a signal is than noise over the whole recording, in decibels.

    Example:
        >>> round(snr_db(np.full(4, 0.1, np.float32), np.full(4, 0.01, np.float32)))
        20
    """
    return float(10 * np.log10(max(power(signal), _QUIET) / max(power(noise), _QUIET)))


def with_noise(clip: Clip, decibels: float, rng: np.random.Generator) -> Clip:
    """A recording in noise whose energy falls towards high tones, as in rooms and streets.

    Args:
        clip: The recording.
        decibels: Signal-to-noise ratio over the whole recording.
        rng: Source of the noise.
    """
    length = len(clip.samples)
    spectrum = np.fft.rfft(rng.normal(size=length))
    tones = np.fft.rfftfreq(length, 1 / clip.rate)
    falling = np.fft.irfft(spectrum / np.sqrt(np.maximum(tones, 50.0)), length)
    return _mixed(clip, falling, decibels)


def with_voices(clip: Clip, others: Sequence[Clip], decibels: float) -> Clip:
    """A recording while other people speak: babble.

    Args:
        clip: The recording.
        others: What the others say; shorter ones are repeated.
        decibels: Signal-to-noise ratio over the whole recording.

    Raises:
        ValueError: There are no others.
    """
    if not others:
        raise ValueError("'others' must hold at least one recording. Got none.")
    length = len(clip.samples)
    babble = np.zeros(length)
    for other in others:
        voice = np.resize(other.at(clip.rate).samples, length)
        babble += voice / max(power(voice), _QUIET) ** 0.5
    return _mixed(clip, babble, decibels)


def _mixed(clip: Clip, noise: NDArray[np.floating[Any]], decibels: float) -> Clip:
    wanted = power(clip.samples) / 10 ** (decibels / 10)
    strength = (wanted / max(power(noise), _QUIET)) ** 0.5
    return _within(clip, clip.samples + strength * noise)


def over_telephone(clip: Clip, band_hz: tuple[float, float] = TELEPHONE_HZ) -> Clip:
    """A recording as a telephone carries it: a band of tones, and 8 bits (mu-law, ITU-T G.711)."""
    low, high = band_hz
    signal = _scipy_signal()
    high = min(high, 0.49 * clip.rate)
    band = signal.butter(_ORDER, (low, high), "bandpass", fs=clip.rate, output="sos")
    narrow = signal.sosfiltfilt(band, clip.samples)
    peak = max(float(np.abs(narrow).max(initial=0.0)), _QUIET)
    pressed = np.log1p(_MU * np.abs(narrow) / peak) / np.log1p(_MU)
    coded = np.rint(pressed * _STEPS) / _STEPS
    heard = np.sign(narrow) * np.expm1(coded * np.log1p(_MU)) / _MU * peak
    return _within(clip, signal.sosfiltfilt(band, heard))


_MU = 255.0
_STEPS = 127


def in_a_room(
    clip: Clip, seconds: float, rng: np.random.Generator, *, direct_db: float = 0
) -> Clip:
    """A recording in a room that echoes.

    Args:
        clip: The recording.
        seconds: Reverberation time: until the echo is 60 dB weaker.
        rng: Source of the echo, noise that decays.
        direct_db: How much stronger the direct sound is than the whole echo.

    Source:
        Polack 1988: an echo is noise that decays exponentially.
    """
    length = max(2, round(seconds * clip.rate))
    moments = np.arange(length) / clip.rate
    echo = rng.normal(size=length) * 10 ** (-3 * moments / seconds)
    echo[: round(_LATE_S * clip.rate)] = 0.0
    energy = max(float(np.square(echo).sum()), _QUIET)
    echo *= (10 ** (-direct_db / 10) / energy) ** 0.5
    echo[0] = 1.0
    heard = _scipy_signal().fftconvolve(clip.samples, echo)[: len(clip.samples)]
    before = max(power(clip.samples), _QUIET)
    return _within(clip, heard * (before / max(power(heard), _QUIET)) ** 0.5)


def overdriven(clip: Clip, share: float) -> Clip:
    """A recording whose loudest samples are cut off.

    Args:
        clip: The recording.
        share: Of the samples that stand at the limit, in (0, 1).
    """
    limit = float(np.quantile(np.abs(clip.samples), 1 - share))
    limit = max(limit, _QUIET)
    cut = np.clip(clip.samples, -limit, limit)
    return _with_samples(clip, cut * (_PEAK / limit))


def at_speed(clip: Clip, factor: float) -> Clip:
    """A recording played faster or slower, its pitch with it.

    Args:
        clip: The recording.
        factor: Above 1 is faster: the recording becomes so many times shorter.
    """
    speed = Fraction(factor).limit_denominator(_FINEST)
    played = _scipy_signal().resample_poly(clip.samples, speed.denominator, speed.numerator)
    return _within(clip, played)


def without_speech(clip: Clip, rng: np.random.Generator) -> Clip:
    """As long a recording in which nobody speaks: noise 30 dB below the speech."""
    silent = Clip(np.zeros_like(clip.samples), clip.rate)
    noise = with_noise(clip, _BACKGROUND_DB, rng).samples - clip.samples
    return _within(silent, noise)


_BACKGROUND_DB = 30.0


def _within(clip: Clip, samples: NDArray[np.floating[Any]]) -> Clip:
    """A recording with other samples, quieter as a whole where they exceed the limit."""
    peak = float(np.abs(samples).max(initial=0.0))
    quieter = min(1.0, _PEAK / max(peak, _QUIET))
    return _with_samples(clip, samples * quieter)


def _with_samples(clip: Clip, samples: NDArray[np.floating[Any]]) -> Clip:
    return Clip(samples.astype(np.float32), clip.rate, 1, "WAV")


def _scipy_signal() -> Any:
    try:
        from scipy import signal
    except ImportError as error:
        raise MissingExtraError("speech", needed_for="Changing recordings") from error
    return signal
