"""``tunewell approve``: somebody takes responsibility for the definition."""

from __future__ import annotations

import shlex
from pathlib import Path

from tunewell.cli.common import AuthorOption, JsonOption, ProjectArgument, emit, out, project
from tunewell.errors import UserError
from tunewell.store import Store, default_author
from tunewell.task import TaskFile


def approvals(file: TaskFile, store: Store) -> tuple[list[str], list[str]]:
    """Who has approved the definition as it stands, and who has not yet."""
    said = {event.author for event in store.said("approval", subject=file.definition)}
    needed = file.spec.people.approve
    return [n for n in needed if n in said], [n for n in needed if n not in said]


def command(
    path: ProjectArgument = Path(), author: AuthorOption = "", json: JsonOption = False
) -> None:
    """Approve the definition of the task as it stands; a later change asks for it again."""
    with project(path, lock="tunewell approve") as (file, store):
        name = author or default_author()
        needed = file.spec.people.approve
        if name not in needed:
            raise UserError(
                f"{name!r} is not among those who have to approve: {', '.join(needed)}",
                place=file.where("people.approve"),
                hint=f"tunewell approve --as {shlex.quote(needed[0])}"
                if needed
                else "name somebody in people.approve",
            )
        store.say("approval", file.definition, author=name, record={"task": file.spec.task.name})
        done, missing = approvals(file, store)
    if json:
        emit("approve", {"definition": file.definition, "approved": done, "missing": missing})
        return
    task = file.spec.task
    out.print(
        f"{name} approves the definition of {task.name} ({file.definition[:12]}):", markup=False
    )
    for label, value in (
        ("goes in", task.input),
        ("comes out", task.output),
        ("must", "; ".join(task.must)),
        ("must not", "; ".join(task.must_not)),
    ):
        if value:
            out.print(f"  {label:9} {value}", markup=False)
    for gate in file.spec.gates:
        limit = f">= {gate.at_least}" if gate.at_least is not None else f"<= {gate.at_most}"
        shown = f"{gate.kind} of {gate.metric} {limit if gate.kind != 'no_worse' else f'margin {gate.margin}'}"
        out.print(f"  gate      {shown}", markup=False)
    out.print(
        f"still to approve: {', '.join(missing)}" if missing else "nobody else has to approve",
        markup=False,
    )
