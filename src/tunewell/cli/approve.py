"""``tunewell approve``: somebody takes responsibility for the definition."""

from __future__ import annotations

from pathlib import Path

from tunewell.cli.common import AuthorOption, JsonOption, ProjectArgument, emit, open_project, show
from tunewell.people import Approvals
from tunewell.people.approvals import claim_approval, in_words
from tunewell.platforms import login_name
from tunewell.task import Gate, TaskFile


def command(
    path: ProjectArgument = Path(),
    author: AuthorOption = "",
    json: JsonOption = False,
) -> None:
    """Record that NAME approves the definition; changes undo it.

    Anybody at a shell can type any name, so this is a claim, recorded with the login name. Once
    somebody who answers to NAME has an account, only their signature in the app counts.
    """
    with open_project(path, lock="tunewell approve") as project:
        file = project.file
        found = claim_approval(project, author, login=login_name())
    if json:
        result = {
            "definition": file.definition,
            "approved": [one.name for one in found.done],
            "missing": found.missing,
            "claimed": [one.name for one in (*found.done, *found.claims) if not one.signed],
        }
        emit("approve", result)
    else:
        _show(file, author, found)


def _show(
    file: TaskFile,
    author: str,
    found: Approvals,
) -> None:
    task = file.spec.task
    show(f"recorded: {author} approves the definition of {task.name} ({file.definition[:12]}):")
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
        if gate.experiment:
            show(f"  gate      GO in experiment {gate.experiment}")
            continue
        show(f"  gate      {subject} {_limit(gate)}")
    if found.missing:
        show(f"still to approve: {', '.join(found.missing)}")
    else:
        show("nobody else has to approve")
    if found.claims:
        show(f"not counted: {in_words(found.claims)}; they have an account to sign with")
    show("this is a claim, not a signature: those are given in the app (tunewell serve)")


def _limit(gate: Gate) -> str:
    if gate.kind == "no_worse":
        return f"margin {gate.margin}"
    if gate.at_least is not None:
        return f">= {gate.at_least}"
    return f"<= {gate.at_most}"
