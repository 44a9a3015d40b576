from __future__ import annotations

import numpy as np
import pytest

from tests.audio.sounds import murmur
from tunewell.audio.clips import RATE, Clip, Samples
from tunewell.audio.damage import (
    at_speed,
    in_a_room,
    over_telephone,
    overdriven,
    power,
    snr_db,
    with_noise,
    with_voices,
    without_speech,
)
from tunewell.audio.facts import clipped_share


def chance(seed: int = 5) -> np.random.Generator:
    return np.random.default_rng(seed)


def rest(mixed: Clip, clip: Clip) -> tuple[Samples, Samples]:
    """The signal as it stands in a mixture, and the rest; the mixture may be quieter."""
    signal = clip.samples.astype(np.float64)
    best = 1.0
    for scale in np.linspace(0.3, 1.0, 1401):
        left = power(mixed.samples - scale * signal)
        if left < power(mixed.samples - best * signal):
            best = scale
    return (best * signal).astype(np.float32), (mixed.samples - best * signal).astype(np.float32)


@pytest.mark.parametrize("decibels", [20, 10, 0])
def test_noise_has_the_stated_ratio(decibels: int) -> None:
    clip = murmur(1)
    signal, noise = rest(with_noise(clip, decibels, chance()), clip)
    assert snr_db(signal, noise) == pytest.approx(decibels, abs=0.6)


@pytest.mark.parametrize("decibels", [10, 0])
def test_other_voices_have_the_stated_ratio_whatever_their_length_and_rate(decibels: int) -> None:
    clip = murmur(1)
    others = [murmur(2, seconds=1.0), murmur(3, seconds=5.0), murmur(4, rate=8_000, level=0.9)]
    signal, babble = rest(with_voices(clip, others, decibels), clip)
    assert snr_db(signal, babble) == pytest.approx(decibels, abs=0.6)


def test_babble_needs_other_voices() -> None:
    with pytest.raises(ValueError, match="at least one recording"):
        with_voices(murmur(1), [], 10)


def energy(clip: Clip, low: float, high: float) -> float:
    """Share of the energy in a band of tones."""
    spectrum = np.abs(np.fft.rfft(clip.samples)) ** 2
    tones = np.fft.rfftfreq(len(clip.samples), 1 / clip.rate)
    return float(spectrum[(tones >= low) & (tones <= high)].sum() / spectrum.sum())


def test_a_telephone_carries_its_band_alone() -> None:
    white = Clip((0.1 * chance().normal(size=3 * RATE)).astype(np.float32), RATE)
    assert energy(white, 4_000, 8_000) > 0.4
    heard = over_telephone(white)
    assert energy(heard, 300, 3_400) > 0.95
    assert energy(heard, 4_000, 8_000) < 1e-3
    assert energy(heard, 0, 200) < 1e-3


def decay_s(clip: Clip, begin_s: float) -> float:
    """Seconds until what was left at a moment is 60 dB weaker, from its first 20 dB (ISO 3382)."""
    tail = clip.samples[round(begin_s * clip.rate) :].astype(np.float64)
    left = np.cumsum(tail[::-1] ** 2)[::-1]
    levels = 10 * np.log10(left / left[0])
    weaker = np.searchsorted(-levels, [5, 25])
    return float(3 * (weaker[1] - weaker[0]) / clip.rate)


@pytest.mark.parametrize("seconds", [0.4, 1.0])
def test_a_room_echoes_for_the_stated_time(seconds: float) -> None:
    struck = np.zeros(2 * RATE, np.float32)
    struck[0] = 0.5
    heard = in_a_room(Clip(struck, RATE), seconds, chance())
    assert decay_s(heard, 0.01) == pytest.approx(seconds, rel=0.1)


def test_so_many_samples_are_clipped() -> None:
    cut = overdriven(murmur(1), 0.1)
    assert np.mean(np.abs(cut.samples) > 0.989) == pytest.approx(0.1, abs=0.005)
    assert clipped_share(cut.samples) > 0.01


@pytest.mark.parametrize("factor", [0.8, 1.25, 1.5])
def test_speed_changes_the_length_and_the_pitch(factor: float) -> None:
    moments = np.arange(2 * RATE) / RATE
    tone = Clip((0.3 * np.sin(2 * np.pi * 400 * moments)).astype(np.float32), RATE)
    played = at_speed(tone, factor)
    assert played.seconds == pytest.approx(2 / factor, abs=0.001)
    assert energy(played, 400 * factor - 5, 400 * factor + 5) > 0.98


def test_without_speech_nothing_of_the_speech_is_left() -> None:
    clip = murmur(1)
    silent = without_speech(clip, chance())
    assert len(silent.samples) == len(clip.samples)
    assert snr_db(clip.samples, silent.samples) == pytest.approx(30, abs=0.5)
    assert abs(np.corrcoef(clip.samples, silent.samples)[0, 1]) < 0.05


def test_changes_keep_length_limit_and_repeat_with_the_seed() -> None:
    clip = murmur(1, level=0.98)
    changed = [
        with_noise(clip, 0, chance()),
        with_voices(clip, [murmur(2)], 0),
        over_telephone(clip),
        in_a_room(clip, 0.8, chance()),
        overdriven(clip, 0.05),
    ]
    for each in changed:
        assert each.samples.shape == clip.samples.shape
        assert each.samples.dtype == np.float32
        assert np.abs(each.samples).max() <= 1.0
    again = with_noise(clip, 0, chance())
    assert again.samples.tolist() == changed[0].samples.tolist()
    assert with_noise(clip, 0, chance(6)).samples.tolist() != changed[0].samples.tolist()


def test_silence_stays_silence_and_nothing_becomes_infinite() -> None:
    silence = Clip(np.zeros(RATE, np.float32), RATE)
    for each in (
        with_noise(silence, 10, chance()),
        over_telephone(silence),
        in_a_room(silence, 0.5, chance()),
        overdriven(silence, 0.1),
    ):
        assert np.isfinite(each.samples).all()
