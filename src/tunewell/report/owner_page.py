"""The owner's page in words: the headline, the conditions in plain language, the findings in order of weight."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.pitfalls import CATALOGUE, Pitfall
from tunewell.report.figures import number_of, suffix
from tunewell.report.results import STAGES, Results
from tunewell.types import Criterion, Evaluation, Finding, MetricInfo, Outcome, Verdict

MEANS: Final = {
    "GO": "Ship it.",
    "NO-GO": "Do not ship it.",
    "INCONCLUSIVE": "Not decided yet.",
}
_ORDER: Final = {"NO-GO": 0, "INCONCLUSIVE": 1, "GO": 2}
_SIGNS: Final = ((">=", "≥"), ("<=", "≤"), (" - ", " − "))
_WEIGHT: Final = {"found": 0, "accepted": 1, "unchecked": 2, "clear": 3}


@dataclass(frozen=True)
class Headline:
    """The first thing to read.

    Attributes:
        outcome: GO, NO-GO, INCONCLUSIVE, or empty while there is no verdict.
        word: The outcome, or ``NO VERDICT YET``.
        means: What it means for the reader.
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


@dataclass(frozen=True)
class Condition:
    """One criterion, ready to draw.

    Attributes:
        criterion: As decided.
        title: In plain language.
        short: The condition itself (``tuned − prompted ≥ 5 pts``).
        above: Whether the good side is above the threshold.
        signed: Whether it is a difference.
        unit: Of its figures.
    """

    criterion: Criterion
    title: str
    short: str
    above: bool
    signed: bool
    unit: str


def headline(results: Results) -> Headline:
    """The verdict in words; what is missing where there is none."""
    missing = tuple((stage, results.missing[stage]) for stage in STAGES if stage in results.missing)
    verdict = results.verdict
    if verdict is None:
        first = missing[0][1] if missing else "No stage has run yet."
        return Headline(None, "NO VERDICT YET", "Nothing can be decided yet.", first, "", missing)
    own = in_words(verdict.why, results.evaluation)
    why = sentence(conditions(results), verdict) or own
    return Headline(
        verdict.outcome,
        verdict.outcome,
        MEANS[verdict.outcome],
        why,
        own if own != why else "",
        missing,
    )


def sentence(made: Sequence[Condition], verdict: Verdict) -> str:
    """Why, for somebody who reads nothing else.

    Empty where the verdict rests on something else than its criteria.
    """
    failed = [c for c in made if c.criterion.outcome == "NO-GO"]
    left = [c for c in made if c.criterion.outcome == "INCONCLUSIVE"]
    blocking = [f.why for f in verdict.findings if f.blocking and f.status == "found"]
    if verdict.outcome == "NO-GO" and failed:
        others = (
            f" {len(failed) - 1} more of {len(made)} conditions fail." if len(failed) > 1 else ""
        )
        return (
            f"{first_up(failed[0].title)} misses what you asked for{_measured(failed[0])}.{others}"
        )
    if verdict.outcome == "INCONCLUSIVE" and left:
        names = list(dict.fromkeys(f"“{c.title}”" for c in left))
        shown = "; ".join(names[:2]) + (f"; and {len(names) - 2} more" if len(names) > 2 else "")
        held = (
            f"{len(made) - len(left)} of {len(made)} conditions hold. "
            if len(left) < len(made)
            else ""
        )
        return f"{held}Still open: {shown}." + (f" {first_up(blocking[0])}" if blocking else "")
    if verdict.outcome == "GO" and made:
        return (
            "The one condition that you set holds."
            if len(made) == 1
            else f"All {len(made)} conditions that you set hold."
        )
    return ""


def _measured(c: Condition) -> str:
    estimate, threshold = c.criterion.estimate, c.criterion.threshold
    if estimate is None or threshold is None:
        return ""
    low, value, high = (
        number_of(x, c.unit, signed=c.signed) for x in (estimate.low, estimate.value, estimate.high)
    )
    unit, side = suffix(c.unit, signed=c.signed), "at least" if c.above else "at most"
    return f": {value}{unit} ({low} to {high}), {side} {number_of(threshold.value, c.unit)}{unit} needed"


def first_up(text: str) -> str:
    """A text with its first letter as a capital.

    Example:
        >>> first_up("label accuracy, ROUGE")
        'Label accuracy, ROUGE'
    """
    return text[:1].upper() + text[1:]


def conditions(results: Results) -> tuple[Condition, ...]:
    """The verdict's criteria: what fails first, then what is open, then what holds."""
    if results.verdict is None:
        return ()
    rubric = {c.name: c.question for c in results.file.spec.people.rubric}
    return conditions_of(results.verdict, results.evaluation, rubric=rubric)


def conditions_of(
    verdict: Verdict, evaluation: Evaluation | None, *, rubric: Mapping[str, str] | None = None
) -> tuple[Condition, ...]:
    """As `conditions`, of a verdict by itself.

    Args:
        verdict: Whose criteria.
        evaluation: For the names of the metrics.
        rubric: Questions of people's criteria by name.
    """
    infos = {m.name: m for m in evaluation.metrics} if evaluation else {}
    made = [_condition(c, infos, rubric or {}) for c in verdict.criteria]
    return tuple(sorted(made, key=lambda c: _ORDER[c.criterion.outcome]))


def _condition(
    criterion: Criterion, infos: Mapping[str, MetricInfo], rubric: Mapping[str, str]
) -> Condition:
    first, _, rest = criterion.name.partition(": ")
    info = infos.get(first)
    title = first_up(info.title if info else rubric.get(first, first))
    no_worse = "no worse" in rest
    signed = no_worse or " - " in rest
    above = "<=" not in rest and not (no_worse and info and not info.bigger_is_better)
    short = rest
    for plain_sign, sign in _SIGNS:
        short = short.replace(plain_sign, sign)
    if criterion.threshold:
        short = re.sub(r"(by|[≥≤])\s*-?[\d.]+(e-?\d+)?\s*$", "", short).strip()
    unit = (
        criterion.estimate.unit
        if criterion.estimate
        else info.unit
        if info
        else "share"
        if first in rubric
        else ""
    )
    return Condition(criterion, title, short, above, signed, unit)


def findings_by_status(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    """Findings by status, blocking ones first, then by code."""
    ordered = sorted(findings, key=lambda f: (_WEIGHT[f.status], *weighty(f), f.code, f.slice))
    return {status: tuple(f for f in ordered if f.status == status) for status in _WEIGHT}


def unasked(findings: Iterable[Finding]) -> Sequence[Pitfall]:
    """Pitfalls of the catalogue that no stage has spoken of: they were not looked for."""
    known = {f.code for f in findings}
    return [p for code, p in CATALOGUE.items() if code not in known]


_COMMAND: Final = re.compile(
    r"tunewell [a-z]+(?: +(?:--[\w-]+(?:[= ](?:'[^']*'|\"[^\"]*\"|[^\s;,]+))?|'[^']*'|\"[^\"]*\"|[A-Z…][A-Z…_0-9]*\b|"
    r"[\w./-]*[\d=][\w.:=/-]*\w))*"
)


def handled(finding: Finding) -> bool:
    """Whether a finding was dealt with on the way (rows dropped, masked, mended) and asks for nothing more."""
    return (
        finding.status == "found"
        and not finding.blocking
        and finding.remedy.startswith("nothing to do")
    )


def weighty(finding: Finding) -> tuple[bool, bool, int]:
    """Sorts findings for the owner: what blocks, what is open, the model before the data."""
    areas = ("evaluation", "training", "deployment", "data")
    return (not finding.blocking, handled(finding), areas.index(CATALOGUE[finding.code].area))


def in_words(text: str, evaluation: Evaluation | None) -> str:
    """A sentence of a verdict with metrics by their titles and signs as people write them."""
    titles = {m.name: m.title for m in evaluation.metrics} if evaluation else {}
    text = re.sub(r"(?<![\w-])([\w-]+)(?=: tuned)", lambda m: titles.get(m[1], m[1]), text)
    for plain_sign, sign in _SIGNS:
        text = text.replace(plain_sign, sign)
    return first_up(text)


def remedy(finding: Finding) -> tuple[tuple[bool, str], ...]:
    """What to do, in pieces: (whether it is a command to copy, text).

    Example:
        >>> remedy(Finding(code="E01", status="found", stage="curate", why="", remedy="approve it: tunewell approve"))
        ((False, 'approve it: '), (True, 'tunewell approve'))
        >>> remedy(Finding(code="D09", status="found", stage="curate", why=""))
        ((False, 'send to adjudication'),)
    """
    pitfall = CATALOGUE[finding.code]
    text = finding.remedy or (
        f"{pitfall.remedy}: {pitfall.command}" if pitfall.command else pitfall.remedy
    )
    parts: list[tuple[bool, str]] = []
    at = 0
    for match in _COMMAND.finditer(text):
        parts += [(False, text[at : match.start()]), (True, match[0])]
        at = match.end()
    parts.append((False, text[at:]))
    return tuple((command, part) for command, part in parts if part.strip(" `."))
