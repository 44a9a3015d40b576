"""What the gateway recorded of a replay, read back from the store at the moments of the questions.

The gateway's clock says when the replay ran; each record names its question, and with it the moment
at which that was asked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunewell.decide import QualityReading
from tunewell.demo.areas import AreaQuestion
from tunewell.demo.live_gateway import EMBEDDED
from tunewell.demo.live_questions import BEGIN, END
from tunewell.people.rows_from_use import rows_from_use
from tunewell.stats import proportion
from tunewell.store import Store
from tunewell.store.kept_traffic import read_feedback, read_interactions

WEEK = dt.timedelta(days=7)


@dataclass(frozen=True)
class ReplayedAnswer:
    """A question that went through the gateway.

    Attributes:
        interaction: Id of the record.
        question: As it was asked at its moment.
        arm: That answered.
        version: Of the model.
        answer: What was answered.
        right: Whether its asker chose that area; None where that is not known.
    """

    interaction: str
    question: AreaQuestion
    arm: str
    version: str
    answer: str
    right: bool | None


def replayed_answers(
    store: Store,
    questions: Mapping[str, AreaQuestion],
) -> list[ReplayedAnswer]:
    """Every recorded answer, in the order in which the questions were asked.

    Args:
        store: Of the project.
        questions: By id.
    """
    right = {}
    for said in read_feedback(store):
        if said.kind == "rating" and said.value is not None:
            right[said.interaction] = bool(said.value)
    found = []
    for record in read_interactions(store):
        question = questions.get(str(record.request.get("metadata", {}).get("question")))
        if question is None or record.ended != "answered":
            continue
        found.append(
            ReplayedAnswer(
                interaction=record.id,
                question=question,
                arm=record.served,
                version=record.version,
                answer=record.response,
                right=right.get(record.id),
            )
        )
    return sorted(found, key=lambda each: (each.question.at, each.interaction))


def rows_to_watch(
    history: Sequence[AreaQuestion],
    answers: Sequence[ReplayedAnswer],
    *,
    until: dt.datetime,
) -> list[dict[str, Any]]:
    """Rows for the detectors: the time before the replay, and what the gateway recorded since."""
    asked = [each.question for each in answers if each.arm != EMBEDDED]
    rows = []
    for row in (*history, *asked):
        if row.at < until:
            area = row.area or "other"
            rows.append({"id": row.id, "created": row.at, "question": row.text, "area": area})
    return rows


def weekly_readings(answers: Sequence[ReplayedAnswer], version: str) -> list[QualityReading]:
    """Share of wrong areas of a version, week by week: what the asker chose is right."""
    known = [each for each in answers if each.version == version and each.right is not None]
    found = []
    for number in range(int((END - BEGIN) / WEEK)):
        start = BEGIN + number * WEEK
        own = [each for each in known if start <= each.question.at < start + WEEK]
        wrong = sum(not each.right for each in own)
        if own:
            found.append(
                QualityReading(
                    at=start + WEEK / 2,
                    version=version,
                    wrong=proportion(wrong, len(own), method="wilson"),
                    by="labels",
                )
            )
    return found


def rows_learned_from_use(
    store: Store,
    answers: Sequence[ReplayedAnswer],
    *,
    until: dt.datetime,
) -> list[AreaQuestion]:
    """What a version can learn from use by a moment: confirmed answers, and corrected ones."""
    corrected = {row.id: row.target for row in rows_from_use(store).rows}
    rows = []
    for each in answers:
        question = each.question
        if each.right is None or question.at >= until:
            continue
        area = each.answer if each.right else corrected.get(f"use-{each.interaction}", "")
        if area:
            rows.append(AreaQuestion(question.id, question.at, question.text, area))
    return rows
