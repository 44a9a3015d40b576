"""E07: answers that state something the input does not bear out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain, filterfalse, islice
from operator import attrgetter
from typing import Final

import numpy as np

from tunewell.evaluate.findings.common import STAGE, no_candidate, signed, unchecked
from tunewell.evaluate.metric_kinds import metrics_of_kind
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.metrics.base import input_text
from tunewell.metrics.support import SupportItem, check_support
from tunewell.plurals import per_cent
from tunewell.stats import difference, mean
from tunewell.types import Example, Finding, Prediction, Threshold

CODE = "E07"
_MOST_SPANS: Final = 50


def unsupported(measured: ScoredArms) -> Finding:
    """E07: the share of tuned answers with unsupported statements, against the gold answers' own.

    It is asked only where ``support`` is among the metrics: many tasks want answers from what the
    model was taught.
    """
    if not metrics_of_kind(measured.file, "support"):
        why = "tunewell.yaml names no support metric: answers are not checked against their input."
        return unchecked(CODE, why)
    answers = measured.answers("tuned")
    if not answers:
        return unchecked(CODE, no_candidate(measured))

    language = measured.file.spec.task.language
    checked = [_Checked.of(e, answers[e.id], language) for e in measured.rows]
    loose = [c.loose for c in checked]
    loose_gold = [c.loose_gold for c in checked]
    level = measured.level
    rate = mean(
        loose,
        low=0,
        high=1,
        level=level,
    ).model_copy(update={"unit": "share of answers"})
    above = difference(
        loose,
        loose_gold,
        paired=True,
        low=0,
        high=1,
        level=level,
    )
    own = float(np.mean(loose_gold))
    found = Finding(
        code=CODE,
        status="clear",
        stage=STAGE,
        why=f"{per_cent(rate.value)} of the tuned answers state something that the input does not "
        f"bear out; of the gold answers {per_cent(own)} (difference {signed(above)})."
        f"{_limits(language)}",
        estimate=rate,
        threshold=Threshold(value=own, origin="gold answers"),
    )
    return _with_evidence(found, checked) if above.low > 0 else found


@dataclass(frozen=True)
class _Checked:
    """One answer held against its input.

    Attributes:
        row: Id of the row.
        items: What the input does not bear out.
        loose: 1 if there is any, 0 if not, NaN without an answer.
        loose_gold: The same of the gold answer.
    """

    row: str
    items: tuple[SupportItem, ...]
    loose: float
    loose_gold: float

    @classmethod
    def of(cls, example: Example, answer: Prediction, language: str) -> _Checked:
        """Hold one answer, and the gold answer, against the input."""
        given = input_text(example)
        items = _not_supported(answer.text, given, language)
        gold = _not_supported(example.target, given, language)
        failed = answer.finish == "error"
        return cls(
            row=example.id,
            items=items,
            loose=math.nan if failed else float(bool(items)),
            loose_gold=float(bool(gold)),
        )

    @property
    def spans(self) -> list[dict[str, str | int]]:
        """Where in the answer."""
        return [
            {
                "row": self.row,
                "start": i.start,
                "end": i.end,
                "type": i.kind,
            }
            for i in self.items
        ]


def _not_supported(text: str, given: str, language: str) -> tuple[SupportItem, ...]:
    items = check_support(text, given, language=language)
    return tuple(filterfalse(attrgetter("supported"), items))


def _limits(language: str) -> str:
    """What could not be read of the input in this language."""
    if language == "en":
        return ""
    return " Numbers in words are read in English only: some may be accused wrongly."


def _with_evidence(finding: Finding, checked: list[_Checked]) -> Finding:
    loose = [c for c in checked if c.items]
    spans = chain.from_iterable(c.spans for c in loose)
    return finding.model_copy(
        update={
            "status": "found",
            "rows": tuple(c.row for c in loose),
            "remedy": "read the rows named; train on corrected ones",
            "spans": tuple(islice(spans, _MOST_SPANS)),
        }
    )
