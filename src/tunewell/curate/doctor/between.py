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
from tunewell.curate.heard import speakers_on_both_sides
from tunewell.curate.leaks import RowLeak, open_leaks
from tunewell.curate.rows import (
    Families,
    InputRow,
    members_of,
    written_of,
)
from tunewell.curate.unchecked import with_open_question
from tunewell.plurals import plural
from tunewell.similar import boilerplate, key
from tunewell.similar.contradictions import contradictory
from tunewell.similar.in_parts import leaks_among
from tunewell.similar.leaks import Leak, likely_leaks
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


def heard_again(case: Case) -> Families:
    """Training rows that are heard in one recording with the same words, in other encodings."""
    families = []
    for first, second, _ in case.heard_again.copies():
        is_training = not first.held and not second.held
        if is_training and first.clip != second.clip and key(first.target) == key(second.target):
            families.append([first, second])
    return families


def heard_leaks(case: Case) -> list[RowLeak]:
    """Training rows that are heard in the recording of a test row, or whose speaker is tested."""
    found = {}
    for row in speakers_on_both_sides(case.rows, case.tests):
        test = next(each for each in case.tests if each.group == row.group)
        found[row.id] = Leak(row, test, "same speaker", 0.0)
    tested = {row.id for row in case.tests}
    for first, second, same in case.heard_again.copies():
        if first.id in tested and second.id not in tested:
            found[second.id] = Leak(second, first, "same recording", 1.0 - same.different)
    return list(found.values())


def exact(case: Case) -> Finding:
    """Copies after normalisation (D03)."""
    families = duplicates.same(case.rows)
    hit = members_of(families, but=1)
    verb = "repeats" if len(hit) == 1 else "repeat"
    why = f"{len(hit)} of {plural(case.read, 'row')} {verb} another one"
    return _of_families(case, "D03", hit, families, why)


def near(case: Case) -> Finding:
    """Edited copies (D04), and rows that may say the same in other words."""
    families = [*case.likeness.copies, *heard_again(case)]
    hit = members_of(families, but=1)
    several = plural(len(families), "family", "families")
    why = f"{len(hit)} of {plural(case.read, 'row')} are edited copies, in {several}"
    found = _of_families(case, "D04", hit, families, why)
    found = with_open_question(found, case.likeness.unchecked)
    likely = list({row.id: row for _, row in case.likeness.likely}.values())
    if not likely:
        return found
    case.show("D04", [*hit, *likely])
    pairs = []
    for first, second in case.likeness.likely:
        pairs.append({"row": case.name(second), "other": case.name(first), "kind": "likely"})
    return _with_likely(found, case.ids(likely), pairs, "another one")


def _with_likely(
    found: Finding,
    rows: Sequence[str],
    pairs: Sequence[dict[str, str]],
    others: str,
) -> Finding:
    """A Finding with rows that may show the pitfall: they are for people to look at."""
    more = f"{plural(len(rows), 'row')} may say the same as {others} in other words (reported only)"
    why = f"{found.why}; {more}" if found.status == "found" else more
    changes = {
        "status": "found",
        "why": why,
        "rows": (*found.rows, *rows),
        "pairs": (*found.pairs, *pairs),
    }
    if found.status != "found":
        changes["remedy"] = "look at the rows"
    return found.model_copy(update=changes)


def recurring(case: Case) -> Finding:
    """Recurring endings and rows from one template (D05)."""
    templates = case.likeness.templates
    written = written_of(case.rows)
    common = boilerplate.recurring(written)
    footed = [row for row in written if boilerplate.ends_in(row, common)]
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
    written = written_of(case.rows), written_of(case.tests)
    leaks = [*leaks_among(*written, case.place), *heard_leaks(case)]
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
        found = found.model_copy(update={"why": clear})
    found = with_open_question(found, open_leaks(*written))
    likely = likely_leaks(*written, leaks)
    if not likely:
        return found
    case.show("D11", [*hit, *(leak.train for leak in likely)])
    ids = case.ids([leak.train for leak in likely])
    return _with_likely(found, ids, [_pair(case, leak) for leak in likely], "a test row")


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
