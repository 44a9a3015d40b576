"""The owner's page in words: the verdict, and why in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.report.advice import recommendation
from tunewell.report.conditions import Condition, conditions
from tunewell.report.interval_charts import AT_LEAST
from tunewell.report.number_format import number_of
from tunewell.report.results import STAGES, Results
from tunewell.report.wording import first_up, in_words
from tunewell.types import Outcome, Verdict

NAMED: Final = 2
"""Open conditions that the sentence names."""


@dataclass(frozen=True)
class Headline:
    """The first thing to read.

    Attributes:
        outcome: GO, NO-GO, INCONCLUSIVE, or empty while there is no verdict.
        word: The outcome, or ``NO VERDICT YET``.
        means: The recommendation, in one or two sentences.
        why: One sentence.
        more: The verdict's own words, where they say more.
        missing: Which stages have nothing to show, and why.
    """

    outcome: Outcome | None
    word: str
    means: str
    why: str
    more: str
    missing: tuple[tuple[str, str], ...]


def headline(results: Results) -> Headline:
    """The verdict in words; what is missing where there is none."""
    missing = tuple(sorted(results.missing.items(), key=lambda gap: STAGES.index(gap[0])))
    verdict = results.verdict
    if verdict is None:
        first = missing[0][1] if missing else "No stage has run yet."
        return Headline(
            None,
            "NO VERDICT YET",
            "Nothing can be decided yet.",
            first,
            "",
            missing,
        )
    own = in_words(verdict.why, results.evaluation)
    made = conditions(results)
    why = sentence(made, verdict) or own
    more = own if own != why else ""
    return Headline(
        outcome=verdict.outcome,
        word=verdict.outcome,
        means=in_words(recommendation(made, verdict), results.evaluation),
        why=why,
        more=more,
        missing=missing,
    )


def sentence(made: Sequence[Condition], verdict: Verdict) -> str:
    """Why, for somebody who reads nothing else.

    Empty where the verdict rests on something else than its criteria.
    """
    failed = [c for c in made if c.criterion.outcome == "NO-GO"]
    left = [c for c in made if c.criterion.outcome == "INCONCLUSIVE"]
    if verdict.outcome == "NO-GO" and failed:
        return _sentence_of_failed(failed, len(made))
    if verdict.outcome == "INCONCLUSIVE" and left:
        return f"{_sentence_of_open(left, len(made))}{_first_blocking(verdict)}"
    if verdict.outcome == "GO" and made:
        return _sentence_of_all(len(made))
    return ""


def _sentence_of_failed(failed: Sequence[Condition], of: int) -> str:
    worst = failed[0]
    first = f"{first_up(worst.title)} misses what you asked for{_measured(worst)}."
    more = len(failed) - 1
    if not more:
        return first
    verb = "fails" if more == 1 else "fail"
    return f"{first} {more} more of {of} conditions {verb}."


def _sentence_of_open(left: Sequence[Condition], of: int) -> str:
    names = list(dict.fromkeys(f"“{c.title}”" for c in left))
    shown = "; ".join(names[:NAMED])
    if len(names) > NAMED:
        shown += f"; and {len(names) - NAMED} more"
    held = of - len(left)
    if not held:
        return f"Still open: {shown}."
    verb = "holds" if held == 1 else "hold"
    return f"{held} of {of} conditions {verb}. Still open: {shown}."


def _sentence_of_all(count: int) -> str:
    if count == 1:
        return "The one condition that you set holds."
    return f"All {count} conditions that you set hold."


def _first_blocking(verdict: Verdict) -> str:
    for finding in verdict.findings:
        if finding.blocking and finding.status == "found":
            return f" {first_up(finding.why)}"
    return ""


def _measured(c: Condition) -> str:
    estimate, threshold = c.criterion.estimate, c.criterion.threshold
    if estimate is None or threshold is None:
        return ""
    low = c.number(estimate.low)
    high = c.number(estimate.high)
    side = AT_LEAST[c.above]
    limit = number_of(threshold.value, c.unit)
    measured = f"{c.number(estimate.value)}{c.suffix} ({low} to {high})"
    return f": {measured}, {side} {limit}{c.suffix} needed"
