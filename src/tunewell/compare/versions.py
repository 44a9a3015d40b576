"""Which version stands behind an arm: the newest tuned one, or the one that serves."""

from __future__ import annotations

from typing import Final

from tunewell.compare.design import ArmKind
from tunewell.errors import UserError
from tunewell.releases import serving
from tunewell.store import Store
from tunewell.types import ModelVersion, Trained

PRODUCTION: Final = "production"
"""Place of the releases whose version is the arm ``production``."""


def arm_version(store: Store, kind: ArmKind) -> str:
    """The version that answers for an arm of this kind; empty where there is none to name.

    Raises:
        UserError: Nothing was trained, or nothing serves in production.
    """
    if kind == "tuned":
        return newest_tuned(store).adapter
    if kind == "production":
        release = serving(store, PRODUCTION)
        if release is None:
            raise UserError(
                "nothing serves in production yet",
                hint="compare with the prompted base model, or record the release first",
            )
        return release.version
    return ""


def newest_tuned(store: Store) -> ModelVersion:
    """The newest tuned version.

    Raises:
        UserError: Nothing has been trained yet.
    """
    run = store.last_run("train")
    if run is None or "trained" not in run.outputs:
        raise UserError("nothing has been trained in this project yet", hint="tunewell train")
    return store.get_value(run.outputs["trained"], Trained).model


def version_named(store: Store, name: str) -> ModelVersion:
    """The version with this adapter or id.

    Raises:
        UserError: It is not in this project.
    """
    for run in reversed(store.runs(stage="train", status="finished")):
        found = store.get_value(run.outputs["trained"], Trained).model
        if name in (found.adapter, found.id):
            return found
    raise UserError(f"the version {name[:12]} is not in this project", hint="tunewell model")
