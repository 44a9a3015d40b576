"""``tunewell review``: how large a panel has to be, open one, read it, take its corrections."""

from __future__ import annotations

import json as json_library
from pathlib import Path
from typing import Annotated, Literal

import typer

from tunewell.cli.common import AuthorOption, JsonOption, ProjectOption, emit, out, project
from tunewell.errors import UserError
from tunewell.people import Accounts, AuditLog, Batch, WorkStore, reopen_sign_offs, sign_offs
from tunewell.people.judgements import SAME_ANSWER
from tunewell.people.signoff import sign_offs_csv
from tunewell.review import (
    PanelPlan,
    ReviewResult,
    arms_of,
    corrections,
    low_rated,
    near_rows,
    newest_evaluation,
    open_review,
    plan_panel,
    review_result,
)
from tunewell.store import Store, default_author
from tunewell.task import TaskFile

ReviewAction = Literal["plan", "open", "results", "corrections", "signoffs", "nearest"]


def command(
    action: Annotated[
        ReviewAction, typer.Argument(help="plan, open, results, corrections, signoffs or nearest.")
    ],
    path: ProjectOption = Path(),
    rows: Annotated[int, typer.Option(help="Rows to judge; as planned if 0.", min=0)] = 0,
    raters: Annotated[
        int, typer.Option(help="People per output; those of the definition if 0.", min=0)
    ] = 0,
    power: Annotated[float, typer.Option(help="Wanted probability of settling each gate.")] = 0.8,
    expected: Annotated[
        float | None, typer.Option(help="Expected true value, for the plan.")
    ] = None,
    people: Annotated[
        list[str] | None, typer.Option("--to", help="Name of an account that reviews.")
    ] = None,
    part: Annotated[
        Literal["test", "review"],
        typer.Option("--from", help="open: the test set's outputs, or the review pool's."),
    ] = "test",
    title: Annotated[str, typer.Option(help="What reviewers see.")] = "",
    output: Annotated[
        Path | None,
        typer.Option("--out", help="File for the corrections (JSONL) or sign-offs (CSV)."),
    ] = None,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """People judge outputs: plan the panel, open it, read what it found, take its corrections."""
    if not 0 < power < 1:
        raise UserError(f"--power lies between 0 and 1, got {power:g}")
    with project(path) as (file, store):
        if action == "plan":
            _plan(file, store, power, expected, raters, json)
        elif action == "open" and part == "review":
            _open_pool(
                file,
                store,
                rows or 50,
                raters,
                people or [],
                title,
                author or default_author(),
                json,
            )
        elif action == "open":
            _open(
                file,
                store,
                rows,
                raters,
                power,
                people or [],
                title,
                author or default_author(),
                json,
            )
        elif action == "nearest":
            _nearest(file, store, people or [], title, author or default_author(), json)
        elif action == "results":
            _results(store, json)
        elif action == "signoffs":
            _sign_offs(file, store, output, json)
        else:
            _corrections(store, output, json)


def _plan(
    file: TaskFile, store: Store, power: float, expected: float | None, raters: int, json: bool
) -> None:
    _, examples = newest_evaluation(store)
    plan = plan_panel(
        file.spec, available=len(examples), power=power, expected=expected, raters=raters or None
    )
    if json:
        emit("review", plan)
    else:
        _say_plan(plan)


def _say_plan(plan: PanelPlan) -> None:
    out.print(
        f"{plan.rows} rows x {plan.raters} people x outputs of {' and '.join(plan.arms)}: at most {plan.verdicts} "
        f"verdicts, {plan.hours:g} hours altogether",
        markup=False,
    )
    out.print(f"a gate is settled with {plan.power:.0%} probability by", markup=False)
    for need in plan.needs:
        out.print(f"  {need.gate}: {need.rows} rows, {need.why}", markup=False)
    if plan.short:
        out.print(
            f"only {plan.available} held-out rows: too few to be sure of {', '.join(plan.short)}",
            markup=False,
        )


def _open(
    file: TaskFile,
    store: Store,
    rows: int,
    raters: int,
    power: float,
    people: list[str],
    title: str,
    author: str,
    json: bool,
) -> None:
    evaluation, examples = newest_evaluation(store)
    plan = plan_panel(file.spec, available=len(examples), power=power, raters=raters or None)
    chosen = accounts_named(store, people)
    batch = open_review(
        store,
        file,
        evaluation,
        examples,
        author=author,
        arms=arms_of(file.spec, evaluation.arms),
        rows=rows or plan.rows,
        raters=raters or None,
        title=title,
    )
    _opened(store, batch, chosen, author, json)


def _opened(store: Store, batch: Batch, people: list[str], author: str, json: bool) -> None:
    seats = WorkStore(store).share(batch, people)
    AuditLog(store).add(
        author, "batch opened", batch.id, kind=batch.kind, title=batch.title, seats=seats
    )
    if json:
        emit(
            "review",
            {"batch": batch.id, "items": len(WorkStore(store).items(batch.id)), "seats": seats},
        )
    else:
        out.print(f"{batch.title}: batch {batch.id}, {seats} seats given", markup=False)
        out.print("tunewell serve opens the room; people find it in their queue", markup=False)


def _open_pool(
    file: TaskFile,
    store: Store,
    rows: int,
    raters: int,
    people: list[str],
    title: str,
    author: str,
    json: bool,
) -> None:
    """Let the newest model answer rows of the review pool and lay the answers before people."""
    from tunewell.annotate import rows_of
    from tunewell.cli.pool import pool_evaluation
    from tunewell.people.sample import SampleCandidate, draw

    chosen = accounts_named(store, people)
    examples, families = rows_of(store, "review")
    there = {e.id: e for e in examples}
    fields = [s.field for s in file.spec.slices]
    candidates = [
        SampleCandidate(
            id=e.id, strata=tuple(e.field(f) for f in fields), family=families.get(e.id, "")
        )
        for e in examples
    ]
    drawn = [there[name] for name in draw(candidates, rows)]
    evaluation = pool_evaluation(file, store, drawn, families)
    batch = open_review(
        store,
        file,
        evaluation,
        drawn,
        author=author,
        arms=evaluation.arms,
        rows=len(drawn),
        raters=raters or None,
        title=title,
        part="review",
    )
    _opened(store, batch, chosen, author, json)


def _nearest(
    file: TaskFile, store: Store, people: list[str], title: str, author: str, json: bool
) -> None:
    """Queue the training rows nearest to what was rated low and not corrected.

    They train nothing by themselves.
    """
    from tunewell.annotate import queue_near, rows_of

    chosen = accounts_named(store, people)
    batch = newest_batch(store, "review")
    low = low_rated(WorkStore(store), batch)
    training, families = rows_of(store, "train")
    names = near_rows(low, [(e.id, e.input) for e in training])
    made = queue_near(store, file, training, names, author=author, families=families, title=title)
    if made is not None:
        _opened(store, made, chosen, author, json)
    elif json:
        emit("review", {"batch": "", "items": 0, "seats": 0})
    else:
        out.print(
            f"{len(low)} items rated low and not corrected; no training row is near them or new",
            markup=False,
        )


def accounts_named(store: Store, names: list[str]) -> list[str]:
    """Ids of accounts by name.

    Raises:
        UserError: Nobody is called so.
    """
    found = []
    for name in names:
        account = Accounts(store).by_name(name)
        if account is None or not account.active:
            raise UserError(
                f"there is nobody called {name!r}", hint="tunewell serve, page People, makes links"
            )
        found.append(account.id)
    return found


def newest_batch(store: Store, kind: str) -> Batch:
    """The newest batch of a kind.

    Raises:
        UserError: There is none.
    """
    every = WorkStore(store).batches(kind=kind)
    batches = [
        b for b in every if [c.name for c in b.rubric] != [SAME_ANSWER]
    ]  # what `tunewell stress` reads
    if not batches:
        raise UserError(
            f"there is no {kind} batch in this project yet", hint=f"tunewell {kind} open"
        )
    return batches[0]


def _results(store: Store, json: bool) -> None:
    result = review_result(WorkStore(store), newest_batch(store, "review"))
    if json:
        emit("review", result)
    else:
        _say_results(result)


def _say_results(result: ReviewResult) -> None:
    out.print(
        f"{result.batch.title}: {result.verdicts} of {result.expected} verdicts", markup=False
    )
    for criterion in result.criteria:
        out.print(f"  {criterion.criterion.question}", markup=False)
        for arm, estimate in criterion.levels.items():
            out.print(f"    {arm:12} {estimate}", markup=False)
        if criterion.gain:
            out.print(f"    tuned - {criterion.against}: {criterion.gain}", markup=False)
        if criterion.agreement:
            shown = criterion.agreement.alpha or criterion.agreement.why
            out.print(f"    agreement (alpha): {shown}", markup=False)


def _sign_offs(file: TaskFile, store: Store, output: Path | None, json: bool) -> None:
    reopened = reopen_sign_offs(store, file)
    batch = newest_batch(store, "review")
    found = sign_offs(WorkStore(store), batch)
    if output:
        output.write_text(sign_offs_csv(found), encoding="utf-8")
    if json:
        emit("review", found)
        return
    if not batch.signed:
        out.print("no criterion is signed", markup=False)
        out.print("people: {rubric: [{name: accurate, question: '…', signed: true}]}", markup=False)
        return
    holds = sum(s.holds for s in found)
    out.print(
        f"{len(found)} sign-offs, {holds} hold{f', in {output}' if output else ''}", markup=False
    )
    if reopened:
        out.print(
            f"the guideline has changed: {sum(reopened.values())} are open again", markup=False
        )
    for s in found[:20]:
        state = "holds" if s.holds else "open again"
        quotes = " | ".join(q[:60] for q in s.quotes) or "no place named"
        line = (
            f"  {s.example}: {s.criterion} {s.value:g}, {s.signer}, {s.version} ({state}): {quotes}"
        )
        out.print(line, markup=False)


def _corrections(store: Store, output: Path | None, json: bool) -> None:
    _, examples = newest_evaluation(store)
    found = corrections(
        WorkStore(store), newest_batch(store, "review"), {e.id: e for e in examples}
    )
    if output:
        lines = [json_library.dumps(c.model_dump(mode="json"), ensure_ascii=False) for c in found]
        output.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    if json:
        emit("review", found)
    else:
        out.print(f"{len(found)} corrections{f' in {output}' if output else ''}", markup=False)
        if any(c.part == "test" for c in found):
            out.print(
                "those of test rows change the gold only and are never trained on", markup=False
            )
