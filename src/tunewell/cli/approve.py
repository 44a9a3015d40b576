"""``tunewell approve``: somebody takes responsibility for the definition."""

from __future__ import annotations

import shlex
from pathlib import Path

from tunewell.cli.common import AuthorOption, JsonOption, ProjectArgument, emit, open_project, show
from tunewell.errors import UserError
from tunewell.project import Project
from tunewell.task import Gate, TaskFile


def approvals(project: Project) -> tuple[list[str], list[str]]:
    """Who has approved the definition as it is now, and who has not yet."""
    file, store = project.file, project.store
    said = {event.author for event in store.said("approval", subject=file.definition)}
    needed = file.spec.people.approve
    return [n for n in needed if n in said], [n for n in needed if n not in said]


def command(
    path: ProjectArgument = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Approve the task definition as it is now; any later change needs a new approval."""
    with open_project(path, lock="tunewell approve") as project:
        file, store = project.file, project.store
        needed = file.spec.people.approve
        if author not in needed:
            raise _no_approver(author, file)
        record = {"task": file.spec.task.name}
        store.say("approval", file.definition, author=author, record=record)
        done, missing = approvals(project)
    if json:
        emit("approve", {"definition": file.definition, "approved": done, "missing": missing})
    else:
        _show(file, author, missing)


def _no_approver(author: str, file: TaskFile) -> UserError:
    needed = file.spec.people.approve
    if needed:
        hint = f"tunewell approve --as {shlex.quote(needed[0])}"
    else:
        hint = "name somebody in people.approve"
    return UserError(
        f"{author!r} is not among those who have to approve: {', '.join(needed)}",
        place=file.where("people.approve"),
        hint=hint,
    )


def _show(
    file: TaskFile,
    author: str,
    missing: list[str],
) -> None:
    task = file.spec.task
    show(f"{author} approves the definition of {task.name} ({file.definition[:12]}):")
    described = {
        "input": task.input,
        "output": task.output,
        "must": "; ".join(task.must),
        "must not": "; ".join(task.must_not),
    }
    for label, value in described.items():
        if value:
            show(f"  {label:9} {value}")
    for gate in file.spec.gates:
        subject = f"{gate.kind} of {gate.metric}"
        if gate.compare:
            subject = f"{gate.criterion} in comparison {gate.compare}"
        show(f"  gate      {subject} {_limit(gate)}")
    if missing:
        show(f"still to approve: {', '.join(missing)}")
    else:
        show("nobody else has to approve")


def _limit(gate: Gate) -> str:
    if gate.kind == "no_worse":
        return f"margin {gate.margin}"
    if gate.at_least is not None:
        return f">= {gate.at_least}"
    return f"<= {gate.at_most}"
