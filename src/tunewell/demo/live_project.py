"""Projects of the live demo, and versions whose answers are recorded and not generated."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tunewell.lineage import record
from tunewell.project import Project
from tunewell.releases import history, release
from tunewell.store import Store
from tunewell.task import parse_task
from tunewell.types import Estimate, ModelVersion, Recipe, Trained

PLACE = "production"


def open_project(folder: Path, definition: str) -> Project:
    """A project in a folder, its store open.

    Args:
        folder: Made if it is not there.
        definition: Text of its ``tunewell.yaml``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "tunewell.yaml"
    path.write_text(definition, encoding="utf-8")
    return Project(parse_task(definition, path=path, environment={}), Store(folder))


def put_version(
    store: Store,
    content: str,
    *,
    at: dt.datetime,
    rows: int,
    evidence: tuple[str, ...] = (),
) -> str:
    """Record a version and serve it, unless it is there; gives its digest.

    Args:
        store: Of the project.
        content: What tells it from other versions.
        at: When its data ended, UTC.
        rows: That it was trained on.
        evidence: What its release rests on.
    """
    adapter = store.files.put_folder({"recorded.txt": content.encode()})
    if not any(run.outputs.get("adapter") == adapter for run in store.runs(stage="train")):
        _record_training(store, adapter, at=at, rows=rows)
    if not any(each.version == adapter for each in history(store, PLACE)):
        reason = "a version of the live demo"
        release(store, PLACE, adapter, signed_by="demo", evidence=evidence, reason=reason)
    return adapter


def _record_training(store: Store, adapter: str, *, at: dt.datetime, rows: int) -> None:
    nothing = Estimate.exact(0.0, n=0, unit="nats/token")
    version = ModelVersion(
        id=adapter[:12],
        base="recorded answers",
        adapter=adapter,
        recipe=Recipe(),
        dataset="",
        split="",
        trained_on=rows,
    )
    trained = Trained(
        model=version, trace="", best_epoch=0.0, held_out_loss=nothing, train_loss=nothing
    )
    parameters = {"recorded": True, "data ended": at.isoformat()}
    with record(store, "train", inputs={}, parameters=parameters) as run:
        run.outputs |= {"trained": store.put_value(trained), "adapter": adapter}
    _date(store, adapter, at)


def _date(store: Store, adapter: str, at: dt.datetime) -> None:
    """Put the training at its moment in the replay."""
    for run in store.runs(stage="train", status="finished"):
        if run.outputs.get("adapter") == adapter:
            store.save_run(run.model_copy(update={"started": at}))
