"""What comes in from other tools and goes out to them: annotations, corrections, gold, the plan."""

from __future__ import annotations

import re
from typing import Annotated, get_args

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.annotate import (
    Imported,
    annotation_result,
    export_text,
    gold_rows,
    import_text,
)
from tunewell.annotate.whole_files import ExportFormat, ImportFormat, json_lines
from tunewell.errors import StoreError, UserError
from tunewell.people import Batch, Session
from tunewell.people.row_changes import freeze_batch, gold_registry, words_for
from tunewell.review import corrections, evaluated, newest_evaluation, plan_panel
from tunewell.web.access import Maker, MakerForm, Refused
from tunewell.web.blind import refuse_blind
from tunewell.web.bodies import MOST_IMPORT
from tunewell.web.context import AppContext, context_of
from tunewell.web.items import names_of
from tunewell.web.manage import known_batch
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

IN: tuple[ImportFormat, ...] = get_args(ImportFormat)
OUT: tuple[ExportFormat, ...] = get_args(ExportFormat)
MOST_LISTED = 200
"""Corrections or gold answers on one page; the file has all of them."""


def download(name: str, text: str, kind: str) -> Response:
    """A file that the browser saves and never shows as a page."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "file"
    headers = {"content-disposition": f'attachment; filename="{safe}"'}
    return Response(text.encode("utf-8", "replace"), media_type=kind, headers=headers)


# --- import ---------------------------------------------------------------------------------------


@router.get("/import")
def import_page(request: Request, session: Maker) -> Response:
    """The form that takes in annotations made elsewhere."""
    return _import(request, session)


def _import(
    request: Request,
    session: Session,
    *,
    chosen: str = "",
    made: Imported | None = None,
    error: UserError | None = None,
) -> Response:
    return page(
        request,
        "import.html",
        session,
        status=400 if error else 200,
        formats=IN,
        chosen=chosen,
        made=made,
        most=MOST_IMPORT,
        problem=error.message if error else "",
        hint=error.hint if error else "",
    )


@router.post("/import")
def take_in(
    request: Request,
    session: MakerForm,
    text: Annotated[str, Form(max_length=MOST_IMPORT)],
    form: Annotated[str, Form()] = "label-studio",
    name: Annotated[str, Form(max_length=200)] = "",
    title: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Take in a file of annotations as a batch."""
    context = context_of(request)
    try:
        made = import_text(
            context.project,
            _import_format(form),
            text.removeprefix("\ufeff"),
            place=name.strip() or "the file",
            author=session.account.name,
            title=title.strip(),
        )
    except StoreError:
        raise
    except UserError as error:
        return _import(request, session, chosen=form, error=error)
    return _import(request, session, chosen=form, made=made)


def _import_format(name: str) -> ImportFormat:
    for form in IN:
        if form == name:
            return form
    raise Refused(404, f"there is no format {name!r}", hint="/import")


# --- export ---------------------------------------------------------------------------------------


@router.get("/batches/{name}/export")
def export_page(request: Request, name: str, session: Maker) -> Response:
    """Which files a batch can be saved as."""
    context = context_of(request)
    batch = known_batch(context, name)
    refuse_blind(context, session, batch)
    return page(request, "export.html", session, batch=batch, formats=OUT)


@router.get("/batches/{name}/export/{form}")
def export(request: Request, name: str, form: str, session: Maker) -> Response:
    """A batch with its annotations for another tool."""
    context = context_of(request)
    batch = _of_kind(context, name, "annotate")
    refuse_blind(context, session, batch)
    for known in OUT:
        if known == form:
            break
    else:
        raise Refused(404, f"there is no format {form!r}", hint=f"/batches/{batch.id}/export")
    items = context.work_store.items(batch.id)
    said = context.work_store.verdicts(batch.id)
    context.audit.add(session.account.name, "annotations exported", batch.id, format=form)
    is_table = known == "csv"
    ending, kind = ("csv", "text/csv") if is_table else ("json", "application/json")
    return download(f"{batch.title}-{form}.{ending}", export_text(known, items, said, batch), kind)


def _of_kind(context: AppContext, name: str, kind: str) -> Batch:
    batch = known_batch(context, name)
    if batch.kind != kind:
        raise Refused(404, f"this batch is no {kind} batch", hint=f"/batches/{batch.id}")
    return batch


# --- corrections and gold -------------------------------------------------------------------------


@router.get("/batches/{name}/corrections")
def corrections_page(request: Request, name: str, session: Maker) -> Response:
    """What reviewers wrote instead of the outputs."""
    context = context_of(request)
    batch = _of_kind(context, name, "review")
    refuse_blind(context, session, batch)
    _, examples = newest_evaluation(context.store)
    rows = {example.id: example for example in examples}
    found = corrections(context.work_store, batch, rows)
    return page(
        request,
        "corrections.html",
        session,
        batch=batch,
        found=found[:MOST_LISTED],
        count=len(found),
        before={name: row.target for name, row in rows.items()},
        names=names_of(context),
    )


@router.get("/batches/{name}/corrections.jsonl")
def corrections_file(request: Request, name: str, session: Maker) -> Response:
    """The same as JSON lines."""
    context = context_of(request)
    batch = _of_kind(context, name, "review")
    refuse_blind(context, session, batch)
    _, examples = newest_evaluation(context.store)
    found = corrections(context.work_store, batch, {row.id: row for row in examples})
    text = json_lines(one.model_dump(mode="json") for one in found)
    return download(f"{batch.title}-corrections.jsonl", text, "application/jsonl")


@router.get("/batches/{name}/gold")
def gold_page(request: Request, name: str, session: Maker) -> Response:
    """What annotators have settled."""
    context = context_of(request)
    batch = _of_kind(context, name, "annotate")
    refuse_blind(context, session, batch)
    result = annotation_result(context.work_store, batch)
    return page(
        request,
        "gold.html",
        session,
        batch=batch,
        settled=result.settled[:MOST_LISTED],
        count=len(result.settled),
        disputes=len(result.disputes),
        waiting=result.waiting,
        registry=gold_registry(context.store),
    )


@router.get("/batches/{name}/gold.jsonl")
def gold_file(request: Request, name: str, session: Maker) -> Response:
    """The settled rows as JSON lines."""
    context = context_of(request)
    batch = _of_kind(context, name, "annotate")
    refuse_blind(context, session, batch)
    text = json_lines(gold_rows(context.project, batch))
    return download(f"{batch.title}-gold.jsonl", text, "application/jsonl")


@router.post("/batches/{name}/gold/freeze")
def freeze(request: Request, name: str, session: MakerForm) -> Response:
    """Freeze what a batch has settled: it is never trained on."""
    context = context_of(request)
    batch = _of_kind(context, name, "annotate")
    refuse_blind(context, session, batch)
    registry, rows = freeze_batch(context.store, batch, author=session.account.name)
    context.audit.add(
        session.account.name, "gold frozen", batch.id, version=registry.version, rows=rows
    )
    return RedirectResponse(f"/batches/{batch.id}/gold", 303)


@router.get("/changes")
def changes_page(request: Request, session: Maker) -> Response:
    """What the next version of the data takes up of everything that people have said."""
    context = context_of(request)
    found = words_for(context.store)
    return page(
        request,
        "changes.html",
        session,
        corrections=found.corrections[:MOST_LISTED],
        gold=found.gold[:MOST_LISTED],
        counts=(len(found.corrections), len(found.gold)),
        most=MOST_LISTED,
        registry=gold_registry(context.store),
        names=names_of(context),
    )


# --- the plan -------------------------------------------------------------------------------------


@router.get("/plan")
def plan_page(
    request: Request,
    session: Maker,
    power: Annotated[float, Query(gt=0, lt=1)] = 0.8,
    raters: Annotated[int, Query(ge=0, le=50)] = 0,
) -> Response:
    """How many rows and people settle the gates, and what that costs in hours."""
    context = context_of(request)
    why, plan = "", None
    try:
        available = len(evaluated(context.store).rows)
        plan = plan_panel(context.file.spec, available=available, power=power, raters=raters)
    except StoreError:
        raise
    except UserError as error:
        why = error.message
    return page(request, "plan.html", session, plan=plan, why=why, power=power, raters=raters)
