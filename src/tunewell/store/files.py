"""Content-addressed files: written under a temporary name, fsynced, renamed, never edited.

A file is named by the SHA-256 of its bytes, a folder by the digest of its manifest. What a killed
process leaves behind is a temporary name that nobody reads and the next process sweeps.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

from tunewell.disk import disk_errors
from tunewell.errors import StoreError
from tunewell.types import digest as digest_of


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_manifest(folder: Path) -> dict[str, str]:
    """Relative name to SHA-256 of every file in a folder, sorted by name."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): file_digest(p) for p in files}


def fsync(path: Path) -> None:
    """Flush a file or a folder's entries to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class Files:
    """The artifacts of one project.

    Args:
        root: Folder that holds them; made if it is not there.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._temporary = root / "tmp"
        self._checked: set[str] = set()
        try:
            with disk_errors(root):
                self._temporary.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"cannot make {root}: {error.strerror}", hint="choose another folder"
            ) from error

    def path(self, digest: str) -> Path:
        """Where an artifact lies (whether or not it is there)."""
        folder = self.root / digest[:2]
        found = sorted(folder.glob(f"{digest}*")) if folder.is_dir() else []
        return found[0] if found else folder / digest

    def count(self) -> int:
        """How many artifacts there are."""
        folders = [folder for folder in self.root.iterdir() if folder != self._temporary]
        return sum(len(list(folder.iterdir())) for folder in folders if folder.is_dir())

    def has(self, digest: str) -> bool:
        """Whether an artifact is there and intact."""
        try:
            self.open(digest)
        except StoreError:
            return False
        return True

    def open(self, digest: str) -> Path:
        """Path of an artifact, its content checked against its name once per process.

        Raises:
            StoreError: It is missing or damaged.
        """
        path = self.path(digest)
        if not path.exists():
            raise StoreError(
                f"artifact {digest[:12]} is missing from {self.root}",
                hint="tunewell run makes it again",
            )
        if digest not in self._checked:
            actual = digest_of(folder_manifest(path)) if path.is_dir() else file_digest(path)
            if actual != digest:
                aside = self._temporary / f"damaged-{path.name}-{uuid.uuid4().hex[:8]}"
                os.replace(path, aside)
                raise StoreError(
                    f"artifact {digest[:12]} is damaged "
                    f"(its content has digest {actual[:12]}); moved to {aside}",
                    hint="tunewell run makes it again",
                )
            self._checked.add(digest)
        return path

    @contextlib.contextmanager
    def writing(self, suffix: str) -> Iterator[Path]:
        """A temporary path to write a file to; removed if it was not `keep`-ed."""
        path = self._temporary / f"{os.getpid()}-{uuid.uuid4().hex}{suffix}"
        try:
            with disk_errors(path):
                yield path
        finally:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def keep(self, temporary: Path) -> str:
        """Move a finished temporary file or folder to its place and give its digest."""
        with disk_errors(temporary):
            if temporary.is_dir():
                digest = digest_of(folder_manifest(temporary))
                for item in temporary.rglob("*"):
                    fsync(item)
            else:
                digest = file_digest(temporary)
            fsync(temporary)
            final = (
                self.root / digest[:2] / (digest + ("" if temporary.is_dir() else temporary.suffix))
            )
            final.parent.mkdir(exist_ok=True)
            if final.is_dir():
                shutil.rmtree(temporary)
            else:
                os.replace(temporary, final)
            fsync(final.parent)
        self._checked.add(digest)
        return digest

    def put_bytes(self, data: bytes, *, suffix: str = "") -> str:
        """Store bytes and give their digest."""
        with self.writing(suffix) as path:
            path.write_bytes(data)
            return self.keep(path)

    def put_file(self, source: Path, digest: str) -> None:
        """Store a copy of a file whose digest is known, if it is not there yet.

        Raises:
            StoreError: The file has changed since its digest was taken.
        """
        if self.has(digest):
            return
        with self.writing(source.suffix.lower()) as path:
            shutil.copyfile(source, path)
            if file_digest(path) != digest:
                raise StoreError(f"{source} changed while it was read", hint="run again")
            self.keep(path)

    def remove(self, digest: str) -> bool:
        """Delete a file for good, as somebody's erasure asks for; whether it was there."""
        path = self.path(digest)
        if not path.is_file():
            return False
        with disk_errors(path):
            path.unlink()
            fsync(path.parent)
        self._checked.discard(digest)
        return True

    def put_folder(self, files: Mapping[str, bytes]) -> str:
        """Store a folder of small files and give its digest."""
        with self.writing("") as path:
            for name, data in files.items():
                target = path / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            return self.keep(path)

    def sweep(self) -> None:
        """Remove what processes that are gone left behind."""
        for path in self._temporary.iterdir():
            owner = path.name.split("-", 1)[0]
            if owner.isdigit() and not Path(f"/proc/{owner}").exists():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink(missing_ok=True)
