"""``tunewell autopsy``: a finished fine-tune made elsewhere, with its data where given."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, out
from tunewell.errors import EXIT_NO_GO
from tunewell.pitfalls import pitfall


def command(
    folder: Annotated[Path, typer.Argument(help="Output folder of a trainer: trainer_state.json, a PEFT adapter.")],
    data: Annotated[Path | None, typer.Option("--data", help="The rows that it was trained on.")] = None,
    eval: Annotated[  # the name of the option
        Path | None, typer.Option("--eval", help="The rows that it was evaluated on: finds leaks.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Say what went wrong with a finished fine-tune; exit 3 where something blocks its release."""
    from tunewell.evaluate.autopsy import autopsy

    findings = autopsy(folder)
    if data is not None:
        from tunewell.curate.doctor import doctor

        findings += doctor(data, eval=eval).findings
    blocked = any(f.blocking and f.status == "found" for f in findings)
    if json:
        emit("autopsy", {"folder": folder, "findings": findings}, verdict="NO-GO" if blocked else "GO")
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
