"""What people are asked in a batch, read and changed while it is open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response
from pydantic import ValidationError

from tunewell.errors import StoreError, UserError
from tunewell.people import Batch, Session
from tunewell.people.adjudicators import name_adjudicators
from tunewell.people.questions import Questions, ask_anew
from tunewell.task import RubricCriterion
from tunewell.web.access import Maker, MakerForm
from tunewell.web.context import context_of
from tunewell.web.manage import known_batch, show_batch
from tunewell.web.plain_form import FormFields, form_fields
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

NEW = 2
"""Empty lines for further questions."""


@router.get("/batches/{name}/questions")
def questions_page(request: Request, name: str, session: Maker) -> Response:
    """What people are asked in a batch, and the form that changes it."""
    batch = known_batch(context_of(request), name)
    return _questions(request, session, batch, Questions.of(batch))


def _questions(
    request: Request,
    session: Session,
    batch: Batch,
    asked: Questions,
    *,
    error: UserError | None = None,
) -> Response:
    context = context_of(request)
    people = context.file.spec.people
    file_asks = Questions(
        guideline=batch.guideline,
        rubric=people.rubric,
        error_tags=people.error_tags,
        span_labels=people.span_labels,
        row_labels=people.row_labels,
    )
    return page(
        request,
        "questions.html",
        session,
        status=400 if error else 200,
        batch=batch,
        asked=asked,
        new=range(len(asked.rubric), len(asked.rubric) + NEW),
        guideline_file=people.guideline,
        differs=_differences(Questions.of(batch), file_asks, batch),
        fault=context.definition_fault,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


def _differences(here: Questions, there: Questions, batch: Batch) -> list[str]:
    """What the definition would ask otherwise in a batch of this kind."""
    names = ["rubric", "error_tags"] if batch.kind == "review" else ["span_labels", "row_labels"]
    return [name for name in names if getattr(here, name) != getattr(there, name)]


@router.post("/batches/{name}/questions")
async def change(request: Request, name: str, session: MakerForm) -> Response:
    """Ask something else from now on."""
    fields = await form_fields(request)
    return await run_in_threadpool(_change, request, name, session, fields)


def _change(request: Request, name: str, session: Session, fields: FormFields) -> Response:
    context = context_of(request)
    batch = known_batch(context, name)
    asked = Questions.of(batch)
    try:
        if fields.text("version") != batch.version:
            raise UserError(
                "somebody else has changed the questions since this page was loaded",
                hint="read them again, then make your change",
            )
        asked = _asked(fields, batch)
        ask_anew(
            context.project,
            batch,
            asked,
            author=session.account.name,
            again=fields.has("again"),
        )
    except StoreError:
        raise
    except UserError as error:
        return _questions(request, session, batch, asked, error=error)
    return RedirectResponse(f"/batches/{batch.id}/questions", 303)


def _asked(fields: FormFields, batch: Batch) -> Questions:
    """What the form asks.

    Raises:
        UserError: It cannot be read.
    """
    try:
        return Questions(
            guideline=fields.text("guideline"),
            rubric=tuple(_rubric(fields, batch)),
            error_tags=_lines(fields, "error_tags"),
            span_labels=_lines(fields, "span_labels"),
            row_labels=_lines(fields, "row_labels"),
        )
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"{place}: {first['msg']}") from None


def _rubric(fields: FormFields, batch: Batch) -> Iterator[RubricCriterion]:
    known = {criterion.name: criterion for criterion in batch.rubric}
    for number in range(len(batch.rubric) + NEW):
        name = fields.text(f"name.{number}")
        if not name:
            continue
        scale = "1-5" if fields.text(f"scale.{number}") == "1-5" else "yes/no"
        before = known.get(name)
        yield RubricCriterion.model_validate(
            {
                "name": name,
                "question": fields.text(f"question.{number}"),
                "scale": scale,
                "signed": before.signed if before else False,
                "per_row": before.per_row if before else "",
            }
        )


def _lines(fields: FormFields, name: str) -> tuple[str, ...]:
    lines = (line.strip() for line in fields.text(name).split("\n"))
    return tuple(line for line in lines if line)


@router.post("/batches/{name}/adjudicators")
def adjudicators(
    request: Request,
    name: str,
    session: MakerForm,
    people: Annotated[list[str] | None, Form()] = None,
) -> Response:
    """Name who decides where annotators disagree."""
    context = context_of(request)
    batch = known_batch(context, name)
    try:
        name_adjudicators(context.work_store, batch, people or [], author=session.account.name)
    except StoreError:
        raise
    except UserError as error:
        return show_batch(request, name, session, error=error)
    return RedirectResponse(f"/batches/{batch.id}", 303)
