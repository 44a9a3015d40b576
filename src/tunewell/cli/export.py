"""``tunewell export``: a trained version as others load it."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, ProjectOption, emit, out, project
from tunewell.cli.model import choose, copy_adapter
from tunewell.errors import UserError
from tunewell.types import Trained


class Format(StrEnum):
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
        Format,
        typer.Argument(
            metavar="FORMAT",
            help="adapter (PEFT), merged (safetensors that need no PEFT) or gguf (llama.cpp).",
        ),
    ],
    target: Annotated[Path, typer.Argument(help="New folder, or new file for gguf.")],
    version: Annotated[
        str, typer.Option(help="A version (or the beginning of its name); the newest if left out.")
    ] = "",
    outtype: Annotated[
        NumberType, typer.Option(help="Type of the numbers in a GGUF file.")
    ] = NumberType.AUTO,
    path: ProjectOption = Path(),
    json: JsonOption = False,
) -> None:
    """Write a trained version for use elsewhere, with its model card."""
    from tunewell.model.weights import resolve
    from tunewell.train import merge
    from tunewell.train.export.gguf import find_converter, to_gguf

    if target.exists():
        raise UserError(
            f"{target} is already there",
            hint="name a new folder" if kind != Format.GGUF else "name a new file",
        )
    if kind == Format.GGUF:
        find_converter()  # before the merging, which takes a while
    with project(path) as (_, store):
        runs = store.runs(stage="train", status="finished")
        chosen = choose(
            [store.get_value(r.outputs["trained"], Trained).model for r in runs], version
        )
        adapter = store.files.open(chosen.adapter)
        if kind == Format.ADAPTER:
            copy_adapter(adapter, target)
        elif kind == Format.MERGED:
            merge(adapter, resolve(chosen.recipe.model), target)
        else:
            with tempfile.TemporaryDirectory(dir=store.root) as name:
                merged = merge(adapter, resolve(chosen.recipe.model), Path(name) / "merged")
                to_gguf(
                    merged,
                    target,
                    outtype=outtype.value,
                    name=f"{Path(chosen.base).name}-{chosen.id}",
                )
    if json:
        emit(
            "export",
            {"version": chosen.id, "base": chosen.base, "format": kind.value, "path": str(target)},
        )
    else:
        out.print(
            f"{chosen.id} written to {target} ({kind.value}; base {chosen.base})", markup=False
        )
