"""What watching keeps of a project's traffic between two looks, beside the database.

Files of arrays, each named by a digest of what it was made from: the settings, the days that it
holds and how many records each of them had, and for what is held against a reference that reference
too. A file of other settings, or of days that have changed since, has another name and is never
read. Files are written whole or not at all, so a look that is killed leaves nothing wrong behind,
and the next one goes on from what is there.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from tunewell.disk import disk_errors, make_private
from tunewell.monitor.traffic_block import Block
from tunewell.stats.steps import PATHS, remember_years, remembered_years
from tunewell.store import Store
from tunewell.types import digest

FOLDER: Final = "watch"
VERSION: Final = 2
"""Of what is in the files: raised whenever their making changes."""


class LoadedBlock(Mapping[str, NDArray[Any]]):
    """A file of arrays, each read when it is first asked for.

    Args:
        path: The file.

    Raises:
        SafetensorError: It is not whole.
    """

    def __init__(
        self,
        path: Path,
    ) -> None:
        opened: Any = safe_open
        self._file = opened(path, framework="numpy")
        self._names = dict.fromkeys(sorted(self._file.keys()))
        self._texts = frozenset(self._file.metadata() or ())
        self._read: dict[str, NDArray[Any]] = {}

    def __getitem__(
        self,
        name: str,
    ) -> NDArray[Any]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            array: NDArray[Any] = self._file.get_tensor(name)
            if name in self._texts:
                array = array.view(f"S{array.shape[1]}")[:, 0]
            self._read[name] = array
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def __contains__(
        self,
        name: object,
    ) -> bool:
        return name in self._names


def _saved(arrays: Block) -> bytes:
    """Arrays as a file: texts as tables of their bytes."""
    tensors = {}
    texts = {}
    for name, array in arrays.items():
        whole = np.ascontiguousarray(array)
        if whole.dtype.kind == "S":
            width = max(whole.dtype.itemsize, 1)
            whole = whole.astype(f"S{width}").view(np.uint8).reshape(-1, width)
            texts[name] = "text"
        tensors[name] = whole
    made: bytes = save(tensors, metadata=texts)
    return made


class KeptBlocks:
    """The files of one project's watching.

    Args:
        store: Of the project.
        settings: What they depend on beside the traffic.
    """

    def __init__(
        self,
        store: Store,
        settings: object,
    ) -> None:
        self.folder = store.root / FOLDER
        self.settings = digest([VERSION, settings])
        self.used: set[str] = set()
        make_private(self.folder)

    def name(
        self,
        *parts: object,
    ) -> str:
        """The name of what is made from some things."""
        return digest([self.settings, *parts])[:40]

    def holds(
        self,
        name: str,
    ) -> bool:
        """Whether there is a file of a name, which may not be whole."""
        return self._path(name).exists()

    def read(
        self,
        name: str,
    ) -> Block | None:
        """The arrays of a name; None where they are not there, or not whole."""
        self.used.add(name)
        path = self._path(name)
        if not path.exists():
            return None
        try:
            return LoadedBlock(path)
        except (OSError, SafetensorError):
            return None

    def write(
        self,
        name: str,
        arrays: Block,
    ) -> None:
        """Keep arrays under a name, whole or not at all."""
        self.used.add(name)
        path = self._path(name)
        with disk_errors(path):
            handle, made = tempfile.mkstemp(dir=self.folder, suffix=".part")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(_saved(arrays))
                    file.flush()
                    os.fsync(file.fileno())
                Path(made).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(made).unlink()
                raise

    def read_or_make(
        self,
        name: str,
        make: Callable[[], Block],
    ) -> Block:
        """The arrays of a name; made and kept where they are not there, or not whole."""
        found = self.read(name)
        if found is None:
            found = make()
            self.write(name, found)
        return found

    def tidy(self) -> None:
        """Remove what was not used by this look: other settings, days as they were before."""
        for path in self.folder.glob("*"):
            if path.stem not in self.used:
                with contextlib.suppress(OSError):
                    path.unlink()

    def _path(
        self,
        name: str,
    ) -> Path:
        return self.folder / f"{name}.safetensors"


def recall_years(files: KeptBlocks) -> None:
    """Take up the simulated quiet years that earlier looks kept."""
    kept = files.read(_years_name())
    if kept is not None:
        marks = kept["names"].tolist()
        remember_years({mark.decode(): kept["largest"][i] for i, mark in enumerate(marks)})


def keep_years(files: KeptBlocks) -> None:
    """Keep the simulated quiet years for later looks, those of series by the day."""
    years = {name: largest for name, largest in remembered_years().items() if len(largest) == PATHS}
    if not years:
        return
    kept = files.read(_years_name())
    if kept is None or len(kept["names"]) < len(years):
        arrays = {
            "names": np.array([name.encode() for name in years], dtype=np.bytes_),
            "largest": np.array(list(years.values())).reshape(len(years), -1),
        }
        files.write(_years_name(), arrays)


def _years_name() -> str:
    return digest(["quiet years", VERSION, np.__version__])[:40]


def forget_kept(store: Store) -> None:
    """Remove all that watching keeps, such as after a person was erased from the traffic."""
    shutil.rmtree(store.root / FOLDER, ignore_errors=True)
