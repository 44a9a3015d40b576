"""``tunewell watch anchors``: frozen rows that tell the model and the judge apart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    progress,
    show,
)
from tunewell.cli.verb_group import VerbGroup
from tunewell.errors import UserError
from tunewell.plurals import plural

if TYPE_CHECKING:
    from tunewell.model.base import Model
    from tunewell.monitor.anchors import AnchorReading, Scorer
    from tunewell.project import Project
    from tunewell.types import Example

app = typer.Typer(
    cls=VerbGroup,
    rich_markup_mode=None,
    help="Frozen rows that tell a changed model from a changed judge.",
)

UrlOption = Annotated[
    str,
    typer.Option("--url", help="OpenAI-compatible server of the model that serves."),
]
ModelOption = Annotated[
    str,
    typer.Option("--model", help="Its name there; without --url the newest version here."),
]
JudgeOption = Annotated[
    str,
    typer.Option("--judge", help="A judge among the metrics; the first one if left out."),
]


def freeze(
    path: ProjectOption = Path(),
    rows: Annotated[int, typer.Option(min=20, max=1_000, help="How many rows.")] = 100,
    url: UrlOption = "",
    model: ModelOption = "",
    judge: JudgeOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Freeze answers and verdicts on rows of the review pool; each is asked for twice."""
    from tunewell.model.base import GenerateOptions
    from tunewell.monitor.anchors import freeze_anchors
    from tunewell.monitor.kept_anchors import keep_anchors

    with open_project(path, lock="tunewell watch anchors") as project:
        chosen = anchor_rows(project, rows)
        scorer, name, version = scorer_of(project, judge)
        with progress("anchors: asking the model and the judge twice", quiet=json):
            anchors = freeze_anchors(
                chosen,
                model_of(project, url, model),
                now=dt.datetime.now(dt.UTC),
                score=scorer,
                judge=name,
                judge_version=version,
                options=GenerateOptions(max_new_tokens=project.spec.evaluate.max_new_tokens),
            )
        digest = keep_anchors(
            project.store,
            anchors,
            author=author,
        )
    if json:
        emit("watch anchors freeze", {"anchors": digest, "rows": len(anchors.rows), "judge": name})
        return
    show(
        f"{plural(len(anchors.rows), 'anchor')} frozen, answered by {anchors.model}: {digest[:12]}"
    )
    show(f"judged by {name}" if name else "no judge among the metrics: only the model is checked")


def run(
    path: ProjectOption = Path(),
    url: UrlOption = "",
    model: ModelOption = "",
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Ask the model and the judge again, and show which of them changed."""
    from tunewell.monitor.anchors import run_anchors
    from tunewell.monitor.kept_anchors import anchors_in_force, read_again

    with open_project(path, lock="tunewell watch anchors") as project:
        anchors, digest = anchors_in_force(project.store)
        scorer = scorer_of(project, anchors.judge)[0] if anchors.judge else None
        with progress("anchors: asking again", quiet=json):
            made = run_anchors(
                anchors,
                digest,
                now=dt.datetime.now(dt.UTC),
                model=model_of(project, url, model),
                score=scorer,
            )
        reading = read_again(
            project.store,
            made,
            anchors,
            author=author,
        )
    if json:
        emit("watch anchors run", reading)
        return
    _show(reading)


def _show(reading: AnchorReading) -> None:
    for name, test in (("model", reading.model), ("judge", reading.judge)):
        if test is None:
            show(f"{name}: not checked")
            continue
        word = "changed" if test.is_change else "as before"
        show(f"{name}: {word}: {test.what} (p = {test.p_value:.2g})")
    if reading.why_not:
        note(reading.why_not)


def anchor_rows(project: Project, count: int) -> list[Example]:
    """Rows to freeze: of the review pool, else of the test set, never trained on.

    Raises:
        UserError: There is no split yet.
    """
    from tunewell.people.candidates import candidates
    from tunewell.people.sample import draw
    from tunewell.types import Dataset, Split
    from tunewell.types.turns import named

    store = project.store
    split_run, data_run = store.last_run("split"), store.last_run("curate")
    if split_run is None or data_run is None:
        raise UserError("there is no split to take anchors from", hint="tunewell split")
    split = store.get_value(split_run.outputs["split"], Split)
    dataset = store.get_value(data_run.outputs["dataset"], Dataset)
    by_part: dict[str, list[str]] = {}
    for each in split.assignments:
        by_part.setdefault(each.part, []).append(each.id)
    ids = by_part.get("review", [])
    if len(ids) < count:
        ids = ids + by_part.get("test", [])
    pool = named(store.examples(dataset), ids)
    if not pool:
        raise UserError("no row outside training is there to freeze", hint="tunewell split")
    slices = [each.field for each in project.spec.slices]
    chosen = set(draw(candidates(pool, slices, {}), count, seed=0))
    return [row for row in pool if row.id in chosen]


def model_of(
    project: Project,
    url: str,
    name: str,
) -> Model:
    """The model that serves: behind an address, or the newest version of this project.

    Raises:
        UserError: An address without a name, or there is no version.
    """
    if url:
        from tunewell.model.endpoint import EndpointModel

        if not name:
            raise UserError("--url needs the model's name", hint="--model NAME")
        return EndpointModel(name, base_url=url)

    from tunewell.model.local import LocalModel
    from tunewell.model.weights import resolve
    from tunewell.types import Trained

    run = project.store.last_run("train")
    if run is None:
        raise UserError(
            "there is no trained version to ask", hint="--url and --model, or tunewell run"
        )
    version = project.store.get_value(run.outputs["trained"], Trained).model
    base = LocalModel(resolve(project.spec.train.model))
    return base.with_adapter(project.store.files.open(version.adapter))


def scorer_of(project: Project, name: str) -> tuple[Scorer | None, str, str]:
    """The judge as a function of (output, row) pairs, its name and version; (None, "", "") if none.

    It reads no reply that it gave before: a judge that remembers cannot be seen to change.

    Raises:
        UserError: There is no judge of that name.
    """
    from tunewell.metrics.base import Marked
    from tunewell.metrics.judge.metric import JudgeOptions, judge_metric

    judges = {
        spec.name: spec
        for spec in project.spec.metrics
        if spec.options.get("metric", spec.name) == "judge"
    }
    if name and name not in judges:
        known = ", ".join(judges) or "none"
        raise UserError(f"there is no judge {name!r} among the metrics", hint=f"known: {known}")
    if not judges:
        return None, "", ""
    chosen = judges[name] if name else next(iter(judges.values()))
    options = JudgeOptions.model_validate(
        {key: value for key, value in chosen.options.items() if key != "metric"}
    )

    def score(pairs: Sequence[tuple[str, Example]]) -> list[float | None]:
        judge = judge_metric(
            project.file,
            chosen.name,
            options,
            remember=False,
        )
        if judge.prepare is not None:
            judge.prepare(pairs, project.spec)
        found = [judge(output, row, task=project.spec) for output, row in pairs]
        return [value.value if isinstance(value, Marked) else None for value in found]

    version = judge_metric(project.file, chosen.name, options, remember=False).version
    return score, chosen.name, version


app.command("freeze")(freeze)
app.command("run")(run)
