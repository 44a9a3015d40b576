"""Compressed files and archives: what is in them is read as if it lay beside them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from tunewell.curate.reading.source_record import SourceRecord, rejected

MAX_UNPACKED_BYTES = 64 << 30
"""What a file may hold once it is unpacked."""

_MOST_PACKED = 20
"""So many times the size of an archive may its text be."""

_STEP = 1 << 20
_HINT = "fetch or write the file again: it is cut off or damaged"

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
    written = 0
    with inner.open("wb") as out:
        try:
            with opened(path) as file:
                read = getattr(file, "read1", file.read)  # gives what is there before a cut
                while part := read(_STEP):
                    out.write(part)
                    written += len(part)
                    if written > MAX_UNPACKED_BYTES:
                        return "the file is too large once it is unpacked"
        except EOFError:
            return "the compressed file is cut off"
        except (OSError, zlib.error, lzma.LZMAError, ValueError) as error:
            return f"the compressed file is damaged: {error}"
    return ""


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
            for member in members:
                inner = Path(folder) / PurePosixPath(member.filename).name
                with archive.open(member) as file, inner.open("wb") as out:
                    shutil.copyfileobj(file, out)
                left -= member.file_size
                is_empty = False
                yield member.filename, read(inner)
                inner.unlink()
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError) as error:
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
