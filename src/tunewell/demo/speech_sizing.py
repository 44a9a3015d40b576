"""How long the speech demo trains, so that it ends in time on the machine at hand.

Everything that it does is counted in encodings of one recording, which is what is measured.
"""

from __future__ import annotations

import math
import time
from itertools import islice
from pathlib import Path
from typing import Final

LEAST_EPOCHS: Final = 1
MOST_EPOCHS: Final = 5
"""Ten were no better on new voices and worse on general speech."""

BESIDE_EPOCHS: Final = 1200
"""Encodings that take as long as all that is done once: reading, encoding, evaluating, the page."""

OF_EPOCH: Final = 120
"""Encodings that take as long as one epoch of both models, with all folds."""

TIMED: Final = 4
"""Recordings that are encoded to measure the machine."""


def epochs_in(seconds: float, encoding_s: float) -> int:
    """How many epochs fit, within `LEAST_EPOCHS` and `MOST_EPOCHS`.

    Args:
        seconds: For everything.
        encoding_s: Seconds that one recording takes to encode.
    """
    left = seconds / encoding_s - BESIDE_EPOCHS
    return min(MOST_EPOCHS, max(LEAST_EPOCHS, math.floor(left / OF_EPOCH)))


def seconds_of(epochs: int, encoding_s: float) -> float:
    """How long everything takes, about."""
    return encoding_s * (BESIDE_EPOCHS + OF_EPOCH * epochs)


def measured_encoding_s(recordings: Path) -> float:
    """Seconds that the embedded speech model takes to encode one recording of a folder.

    Raises:
        ModelError: The package with its weights is not installed.
    """
    from tunewell.model.speech.whisper import SpeechModel

    paths = {path.name: path for path in islice(sorted(recordings.glob("*.ogg")), TIMED + 1)}
    model = SpeechModel(clips=lambda name: paths[name])
    # The first one warms up.
    first, *others = paths
    model.encoded.get(first)
    began = time.perf_counter()
    for name in others:
        model.encoded.get(name)
    return (time.perf_counter() - began) / len(others)
