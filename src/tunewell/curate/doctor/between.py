"""What shows between rows.

Copies (D03, D04), templates and boilerplate (D05), contradictions (D09), leaks (D11).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tunewell.curate import duplicates
from tunewell.curate.doctor.case import Case
from tunewell.curate.doctor.findings import (
    Hit,
    finding,
    in_words,
    unchecked,
)
from tunewell.curate.leaks import RowLeak
from tunewell.curate.rows import (
    Families,
    InputRow,
    members_of,
)
from tunewell.plurals import plural
from tunewell.similar import boilerplate
from tunewell.similar.contradictions import contradictory
from tunewell.similar.leaks import find_leaks
from tunewell.similar.missed_leaks import missed_bound
from tunewell.types import Finding


def _of_families(
    case: Case,
    code: str,
    rows: Sequence[InputRow],
    families: Families,
    why: str,
) -> Finding:
    case.show(code, rows)
    evidence = {"families": case.families(families)}
    return finding(case, Hit(code, rows, why, evidence=evidence))


def exact(case: Case) -> Finding:
    """Copies after normalisation (D03)."""
    families = duplicates.same(case.rows)
    hit = members_of(families, but=1)
    verb = "repeats" if len(hit) == 1 else "repeat"
    why = f"{len(hit)} of {plural(case.read, 'row')} {verb} another one"
    return _of_families(case, "D03", hit, families, why)


def near(case: Case) -> Finding:
    """Edited copies (D04)."""
    families, _ = case.likeness
    hit = members_of(families, but=1)
    several = plural(len(families), "family", "families")
    why = f"{len(hit)} of {plural(case.read, 'row')} are edited copies, in {several}"
    return _of_families(case, "D04", hit, families, why)


def recurring(case: Case) -> Finding:
    """Recurring endings and rows from one template (D05)."""
    _, templates = case.likeness
    common = boilerplate.recurring(case.rows)
    footed = [row for row in case.rows if boilerplate.ends_in(row, common)]
    in_templates = members_of(templates)
    once = {row.id: row for row in (*footed, *in_templates)}
    why = (
        f"{plural(len(footed), 'row')} with a recurring ending, "
        f"{plural(len(in_templates), 'row')} made from {plural(len(templates), 'template')}"
    )
    return _of_families(case, "D05", list(once.values()), templates, why)


def contradictions(case: Case) -> Finding:
    """One question, several answers (D09)."""
    families = contradictory(case.rows)
    hit = members_of(families)
    several = plural(len(families), "question")
    why = f"{len(hit)} of {plural(case.read, 'row')} give different answers to {several}"
    return _of_families(case, "D09", hit, families, why)


def leaks(case: Case) -> Finding:
    """Training rows that give a test row away (D11), with a bound on what was missed."""
    if not case.tests:
        return unchecked("D11", "no evaluation file was given", case.remedies.with_evaluation())
    leaks = find_leaks(case.rows, case.tests)
    bound = missed_bound(leaks, case.tests)
    most = round(bound.high - bound.value)
    more = plural(most, "more edited copy", "more edited copies")
    missed = f"at most {more} missed (95 %, planted probes)"

    hit = []
    pairs = []
    for leak in leaks:
        hit.append(leak.train)
        pairs.append(_pair(case, leak))
    case.show("D11", hit)
    evidence = {"estimate": bound, "pairs": tuple(pairs)}
    why = f"{_in_words(case, leaks)}; {missed}"
    found = finding(case, Hit("D11", hit, why, evidence=evidence))
    if not leaks:
        clear = f"no training row is close to a test row; {missed}"
        return found.model_copy(update={"why": clear})
    return found


def _in_words(case: Case, leaks: Sequence[RowLeak]) -> str:
    given_away: set[str] = set()
    kinds: Counter[str] = Counter()
    for leak in leaks:
        given_away.add(leak.test.id)
        kinds[leak.kind] += 1
    return (
        f"{plural(len(leaks), 'training row')} {'leaks' if len(leaks) == 1 else 'leak'} "
        f"{len(given_away)} of {plural(len(case.tests), 'test row')}: "
        f"{in_words(kinds)}"
    )


def _pair(case: Case, leak: RowLeak) -> dict[str, str]:
    return {
        "train": case.name(leak.train),
        "eval": case.name(leak.test),
        "kind": leak.kind,
    }
