"""``tunewell model``: the base weights of the project, and the versions trained from them."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, note, open_project, show
from tunewell.cli.ports import check_port
from tunewell.cli.project_place import with_project
from tunewell.cli.verb_group import ShowsByDefault
from tunewell.errors import MissingExtraError, UserError
from tunewell.plurals import per_cent, plural
from tunewell.project import Project
from tunewell.review.human_changes import Recurrence
from tunewell.store import Store
from tunewell.types import ModelVersion, Run, Trained

if TYPE_CHECKING:
    from tunewell.model.local import LocalModel

app = typer.Typer(
    cls=ShowsByDefault,
    rich_markup_mode=None,
    help="Show the base weights in use and the versions, or serve them.",
)


def show_versions(
    version: Annotated[
        str,
        typer.Argument(help="A version, or the beginning of its name."),
    ] = "",
    export: Annotated[
        Path | None,
        typer.Option(help="Copy the version's PEFT adapter into this new folder."),
    ] = None,
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Show the base weights in use and the versions trained from them.

    Exports one for use elsewhere.
    """
    from tunewell.model.speech.weights import weights_of

    with open_project(path) as project:
        file, store = project.file, project.store
        runs = store.runs(stage="train", status="finished")
        versions = [store.get_value(r.outputs["trained"], Trained).model for r in runs]
        again = {
            version.id: _recurrence(store, run) for version, run in zip(versions, runs, strict=True)
        }
        if version or export:
            chosen = choose(versions, version)
            versions = [chosen]
            adapter = store.files.open(chosen.adapter)
            if export:
                copy_adapter(adapter, export)
                note(f"{chosen.id} copied to {export} (PEFT format; base {chosen.base})")
        weights = weights_of(file.spec.train.model)
    if json:
        base = {"name": weights.name, "digest": weights.digest, "source": weights.source}
        emit("model", {"base": base, "versions": versions, "recurrence": again})
        return
    show(f"base {weights.name}  {weights.digest[:12]}  {weights.source}")
    for one in versions:
        recipe = one.recipe
        show(
            f"{one.id}  rank {recipe.rank}, {per_cent(recipe.layers)} of the layers, "
            f"{plural(recipe.epochs, 'epoch')}, {plural(one.trained_on, 'row')}"
        )
        came_back = again[one.id]
        if came_back is not None and came_back.rate is not None:
            show(f"{'':{len(one.id)}}  corrected errors that come back: {came_back.rate}")
    if not versions:
        note("no version has been trained yet\n\nhint: tunewell run")


def _recurrence(store: Store, train: Run) -> Recurrence | None:
    """Whether the version of a training makes corrected errors again; None if nobody looked."""
    for run in reversed(store.runs(stage="recurrence", status="finished")):
        if run.inputs.get("trained") == train.outputs["trained"]:
            return store.get_value(run.outputs["recurrence"], Recurrence)
    return None


def choose(versions: Sequence[ModelVersion], name: str) -> ModelVersion:
    """The newest version whose name begins so.

    Raises:
        UserError: There is none.
    """
    if not versions:
        raise UserError("no version has been trained yet", hint="tunewell run")
    found = [v for v in versions if v.id.startswith(name)]
    if not found:
        known = ", ".join(v.id for v in versions)
        raise UserError(
            f"no such model version: {name!r}; available: {known}", hint="tunewell model"
        )
    return found[-1]


def copy_adapter(adapter: Path, target: Path) -> None:
    """Copy a PEFT folder, whole or not at all.

    Raises:
        UserError: The target exists.
    """
    if target.exists():
        raise UserError(f"{target} already exists", hint="name a new folder")
    partial = target.with_name(target.name + ".partial")
    shutil.copytree(adapter, partial, dirs_exist_ok=True)
    partial.rename(target)


def serve(
    path: ProjectOption = Path(),
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.", min=0, max=65535)] = 8781,
    json: JsonOption = False,
) -> None:
    """Serve the base model and every version behind OpenAI's protocol.

    A request names a version by the beginning of its name, or the base model. For tests, the demo
    and small teams; there are no keys, so it listens on this machine only unless told otherwise.
    """
    try:
        import uvicorn

        from tunewell.gateway.model_app import ModelApp
    except ImportError as error:
        raise MissingExtraError("gateway", needed_for="tunewell model serve") from error

    check_port(host, port, verb="tunewell model serve")
    with open_project(path) as project:
        models = _servable(project)
    if json:
        emit("model serve", {"address": f"http://{host}:{port}/v1", "models": list(models)})
        sys.stdout.flush()
    else:
        note(f"Serving {', '.join(name[:12] for name in models)} at http://{host}:{port}/v1")
    uvicorn.run(
        ModelApp(models),
        host=host,
        port=port,
        ws="none",
        lifespan="on",
        log_level="critical",
        server_header=False,
    )


def _servable(project: Project) -> dict[str, LocalModel]:
    """The models by name: the newest version first, then the others, then the base."""
    from tunewell.model.local import LocalModel

    store = project.store
    base = LocalModel(project.spec.train.model)
    runs = store.runs(stage="train", status="finished")
    versions = [store.get_value(run.outputs["trained"], Trained).model for run in runs]
    models = {}
    for version in reversed(versions):
        adapter = store.files.open(version.adapter)
        models[version.adapter] = base.with_adapter(adapter, name=version.id)
    return {**models, base.name: base}


app.command("show")(with_project(show_versions))
app.command("serve")(with_project(serve))
