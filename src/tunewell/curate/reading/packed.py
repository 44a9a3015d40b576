"""Compressed files and archives: what is in them is read as if it lay beside them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tunewell.curate.reading.source_record import SourceRecord, rejected
from tunewell.disk import disk_errors

MAX_UNPACKED_BYTES = 64 << 30
"""What a file may hold once it is unpacked."""

PLAIN_BYTES = 1 << 30
MOST_RATIO = 200
"""From `PLAIN_BYTES` on, a file that unpacks to more than so many times its size is a trap.

Rows of text become five to ten times as large, logs of nothing but repeats up to a hundred.
"""

DEEPEST = 3
"""How often a file may be packed within another; one that holds itself has no end."""

LONGEST_NAME = 100

_MOST_PACKED = 20
"""So many times the size of an archive may its text be, for what is taken to be lost of it."""

_STEP = 1 << 20
TOO_LARGE = "the file is too large once it is unpacked"
_HINT = "fetch or write the file again: it is cut off or damaged"

_ARCHIVE_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,
    OSError,
    RuntimeError,
    ValueError,
)
"""What `zipfile` answers a damaged archive with."""

Read = Callable[[Path], Iterator[SourceRecord]]


def _zstandard(path: Path) -> IO[bytes]:
    import pyarrow as pa

    stream: Any = pa.CompressedInputStream(pa.OSFile(str(path)), "zstd")
    return stream  # type: ignore[no-any-return]


_OPENERS: dict[str, Callable[[Path], Any]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".lzma": lzma.open,
    ".zst": _zstandard,
}
MAGIC = {
    b"\x1f\x8b": ".gz",
    b"BZh": ".bz2",
    b"\xfd7zXZ\x00": ".xz",
    b"\x28\xb5\x2f\xfd": ".zst",
}
"""How a compressed file begins."""


def compressed(path: Path, kind: str, read: Read) -> Iterator[SourceRecord]:
    """The records of a compressed file.

    Args:
        path: The file.
        kind: The suffix of its compression.
        read: Reads what is in it.
    """
    with tempfile.TemporaryDirectory(prefix="tunewell-") as folder:
        name = path.name.removesuffix(path.suffix) if path.suffix == kind else path.name
        name = name[-LONGEST_NAME:]
        inner = Path(folder) / (name or "rows")
        why = _unpack(path, _OPENERS[kind], inner)
        rows = 0
        if inner.stat().st_size:
            for record in read(inner):
                rows += 1
                yield record
        if why:
            # How much is lost nobody can say: as much as was read, at least.
            yield rejected(rows + 1, why, rows=max(1, rows), hint=_HINT)


def _unpack(path: Path, opened: Callable[[Path], Any], inner: Path) -> str:
    """Write what can be unpacked; why the rest cannot, empty if all could."""
    most = most_unpacked(path)
    with inner.open("wb", buffering=0) as out:
        try:
            with opened(path) as file:
                if _copy(file, out, inner, most) > most:
                    return TOO_LARGE
        except EOFError:
            return "the compressed file is cut off"
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            return f"the compressed file is damaged: {error}"
    return ""


def most_unpacked(path: Path) -> int:
    """Bytes that may come out of a packed file."""
    return min(MAX_UNPACKED_BYTES, max(PLAIN_BYTES, MOST_RATIO * path.stat().st_size))


def _copy(file: Any, out: IO[bytes], inner: Path, most: int) -> int:
    """Write what is unpacked until it is more than it may be; gives how much that was.

    Raises:
        StoreError: There is no room for it, which is no fault of the file.
    """
    written = 0
    read = getattr(file, "read1", file.read)  # gives what is there before a cut
    while written <= most and (part := read(_STEP)):
        with disk_errors(inner):
            out.write(part)
        written += len(part)
    return written


def is_archive(path: Path) -> bool:
    """Whether a ZIP file is an archive of files, not a document."""
    return path.suffix.lower() == ".zip"


def archived(path: Path, read: Read) -> Iterator[tuple[str, Iterator[SourceRecord]]]:
    """The name of each file in an archive, and its records."""
    size = path.stat().st_size
    left = 0
    is_empty = True
    try:
        with zipfile.ZipFile(path) as archive, tempfile.TemporaryDirectory() as folder:
            members = sorted(filter(_may_hold_rows, archive.infolist()), key=_name_of)
            left = sum(member.file_size for member in members)
            allowed = most_unpacked(path)
            for member in members:
                inner = Path(folder) / PurePosixPath(member.filename).name[-LONGEST_NAME:]
                with archive.open(member) as file, inner.open("wb", buffering=0) as out:
                    allowed -= _copy(file, out, inner, allowed)
                if allowed < 0:
                    yield "", iter((rejected(1, TOO_LARGE, size=size),))
                    return
                left -= member.file_size
                is_empty = False
                yield member.filename, read(inner)
                inner.unlink()
    except _ARCHIVE_FAULTS as error:
        why = f"the archive cannot be read: {error}"
        # A damaged archive may lie about the size of what is in it.
        lost = size if is_empty else min(max(0, left), _MOST_PACKED * size)
        yield "", iter((rejected(1, why, size=lost, hint=_HINT),))
        return
    if is_empty:
        yield "", iter((rejected(1, "the archive holds no files", size=size, hint=_HINT),))


def _name_of(member: zipfile.ZipInfo) -> str:
    return member.filename


def _may_hold_rows(member: zipfile.ZipInfo) -> bool:
    """Whether a member is a file of the user's, not one that an archiver adds."""
    name = PurePosixPath(member.filename)
    is_hidden = name.name.startswith(".") or "__MACOSX" in name.parts
    return not (member.is_dir() or is_hidden)
