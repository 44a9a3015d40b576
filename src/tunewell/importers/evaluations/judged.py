"""Verdicts of a model: asked of people here, and of a model once one is named."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from tunewell.importers.blueprint import Blueprint, metric_name

Scale = Literal["yes/no", "1-5"]
LONGEST_QUESTION: Final = 2000
OPENAI: Final = "https://api.openai.com/v1"

WHY: Final = (
    "a model's verdict opens no gate before it has been held against people: it is asked of people"
)


@dataclass(frozen=True)
class NamedJudge:
    """The model that judges.

    Attributes:
        model: Its name; empty if nobody has named one.
        url: The server that it is behind; empty for weights on this machine.
    """

    model: str = ""
    url: str = ""


NOBODY: Final = NamedJudge()


def ask(
    plan: Blueprint,
    name: str,
    question: str,
    judge: NamedJudge,
    *,
    scale: Scale = "yes/no",
    per_row: str = "",
) -> str:
    """Add a question to people, and a model that answers it too; gives its name.

    Args:
        plan: The project in the making.
        name: Of the criterion.
        question: As people read it.
        judge: Who judges besides people; nobody if it has no name.
        scale: Of the answer.
        per_row: Field of the row that says what the question means for it.
    """
    named = _unused(plan, metric_name(name, otherwise="verdict"))
    asked = " ".join(question.split())[:LONGEST_QUESTION] or "Is the answer right?"
    own = {"per_row": per_row} if per_row else {}
    plan.rubric.append({"name": named, "question": asked, "scale": scale, **own})
    if judge.model:
        options: dict[str, Any] = {"metric": "judge", "model": judge.model}
        if judge.url:
            options["url"] = judge.url
        plan.metrics.append({"name": named, "options": options})
    else:
        plan.todo.append(
            f"name a judge for {named!r} if a model is to answer it too: import again with --judge "
            "MODEL (and --judge-url URL), or let people do: tunewell review"
        )
    return named


def _unused(plan: Blueprint, wanted: str) -> str:
    names = {each["name"] for each in plan.rubric} | {each["name"] for each in plan.metrics}
    name, number = wanted, 2
    while name in names:
        name, number = f"{wanted}_{number}", number + 1
    return name
