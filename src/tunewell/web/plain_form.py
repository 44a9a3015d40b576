"""Verdicts by a plain form, for browsers that do not run our script."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from tunewell.errors import StoreError, UserError
from tunewell.people import Batch, Item, MarkedSpan, Said, Session
from tunewell.web.access import SignedInForm
from tunewell.web.blind import refuse_final
from tunewell.web.context import context_of
from tunewell.web.render import page
from tunewell.web.work import new_keys, own_batch, own_item, own_queue

router = APIRouter(include_in_schema=False)


class FormFields:
    """The fields of a plain form, each with every value it was given.

    Args:
        fields: Values by name.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]]) -> None:
        self.fields = fields

    def has(self, name: str) -> bool:
        """Whether a field was sent."""
        return name in self.fields

    def text(self, name: str) -> str:
        """The first value, trimmed; empty if there is none."""
        first = self.fields.get(name, [""])[0]
        return first.replace("\r\n", "\n").strip()

    def texts(self, name: str) -> tuple[str, ...]:
        """Every value."""
        return tuple(self.fields.get(name, ()))


@router.post("/work/{name}")
async def send_form(request: Request, name: str, session: SignedInForm) -> Response:
    """A verdict by a plain form, for browsers without our script."""
    fields = await form_fields(request)
    return await run_in_threadpool(_take_form, request, name, session, fields)


async def form_fields(request: Request) -> FormFields:
    """Everything that a form sends."""
    form = await request.form()
    fields: dict[str, list[str]] = {}
    for key, value in form.multi_items():
        fields.setdefault(key, []).append(str(value))
    return FormFields(fields)


def _take_form(
    request: Request,
    name: str,
    session: Session,
    fields: FormFields,
) -> Response:
    context = context_of(request)
    account = session.account
    batch = own_batch(context, name, session)
    item = own_item(context, fields.text("item"), session)
    refuse_final(context, session, batch, item)
    try:
        if fields.text("version") not in ("", batch.version):
            raise UserError("the questions or the guideline have changed: read them again")
        context.work_store.write(
            said_of(fields, batch, item),
            item=item,
            batch=batch,
            account=account.id,
            key=fields.text("key")[:64] or secrets.token_hex(16),
            actor=account.name,
        )
    except StoreError:
        raise
    except (UserError, ValueError) as error:
        problem = error.message if isinstance(error, UserError) else "the form could not be read"
        return page(
            request,
            "work.html",
            session,
            status=400,
            batch=batch,
            queue=own_queue(context, batch, session),
            items=[item],
            said={},
            keys=new_keys([item]),
            pace=batch.minutes,
            problem=problem,
        )
    return RedirectResponse(f"/work/{name}", 303)


def said_of(fields: FormFields, batch: Batch, item: Item) -> Said:
    """What a plain form says.

    Raises:
        UserError: A quotation does not appear in the source.
        ValueError: A score is not a number.
    """
    if fields.has("skip"):
        return Said(skipped=fields.text("comment") or "cannot decide")

    scores = {}
    for criterion in batch.rubric:
        score = fields.text(f"score.{criterion.name}")
        if score:
            scores[criterion.name] = float(score)

    evidence = []
    for criterion in batch.signed:
        quote = fields.text(f"quote.{criterion.name}")
        if quote:
            evidence.append(_quoted(quote, item, criterion.name))

    return Said(
        scores=scores,
        comment=fields.text("comment"),
        correction=fields.text("correction"),
        tags=fields.texts("tag"),
        label=fields.text("label"),
        answer=fields.text("answer"),
        evidence=tuple(evidence),
    )


def _quoted(text: str, item: Item, criterion: str) -> MarkedSpan:
    """A quotation as a place in the source; white space may differ.

    Raises:
        UserError: It is not there.
    """
    words = [re.escape(word) for word in text.split()]
    found = re.search(r"\s+".join(words), item.source)
    if found is None:
        raise UserError(f"{criterion}: the quote does not appear in the source word for word")
    return MarkedSpan(start=found.start(), end=found.end(), label=criterion)
