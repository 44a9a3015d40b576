"""Who has to agree, and what people are asked."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from tunewell.types import Value


class RubricCriterion(Value):
    """What people are asked about an answer.

    Attributes:
        name: Of the criterion, as gates name it.
        question: As people read it.
        scale: ``yes/no`` or ``1-5``.
        per_row: Field of the row that says what the question means for it (``tags.rubric``):
            people and judges read it beside the question. Judges leave out rows without it.
        signed: Whether the verdict is a sign-off: a yes (4 or 5 points) names the place in the
            source that bears it out, and it counts only as long as the guideline stays the same.
    """

    name: str
    question: str
    scale: Literal["yes/no", "1-5"] = "yes/no"
    # Criteria without it are stored and digested as they were before there was such a thing.
    per_row: str = Field(default="", exclude_if=lambda field: not field)
    signed: bool = False


class People(Value):
    """Who has to agree.

    Attributes:
        approve: Who must approve the definition (``tunewell approve --as NAME``) before E01 is
            clear.
        rubric: What reviewers are asked.
        raters: How many people see each row.
        minutes_per_verdict: For the estimate of effort.
        guideline: Text file that people work by, relative to tunewell.yaml; its digest is kept with
            every verdict.
        error_tags: Kinds of error that a reviewer may tick.
        span_labels: What annotators mark in the text (entities, arguments, conclusions).
        row_labels: Labels of a whole row, of which annotators choose one.
        looks: ``once`` = people's gates are read when the panel is done; ``any`` = their intervals
            hold at every look, so that a panel may be stopped as soon as a gate is settled. They
            are wider.
    """

    approve: tuple[str, ...] = ("owner",)
    rubric: tuple[RubricCriterion, ...] = ()
    raters: int = Field(default=2, ge=1)
    minutes_per_verdict: float = Field(default=1.0, gt=0)
    guideline: str = ""
    error_tags: tuple[str, ...] = ()
    span_labels: tuple[str, ...] = ()
    row_labels: tuple[str, ...] = ()
    looks: Literal["once", "any"] = "once"
