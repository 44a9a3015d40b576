"""What people are asked in a batch, changed while it is open: a new version, the old one kept."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator

import sqlalchemy as sa
from pydantic import Field

from tunewell.disk import disk_errors
from tunewell.errors import UserError
from tunewell.people.audit import AuditLog
from tunewell.people.guide import guideline_path, read_guideline
from tunewell.people.signoff import keep_asked, reopen_stale
from tunewell.people.work import LONGEST_LABEL, MOST_SCORES, Batch
from tunewell.people.work_store import WorkStore
from tunewell.project import Project
from tunewell.safe_text import shown
from tunewell.store.people_tables import verdicts
from tunewell.task import RubricCriterion
from tunewell.types import Value

LONGEST_GUIDELINE = 50_000
LONGEST_QUESTION = 2_000


class Questions(Value):
    """Everything that people are asked.

    Attributes:
        guideline: The text that they work by.
        rubric: What is asked of an output.
        error_tags: Kinds of error that a reviewer may tick.
        span_labels: What may be marked.
        row_labels: Labels of the whole row.
    """

    guideline: str = Field(default="", max_length=LONGEST_GUIDELINE)
    rubric: tuple[RubricCriterion, ...] = ()
    error_tags: tuple[str, ...] = ()
    span_labels: tuple[str, ...] = ()
    row_labels: tuple[str, ...] = ()

    @classmethod
    def of(cls, batch: Batch) -> Questions:
        """What a batch asks now."""
        return cls(
            guideline=batch.guideline,
            rubric=batch.rubric,
            error_tags=batch.error_tags,
            span_labels=batch.span_labels,
            row_labels=batch.row_labels,
        )


class NewQuestions(Value):
    """What came of a change.

    Attributes:
        batch: As it is now; its version is the new one.
        before: The version before.
        reopened: Seats that were opened again.
    """

    batch: Batch
    before: str
    reopened: int


def ask_anew(
    project: Project,
    batch: Batch,
    questions: Questions,
    *,
    author: str,
    again: bool = False,
) -> NewQuestions:
    """Change what a batch asks; verdicts keep the version that they were given under.

    The words of both versions stay readable (`tunewell.people.asked_under`). The guideline is the
    project's: where the definition names a file for it, that file is written as well, so that the
    next batch begins with the same words.

    Args:
        project: The project.
        batch: Which.
        questions: What it asks from now on.
        author: Who changes it.
        again: Whether what was said under other versions is asked again; until it is, it goes on
            counting. Sign-offs are always asked again, and do not count until they are.

    Raises:
        UserError: The questions cannot be asked, or would take the ground from verdicts that were
            given.
    """
    questions = questions.model_copy(update={"guideline": shown(questions.guideline)})
    wrong = [*_faults(batch, questions), *_lost_ground(project, batch, questions)]
    if wrong:
        raise UserError("; ".join(wrong), hint="see what people are asked now, above the form")
    changed = batch.model_copy(update={name: getattr(questions, name) for name in _FIELDS})
    if changed.version == batch.version:
        return NewQuestions(batch=batch, before=batch.version, reopened=0)

    work_store = WorkStore(project.store)
    keep_asked(project.store, batch)
    keep_asked(project.store, changed)
    if questions.guideline != batch.guideline:
        _write_guideline(project, questions.guideline)
    work_store.revise(changed, [])
    reopened = reopen_stale(work_store, changed) if again or changed.signed else 0
    AuditLog(project.store).add(
        author,
        "questions changed",
        batch.id,
        before=batch.version,
        now=changed.version,
        changed=", ".join(_changed(batch, changed)),
        seats=reopened,
    )
    return NewQuestions(batch=changed, before=batch.version, reopened=reopened)


_FIELDS = tuple(Questions.model_fields)


def _changed(batch: Batch, changed: Batch) -> Iterator[str]:
    for name in _FIELDS:
        if getattr(batch, name) != getattr(changed, name):
            yield name.replace("_", " ")


def _faults(batch: Batch, questions: Questions) -> Iterator[str]:
    """Why these questions cannot be asked of anybody."""
    names = [criterion.name for criterion in questions.rubric]
    if batch.kind == "review" and not names:
        yield "a review needs at least one question"
    for what, texts in (
        ("question", names),
        ("kind of error", questions.error_tags),
        ("mark", questions.span_labels),
        ("label", questions.row_labels),
    ):
        if len(texts) > MOST_SCORES:
            yield f"more than {MOST_SCORES} times a {what}"
        if len(set(texts)) < len(texts):
            yield f"a {what} appears twice"
        if any(not text.strip() or len(text) > LONGEST_LABEL for text in texts):
            yield f"a {what} needs a name of 1 to {LONGEST_LABEL} characters"
    for criterion in questions.rubric:
        if not criterion.question.strip() or len(criterion.question) > LONGEST_QUESTION:
            yield f"{criterion.name}: ask something, in at most {LONGEST_QUESTION} characters"
    something = (batch.gold, questions.span_labels, questions.row_labels)
    if batch.kind == "annotate" and not any(something):
        yield "nothing would be asked: neither an answer nor marks nor labels"


def _lost_ground(
    project: Project,
    batch: Batch,
    questions: Questions,
) -> Iterator[str]:
    """What verdicts that were given speak of, and the new questions no longer know."""
    query = sa.select(sa.literal(1)).where(verdicts.c.batch == batch.id).limit(1)
    if project.store.row(query) is None:
        return
    new = {criterion.name: criterion for criterion in questions.rubric}
    for criterion in batch.rubric:
        now = new.get(criterion.name)
        if now is None:
            yield f"{criterion.name}: people have answered it, so it stays"
        elif now.scale != criterion.scale:
            yield f"{criterion.name}: people have answered on the scale {criterion.scale}"
    for name in ("error_tags", "span_labels", "row_labels"):
        for label in getattr(batch, name):
            if label not in getattr(questions, name):
                yield f"{label!r}: people have been offered it, so it stays"


def _write_guideline(project: Project, text: str) -> None:
    """Write the project's guideline where it has a file for it, whole or not at all."""
    path = guideline_path(project.file)
    if path is None or read_guideline(project.file) == text:
        return
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with disk_errors(path):
        try:
            temporary.write_text(text, encoding="utf-8")
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
