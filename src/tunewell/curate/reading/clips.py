"""The recordings that rows name: found beside the rows, read whole, known by their digest."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import weakref
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tunewell.curate.reading.columns import Misfit
from tunewell.curate.reading.speech_files import BESIDE
from tunewell.curate.rows import clip as shortened
from tunewell.types.read_files import ReadFile

if TYPE_CHECKING:
    from tunewell.audio.facts import ClipFacts

_SUFFIXES = {"WAV": ".wav", "FLAC": ".flac", "OGG": ".ogg", "MP3": ".mp3", "AIFF": ".aiff"}
"""What files are called that were cut or stood in a table, by what they are."""


@dataclass(frozen=True)
class Part:
    """A part of a recording.

    Attributes:
        start_s: Seconds before it.
        length_s: Its seconds; 0 = to the end.
    """

    start_s: float = 0.0
    length_s: float = 0.0

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the recording."""
        return self == Part()


class _Spool:
    """A temporary folder that is removed with this object, or when the process ends."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tunewell-clips-"))
        weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)


@dataclass
class Clips:
    """Recordings that were read: where each lies, and what it is like.

    Attributes:
        paths: By digest, a file that holds just this recording.
        facts: By digest, what it is like.
        named: Files that a row named, readable or not.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    facts: dict[str, ClipFacts] = field(default_factory=dict)
    named: set[Path] = field(default_factory=set)
    _spools: list[_Spool] = field(default_factory=list)

    def take(self, other: Clips) -> None:
        """Take recordings that were read besides."""
        self.paths |= other.paths
        self.facts |= other.facts
        self.named |= other.named
        self._spools += other._spools

    def add(self, source: Path | bytes, part: Part) -> str:
        """Read a recording and give its digest.

        A part of a file, and what stands in a table, is written to a folder that goes with this
        object.

        Raises:
            Misfit: It cannot be read.
        """
        from tunewell.audio.clips import UnreadableClip, read_clip, wav_bytes
        from tunewell.audio.facts import facts_of

        try:
            found = read_clip(source, start_s=part.start_s, length_s=part.length_s)
        except UnreadableClip as error:
            raise Misfit(str(error), error.hint) from error
        if not part.is_whole:
            source, found = wav_bytes(found), replace(found, form="WAV")
        data = source if isinstance(source, bytes) else source.read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        if digest not in self.paths:
            name = f"{digest}{_SUFFIXES.get(found.form, '.wav')}"
            self.paths[digest] = self._kept(name, source)
            self.facts[digest] = facts_of(found)
        return digest

    def _kept(self, name: str, source: Path | bytes) -> Path:
        if isinstance(source, Path):
            return source
        if not self._spools:
            self._spools.append(_Spool())
        path = self._spools[0].folder / name
        path.write_bytes(source)
        return path


@dataclass
class ClipFinder:
    """Finds the recordings that the rows of one file name.

    A name leads nowhere but into the folder of the file, or the one that the user names: it is data
    and may say anything.

    Attributes:
        file: The file of rows.
        clips: Takes what is read.
        folder: Where the user says that the recordings lie; None = beside the file.
    """

    file: Path
    clips: Clips
    folder: Path | None = None
    _bytes: Counter[str] = field(default_factory=Counter)
    _counts: Counter[str] = field(default_factory=Counter)

    def read(self, value: object, part: Part) -> str:
        """The digest of the recording that a cell names or holds.

        Raises:
            Misfit: It is not there, or cannot be read.
        """
        source, size = self._source(value)
        try:
            digest = self.clips.add(source, part)
        except Misfit:
            self._count("lost", size)
            raise
        self._count("row", size)
        return digest

    def _count(self, what: str, size: int) -> None:
        self._bytes[what] += size
        self._counts[what] += 1

    def _source(self, value: object) -> tuple[Path | bytes, int]:
        """The recording, and how many bytes it has that are not in the file of rows."""
        if isinstance(value, dict):
            held = value.get("bytes")
            if isinstance(held, bytes):
                return held, 0
            value = value.get("path")
        if isinstance(value, bytes):
            return value, 0
        if not isinstance(value, str) or not value.strip():
            raise Misfit("the row names no recording", "leave the row out")
        path = self._path(value.strip())
        self.clips.named.add(path)
        return path, path.stat().st_size

    def _path(self, name: str) -> Path:
        """Where a recording lies: as named, else by the last parts of its name."""
        parts = [part for part in name.replace("\\", "/").split("/") if part not in ("", ".")]
        if ".." in parts:
            raise Misfit(
                f"the name of the recording leads out of its folder: {shortened(name, 80)}",
                "name recordings below the folder of the rows, or set data[].audio: FOLDER",
            )
        for first in range(len(parts)):
            tail = "/".join(parts[first:])
            for folder in self._folders():
                path = folder / tail
                if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
                    return path.resolve()
        raise Misfit(
            f"there is no recording {shortened(name, 120)}",
            "put it beside the rows, or say in which folder it is: data[].audio: FOLDER",
        )

    def _folders(self) -> list[Path]:
        if self.folder is not None:
            return [self.folder]
        return [self.file.parent / name for name in BESIDE]

    @property
    def has_read(self) -> bool:
        """Whether a row named a recording."""
        return self._counts.total() > 0

    def account(self, name: str) -> ReadFile | None:
        """What became of the bytes of the recordings; None where no row named a file."""
        if not self._bytes.total():
            return None
        return ReadFile(
            name=f"{shortened(name, 180)} (recordings)",
            rejects=self._counts["lost"],
            size=self._bytes.total(),
            row_bytes=self._bytes["row"],
            lost_bytes=self._bytes["lost"],
        )
