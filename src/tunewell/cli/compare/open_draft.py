"""``tunewell compare open``: draft a comparison with its questions and the models' answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from pydantic import ValidationError

from tunewell.annotate import rows_of
from tunewell.cli.batches import accounts_named
from tunewell.cli.common import (
    AuthorOption,
    JsonOption,
    ProjectOption,
    emit,
    note,
    open_project,
    show,
)
from tunewell.cli.compare.arms import arm_of, fill_answers
from tunewell.cli.compare.options import (
    AlphaOption,
    EachOption,
    IccOption,
    LooksOption,
    NameArgument,
    PowerOption,
    TiesOption,
    WinRateOption,
)
from tunewell.compare import (
    BlindComparison,
    ComparisonBook,
    ComparisonDesign,
    prepared_questions,
    style_of_pairs,
)
from tunewell.errors import UserError
from tunewell.people import Accounts
from tunewell.project import Project
from tunewell.store import Store


def command(
    name: NameArgument,
    path: ProjectOption = Path(),
    arm: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND[=WHERE]",
            help="The candidate, then what it would replace: tuned, base, prompted, production, "
            "human, answers=FILE or endpoint=MODEL@URL. Twice.",
        ),
    ] = None,
    people: Annotated[
        list[str] | None,
        typer.Option("--to", metavar="ACCOUNT", help="Who rates. Repeatable."),
    ] = None,
    agents: Annotated[
        list[str] | None,
        typer.Option("--agent", metavar="ACCOUNT", help="Who answers for people. Repeatable."),
    ] = None,
    each: EachOption = 33,
    win_rate: WinRateOption = 0.65,
    icc: IccOption = 0.2,
    ties: TiesOption = 0.1,
    looks: LooksOption = 0,
    power: PowerOption = 0.8,
    alpha: AlphaOption = 0.05,
    questions: Annotated[
        Literal["prepared", "own"],
        typer.Option(help="Questions of the review pool, or raters' own."),
    ] = "prepared",
    due_hours: Annotated[
        float, typer.Option(help="Hours that a human agent has for an answer.", min=0.01)
    ] = 48.0,
    about: Annotated[str, typer.Option(help="What raters are asked to judge.")] = "",
    aa: Annotated[
        bool, typer.Option("--aa", help="Both arms are the same: a check of the procedure.")
    ] = False,
    after: Annotated[
        str, typer.Option(help="Name of an A/A comparison that has to be closed first.")
    ] = "",
    guesses: Annotated[
        int, typer.Option(help="Answers whose author each rater guesses at the end.", min=0)
    ] = 6,
    seed: Annotated[int, typer.Option(help="Of order and draw.", min=0)] = 0,
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Draft a comparison; nothing starts before an owner has signed it."""
    with open_project(path, lock="tunewell compare open") as project:
        raters = accounts_named(project.store, people)
        given: dict[str, Any] = {
            "name": name,
            "arms": _arms(project, arm or [], aa=aa),
            "raters": max(1, len(raters)),
            "each": each,
            "win_rate": win_rate,
            "icc": icc,
            "ties": ties,
            "looks": looks,
            "power": power,
            "alpha": alpha,
            "questions": questions,
            "due_hours": due_hours,
            "aa": aa,
            "after": after,
            "guesses": guesses,
            "seed": seed,
        }
        if about:
            given["about"] = about
        design = _design(given)
        answering = _with_role(project.store, agents, "agent")
        comparison = _draft(project, design, author=author, raters=raters, agents=answering)
        book = ComparisonBook(project.store)
        fill_answers(project, book, comparison)
        style = style_of_pairs(book.pairs(comparison), seed=seed)
    plan = design.plan()
    if json:
        result = {"comparison": comparison, "plan": plan, "enough": plan.enough, "style": style}
        emit("compare", result)
        return
    _show(comparison)
    show(f"power {plan.power:.2f} with {design.raters} raters; needed: {plan.needed}")
    if style.area:
        told = "gives the arms away" if style.gives_away else "does not clearly give them away"
        show(f"style alone {told}: area {style.area} (0.5 = not at all)")
    if not plan.enough:
        note(f"hint: the design cannot be signed; see tunewell compare plan --each {each}")


def _show(comparison: BlindComparison) -> None:
    design = comparison.design
    first, second = design.arms
    show(
        f"{design.name}: {first.name} against {second.name}, {design.raters} raters x "
        f"{design.each} verdicts, drafted as {design.version}"
    )
    show(f"tunewell compare sign {design.name} fixes it and opens it")


def _arms(project: Project, given: list[str], *, aa: bool) -> list[dict[str, str]]:
    if len(given) == 1 and aa:
        given = [*given, *given]
    if len(given) != 2:
        raise UserError(
            f"a comparison has two arms, {len(given)} were named",
            hint="--arm tuned --arm production",
        )
    arms = [arm_of(project, text) for text in given]
    if arms[0]["name"] == arms[1]["name"]:
        arms[1]["name"] += " again"
    return arms


def _design(given: dict[str, Any]) -> ComparisonDesign:
    try:
        return ComparisonDesign.model_validate(given)
    except ValidationError as error:
        faults = [fault["msg"].removeprefix("Value error, ") for fault in error.errors()]
        raise UserError("; ".join(faults), hint="tunewell compare open --help") from error


def _with_role(store: Store, names: list[str] | None, role: str) -> list[str]:
    found = accounts_named(store, names)
    accounts = Accounts(store)
    for account_id in found:
        account = accounts.by_id(account_id)
        if account is not None and account.role != role:
            raise UserError(
                f"{account.shown} has the role {account.role}; only the role {role} answers",
                hint="owners change roles on the page People",
            )
    return found


def _draft(
    project: Project,
    design: ComparisonDesign,
    *,
    author: str,
    raters: list[str],
    agents: list[str],
) -> BlindComparison:
    drawn = []
    if design.questions == "prepared":
        pool, families = rows_of(project.store, "review")
        slices = [part.field for part in project.spec.slices]
        drawn = prepared_questions(
            pool, families, slices=slices, count=design.each, seed=design.seed
        )
    book = ComparisonBook(project.store)
    return book.draft(design, author=author, raters=raters, agents=agents, questions=drawn)
