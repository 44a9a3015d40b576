"""``tunewell export``: a trained version as others load it."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, open_project, progress, show
from tunewell.cli.model import choose, copy_adapter
from tunewell.errors import UserError
from tunewell.store import Store
from tunewell.types import ModelVersion, Trained


class ExportFormat(StrEnum):
    """What to write."""

    ADAPTER = "adapter"
    MERGED = "merged"
    GGUF = "gguf"


class NumberType(StrEnum):
    """Type of the numbers in a GGUF file."""

    AUTO = "auto"
    F32 = "f32"
    F16 = "f16"
    BF16 = "bf16"
    Q8_0 = "q8_0"


def command(
    kind: Annotated[
        ExportFormat,
        typer.Argument(
            metavar="FORMAT",
            help="adapter (PEFT), merged (safetensors that need no PEFT) or gguf (llama.cpp).",
        ),
    ],
    target: Annotated[Path, typer.Argument(help="New folder, or new file for gguf.")],
    version: Annotated[
        str,
        typer.Option(help="A version, or the beginning of its name; the newest if omitted."),
    ] = "",
    outtype: Annotated[
        NumberType,
        typer.Option(help="Type of the numbers in a GGUF file."),
    ] = NumberType.AUTO,
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write a trained version for use elsewhere, with its model card."""
    _check_target(kind, target)
    with open_project(path) as project:
        store = project.store
        runs = store.runs(stage="train", status="finished")
        versions = [store.get_value(r.outputs["trained"], Trained).model for r in runs]
        chosen = choose(versions, version)
        with progress(f"export: writing {kind.value}", quiet=json):
            _write(store, chosen, kind, target, outtype)
    if json:
        written = {"format": kind.value, "path": str(target)}
        emit("export", {"version": chosen.id, "base": chosen.base, **written})
    else:
        show(f"{chosen.id} written to {target} ({kind.value}; base {chosen.base})")


def _check_target(kind: ExportFormat, target: Path) -> None:
    """What can be refused before the merging, which takes a while."""
    if target.exists():
        what = "file" if kind == ExportFormat.GGUF else "folder"
        raise UserError(f"{target} already exists", hint=f"name a new {what}")
    if kind == ExportFormat.GGUF:
        from tunewell.train.export.gguf import find_converter

        find_converter()


def _write(
    store: Store,
    chosen: ModelVersion,
    kind: ExportFormat,
    target: Path,
    outtype: NumberType,
) -> None:
    from tunewell.model.speech.weights import is_speech_model, weights_of
    from tunewell.train import merge
    from tunewell.train.export.gguf import to_gguf

    if kind == ExportFormat.GGUF and is_speech_model(chosen.recipe.model):
        raise UserError(
            f"{chosen.base} hears, and GGUF is for models of text",
            hint="--format merged writes a folder that whisper.cpp and CTranslate2 can convert",
        )
    adapter = store.files.open(chosen.adapter)
    if kind == ExportFormat.ADAPTER:
        copy_adapter(adapter, target)
    elif kind == ExportFormat.MERGED:
        merge(adapter, weights_of(chosen.recipe.model), target)
    else:
        name = f"{Path(chosen.base).name}-{chosen.id}"
        with tempfile.TemporaryDirectory(dir=store.root) as folder:
            merged = merge(adapter, weights_of(chosen.recipe.model), Path(folder) / "merged")
            to_gguf(merged, target, outtype=outtype.value, name=name)
