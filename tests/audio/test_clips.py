from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.audio.sounds import encoded, murmur, write
from tunewell.audio.clips import Clip, UnreadableClip, read_clip, wav_bytes
from tunewell.audio.facts import facts_of
from tunewell.audio.fingerprint import fingerprint, same_recordings


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".mp3", ".ogg", ".aiff"])
def test_a_recording_is_read_in_every_form(tmp_path: Path, suffix: str) -> None:
    clip = read_clip(write(tmp_path / f"a{suffix}", murmur(1)))
    assert clip.rate == 16_000
    assert clip.seconds == pytest.approx(3.0, abs=0.1)
    assert np.abs(clip.samples).max() == pytest.approx(0.3, abs=0.05)


def test_channels_are_averaged_and_rates_changed_without_changing_the_length() -> None:
    one = murmur(1, rate=44_100)
    both = Clip(np.stack([one.samples, -one.samples], axis=1), 44_100)
    mixed = read_clip(encoded(both))
    assert mixed.channels == 2
    assert np.abs(mixed.samples).max() < 1e-3
    assert one.at(16_000).seconds == pytest.approx(one.seconds, abs=1e-3)


def test_a_part_is_read_from_where_it_begins(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", murmur(1, seconds=5))
    whole = read_clip(path)
    part = read_clip(path, start_s=1.5, length_s=2.0)
    assert part.samples.tolist() == whole.samples[24_000:56_000].tolist()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "cannot be read"),
        (b"this is no sound at all, whatever its name says", "cannot be read"),
        (encoded(murmur(1), "FLAC")[:9_000], "cannot be read|declares"),
        (encoded(murmur(1))[:20_000], "cut off"),
        (encoded(Clip(np.zeros(0, np.float32), 16_000)), "declares"),
        (encoded(murmur(1, seconds=31)), "longer than 30 s"),
    ],
    ids=["empty", "text", "cut flac", "cut wav", "no samples", "too long"],
)
def test_what_cannot_be_heard_is_refused_by_name(data: bytes, said: str) -> None:
    with pytest.raises(UnreadableClip, match=said) as caught:
        read_clip(data)
    assert caught.value.hint


def test_half_a_minute_to_the_sample_is_not_too_long() -> None:
    assert read_clip(encoded(murmur(1, seconds=30))).seconds == 30.0


def test_a_wav_has_the_same_bytes_again_and_the_same_samples() -> None:
    clip = murmur(2)
    assert wav_bytes(clip) == wav_bytes(clip)
    assert np.abs(read_clip(wav_bytes(clip)).samples - clip.samples).max() < 1e-4


def test_silence_clipping_and_a_narrow_band_are_told_from_what_is_in_order() -> None:
    clip = murmur(3)
    loud = Clip(np.clip(clip.samples * 12, -1, 1), clip.rate)
    narrow = clip.at(8_000).at(16_000)
    quiet = Clip(clip.samples * 1e-4, clip.rate)

    fine = facts_of(clip)
    assert [fine.is_silent, fine.is_clipped, fine.is_narrow] == [False, False, False]
    assert facts_of(quiet).is_silent
    assert facts_of(Clip(np.zeros(16_000, np.float32), 16_000)).is_silent
    assert facts_of(loud).is_clipped
    assert facts_of(narrow).is_narrow
    assert not facts_of(clip.at(8_000)).is_narrow


def test_a_slow_sine_at_full_scale_is_not_clipped() -> None:
    moments = np.arange(32_000) / 16_000
    for pitch in (80, 100, 440):
        tone = Clip(np.sin(2 * np.pi * pitch * moments).astype(np.float32), 16_000)
        assert not facts_of(tone).is_clipped, pitch


@pytest.mark.parametrize("form", ["MP3", "OGG", "AIFF"])
def test_another_encoding_is_found_and_another_recording_is_not(form: str) -> None:
    clips = [murmur(seed) for seed in range(8)]
    again = read_clip(encoded(clips[5], form))
    found = same_recordings([fingerprint(clip) for clip in (*clips, again)])
    assert [(pair.left, pair.right) for pair in found] == [(5, 8)]
    assert found[0].covered > 0.9


def test_a_part_of_a_recording_is_found_with_how_much_it_covers() -> None:
    whole = murmur(1, seconds=8)
    part = Clip(whole.samples[32_000:80_000], whole.rate)
    [found] = same_recordings([fingerprint(whole), fingerprint(murmur(2)), fingerprint(part)])
    assert (found.left, found.right) == (0, 2)
    assert found.covered == pytest.approx(3 / 8, abs=0.1)


def test_too_short_recordings_have_no_fingerprint_and_no_copies() -> None:
    short = fingerprint(murmur(1, seconds=0.2))
    assert len(short) == 0
    assert same_recordings([short, short]) == []
    assert same_recordings([]) == []
