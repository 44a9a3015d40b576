"""Weight files on disk: the cache folder, digests without torch, folders made by one process."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from tunewell.errors import ModelError
from tunewell.json_text import parse_json
from tunewell.platforms import lock_file

MANIFEST: Final = "tunewell.json"
LARGEST_HEADER_BYTES: Final = 100_000_000  # as the safetensors library itself
BLOCK_BYTES: Final = 4 << 20


def cache_folder() -> Path:
    """``$TUNEWELL_CACHE``, else ``$XDG_CACHE_HOME/tunewell``, else ``~/.cache/tunewell``."""
    if place := os.environ.get("TUNEWELL_CACHE"):
        return Path(place).expanduser()
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "tunewell"


# --- digests --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TensorOnDisk:
    """One tensor inside a safetensors file.

    Attributes:
        file: The file.
        dtype: As safetensors calls it (``BF16``).
        shape: Of the tensor.
        start: Its first byte in the file.
        size_bytes: Its length.
    """

    file: Path
    dtype: str
    shape: list[int]
    start: int
    size_bytes: int

    def blocks(self) -> Iterator[bytes]:
        """Its bytes, in blocks."""
        with self.file.open("rb") as file:
            file.seek(self.start)
            left = self.size_bytes
            while left:
                block = file.read(min(left, BLOCK_BYTES))
                yield block
                left -= len(block)


def tensors_in(path: Path) -> dict[str, TensorOnDisk]:
    """The tensors of a safetensors file by name; only its header is read.

    Raises:
        ModelError: The file is cut off or no safetensors file.
    """
    file_size = path.stat().st_size
    with path.open("rb") as file:
        header = _header(file, path, file_size)
        data_start = file.tell()

    header.pop("__metadata__", None)
    tensors: dict[str, TensorOnDisk] = {}
    data_end = data_start
    try:
        for name, entry in header.items():
            first, last = entry["data_offsets"]
            if not _is_plain(entry, first, last):
                raise _not_safetensors(path)
            tensors[name] = TensorOnDisk(
                file=path,
                dtype=entry["dtype"],
                shape=entry["shape"],
                start=data_start + first,
                size_bytes=last - first,
            )
            data_end = max(data_end, data_start + last)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_safetensors(path) from error
    if data_end != file_size:
        raise ModelError(
            f"'{path}' is cut off: its header promises another length.", hint="fetch it again"
        )
    return tensors


def _is_plain(entry: Any, first: Any, last: Any) -> bool:
    """Whether a tensor's entry has the types it should, and lies where a tensor can."""
    sizes = [first, last, *entry["shape"]]
    are_sizes = all(type(size) is int and size >= 0 for size in sizes)
    return are_sizes and first <= last and isinstance(entry["dtype"], str)


def _header(file: BinaryIO, path: Path, file_size: int) -> dict[str, Any]:
    """The JSON in front of the tensors, behind its length in eight bytes."""
    size = int.from_bytes(file.read(8), "little")
    largest = min(LARGEST_HEADER_BYTES, file_size)
    if not 2 <= size <= largest:
        raise _not_safetensors(path)
    try:
        header = parse_json(file.read(size))
    except ValueError as error:
        raise _not_safetensors(path) from error
    if not isinstance(header, dict):
        raise _not_safetensors(path)
    return header


def _not_safetensors(path: Path) -> ModelError:
    return ModelError(f"'{path}' is no safetensors file, or it is cut off.", hint="fetch it again")


def tensors_digest(folder: Path) -> str:
    """SHA-256 (hex) over name, type, shape and bytes of every tensor in a folder's safetensors."""
    tensors: dict[str, TensorOnDisk] = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= tensors_in(path)

    total = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        head = json.dumps([name, tensor.dtype, tensor.shape])
        total.update(head.encode())
        for block in tensor.blocks():
            total.update(block)
    return total.hexdigest()


def _stamp(path: Path) -> list[object]:
    """What changes when a file does: its path, size and time of change."""
    status = path.stat()
    return [str(path.resolve()), status.st_size, status.st_mtime_ns]


def _remembered(paths: list[Path], cache: Path, make: Callable[[], str]) -> str:
    """A digest of files, remembered under their paths, sizes and times of change."""
    stamps = [_stamp(path) for path in paths]
    text = json.dumps(stamps)
    key = hashlib.sha256(text.encode()).hexdigest()
    note = cache / "digests" / key
    try:
        return note.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        pass
    digest = make()
    try:
        note.parent.mkdir(parents=True, exist_ok=True)
        _replace_text(note, digest)
    except OSError:
        return digest  # a cache that cannot be written costs time only
    return digest


def digest_of(folder: Path, cache: Path) -> str:
    """`tensors_digest`, remembered in the cache as long as sizes and times of the files stay."""
    paths = sorted(folder.glob("*.safetensors"))
    return _remembered(paths, cache, lambda: tensors_digest(folder))


def file_digest(path: Path, cache: Path) -> str:
    """SHA-256 (hex) of one file, remembered likewise."""

    def make() -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    return _remembered([path], cache, make)


def _replace_text(path: Path, text: str) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(temporary, path)


# --- folders made once ----------------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file against other processes; waits for its turn.

    The lock ends with the process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        lock_file(file.fileno())
        yield


def build_once(folder: Path, make: Callable[[Path], None]) -> str:
    """Makes a folder of weights once, whole or not at all, and gives the digest of its tensors.

    ``make(target)`` fills a temporary folder beside the final one, which is then renamed; other
    processes wait. A folder whose files no longer have the sizes that were noted is made again.

    Raises:
        ModelError: The cache cannot be written, or whatever ``make`` raises.
    """
    if digest := _noted(folder):
        return digest
    try:
        with locked(folder.parent / f".{folder.name}.lock"):
            if digest := _noted(folder):
                return digest
            return _build(folder, make)
    except OSError as error:
        raise ModelError(
            f"The weights cannot be written to '{folder}': {error.strerror or error}.",
            hint="free some space there (about twice the size of the weights), "
            "or set TUNEWELL_CACHE to another folder",
        ) from error


def _build(folder: Path, make: Callable[[Path], None]) -> str:
    # We hold the lock: whoever made these was killed.
    for stale in folder.parent.glob(f".{folder.name}.making-*"):
        shutil.rmtree(stale, ignore_errors=True)
    prefix = f".{folder.name}.making-"
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        make(temporary)
        digest = tensors_digest(temporary)
        _write_manifest(temporary, digest)

        for path in temporary.iterdir():
            _flush(path)
            path.chmod(0o644)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return digest


def _write_manifest(folder: Path, digest: str) -> None:
    """Notes the digest, and every file's size, by which `_noted` knows that all is there."""
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    text = json.dumps({"digest": digest, "files": sizes}, indent=1)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _noted(folder: Path) -> str:
    """The digest noted in a finished folder whose files are all there; else empty."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        for name, size in manifest["files"].items():
            if (folder / name).stat().st_size != size:
                return ""
        return str(manifest["digest"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return ""
