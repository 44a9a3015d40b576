"""Recordings as samples: one channel, numbers from -1 to 1, at the rate that speech models take."""

from __future__ import annotations

import io
from dataclasses import dataclass
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunewell.errors import MissingExtraError

if TYPE_CHECKING:
    from soundfile import SoundFile

Samples = NDArray[np.float32]

RATE = 16_000
"""Samples a second that speech models take."""

LONGEST_S = 30.0
"""Seconds of the longest recording that is read: a Whisper model hears no more at once."""

SUFFIXES = frozenset({".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aiff", ".aif", ".au"})
"""Suffixes of recordings that are read."""

OTHER_SUFFIXES = frozenset({".m4a", ".aac", ".wma", ".amr", ".webm", ".sph"})
"""Suffixes of recordings that are not read."""


class UnreadableClip(ValueError):
    """A recording that cannot be read.

    Args:
        why: The rule that it breaks.
        hint: What to do about it.
    """

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint


@dataclass(frozen=True)
class Clip:
    """A recording.

    Attributes:
        samples: One channel, from -1 to 1, shape (samples,).
        rate: Samples a second.
        channels: How many channels the file has; they are averaged.
        form: What the file is, such as ``FLAC``.
    """

    samples: Samples
    rate: int
    channels: int = 1
    form: str = ""

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> Clip:
        """The recording with so many samples a second.

        Example:
            >>> Clip(np.zeros(8_000, np.float32), 8_000).at(16_000).samples.shape
            (16000,)
        """
        if rate == self.rate:
            return self
        try:
            from scipy.signal import resample_poly
        except ImportError as error:
            raise MissingExtraError("speech", needed_for="Reading recordings") from error

        common = gcd(rate, self.rate)
        changed = resample_poly(self.samples, rate // common, self.rate // common)
        return Clip(changed.astype(np.float32), rate, self.channels, self.form)


def is_clip_name(name: str) -> bool:
    """Whether a file is a recording by its suffix.

    Example:
        >>> is_clip_name("a/b.FLAC"), is_clip_name("notes.txt")
        (True, False)
    """
    return Path(name).suffix.lower() in SUFFIXES | OTHER_SUFFIXES


def read_clip(source: Path | bytes, *, start_s: float = 0.0, length_s: float = 0.0) -> Clip:
    """Read a recording, or a part of it.

    Args:
        source: A file, or what stands in one.
        start_s: Seconds before the part that is wanted.
        length_s: Seconds of that part; 0 = to the end.

    Raises:
        UnreadableClip: It is missing, damaged, empty, of a kind that is not read, or too long.
        MissingExtraError: The extra ``speech`` is not installed.
    """
    try:
        import soundfile
    except ImportError as error:
        raise MissingExtraError("speech", needed_for="Reading recordings") from error

    if isinstance(source, Path) and not source.is_file():
        raise UnreadableClip(f"there is no recording {source.name}", _HINT_FOLDER)
    _require_whole_wav(source)
    opened: Any = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with soundfile.SoundFile(opened) as file:
            return _part(file, start_s, length_s)
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError) as error:
        said = str(error).rstrip(".").split(": ")[-1]
        raise UnreadableClip(f"the recording cannot be read: {said}", _HINT_CONVERT) from error


_HINT_FOLDER = "put it beside the file that names it, or say where it is: data[].audio: FOLDER"
_HINT_CONVERT = "save it again as WAV or FLAC, or leave the row out"
_HINT_CUT = "cut it into parts of up to 30 seconds, with the words of each"


def _require_whole_wav(source: Path | bytes) -> None:
    """Refuse a WAV file that says it is longer than it is: the library would read what is left.

    Raises:
        UnreadableClip: It was cut off.
    """
    if isinstance(source, bytes):
        head, size = source[:8], len(source)
    else:
        size = source.stat().st_size
        with source.open("rb") as file:
            head = file.read(8)
    said = int.from_bytes(head[4:], "little") + 8
    # Programs that write to a pipe cannot know the size and write the largest there is.
    if head.startswith(b"RIFF") and size + 1 < said < _UNKNOWN_SIZE:
        why = f"the recording is cut off: {size:,} of the {said:,} bytes that it declares"
        raise UnreadableClip(why, _HINT_CONVERT)


_UNKNOWN_SIZE = 0x7FFF_0000


def _part(file: SoundFile, start_s: float, length_s: float) -> Clip:
    rate = file.samplerate
    if start_s:
        file.seek(min(round(start_s * rate), file.frames))
    # One sample more than is allowed: what a header says of the length may be wrong.
    most = round(LONGEST_S * rate) + 1
    wanted = round(length_s * rate) if length_s else most
    read = file.read(min(wanted, most), dtype="float32", always_2d=True)
    if len(read) == most:
        raise UnreadableClip(f"the recording is longer than {LONGEST_S:.0f} s", _HINT_CUT)
    promised = min(wanted, file.frames - round(start_s * rate))
    if len(read) == 0 or len(read) < promised - rate // 10:
        held = f"{len(read) / rate:.1f} s of the {max(promised, 0) / rate:.1f} s"
        raise UnreadableClip(f"the recording holds {held} that it declares", _HINT_CONVERT)
    samples = read.mean(axis=1, dtype=np.float32)
    return Clip(samples, rate, file.channels, file.format)


def wav_bytes(clip: Clip) -> bytes:
    """A recording as a WAV file of 16 bits: the same samples give the same bytes."""
    import wave

    whole = np.clip(np.rint(clip.samples * 32_767), -32_768, 32_767).astype("<i2")
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(clip.rate)
        file.writeframes(whole.tobytes())
    return held.getvalue()
