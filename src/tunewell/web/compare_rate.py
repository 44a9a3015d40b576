"""Where raters compare: their comparisons, two answers at a time, then who wrote what.

Nothing that a rater is sent names an arm: addresses, ids and order tell nothing, and what failed
is not shown at all.
"""

from __future__ import annotations

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from tunewell.compare import (
    BlindComparison,
    ComparedPair,
    ComparisonBook,
    GuessSaid,
    Inbox,
    SaidOfPair,
)
from tunewell.compare.design import Preference
from tunewell.people import Session
from tunewell.web.access import Allow, AllowChange, Refused
from tunewell.web.context import AppContext, context_of
from tunewell.web.render import page

router = APIRouter(include_in_schema=False)

AT_ONCE = 8
"""Pairs on one page: the first is seen, the others wait in case the connection is lost."""

Rater = Annotated[Session, Depends(Allow("owner", "engineer", "expert", "guest"))]
RaterForm = Annotated[Session, Depends(AllowChange("owner", "engineer", "expert", "guest"))]
GUESSED: dict[str, Literal[0, 1] | None] = {"0": 0, "1": 1, "": None}


def book_of(context: AppContext) -> ComparisonBook:
    """The comparisons of the project that is served."""
    return ComparisonBook(context.store)


def own_comparison(context: AppContext, comparison_id: str, session: Session) -> BlindComparison:
    """A comparison in which this person rates; others are not told whether it exists.

    Raises:
        Refused: 404.
    """
    found = book_of(context).by_id(comparison_id)
    if found is None or session.account.id not in found.raters or found.status == "draft":
        raise Refused(404, "there is nothing here for you to compare", hint="/compare")
    return found


def own_pair_of(context: AppContext, pair_id: str, session: Session) -> ComparedPair:
    """A pair of this rater that can be shown.

    Raises:
        Refused: 404.
    """
    pair = book_of(context).own_pair(pair_id, session.account.id)
    if pair is None or pair.status not in ("ready", "done"):
        raise Refused(404, "this pair is not yours to compare", hint="/compare")
    return pair


@router.get("/compare")
def my_comparisons(request: Request, session: Rater) -> Response:
    """What I have to compare; for makers all comparisons."""
    context = context_of(request)
    book = book_of(context)
    Inbox(book).expire()
    mine = []
    for comparison in book.rates_in(session.account.id):
        states = [pair.status for pair in book.pairs(comparison, account=session.account.id)]
        guesses = len(book.to_guess(comparison, session.account.id))
        mine.append((comparison, states.count("ready") + guesses, states.count("done")))
    is_maker = session.account.role in ("owner", "engineer")
    return page(
        request,
        "compare_list.html",
        session,
        mine=mine,
        everything=book.comparisons() if is_maker else [],
    )


@router.get("/compare/{name}")
def compare_page(
    request: Request,
    name: str,
    session: Rater,
    undo: bool = False,
    problem: str = "",
) -> Response:
    """The pair at hand with the next ones behind it; when all are rated, the guesses."""
    context = context_of(request)
    comparison = own_comparison(context, name, session)
    book = book_of(context)
    Inbox(book).expire()
    account = session.account.id
    if book.to_guess(comparison, account) and not undo:
        return RedirectResponse(f"/compare/{name}/guess", 303)

    own = book.pairs(comparison, account=account)
    ready = [pair for pair in own if pair.status == "ready"]
    if undo and comparison.status == "open":
        ready = _last_rated(book, comparison, own) + ready
    shown = ready[:AT_ONCE] if comparison.status == "open" else []
    return page(
        request,
        "compare_rate.html",
        session,
        comparison=comparison,
        pairs=shown,
        said=_said_before(book, comparison, shown),
        keys={pair.id: secrets.token_hex(16) for pair in shown},
        left=sum(pair.status == "ready" for pair in own),
        done=sum(pair.status == "done" for pair in own),
        waiting=sum(pair.status == "waiting" for pair in own),
        may_ask=comparison.design.questions == "own" and len(own) < comparison.design.each,
        asked=len(own),
        problem=problem,
    )


def _last_rated(
    book: ComparisonBook,
    comparison: BlindComparison,
    own: list[ComparedPair],
) -> list[ComparedPair]:
    done = {pair.id: pair for pair in own if pair.status == "done"}
    rated = [said for said in book.rated(comparison) if said.pair in done]
    return [done[rated[-1].pair]] if rated else []


def _said_before(
    book: ComparisonBook, comparison: BlindComparison, shown: list[ComparedPair]
) -> dict[str, SaidOfPair]:
    wanted = {pair.id for pair in shown if pair.status == "done"}
    if not wanted:
        return {}
    found = {}
    for rated in book.rated(comparison):
        if rated.pair in wanted and rated.said is not None:
            found[rated.pair] = rated.said
    return found


@router.post("/compare/{name}/rate")
def rate_form(
    request: Request,
    name: str,
    session: RaterForm,
    pair: Annotated[str, Form(max_length=64)],
    preferred: Annotated[Preference, Form()],
    key: Annotated[str, Form(pattern=r"^[A-Za-z0-9._-]{1,64}$")],
    reason: Annotated[list[str] | None, Form()] = None,
    comment: Annotated[str, Form(max_length=20_000)] = "",
) -> Response:
    """A rating by a plain form, for browsers that do not run our script."""
    context = context_of(request)
    comparison = own_comparison(context, name, session)
    found = own_pair_of(context, pair, session)
    said = SaidOfPair(preferred=preferred, reasons=tuple(reason or ()), comment=comment.strip())
    book_of(context).rate(comparison, found, said, key=key)
    return RedirectResponse(f"/compare/{name}", 303)


@router.post("/compare/{name}/ask")
def ask_form(
    request: Request,
    name: str,
    session: RaterForm,
    text: Annotated[str, Form(max_length=20_000)],
) -> Response:
    """A rater's own question."""
    context = context_of(request)
    comparison = own_comparison(context, name, session)
    book = book_of(context)
    pair = book.ask(comparison, session.account.id, text)
    Inbox(book).send(comparison, [pair.question])
    return RedirectResponse(f"/compare/{name}", 303)


@router.get("/compare/{name}/guess")
def guess_page(request: Request, name: str, session: Rater) -> Response:
    """One answer, and the question who wrote it; after all ratings only."""
    context = context_of(request)
    comparison = own_comparison(context, name, session)
    book = book_of(context)
    left = book.to_guess(comparison, session.account.id)
    if not left:
        return RedirectResponse(f"/compare/{name}", 303)
    pair_id, arm = left[0]
    pair = book.own_pair(pair_id, session.account.id)
    assert pair is not None
    answer = pair.answers[arm]
    assert answer is not None
    return page(
        request,
        "compare_guess.html",
        session,
        comparison=comparison,
        pair=pair,
        answer=answer.shown,
        left=len(left),
        key=secrets.token_hex(16),
    )


@router.post("/compare/{name}/guess")
def guess_form(
    request: Request,
    name: str,
    session: RaterForm,
    pair: Annotated[str, Form(max_length=64)],
    key: Annotated[str, Form(pattern=r"^[A-Za-z0-9._-]{1,64}$")],
    arm: Annotated[str, Form(max_length=1)] = "",
) -> Response:
    """Save a guess."""
    context = context_of(request)
    comparison = own_comparison(context, name, session)
    save_guess(context, comparison, session, pair_id=pair, arm=arm, key=key)
    return RedirectResponse(f"/compare/{name}", 303)


def save_guess(
    context: AppContext,
    comparison: BlindComparison,
    session: Session,
    *,
    pair_id: str,
    arm: str,
    key: str,
) -> bool:
    """Write a guess down; gives whether it is new.

    Raises:
        Refused: 400, there is no such arm; 404, the pair is somebody else's.
    """
    if arm not in GUESSED:
        raise Refused(400, "guess 0 or 1, or leave it empty")
    book = book_of(context)
    found = book.own_pair(pair_id, session.account.id)
    if found is None:
        raise Refused(404, "this answer is not yours to guess", hint="/compare")
    asked = dict(book.to_guess(comparison, session.account.id))
    behind: Literal[0, 1] = 1 if asked.get(found.id) == 1 else 0
    said = GuessSaid(arm=GUESSED[arm], behind=behind)
    return book.guess(comparison, found, said, key=key)
