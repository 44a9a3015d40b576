"""The inbox of a human agent: questions with a time by which they are answered."""

from __future__ import annotations

import datetime as dt
import json
import secrets
from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa
from pydantic import Field

from tunewell.compare.blind import blind_text
from tunewell.compare.book import ComparisonBook
from tunewell.compare.design import AskedQuestion, BlindComparison, GivenAnswer
from tunewell.errors import UserError
from tunewell.store.comparison_tables import ratings, requests
from tunewell.store.ledger import append
from tunewell.store.turns import hold
from tunewell.types import Value

RequestState = Literal["open", "answered", "expired"]
MOST_ANSWER = 20_000
"""Characters of a human answer."""


class AnswerRequest(Value):
    """A question in somebody's inbox; nothing in it tells that answers are compared.

    Attributes:
        id: Random.
        text: What is asked.
        due: Until when, UTC.
        created: Since when, UTC.
        status: ``open``, ``answered`` or ``expired``.
    """

    id: str
    text: str
    due: dt.datetime
    created: dt.datetime
    status: RequestState = "open"


class HandlingTimes(Value):
    """What came of the questions to people.

    Attributes:
        asked: How many.
        answered: In time.
        expired: Not in time.
        open: Still awaited.
        seconds: From request to answer, in order of the answers.
    """

    asked: int = 0
    answered: int = 0
    expired: int = 0
    open: int = 0
    seconds: tuple[float, ...] = Field(default=())


class Inbox:
    """Ask people, take their answers, note what never came.

    Args:
        book: Of the project.
    """

    def __init__(self, book: ComparisonBook) -> None:
        self.book = book
        self.store = book.store

    def send(self, comparison: BlindComparison, questions: Sequence[AskedQuestion]) -> int:
        """Ask the agents in turn; a question that was asked before is not asked again.

        Returns:
            How many requests were made.
        """
        design = comparison.design
        if design.human is None:
            return 0
        now = self.book.clock()
        query = sa.select(requests.c.question).where(requests.c.experiment == comparison.id)
        known = set(self.store.values(query))
        lines = []
        for question in questions:
            if question.id in known:
                continue
            known.add(question.id)
            lines.append(
                {
                    "id": secrets.token_hex(16),
                    "experiment": comparison.id,
                    "question": question.id,
                    "account": comparison.agents[(len(known) - 1) % len(comparison.agents)],
                    "due": now + 3600 * design.due_hours,
                    "created": dt.datetime.fromtimestamp(now, dt.UTC).isoformat(),
                    "status": "open",
                    "record": json.dumps({"text": question.text}),
                }
            )
        if lines:
            with self.store.connection(write=True) as connection:
                connection.execute(sa.insert(requests), lines)
        return len(lines)

    def open_for(self, account: str) -> list[AnswerRequest]:
        """What somebody has to answer, the most urgent first."""
        self.expire()
        query = sa.select(requests).where(requests.c.account == account)
        query = query.where(requests.c.status == "open").order_by(requests.c.due, requests.c.id)
        return [_request_of(row) for row in self.store.rows(query)]

    def answer(
        self,
        request_id: str,
        account: str,
        text: str,
        *,
        key: str,
        seconds: float = 0.0,
    ) -> bool:
        """Take an answer, once for each key.

        Args:
            request_id: Of the request.
            account: Whose it is.
            text: The answer.
            key: Chosen by the sender.
            seconds: How long the question was on the screen.

        Returns:
            Whether it is new.

        Raises:
            UserError: It is not this account's, was answered, is too late, or the answer is empty.
        """
        self.expire()
        query = sa.select(requests).where(requests.c.id == request_id)
        row = self.store.row(query.where(requests.c.account == account))
        if row is None:
            raise UserError("this question is not in your inbox", hint="/inbox")
        if self._is_known(account, key):
            return False
        if row.status != "open":
            late = "it is past its time" if row.status == "expired" else "it was answered"
            raise UserError(f"this question takes no answer: {late}", hint="/inbox")
        words = text.replace("\r\n", "\n").strip()
        if not words or len(words) > MOST_ANSWER:
            raise UserError(f"an answer has 1 to {MOST_ANSWER:,} characters")
        comparison = self.book.by_id(row.experiment)
        assert comparison is not None
        handling = self.book.clock() - dt.datetime.fromisoformat(row.created).timestamp()
        record = {"text": words, "handling_s": round(handling, 3)}
        self._write(row, account, "answer", key, record, seconds=seconds, status="answered")
        blinded = blind_text(words, comparison.design.blinding)
        given = GivenAnswer(
            text=words,
            shown=blinded.text,
            changed=blinded.changed,
            seconds=handling,
            author=account,
        )
        self._give(comparison, row.question, given)
        return True

    def expire(self) -> int:
        """Note every request whose time is over as an outcome of the human arm."""
        now = self.book.clock()
        query = sa.select(requests).where(requests.c.status == "open").where(requests.c.due < now)
        late = list(self.store.rows(query))
        for row in late:
            comparison = self.book.by_id(row.experiment)
            record = {"due": row.due}
            self._write(row, row.account, "expired", f"expired-{row.id}", record, status="expired")
            if comparison is not None:
                self._give(comparison, row.question, GivenAnswer(missing="expired"))
        return len(late)

    def _give(
        self,
        comparison: BlindComparison,
        question: str,
        answer: GivenAnswer,
    ) -> None:
        for number, arm in enumerate(comparison.design.arms):
            if arm.is_human:
                self.book.give(comparison, question, number, answer)

    def _write(
        self,
        row: sa.Row[tuple[object, ...]],
        account: str,
        kind: str,
        key: str,
        record: dict[str, object],
        *,
        status: str,
        seconds: float = 0.0,
    ) -> None:
        at = dt.datetime.fromtimestamp(self.book.clock(), dt.UTC).isoformat()
        line = {
            "account": account,
            "key": key,
            "experiment": row.experiment,
            "kind": kind,
            "subject": row.id,
            "at": at,
            "seconds": float(seconds),
            "record": json.dumps(record),
        }
        still = (requests.c.id == row.id) & (requests.c.status == "open")
        change = sa.update(requests).where(still).values(status=status)
        with self.store.connection(write=True) as connection:
            hold(connection, f"request {row.id}")
            # Two processes may find the same request: the first one writes.
            if connection.execute(change).rowcount:
                append(connection, ratings, line)

    def _is_known(self, account: str, key: str) -> bool:
        here = (ratings.c.account == account) & (ratings.c.key == key)
        return self.store.row(sa.select(sa.literal(1)).where(here)) is not None

    def times(self, comparison: BlindComparison) -> HandlingTimes:
        """What came of a comparison's questions to people."""
        query = sa.select(requests.c.status, sa.func.count().label("of_it"))
        query = query.where(requests.c.experiment == comparison.id).group_by(requests.c.status)
        counts = {row.status: int(row.of_it) for row in self.store.rows(query)}
        said = sa.select(ratings.c.record).where(ratings.c.experiment == comparison.id)
        said = said.where(ratings.c.kind == "answer").order_by(ratings.c.number)
        seconds = []
        for record in self.store.values(said):
            found = json.loads(record).get("handling_s")
            if found is not None:
                seconds.append(float(found))
        return HandlingTimes(
            asked=sum(counts.values()),
            answered=counts.get("answered", 0),
            expired=counts.get("expired", 0),
            open=counts.get("open", 0),
            seconds=tuple(seconds),
        )


def _request_of(row: sa.Row[tuple[object, ...]]) -> AnswerRequest:
    return AnswerRequest(
        id=row.id,
        text=json.loads(row.record)["text"],
        due=dt.datetime.fromtimestamp(row.due, dt.UTC),
        created=dt.datetime.fromisoformat(row.created),
        status=row.status,
    )
