"""The versions of a project: what was trained on what, and what serves."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from tunewell import releases
from tunewell.store import Store
from tunewell.types import Dataset, ModelVersion, Run, Trained


@dataclass(frozen=True)
class TrainedVersion:
    """A version, and the run that trained it.

    Attributes:
        model: The version.
        run: That trained it; its start is when the version's data ended.
    """

    model: ModelVersion
    run: Run

    @property
    def at(self) -> dt.datetime:
        """When its data ended."""
        return self.run.started


def trained_versions(store: Store) -> dict[str, TrainedVersion]:
    """Every version by the digest of its adapter, the oldest first.

    A run that was taken over from an earlier one counts as of the earlier one's time.
    """
    found: dict[str, TrainedVersion] = {}
    for run in store.runs(stage="train", status="finished"):
        artifact = run.outputs.get("trained", "")
        if not store.files.has(artifact):
            continue
        model = store.get_value(artifact, Trained).model
        found.setdefault(model.adapter, TrainedVersion(model, run))
    return found


def newest_version(store: Store) -> TrainedVersion | None:
    """The version that was trained, or taken over, last."""
    run = store.last_run("train")
    if run is None:
        return None
    model = store.get_value(run.outputs["trained"], Trained).model
    return trained_versions(store).get(model.adapter)


def serving_version(store: Store, place: str) -> TrainedVersion | None:
    """The version that serves in a place, if it was trained in this project."""
    now = releases.serving(store, place)
    return trained_versions(store).get(now.version) if now else None


def dataset_of(store: Store, version: ModelVersion) -> Dataset | None:
    """The data that people gave for a version, without what was written by a model."""
    by_id = {}
    for run in store.runs(status="finished"):
        artifact = run.outputs.get("dataset", "")
        if run.stage in ("curate", "augmented-data") and store.files.has(artifact):
            dataset = store.get_value(artifact, Dataset)
            by_id[dataset.id] = (run.stage, dataset)
    stage, found = by_id.get(version.dataset, ("", None))
    if stage == "augmented-data" and found is not None:
        _, found = by_id.get(found.parent or "", ("", None))
    return found
