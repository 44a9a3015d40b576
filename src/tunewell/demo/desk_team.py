"""What people find to do in the demo: two invented experts, a review and an annotation."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tunewell.annotate import AnnotationPlan, open_annotation, rows_of
from tunewell.metrics.key_points import contains, points_of
from tunewell.people import Account, Accounts, Batch, Item, Said, WorkStore
from tunewell.project import Project
from tunewell.review import ReviewPlan, newest_evaluation, open_review
from tunewell.types import Example

EXPERTS = ("Mara Lindqvist", "Tomas Okafor")
"""Invented. The first has judged most of her review already, the second has not begun."""

AUTHOR = "tunewell demo"
REVIEW = "Answers of the desk: tuned against prompted"
ANNOTATION = "Customers' messages: mark the facts, correct the answer"

REVIEW_ROWS = 12
ANNOTATION_ROWS = 10
LEFT = 4
"""Items of the review that the first expert has left open."""

WRONG_FACT = "wrong form or deadline"
"""One of the definition's ``people.error_tags``."""

SIGN_IN = "sign-in.txt"


@dataclass(frozen=True)
class DeskTeam:
    """What was prepared.

    Attributes:
        passwords: Of the experts, by name; empty if they were there already.
        review: The batch of outputs to judge.
        annotation: The batch of messages to annotate.
        note: The file that names the passwords, readable by its owner alone.
    """

    passwords: Mapping[str, str]
    review: Batch
    annotation: Batch
    note: Path


def prepare_team(project: Project) -> DeskTeam:
    """Make the experts and their work, or find them if the demo has run before.

    Raises:
        UserError: Nothing has been evaluated yet.
        MissingExtraError: The packages of the web app are not installed.
    """
    store = project.store
    book = WorkStore(store)
    note = project.root / SIGN_IN
    known = {batch.title: batch for batch in book.batches()}
    if REVIEW in known and ANNOTATION in known:
        return DeskTeam({}, known[REVIEW], known[ANNOTATION], note)

    accounts = Accounts(store)
    passwords: dict[str, str] = {}
    experts = [_expert(accounts, name, passwords) for name in EXPERTS]
    if passwords:
        _write_private(note, passwords)
    ids = [expert.id for expert in experts]
    review = known.get(REVIEW) or _open_review(project)
    book.share(review, ids)
    annotation = known.get(ANNOTATION) or _open_annotation(project, adjudicator=experts[0].id)
    book.share(annotation, ids)
    _judge(project, review, experts[0])
    return DeskTeam(passwords, review, annotation, note)


def _expert(accounts: Accounts, name: str, passwords: dict[str, str]) -> Account:
    found = accounts.by_name(name)
    if found is not None:
        return found
    passwords[name] = secrets.token_urlsafe(12)
    return accounts.create(name, role="expert", password=passwords[name])


def _write_private(path: Path, passwords: Mapping[str, str]) -> None:
    """Passwords in a file that nobody else can read: others may use this machine."""
    lines = [f"{name}: {password}\n" for name, password in passwords.items()]
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write("Invented experts of the demo; `tunewell serve` says where to sign in.\n")
        file.writelines(lines)


def _open_review(project: Project) -> Batch:
    evaluation, examples = newest_evaluation(project.store)
    arms = [arm for arm in ("prompted", "tuned") if arm in evaluation.arms]
    plan = ReviewPlan(author=AUTHOR, arms=arms, rows=REVIEW_ROWS, raters=2, title=REVIEW)
    return open_review(project, evaluation, examples, plan)


def _open_annotation(project: Project, *, adjudicator: str) -> Batch:
    examples, families = rows_of(project.store, "review")
    plan = AnnotationPlan(
        author=AUTHOR,
        rows=min(ANNOTATION_ROWS, len(examples)),
        part="review",
        raters=1,
        title=ANNOTATION,
        adjudicators=(adjudicator,),
    )
    return open_annotation(project, examples, plan, families=families)


# --- what the first expert has said ---------------------------------------------------------------


def _judge(project: Project, review: Batch, expert: Account) -> None:
    """Let the first expert judge by the handbook: whether its forms and deadlines are named."""
    book = WorkStore(project.store)
    _, examples = newest_evaluation(project.store)
    rows = {example.id: example for example in examples}
    queue = book.next_items(review.id, expert.id, limit=1_000)
    for item in queue[: max(0, len(queue) - LEFT)]:
        said = _said(item, rows[item.example])
        book.write(
            said,
            item=item,
            batch=review,
            account=expert.id,
            key=f"demo-{item.id}",
            seconds=45.0,
            actor=expert.name,
        )


def _said(item: Item, row: Example) -> Said:
    """By the facts that the handbook asks for: all of them, and how many of them."""
    points = points_of(row, "tags.points", ())
    named = [contains(item.output, point) for point in points]
    share = sum(named) / len(named) if named else 0.0
    scores = {"faithful": float(all(named)), "helpful": float(1 + round(4 * share))}
    if all(named):
        return Said(scores=scores)
    lost = ", ".join(point for point, is_there in zip(points, named, strict=True) if not is_there)
    return Said(scores=scores, tags=(WRONG_FACT,), comment=f"The handbook asks for: {lost}.")
