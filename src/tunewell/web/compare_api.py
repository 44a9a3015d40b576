"""Comparisons as JSON: everything that their pages do.

Under ``/api/v1``, with the roles and the blinding of the pages.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict, Field

from tunewell.compare import (
    BlindComparison,
    ComparedPair,
    ComparisonBook,
    ComparisonDesign,
    Inbox,
    SaidOfPair,
    close_and_record,
    sign_and_open,
)
from tunewell.compare.inbox import MOST_ANSWER, AnswerRequest
from tunewell.people import Session
from tunewell.types import Value
from tunewell.web.access import ApiAllow, ApiMaker, ApiOwner
from tunewell.web.api import ERRORS, Id
from tunewell.web.compare_manage import (
    draft_comparison,
    known_comparison,
    read_result,
)
from tunewell.web.compare_rate import AT_ONCE, own_comparison, own_pair_of, save_guess
from tunewell.web.context import context_of

router = APIRouter(prefix="/api/v1", responses=ERRORS)

ApiRater = Annotated[Session, Depends(ApiAllow("owner", "engineer", "expert", "guest"))]
ApiAgent = Annotated[Session, Depends(ApiAllow("agent"))]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
PairId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Seconds = Annotated[float, Field(ge=0, le=86_400, allow_inf_nan=False)]


class Sent(Value):
    """What is sent: unknown fields are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class MyComparison(Value):
    """A comparison as its raters see it: no arm is named."""

    id: str
    about: str
    left: int
    done: int
    planned: int
    reasons: tuple[str, ...]


class PairOut(Value):
    """Two answers in the order in which they are shown."""

    id: str
    question: str
    first: str
    second: str

    @classmethod
    def of(cls, pair: ComparedPair) -> PairOut:
        """A pair as the API gives it."""
        first, second = pair.in_order
        return cls(id=pair.id, question=pair.question.text, first=first.shown, second=second.shown)


class NewRating(Sent):
    """A rating of a pair; the same key again changes nothing."""

    key: Key
    pair: PairId
    seconds: Seconds = 0.0
    said: SaidOfPair


class RatingReceipt(Value):
    """What was saved: ``new`` is false if the key was known already."""

    key: str
    new: bool


class NewQuestion(Sent):
    """A rater's own question."""

    text: str = Field(min_length=1, max_length=20_000)


class GuessAsked(Value):
    """An answer whose author is to be guessed."""

    pair: str
    answer: str
    choices: tuple[str, str]


class NewGuess(Sent):
    """Who wrote an answer: 0 or 1 as in ``choices``, None = cannot tell."""

    key: Key
    pair: PairId
    arm: Literal[0, 1] | None = None


class NewAnswer(Sent):
    """An answer to a question of the inbox."""

    key: Key
    request: PairId
    text: str = Field(min_length=1, max_length=MOST_ANSWER)
    seconds: Seconds = 0.0


class NewComparison(Sent):
    """A design, with the ids of who rates and who answers."""

    design: ComparisonDesign
    raters: tuple[PairId, ...] = Field(max_length=10_000)
    agents: tuple[PairId, ...] = ()


class DesignOut(Value):
    """A comparison for its makers."""

    name: str
    status: str
    version: str
    planned: int
    design: ComparisonDesign
    enough: bool
    power: float
    raters_needed: int

    @classmethod
    def of(cls, comparison: BlindComparison) -> DesignOut:
        """A comparison as the API gives it."""
        plan = comparison.design.plan()
        return cls(
            name=comparison.design.name,
            status=comparison.status,
            version=comparison.design.version,
            planned=comparison.design.planned,
            design=comparison.design,
            enough=plan.enough,
            power=plan.power,
            raters_needed=plan.needed,
        )


def _book(request: Request) -> ComparisonBook:
    return ComparisonBook(context_of(request).store)


@router.get("/my-comparisons")
def my_comparisons(request: Request, session: ApiRater) -> list[MyComparison]:
    """What I have to compare."""
    book = _book(request)
    Inbox(book).expire()
    found = []
    for comparison in book.rates_in(session.account.id):
        states = [pair.status for pair in book.pairs(comparison, account=session.account.id)]
        found.append(
            MyComparison(
                id=comparison.id,
                about=comparison.design.about,
                left=states.count("ready"),
                done=states.count("done"),
                planned=comparison.design.each,
                reasons=comparison.design.reasons,
            )
        )
    return found


@router.get("/my-comparisons/{comparison}/pairs")
def next_pairs(request: Request, comparison: Id, session: ApiRater) -> list[PairOut]:
    """My next pairs, in my order."""
    known = own_comparison(context_of(request), comparison, session)
    if known.status != "open":
        return []
    own = _book(request).pairs(known, account=session.account.id)
    ready = [pair for pair in own if pair.status == "ready"]
    return [PairOut.of(pair) for pair in ready[:AT_ONCE]]


@router.post("/ratings")
def rate(request: Request, rating: NewRating, session: ApiRater) -> RatingReceipt:
    """Save my rating of a pair, once for each key."""
    context = context_of(request)
    pair = own_pair_of(context, rating.pair, session)
    comparison = own_comparison(context, pair.comparison, session)
    new = _book(request).rate(comparison, pair, rating.said, key=rating.key, seconds=rating.seconds)
    return RatingReceipt(key=rating.key, new=new)


@router.post("/my-comparisons/{comparison}/questions")
def ask(
    request: Request,
    comparison: Id,
    question: NewQuestion,
    session: ApiRater,
) -> MyComparison:
    """Ask a question of my own."""
    known = own_comparison(context_of(request), comparison, session)
    book = _book(request)
    pair = book.ask(known, session.account.id, question.text)
    Inbox(book).send(known, [pair.question])
    return next(mine for mine in my_comparisons(request, session) if mine.id == known.id)


@router.get("/my-comparisons/{comparison}/guesses")
def to_guess(request: Request, comparison: Id, session: ApiRater) -> list[GuessAsked]:
    """The answers whose author I am asked to guess, after all ratings."""
    known = own_comparison(context_of(request), comparison, session)
    book = _book(request)
    first, second = known.design.arms
    found = []
    for pair_id, arm in book.to_guess(known, session.account.id):
        pair = book.own_pair(pair_id, session.account.id)
        answer = pair.answers[arm] if pair else None
        if answer is not None:
            choices = (first.guessed_as, second.guessed_as)
            found.append(GuessAsked(pair=pair_id, answer=answer.shown, choices=choices))
    return found


@router.post("/my-comparisons/{comparison}/guesses")
def guess(request: Request, comparison: Id, said: NewGuess, session: ApiRater) -> RatingReceipt:
    """Save a guess; the first word on an answer stays."""
    context = context_of(request)
    known = own_comparison(context, comparison, session)
    arm = "" if said.arm is None else str(said.arm)
    new = save_guess(context, known, session, pair_id=said.pair, arm=arm, key=said.key)
    return RatingReceipt(key=said.key, new=new)


@router.get("/requests")
def my_requests(request: Request, session: ApiAgent) -> list[AnswerRequest]:
    """Questions that I am asked to answer."""
    return Inbox(_book(request)).open_for(session.account.id)


@router.post("/requests/answers")
def answer(request: Request, said: NewAnswer, session: ApiAgent) -> RatingReceipt:
    """Answer a question, once for each key."""
    new = Inbox(_book(request)).answer(
        said.request, session.account.id, said.text, key=said.key, seconds=said.seconds
    )
    return RatingReceipt(key=said.key, new=new)


@router.get("/comparisons")
def comparisons(request: Request, session: ApiMaker) -> list[DesignOut]:
    """All comparisons with their designs."""
    return [DesignOut.of(comparison) for comparison in _book(request).comparisons()]


@router.post("/comparisons")
def draft(request: Request, sent: NewComparison, session: ApiMaker) -> DesignOut:
    """Draft a comparison; models answer by ``tunewell compare answer``."""
    comparison = draft_comparison(
        context_of(request), session, sent.design, list(sent.raters), list(sent.agents)
    )
    return DesignOut.of(comparison)


@router.post("/comparisons/{name}/sign")
def sign(request: Request, name: str, session: ApiOwner) -> DesignOut:
    """Fix a design and open it."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    opened = sign_and_open(_book(request), comparison, author=session.account.name)
    context.audit.add(session.account.name, "comparison signed", name)
    return DesignOut.of(opened)


@router.post("/comparisons/{name}/close")
def close(request: Request, name: str, session: ApiOwner) -> dict[str, Any]:
    """Take no more ratings, and record the outcome for gates."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    result = close_and_record(_book(request), comparison, author=session.account.name)
    context.audit.add(session.account.name, "comparison closed", name)
    return result.model_dump(mode="json")


@router.get("/comparisons/{name}/result")
def result(request: Request, name: str, session: ApiOwner) -> dict[str, Any]:
    """What a comparison says now."""
    context = context_of(request)
    comparison = known_comparison(context, name)
    found = read_result(context, comparison, session).model_dump(mode="json")
    return found | {"at": dt.datetime.now(dt.UTC).isoformat()}
