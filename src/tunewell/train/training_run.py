"""How a stage that trains is recorded, and found again."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunewell.lineage import RunWriter, record, reuse, run_key
from tunewell.store import Store
from tunewell.types import Run


@dataclass(frozen=True)
class TrainingRun:
    """A stage that trains, as it is recorded: all that decides its result.

    Attributes:
        stage: Its name.
        inputs: Name to artifact digest.
        parameters: JSON-like values.
        seed: Of everything random.
    """

    stage: str
    inputs: Mapping[str, str]
    parameters: Mapping[str, Any]
    seed: int

    def finished(self, store: Store) -> Run | None:
        """A finished run of just this, if there is one."""
        return reuse(
            store,
            self.stage,
            inputs=self.inputs,
            parameters=self.parameters,
            seed=self.seed,
        )

    def record(self, store: Store) -> AbstractContextManager[RunWriter]:
        """Record it; see `tunewell.lineage.record`."""
        return record(
            store,
            self.stage,
            inputs=self.inputs,
            parameters=self.parameters,
            seed=self.seed,
        )

    def work(self, store: Store) -> Path:
        """Folder of its checkpoints, found again after a kill."""
        key = run_key(
            self.stage,
            inputs=self.inputs,
            parameters=self.parameters,
            seed=self.seed,
        )
        return store.root / "work" / key[:32]
