"""What can be checked of answers in use without a person: support, currency of facts, their form.

Some answers of each day are checked, drawn by their ids: the same ones whenever it is asked.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tunewell.metrics.base import Marked, Metric
from tunewell.metrics.build import metrics_of_kinds
from tunewell.monitor.found import UncheckedChannel
from tunewell.monitor.interactions import FORM, OUTDATED, UNSUPPORTED
from tunewell.monitor.served import served_answers
from tunewell.monitor.traffic_block import marks_of
from tunewell.project import Project
from tunewell.review.automatic_flags import Marker, marker
from tunewell.store.kept_traffic import Fields
from tunewell.task import TaskSpec
from tunewell.types import Example, Interaction

CHECKED_A_DAY: Final = 50
"""Answers of a day that are checked at most."""

FORMS: Final = ("format", "schema")
"""Metrics that say of an answer alone whether its form is kept."""


@dataclass(frozen=True)
class AnswerChecks:
    """The checks that a project's definition allows.

    Attributes:
        mark: Marks what an answer's source does not support, and values that are out of date.
        forms: Metrics of the form.
        has_facts: Whether there is a list of facts with dates.
        task: The definition.
    """

    mark: Marker
    forms: tuple[Metric, ...]
    has_facts: bool
    task: TaskSpec

    def of(
        self,
        output: str,
        example: Example,
    ) -> dict[str, str]:
        """Each check's name with ``yes`` or ``no``."""
        kinds = {mark.kind for mark in self.mark(output, example)}
        found = {UNSUPPORTED: _yes("unsupported" in kinds)}
        if self.has_facts:
            found[OUTDATED] = _yes(bool(kinds - {"unsupported"}))
        if self.forms:
            found[FORM] = _yes(all(self._keeps(form, output, example) for form in self.forms))
        return found

    def _keeps(
        self,
        form: Metric,
        output: str,
        example: Example,
    ) -> bool:
        said = form(output, example, task=self.task)
        return not isinstance(said, Marked) or said.value >= 1.0

    @property
    def unchecked(self) -> Iterator[UncheckedChannel]:
        """The checks that the definition does not allow, and what it lacks."""
        if not self.has_facts:
            yield UncheckedChannel(
                channel=f"share of {OUTDATED}",
                reason="no metric `currency` with a list of facts in tunewell.yaml (E08)",
            )
        if not self.forms:
            names = ", ".join(FORMS)
            yield UncheckedChannel(
                channel=f"share of {FORM}",
                reason=f"no metric of the form in tunewell.yaml: {names}",
            )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def answer_checks(project: Project) -> AnswerChecks:
    """The checks that a project's definition allows."""
    file = project.file
    kinds = {str(spec.options.get("metric", spec.name)) for spec in file.spec.metrics}
    return AnswerChecks(
        mark=marker(file),
        forms=tuple(metrics_of_kinds(file, FORMS)),
        has_facts="currency" in kinds,
        task=file.spec,
    )


def drawn_a_day(
    days: Sequence[dt.date],
    ids: Sequence[str],
) -> list[int]:
    """Some answers of each day, by the digests of their ids: every one as likely as the others.

    Args:
        days: Of each answer, whole ones.
        ids: Of their interactions.

    Returns:
        Their places, day by day.
    """
    by_day: dict[dt.date, list[int]] = defaultdict(list)
    for place, day in enumerate(days):
        by_day[day].append(place)
    lots = marks_of(ids).view(np.uint64)
    drawn: list[int] = []
    for places in by_day.values():
        order = np.argsort(lots[places], kind="stable")[:CHECKED_A_DAY]
        drawn += [places[i] for i in order.tolist()]
    return drawn


def checked_answers(
    checks: AnswerChecks,
    interactions: Iterable[Fields],
) -> dict[str, dict[str, str]]:
    """What the checks say of some answers of each day, by interaction.

    Args:
        checks: Of the project.
        interactions: The fields of interactions of whole days by name.
    """
    rows = [row for row in interactions if row["ended"] == "answered"]
    rows = [row for row in rows if row["response"] and not row["shadow_of"]]
    drawn = drawn_a_day([row["at"].date() for row in rows], [row["id"] for row in rows])
    answers = served_answers([Interaction.model_validate(rows[place]) for place in drawn])
    return {answer.id: checks.of(answer.output, answer.example) for answer in answers}
