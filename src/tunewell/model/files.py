"""Weight files on disk: the cache folder, digests without torch, and folders made once by one process."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tunewell.errors import ModelError

MANIFEST: Final = "tunewell.json"


def cache_folder() -> Path:
    """``$TUNEWELL_CACHE``, else ``$XDG_CACHE_HOME/tunewell``, else ``~/.cache/tunewell``."""
    if place := os.environ.get("TUNEWELL_CACHE"):
        return Path(place).expanduser()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tunewell"


def safetensors_header(path: Path) -> tuple[dict[str, dict[str, Any]], int]:
    """The header of a safetensors file and the offset at which its data begins.

    Raises:
        ModelError: The file is cut off or no safetensors file.
    """
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 2 <= size <= min(100_000_000, path.stat().st_size):
            raise ModelError(
                f"'{path}' is no safetensors file, or it is cut off.", hint="fetch it again"
            )
        try:
            header = json.loads(file.read(size))
            ends = [v["data_offsets"][1] for k, v in header.items() if k != "__metadata__"]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(
                f"'{path}' is no safetensors file, or it is cut off.", hint="fetch it again"
            ) from error
    if 8 + size + max(ends, default=0) != path.stat().st_size:
        raise ModelError(
            f"'{path}' is cut off: its header promises another length.", hint="fetch it again"
        )
    return {k: v for k, v in header.items() if k != "__metadata__"}, 8 + size


def tensors_digest(folder: Path) -> str:
    """SHA-256 (hex) over name, type, shape and bytes of every tensor in a folder's safetensors files."""
    where: dict[str, tuple[Path, dict[str, Any], int]] = {}
    for path in sorted(folder.glob("*.safetensors")):
        header, start = safetensors_header(path)
        where.update({name: (path, entry, start) for name, entry in header.items()})
    total = hashlib.sha256()
    for name in sorted(where):
        path, entry, start = where[name]
        total.update(json.dumps([name, entry["dtype"], entry["shape"]]).encode())
        first, last = entry["data_offsets"]
        with path.open("rb") as file:
            file.seek(start + first)
            left = last - first
            while left:
                block = file.read(min(left, 1 << 22))
                total.update(block)
                left -= len(block)
    return total.hexdigest()


def _stamp(paths: list[Path]) -> list[list[object]]:
    return [[str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns] for p in paths]


def _remembered(paths: list[Path], cache: Path, make: Callable[[], str]) -> str:
    """A digest of files, remembered under their paths, sizes and times of change."""
    key = hashlib.sha256(json.dumps(_stamp(paths)).encode()).hexdigest()
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
    """`tensors_digest`, remembered in the cache while sizes and times of change of the files stay."""
    return _remembered(sorted(folder.glob("*.safetensors")), cache, lambda: tensors_digest(folder))


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


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a lock file against other processes; waits for its turn.

    The lock ends with the process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
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
            hint="free some space there (about twice the size of the weights), or set TUNEWELL_CACHE to another folder",
        ) from error


def _build(folder: Path, make: Callable[[Path], None]) -> str:
    for stale in folder.parent.glob(f".{folder.name}.making-*"):
        shutil.rmtree(stale, ignore_errors=True)  # we hold the lock: whoever made it was killed
    temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.making-", dir=folder.parent))
    try:
        make(temporary)
        digest = tensors_digest(temporary)
        sizes = {p.name: p.stat().st_size for p in sorted(temporary.iterdir())}
        (temporary / MANIFEST).write_text(
            json.dumps({"digest": digest, "files": sizes}, indent=1), encoding="utf-8"
        )
        for path in temporary.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
            path.chmod(0o644)
        temporary.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        os.rename(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return digest


def _noted(folder: Path) -> str:
    """The digest noted in a finished folder whose files are all there; else empty."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if all((folder / name).stat().st_size == size for name, size in manifest["files"].items()):
            return str(manifest["digest"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return ""
