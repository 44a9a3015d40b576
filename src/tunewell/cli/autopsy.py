"""``tunewell autopsy``: a finished fine-tune made elsewhere, with its data where given."""

from __future__ import annotations

import json as jsonlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import JsonOption, emit, progress, show
from tunewell.errors import EXIT_NO_GO, UserError
from tunewell.pitfalls import pitfall
from tunewell.types import Example, Finding

SHOWN_IN_ORDER = ("found", "clear", "unchecked")


def command(
    folder: Annotated[
        Path,
        typer.Argument(help="Output folder of a trainer: trainer_state.json, a PEFT adapter."),
    ],
    data: Annotated[
        Path | None,
        typer.Option("--data", help="The rows it was trained on."),
    ] = None,
    eval: Annotated[  # the name of the option
        Path | None,
        typer.Option("--eval", help="The rows it was evaluated on: finds leaks."),
    ] = None,
    base: Annotated[
        str,
        typer.Option(
            help="Base model (a folder, a name): opens the adapter on it to measure what it has "
            "memorised, what it has forgotten, and whether it beats a prompt. No other model is "
            "ever opened.",
        ),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Show what went wrong with a finished fine-tune.

    Exit code 3 if anything blocks its release.
    """
    with progress("autopsy: reading what is there", quiet=json):
        findings = _findings(
            folder,
            base=base,
            data=data,
            held_out=eval,
        )
    blocked = any(f.blocking and f.status == "found" for f in findings)
    if json:
        found = {"folder": folder, "findings": findings}
        emit("autopsy", found, verdict="NO-GO" if blocked else "GO")
    else:
        _show(findings)
        if data is None:
            show("its data was not checked: add --data FILE and --eval FILE")
    if blocked:
        raise typer.Exit(EXIT_NO_GO)


def _findings(
    folder: Path,
    *,
    base: str,
    data: Path | None,
    held_out: Path | None,
) -> list[Finding]:
    from tunewell.evaluate.autopsy import autopsy

    findings = autopsy(folder)
    if base:
        findings = _completed(findings, _of_the_model(folder, base, data, held_out))
        findings += _made_for_another(folder, base)
    if data is not None:
        from tunewell.curate.doctor import doctor

        findings += doctor(data, eval=held_out).findings
    return findings


def _completed(findings: Sequence[Finding], of_the_model: Sequence[Finding]) -> list[Finding]:
    """What the model itself shows takes the place of what its files alone could tell."""
    measured = {f.code for f in of_the_model if f.status != "unchecked"}
    kept = [f for f in findings if f.code not in measured]
    codes = {f.code for f in kept}
    return kept + [f for f in of_the_model if f.code not in codes]


def _made_for_another(folder: Path, base: str) -> list[Finding]:
    """That an adapter names another base than the one it was opened on: shapes alone fit."""
    from tunewell.evaluate.autopsy import adapter_in

    adapter = adapter_in(folder)
    if adapter is None:
        return []
    config = jsonlib.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))
    made_for = str(config.get("base_model_name_or_path") or "")
    if not made_for or _model_name(made_for) == _model_name(base):
        return []
    why = (
        f"The adapter was made for {made_for} and was opened on {base}: the shapes fit, but "
        "whether it is the same model is not known."
    )
    return [Finding(code="T07", status="unchecked", stage="autopsy", why=why)]


def _model_name(model: str) -> str:
    """The last part of a path or hub name, without a revision."""
    return model.rstrip("/").rpartition("/")[2].partition("@")[0].casefold()


def _show(findings: Sequence[Finding]) -> None:
    shown = [f for f in findings if f.status in SHOWN_IN_ORDER]
    for finding in sorted(shown, key=lambda f: SHOWN_IN_ORDER.index(f.status)):
        name = pitfall(finding.code).name
        show(f"{finding.status:9} {finding.code} {name}: {finding.why}")
        if finding.remedy:
            show(f"          remedy: {finding.remedy}")


def _of_the_model(
    folder: Path,
    base: str,
    data: Path | None,
    held_out: Path | None,
) -> list[Finding]:
    """What the model itself shows, opened on its base."""
    from tunewell.evaluate.autopsy import adapter_in, autopsy_model
    from tunewell.model.local import LocalModel
    from tunewell.model.weights import resolve

    adapter = adapter_in(folder)
    if adapter is None:
        raise UserError(f"{folder} has no PEFT adapter to open on {base}", hint="omit --base")
    model = LocalModel(resolve(base))
    return autopsy_model(
        model,
        model.with_adapter(adapter),
        train=_rows(data),
        held_out=_rows(held_out),
    )


def _rows(path: Path | None) -> list[Example]:
    if path is None:
        return []
    from tunewell.curate.reading.read import ReadResult, read_source
    from tunewell.task import DataSource

    whole = path.resolve()
    batch = ReadResult()
    read_source(DataSource(path=str(whole)), root=whole.parent, batch=batch)
    return [row.example() for row in batch.rows]
