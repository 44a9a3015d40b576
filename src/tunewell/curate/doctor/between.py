"""What shows between rows: copies (D03, D04), templates (D05), contradictions (D09), leaks (D11)."""

from __future__ import annotations

from collections import Counter

from tunewell.curate import boilerplate, repeats
from tunewell.curate.contradictions import contradictory
from tunewell.curate.doctor.case import Case
from tunewell.curate.doctor.findings import finding, unchecked
from tunewell.curate.leaks import Leak, find_leaks, missed_bound
from tunewell.types import Finding


def exact(case: Case) -> Finding:
    """Copies after normalisation (D03)."""
    families = repeats.same(case.rows)
    hit = [row for family in families for row in family[1:]]
    case.show("D03", hit)
    return finding(
        case,
        "D03",
        hit,
        families=tuple(case.ids(f) for f in families),
        why=f"{len(hit)} of {case.read} rows repeat another one",
    )


def near(case: Case) -> Finding:
    """Edited copies (D04)."""
    families, _ = case.likeness
    hit = [row for family in families for row in family[1:]]
    case.show("D04", hit)
    return finding(
        case,
        "D04",
        hit,
        families=tuple(case.ids(f) for f in families),
        why=f"{len(hit)} of {case.read} rows are edited copies in {len(families)} families",
    )


def recurring(case: Case) -> Finding:
    """Recurring endings and rows from one template (D05)."""
    _, templates = case.likeness
    common = boilerplate.recurring(case.rows)
    footed = [row for row in case.rows if boilerplate.ends_in(row, common)]
    in_templates = [row for family in templates for row in family]
    hit = list({id(row): row for row in (*footed, *in_templates)}.values())
    case.show("D05", hit)
    why = f"{len(footed)} rows end in recurring text, {len(in_templates)} rows come from {len(templates)} templates"
    return finding(case, "D05", hit, families=tuple(case.ids(f) for f in templates), why=why)


def contradictions(case: Case) -> Finding:
    """One question, several answers (D09)."""
    families = contradictory(case.rows)
    hit = [row for family in families for row in family]
    case.show("D09", hit)
    return finding(
        case,
        "D09",
        hit,
        families=tuple(case.ids(f) for f in families),
        why=f"{len(hit)} of {case.read} rows answer {len(families)} questions differently",
    )


def leaks(case: Case) -> Finding:
    """Training rows that give a test row away (D11), with a bound on what was missed."""
    if not case.tests:
        return unchecked("D11", "no evaluation file was given", "tunewell doctor FILE --eval EVAL")
    leaks = find_leaks(case.rows, case.tests)
    bound = missed_bound(leaks, case.tests)
    hit = [leak.train for leak in leaks]
    kinds = Counter(leak.kind for leak in leaks)
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    first = f"{len(hit)} training rows give away {len({leak.test.id for leak in leaks})} of {len(case.tests)} test rows"
    most = round(bound.high - bound.value)
    missed = f"at most {most} more edited copies were missed (95 %, planted probes)"
    case.show("D11", hit)
    found = finding(
        case,
        "D11",
        hit,
        estimate=bound,
        why=f"{first}: {shown}; {missed}",
        pairs=tuple(_pair(case, leak) for leak in leaks),
    )
    return (
        found
        if hit
        else found.model_copy(update={"why": f"no training row is close to a test row; {missed}"})
    )


def _pair(case: Case, leak: Leak) -> dict[str, str]:
    train, test = case.ids([leak.train])[0], case.ids([leak.test])[0]
    return {"train": train, "eval": test, "kind": leak.kind}
