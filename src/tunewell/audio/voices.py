"""Whose voice it is: one voice under two names, and one name over two voices.

A voice is a point on a sphere (GE2E); two recordings of one person lie close together. The weights
are those of the package ``resemblyzer`` (Apache-2.0), read by torch as numbers alone; the package
itself is not imported.

Source:
    Wan, Wang, Papir & Moreno 2018, Generalized End-to-End Loss for Speaker Verification, ICASSP.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.audio.clips import RATE, Clip, Samples
from tunewell.errors import MissingExtraError, ModelError

Voice = NDArray[np.float32]
"""A point on the unit sphere, shape (256,)."""

PACKAGE_HINT: Final = "pip install --no-deps resemblyzer==0.1.4"

_WINDOW = 400
_HOP = 160
_BANDS = 40
_FRAMES = 160
_STRIDE = 80
_HIDDEN = 256
_LAYERS = 3

_LEVEL_DB = -30.0
"""Quieter recordings are raised to this level, as those were that the weights were made from."""

_QUIET_DB = 35.0
"""Frames this far below the loudest are pauses, and are left out."""

SAME_VOICE = 0.82
"""Similarity of two speakers' mean voices from which they are one person.

Of five readers of LibriSpeech no two are above .752, and two halves of one are never below .864
(three recordings each).
"""

OTHER_VOICE = 0.775
"""Similarity of a recording to its speaker's other recordings below which it is another person.

Own recordings of those readers are at .809 and above, another reader's at .750 and below.
"""

FEWEST_CLIPS = 3
"""Fewer recordings of a name do not tell its voice."""


class VoiceEncoder:
    """Turns recordings into voices.

    Raises:
        MissingExtraError: torch is not installed (the extra ``train``).
        ModelError: The weights are not there.
    """

    def __init__(self) -> None:
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("train", needed_for="Telling voices apart") from error

        path = weights_file()
        if path is None:
            raise ModelError("The weights that tell voices apart are not there.", hint=PACKAGE_HINT)
        stored = torch.load(path, map_location="cpu", weights_only=True)["model_state"]
        self._network = _network(
            {name: stored[name] for name in stored if "similarity" not in name}
        )

    def voice(self, clip: Clip) -> Voice | None:
        """The voice of a recording; None where less than half a second is spoken."""
        import torch

        frames = _mel(_spoken(clip.at(RATE).samples))
        if len(frames) < _FRAMES // 3:
            return None
        with torch.inference_mode():
            _, (hidden, _) = self._network["lstm"](torch.from_numpy(_windows(frames)))
            raw = torch.relu(self._network["linear"](hidden[-1])).numpy()
        lengths = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-9)
        return _mean(raw / lengths)


def weights_file() -> Path | None:
    """The weights inside the installed package ``resemblyzer``, or None; it is not imported."""
    spec = find_spec("resemblyzer")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(place) / "pretrained.pt"
        if path.is_file():
            return path
    return None


def _network(weights: Mapping[str, Any]) -> Any:
    import torch

    parts = {
        "lstm": torch.nn.LSTM(_BANDS, _HIDDEN, _LAYERS, batch_first=True),
        "linear": torch.nn.Linear(_HIDDEN, _HIDDEN),
    }
    network = torch.nn.ModuleDict(parts)
    network.load_state_dict(dict(weights))
    return network.eval()


def _spoken(samples: Samples) -> Samples:
    """The recording at a common level, without pauses."""
    whole = len(samples) // _HOP * _HOP
    if not whole:
        return samples
    frames = samples[:whole].reshape(-1, _HOP)
    levels = 10 * np.log10(np.maximum(np.mean(frames**2, axis=1), 1e-12))
    spoken = frames[levels > levels.max() - _QUIET_DB].ravel()
    level = 10 * np.log10(max(float(np.mean(spoken**2)), 1e-12))
    gain = 10 ** (max(0.0, _LEVEL_DB - level) / 20)
    raised: Samples = (spoken * gain).astype(np.float32)
    return raised


def _mel(samples: Samples) -> NDArray[np.float32]:
    """Power in 40 bands every 10 ms, shape (frames, bands)."""
    padded = np.pad(samples, _WINDOW // 2)
    if len(padded) < _WINDOW:
        return np.empty((0, _BANDS), np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP]
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(_WINDOW) / _WINDOW)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    bands: NDArray[np.float32] = (power @ _bands()).astype(np.float32)
    return bands


@functools.cache
def _bands() -> NDArray[np.float64]:
    """Triangles on Slaney's scale, each of area 1, shape (frequencies, bands)."""
    edges = _to_hz(np.linspace(_to_mel(0.0), _to_mel(RATE / 2), _BANDS + 2))
    places = np.linspace(0, RATE / 2, _WINDOW // 2 + 1)[:, np.newaxis]
    rising = (places - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - places) / (edges[2:] - edges[1:-1])
    bands: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return bands * 2 / (edges[2:] - edges[:-2])


_LINEAR_HZ = 200 / 3
_LOG_FROM = 15.0
_LOG_STEP = np.log(6.4) / 27


def _to_mel(hz: float) -> float:
    """Slaney's scale: linear up to 1,000 Hz, then logarithmic."""
    if hz < 1_000:
        return hz / _LINEAR_HZ
    return _LOG_FROM + float(np.log(hz / 1_000)) / float(_LOG_STEP)


def _to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    above = 1_000 * np.exp(_LOG_STEP * (mel - _LOG_FROM))
    found: NDArray[np.float64] = np.where(mel < _LOG_FROM, mel * _LINEAR_HZ, above)
    return found


def _windows(frames: NDArray[np.float32]) -> NDArray[np.float32]:
    """Windows of 1.6 s that overlap by half, the last one filled up, shape (windows, 160, 40)."""
    short = max(0, _FRAMES - len(frames))
    frames = np.pad(frames, ((0, short), (0, 0)))
    starts = list(range(0, len(frames) - _FRAMES + 1, _STRIDE))
    return np.stack([frames[start : start + _FRAMES] for start in starts])


@dataclass(frozen=True)
class SameVoice:
    """Two names that are one voice.

    Attributes:
        first: A name.
        second: Another one.
        similarity: Of their mean voices, in [-1, 1].
    """

    first: str
    second: str
    similarity: float


def same_voices(voices: Sequence[Voice], names: Sequence[str]) -> list[SameVoice]:
    """Names that are one voice, most similar first.

    Args:
        voices: One for each recording.
        names: The speaker of each; names with fewer than three recordings are not looked at.
    """
    means = {name: _mean(group) for name, group in _by_name(voices, names).items()}
    found = []
    for first, second in combinations(sorted(means), 2):
        similarity = float(means[first] @ means[second])
        if similarity >= SAME_VOICE:
            found.append(SameVoice(first, second, similarity))
    return sorted(found, key=lambda pair: -pair.similarity)


def other_voices(voices: Sequence[Voice], names: Sequence[str]) -> list[int]:
    """Places of recordings that are not the voice of the others of their name, in order."""
    totals = {name: group.sum(axis=0) for name, group in _by_name(voices, names).items()}
    found = []
    for place, (voice, name) in enumerate(zip(voices, names, strict=True)):
        if name in totals:
            rest = totals[name] - voice
            if float(voice @ rest) < OTHER_VOICE * float(np.linalg.norm(rest)):
                found.append(place)
    return found


def _by_name(voices: Sequence[Voice], names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    groups: dict[str, list[Voice]] = {}
    for voice, name in zip(voices, names, strict=True):
        groups.setdefault(name, []).append(voice)
    enough = {name: group for name, group in groups.items() if len(group) >= FEWEST_CLIPS}
    return {name: np.stack(group) for name, group in enough.items() if name}


def _mean(group: NDArray[np.float32]) -> Voice:
    mean = group.mean(axis=0)
    unit: Voice = mean / np.linalg.norm(mean)
    return unit
