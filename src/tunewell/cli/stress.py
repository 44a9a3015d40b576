"""``tunewell stress``: the held-out rows as people really write and speak them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewell.cli.common import (
    JsonOption,
    ProjectArgument,
    SetOption,
    WaitOption,
    emit,
    open_project,
    progress,
    show,
)
from tunewell.errors import UserError
from tunewell.model.base import Model
from tunewell.plurals import per_cent, plural
from tunewell.store import Store
from tunewell.types import Dataset, Estimate, ModelVersion, Split, Trained, Unscored

if TYPE_CHECKING:
    from tunewell.evaluate.stress import Endured, Stressed
    from tunewell.evaluate.stress.result import SeverityCurve

SAID_BY_PEOPLE = {
    "kept": "(kept, people say)",
    "not kept": "(not kept, people say: its failures do not count)",
    "inconclusive": "(INCONCLUSIVE: more verdicts are needed)",
    "not asked": "",
}


def command(
    path: ProjectArgument = Path(),
    kinds: Annotated[
        list[str] | None,
        typer.Option("--kind", help="Only this perturbation (noise, noise-10db …). Repeatable."),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            help="The metric that tells a failure.",
            show_default="that of the first gate",
        ),
    ] = "",
    rows: Annotated[int, typer.Option(min=2, help="At most this many held-out rows.")] = 60,
    paraphraser: Annotated[
        str,
        typer.Option(
            "--paraphrase",
            metavar="MODEL",
            help="Also paraphrase the rows with this model: a name of weights, or NAME@URL.",
        ),
    ] = "",
    overrides: SetOption = None,
    wait: WaitOption = False,
    json: JsonOption = False,
) -> None:
    """Perturb held-out rows and compare the failure rates.

    Each rate is compared with that of the same rows unchanged.
    """
    from tunewell.evaluate.stress import StressPlan, stress

    with open_project(
        path,
        overrides=overrides,
        lock="tunewell stress",
        wait=wait,
    ) as project:
        store = project.store
        dataset, split = _held_out(store)
        with progress("stress", quiet=json) as bar:
            result = stress(
                dataset,
                split,
                _newest_version(store),
                project,
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
    else:
        _show(result)


def _held_out(store: Store) -> tuple[Dataset, Split]:
    curated, divided = store.last_run("curate"), store.last_run("split")
    if curated is None or divided is None:
        raise UserError("there are no held-out rows yet", hint="tunewell run")
    dataset = store.get_value(curated.outputs["dataset"], Dataset)
    return dataset, store.get_value(divided.outputs["split"], Split)


def _newest_version(store: Store) -> ModelVersion | None:
    run = store.last_run("train")
    return store.get_value(run.outputs["trained"], Trained).model if run else None


def _show(result: Stressed) -> None:
    show(
        f"{result.arm} on {plural(len(result.rows), 'row')}; "
        f"failure = {result.metric} beyond {result.passing:g}"
    )
    for kind in sorted(result.kinds, key=lambda k: -k.increase.value):
        _show_kind(kind)
    for name, why in result.skipped.items():
        show(f"  {name:16} skipped: {why}")
    for curve in result.curves:
        _show_curve(curve)


def _show_curve(curve: SeverityCurve) -> None:
    show(f"{curve.kind}: {curve.about} Errors per word {_said(curve.clean)} without it.")
    for step in curve.steps:
        what = "words heard in" if isinstance(step.increase, Unscored) else "errors per word"
        show(f"  {step.step:16} {what} {_said(step.word_errors)}   more: {_said(step.increase)}")


def _said(figure: Estimate | Unscored) -> str:
    """A share in percent, or why there is none."""
    if isinstance(figure, Unscored):
        return f"unchecked ({figure.reason})"
    low, high = per_cent(figure.low, 1), per_cent(figure.high, 1)
    return f"{per_cent(figure.value, 1)} [{low}, {high}]"


def _show_kind(kind: Endured) -> None:
    gap = kind.increase
    low, high = (per_cent(end, 1, signed=True) for end in (gap.low, gap.high))
    show(
        f"  {kind.name:16} {per_cent(kind.clean.value, 1):>7} -> "
        f"{per_cent(kind.stressed.value, 1):>7}   {per_cent(gap.value, 1, signed=True)} "
        f"[{low}, {high}]  ({plural(kind.rows, 'row')})"
    )
    if kind.preserved is not None:
        said = SAID_BY_PEOPLE[kind.label]
        show(f"  {'':16} the right answer stays the same: {kind.preserved} {said}")


def _opened(name: str) -> Model | None:
    """The model that ``--paraphrase`` names."""
    if not name:
        return None
    from tunewell.metrics.judge.lazy_model import LazyModel

    model, _, url = name.partition("@")
    if url.startswith(("http://", "https://")):
        return LazyModel(model, url)
    return LazyModel(name, "")
