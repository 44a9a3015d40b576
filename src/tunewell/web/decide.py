"""Adjudication: where annotators disagree, somebody decides."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.annotate import annotation_result
from tunewell.people import Batch, Item, Said, Session
from tunewell.web.access import Adjudicator, AdjudicatorForm, Refused
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page
from tunewell.web.work import new_keys, own_item

router = APIRouter(include_in_schema=False)


@router.get("/decide/{name}")
def decide_page(request: Request, name: str, session: Adjudicator) -> Response:
    """What annotators disagree on, for the adjudicator."""
    context = context_of(request)
    batch = _to_decide(context, name, session)
    result = annotation_result(context.work_store, batch)
    dispute = result.disputes[0] if result.disputes else None

    keys: dict[str, str] = {}
    if dispute is not None:
        context.work_store.give(dispute.item, session.account.id)
        keys = new_keys([dispute.item])
    return page(
        request,
        "decide.html",
        session,
        batch=batch,
        dispute=dispute,
        left=len(result.disputes),
        settled=len(result.settled),
        keys=keys,
    )


def _to_decide(context: AppContext, batch_id: str, session: Session) -> Batch:
    batch = context.work_store.batch(batch_id)
    if batch is None or batch.kind != "annotate" or session.account.id not in batch.adjudicators:
        raise Refused(404, "you have nothing to decide here", hint="/")
    return batch


@router.post("/decide/{name}")
def decide(
    request: Request,
    name: str,
    session: AdjudicatorForm,
    item: Annotated[str, Form()],
    chosen: Annotated[int, Form()],
    key: Annotated[str, Form(max_length=64)],
    answer: Annotated[str, Form()] = "",
    comment: Annotated[str, Form()] = "",
) -> Response:
    """Take one annotator's word, or another answer, as what holds."""
    context = context_of(request)
    batch = _to_decide(context, name, session)
    disputed = own_item(context, item, session)
    said = _chosen_word(context, batch, disputed, chosen)

    changes = {"comment": comment.strip()}
    text = answer.replace("\r\n", "\n").strip()
    if text:
        changes["answer"] = text
    context.work_store.write(
        said.model_copy(update=changes),
        item=disputed,
        batch=batch,
        account=session.account.id,
        key=key,
    )
    context.audit.add(
        session.account.name,
        "decided",
        disputed.id,
        batch=name,
        taken=chosen,
    )
    return RedirectResponse(f"/decide/{name}", 303)


def _chosen_word(
    context: AppContext,
    batch: Batch,
    item: Item,
    number: int,
) -> Said:
    """What an annotator said in the verdict with this number.

    Raises:
        Refused: 404, there is no such verdict on the item.
    """
    for verdict in context.work_store.verdicts(batch.id):
        if verdict.number == number and verdict.item == item.id:
            return verdict.said
    raise Refused(404, "there is no such annotation", hint=f"/decide/{batch.id}")
