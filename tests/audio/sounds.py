"""Sounds for tests: voice-like noise that is never the same twice for another seed."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import soundfile

from tunewell.audio.clips import Clip


def murmur(seed: int, *, seconds: float = 3.0, rate: int = 16_000, level: float = 0.3) -> Clip:
    """Noise that rises and falls like syllables, with partials that wander, within ``level``."""
    rng = np.random.default_rng(seed)
    moments = np.arange(round(seconds * rate)) / rate
    knots = np.arange(0, seconds + 0.2, 0.1)
    pitch = np.interp(moments, knots, rng.uniform(80, 260, len(knots)))
    loud = np.interp(moments, knots, rng.uniform(0.05, 1.0, len(knots)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros(len(moments))
    for partial in range(1, 24):
        strength = np.interp(moments, knots, rng.uniform(0, 1, len(knots))) / partial
        sound += strength * np.sin(partial * phase)
    sound = loud * sound + 0.01 * rng.normal(size=len(moments))
    return Clip((level * sound / np.abs(sound).max()).astype(np.float32), rate)


def encoded(clip: Clip, form: str = "WAV", subtype: str | None = None) -> bytes:
    """A recording as a file of this form."""
    held = io.BytesIO()
    soundfile.write(held, clip.samples, clip.rate, format=form, subtype=subtype)
    return held.getvalue()


def write(path: Path, clip: Clip) -> Path:
    """Write a recording; the suffix says the form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form = {".oga": "OGG", ".aif": "AIFF"}.get(path.suffix, path.suffix[1:].upper())
    path.write_bytes(encoded(clip, form))
    return path
