"""Signing and closing a comparison: what opens it, and what gates read of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from tunewell.compare.analyse import ComparisonResult, analyse
from tunewell.compare.book import ComparisonBook
from tunewell.compare.design import BlindComparison
from tunewell.compare.inbox import Inbox
from tunewell.people.compared import SIGNED, ComparisonOutcome, write_outcome


def sign_and_open(
    book: ComparisonBook, comparison: BlindComparison, *, author: str
) -> BlindComparison:
    """Sign a design, and ask the human agents for what is prepared.

    Args:
        book: Of the project.
        comparison: A draft.
        author: Name of the owner.

    Raises:
        UserError: The design cannot be signed.
    """
    opened = book.sign(comparison, author=author)
    questions = {pair.question.id: pair.question for pair in book.pairs(opened)}
    Inbox(book).send(opened, list(questions.values()))
    return opened


def close_and_record(
    book: ComparisonBook,
    comparison: BlindComparison,
    *,
    author: str,
    judge: Mapping[str, float] | None = None,
) -> ComparisonResult:
    """Take no more ratings, and write down what gates and reports read.

    Args:
        book: Of the project.
        comparison: An open one.
        author: Name of who closes it.
        judge: As in `analyse`.

    Raises:
        UserError: It is not open.
    """
    Inbox(book).expire()
    closed = book.close(comparison)
    result = analyse(book, closed, judge=judge)
    write_outcome(book.store, outcome_of_result(book, closed, result), author=author)
    return result


def outcome_of_result(
    book: ComparisonBook,
    comparison: BlindComparison,
    result: ComparisonResult,
) -> ComparisonOutcome:
    """A result as gates and reports read it."""
    design = comparison.design
    first, second = design.arms
    signed = book.store.said(SIGNED, subject=design.name)
    standing, without = result.standing, result.without
    favours = {"a": "first", "b": "second", "": ""}[result.standing_favours]
    return ComparisonOutcome.model_validate(
        {
            "name": design.name,
            "version": design.version,
            "arms": (first.name, second.name),
            "candidate": first.version,
            "outcome": result.outcome,
            "preference": standing.estimate if standing else None,
            "without": without.estimate if without else None,
            "adjusted": result.adjusted,
            "verdicts": result.verdicts,
            "planned": result.planned,
            "raters": len(comparison.raters),
            "favours": favours,
            "why": result.why,
            "findings": result.findings,
            "aa": design.aa,
            "signed_by": signed[-1].author if signed else "",
        }
    )
