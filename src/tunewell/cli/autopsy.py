"""``tunewell autopsy``: a finished fine-tune made elsewhere, with its data where given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, out
from tunewell.errors import EXIT_NO_GO, UserError
from tunewell.pitfalls import pitfall
from tunewell.types import Example, Finding


def command(
    folder: Annotated[
        Path, typer.Argument(help="Output folder of a trainer: trainer_state.json, a PEFT adapter.")
    ],
    data: Annotated[
        Path | None, typer.Option("--data", help="The rows that it was trained on.")
    ] = None,
    eval: Annotated[  # the name of the option
        Path | None, typer.Option("--eval", help="The rows that it was evaluated on: finds leaks.")
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            help="Base model (a folder, a name): the adapter is opened on it and asked what it knows by heart, what it "
            "has forgotten, and whether it beats a prompt. Only what this names is ever opened.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Say what went wrong with a finished fine-tune; exit 3 where something blocks its release."""
    from tunewell.evaluate.autopsy import autopsy

    findings = autopsy(folder)
    if base:
        asked = _ask(folder, base, data, eval)
        findings = [
            f for f in findings if f.code not in {a.code for a in asked if a.status != "unchecked"}
        ]
        findings += [a for a in asked if a.code not in {f.code for f in findings}]
    if data is not None:
        from tunewell.curate.doctor import doctor

        findings += doctor(data, eval=eval).findings
    blocked = any(f.blocking and f.status == "found" for f in findings)
    if json:
        emit(
            "autopsy",
            {"folder": folder, "findings": findings},
            verdict="NO-GO" if blocked else "GO",
        )
    else:
        for status in ("found", "clear", "unchecked"):
            for f in findings:
                if f.status == status:
                    out.print(f"{status:9} {f.code} {pitfall(f.code).name}: {f.why}", markup=False)
                    if f.remedy:
                        out.print(f"          remedy: {f.remedy}", markup=False)
        if data is None:
            out.print("its data were not looked at: --data FILE, --eval FILE", markup=False)
    if blocked:
        raise typer.Exit(EXIT_NO_GO)


def _ask(folder: Path, base: str, data: Path | None, held_out: Path | None) -> list[Finding]:
    """What the model itself shows, opened on its base."""
    from tunewell.evaluate.autopsy import adapter_in, autopsy_model
    from tunewell.model.local import LocalModel
    from tunewell.model.weights import resolve

    adapter = adapter_in(folder)
    if adapter is None:
        raise UserError(
            f"{folder} holds no PEFT adapter to open on {base}", hint="leave --base out"
        )
    model = LocalModel(resolve(base))
    return autopsy_model(
        model, model.with_adapter(adapter), train=_rows(data), held_out=_rows(held_out)
    )


def _rows(path: Path | None) -> list[Example]:
    if path is None:
        return []
    from tunewell.curate.read import ReadResult, read_source
    from tunewell.task import DataSource

    batch = ReadResult()
    read_source(DataSource(path=str(path.resolve())), root=path.resolve().parent, batch=batch)
    return [row.example() for row in batch.rows]
