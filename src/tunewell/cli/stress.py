"""``tunewell stress``: the held-out rows as people really write and speak them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    out,
    progress,
    project,
)
from tunewell.errors import UserError
from tunewell.model.base import Model
from tunewell.types import Dataset, Split, Trained

_TOLD = {
    "kept": "(kept, people say)",
    "not kept": "(not label-preserving, people say: its failures do not count)",
    "inconclusive": "(INCONCLUSIVE: more verdicts are needed)",
    "not asked": "",
}


def command(
    path: ProjectArgument = Path(),
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this perturbation; may stand several times."),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(help="Which metric tells a failure.", show_default="that of the first gate"),
    ] = "",
    rows: Annotated[int, typer.Option(min=2, help="At most this many held-out rows.")] = 60,
    paraphraser: Annotated[
        str,
        typer.Option(
            "--paraphrase",
            metavar="MODEL",
            help="Also in other words, by this model: a name of weights, or NAME@URL.",
        ),
    ] = "",
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Perturb held-out rows in every way and compare the failure rate with that of the same rows as they are."""
    from tunewell.evaluate.stress import StressPlan, stress

    with project(path, overrides=overrides, lock="tunewell stress", wait=wait) as (file, store):
        runs = {name: store.last_run(name) for name in ("curate", "split", "train")}
        if runs["curate"] is None or runs["split"] is None:
            raise UserError("there are no held-out rows yet", hint="tunewell run")
        model = (
            store.get_value(runs["train"].outputs["trained"], Trained).model
            if runs["train"]
            else None
        )
        dataset = store.get_value(runs["curate"].outputs["dataset"], Dataset)
        split = store.get_value(runs["split"].outputs["split"], Split)
        with progress("stress", quiet=json) as bar:
            result = stress(
                dataset,
                split,
                model,
                file,
                store,
                plan=StressPlan(
                    kinds=kinds or (),
                    metric=metric,
                    max_rows=rows,
                    paraphraser=_opened(paraphraser),
                ),
                progress=bar,
            )
    if json:
        emit("stress", result)
        return
    out.print(
        f"{result.arm} on {len(result.rows)} rows; failure = {result.metric} beyond {result.passing:g}",
        markup=False,
    )
    for kind in sorted(result.kinds, key=lambda k: -k.increase.value):
        out.print(
            f"  {kind.name:16} {kind.clean.value:6.1%} -> {kind.stressed.value:6.1%}   "
            f"{kind.increase.value:+.1%} [{kind.increase.low:+.1%}, {kind.increase.high:+.1%}]  ({kind.rows} rows)",
            markup=False,
        )
        if kind.preserved is not None:
            out.print(
                f"  {'':16} the right answer stays: {kind.preserved} {_TOLD[kind.label]}",
                markup=False,
            )
    for name, why in result.skipped.items():
        out.print(f"  {name:16} left out: {why}", markup=False)


def _opened(name: str) -> Model | None:
    """The model that ``--paraphrase`` names."""
    if not name:
        return None
    from tunewell.metrics.judge import LazyModel

    model, _, url = name.partition("@")
    at_url = url.startswith(("http://", "https://"))
    return LazyModel(model if at_url else name, url if at_url else "")
