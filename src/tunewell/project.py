"""A project: its definition and its store, opened together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tunewell.store import Store
from tunewell.task import TaskFile, TaskSpec, load_task


@dataclass(frozen=True)
class Project:
    """What every stage takes: what a good answer is, and where results are kept.

    Attributes:
        file: The definition, with the lines it stands on.
        store: The project's store.

    Example:
        >>> with Project.open(Path("my-project")) as project:  # doctest: +SKIP
        ...     print(project.spec.task.name)
        'desk'
    """

    file: TaskFile
    store: Store

    @classmethod
    def open(cls, path: Path, *, overrides: Sequence[str] = (), url: str = "") -> Self:
        """Read the definition and open the store beside it.

        Args:
            path: The folder that holds ``tunewell.yaml``, or the file.
            overrides: ``name=value`` pairs that stand above the file's.
            url: Of the database; SQLite in the project's folder if empty.

        Raises:
            UserError: There is no definition, or the store cannot be used.
            TaskError: The definition has faults.
        """
        file = load_task(path, overrides=overrides)
        return cls(file, Store(file.root, url=url))

    @property
    def spec(self) -> TaskSpec:
        """The definition's values."""
        return self.file.spec

    @property
    def root(self) -> Path:
        """The folder that holds ``tunewell.yaml``."""
        return self.file.root

    def close(self) -> None:
        """Give the database connections back."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
