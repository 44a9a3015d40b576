"""Findings in the order of their weight, and what to do about each."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from tunewell.pitfalls import CATALOGUE, Pitfall
from tunewell.report.grouping import grouped
from tunewell.types import Finding, Status

STATUSES: Final[tuple[Status, ...]] = ("found", "accepted", "unchecked", "clear")
_AREAS: Final = ("evaluation", "training", "deployment", "data")
"""The model before the data."""

_COMMAND: Final = re.compile(
    r"""
    tunewell [ ] [a-z]+                              # the verb
    (?: [ ]+ (?:
        --[\w-]+ (?: [= ] (?: '[^']*' | "[^"]*" | [^\s;,]+ ) )?    # an option and its value
        | '[^']*' | "[^"]*"                          # a text in quotes
        | [A-Z…][A-Z…_0-9]*\b                        # a placeholder
        | [\w./-]* [\d=] [\w.:=/-]* \w               # a path, an id, a setting
    ) )*
    """,
    re.VERBOSE,
)


def findings_by_status(findings: Iterable[Finding]) -> dict[str, tuple[Finding, ...]]:
    """Findings by status, blocking ones first, then by code."""
    by_status = grouped(sorted(findings, key=_weight), by=lambda f: f.status)
    return {status: tuple(by_status.get(status, ())) for status in STATUSES}


def _weight(finding: Finding) -> tuple[bool, bool, int, str, str]:
    """Sorts findings for the owner: what blocks, what is open, the model before the data."""
    area = CATALOGUE[finding.code].area
    return (
        not finding.blocking,
        handled(finding),
        _AREAS.index(area),
        finding.code,
        finding.slice,
    )


def unasked(findings: Iterable[Finding]) -> Sequence[Pitfall]:
    """Pitfalls of the catalogue that no stage has spoken of: they were not looked for."""
    known = {f.code for f in findings}
    return [p for code, p in CATALOGUE.items() if code not in known]


def handled(finding: Finding) -> bool:
    """Whether a finding was dealt with on the way and asks for nothing more.

    Its rows were dropped, masked or repaired.
    """
    if finding.blocking or finding.status != "found":
        return False
    return finding.remedy.startswith("nothing to do")


def remedy(finding: Finding) -> tuple[tuple[bool, str], ...]:
    """What to do, in pieces: (whether it is a command to copy, text).

    Example:
        >>> found = Finding(code="D09", status="found", stage="curate", why="")
        >>> remedy(found)
        ((False, 'send to adjudication'),)
        >>> remedy(found.model_copy(update={"remedy": "approve it: tunewell approve"}))
        ((False, 'approve it: '), (True, 'tunewell approve'))
    """
    text = finding.remedy or _usual_remedy(CATALOGUE[finding.code])
    parts: list[tuple[bool, str]] = []
    at = 0
    for match in _COMMAND.finditer(text):
        parts.append((False, text[at : match.start()]))
        parts.append((True, match[0]))
        at = match.end()
    parts.append((False, text[at:]))
    return tuple(part for part in parts if part[1].strip(" `."))


def _usual_remedy(pitfall: Pitfall) -> str:
    if not pitfall.command:
        return pitfall.remedy
    return f"{pitfall.remedy}: {pitfall.command}"
