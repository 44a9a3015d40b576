"""What shows in one row by itself: personal data (D07), broken rows (D08), kinds (D01), age (D06)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import replace

from tunewell.checks.dates import find_cut_off
from tunewell.checks.language import (
    Shares,
    certain_language,
    is_language_unchecked,
    other_language,
)
from tunewell.curate import rules
from tunewell.curate.doctor.case import MOST, Case
from tunewell.curate.doctor.findings import finding, unchecked
from tunewell.curate.rows import InputRow, Ledger
from tunewell.curate.unchecked import (
    open_dates,
    open_languages,
    open_personal,
    unproven_in,
    with_open_question,
)
from tunewell.types import Finding, Threshold


def personal(case: Case) -> Finding:
    """Personal data and secrets (D07), each with its place in the text."""
    hit = [(row, seen) for row, seen in zip(case.rows, case.looked, strict=True) if seen.spans]
    kinds: Counter[str] = Counter(span[3] for _, seen in hit for span in seen.spans)
    spans = []
    for row, seen in hit[:MOST]:
        for turn, start, end, kind in seen.spans:
            name = case.ids([row])[0]
            span: dict[str, str | int] = {"row": name, "start": start, "end": end, "type": kind}
            if len(row.turns) > 1:
                span["turn"] = turn
            spans.append(span)
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    case.show("D07", [row for row, _ in hit])
    found = finding(
        case,
        "D07",
        [row for row, _ in hit],
        spans=tuple(spans),
        why=f"{len(hit)} of {case.read} rows: {shown}",
    )
    unproven = [
        said
        for row, seen in zip(case.rows, case.looked, strict=True)
        for said in unproven_in(row, seen.languages, name=case.ids([row])[0])
    ]
    return with_open_question(found, open_personal(unproven))


def broken(case: Case) -> Finding:
    """Rows that cannot be trained on as they are, and lines that are no rows (D08)."""
    why: dict[str, str] = {}
    named = case.file.spec.rules.languages
    wanted = named or _main_language(case)
    ledger = Ledger()
    for row, seen in zip(case.rows, case.looked, strict=True):
        other = [code for shares in seen.languages if (code := _other_language(shares, wanted))]
        if seen.fault:
            why[row.id] = seen.fault[0]
        elif "mojibake" in seen.repairs:
            why[row.id] = "mojibake"
        elif other:
            why[row.id] = f"wrong language ({other[0]})"
    if case.given:
        probe = [_copy(row) for row in case.rows]
        rules.words(probe, case.file, ledger)
        why |= {row.id: "length" for row in probe if row.dropped and row.id not in why}
    hit = [row for row in case.rows if row.id in why]
    rejects = [case.names[reject.place] for reject in case.batch.rejects]
    kinds = Counter(why.values()) + Counter({"unreadable line": len(rejects)} if rejects else {})
    case.show("D08", hit, lambda row: why[row.id])
    shown = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    found = finding(
        case,
        "D08",
        hit,
        extra=rejects,
        why=f"{len(hit) + len(rejects)} of {case.read} rows: {shown}",
    )
    return with_open_question(found, open_languages(case.ids(_untold(case, named)), case.read))


def _untold(case: Case, named: Collection[str]) -> list[InputRow]:
    """Rows of which it stays open if they are in one of the languages that the rule names."""
    if not named:
        return []
    return [
        row
        for row, seen in zip(case.rows, case.looked, strict=True)
        if any(is_language_unchecked(shares, named) for shares in seen.languages)
    ]


def _other_language(shares: Shares, wanted: Collection[str]) -> str:
    return other_language(shares, wanted) if wanted else ""


def _copy(row: InputRow) -> InputRow:
    return replace(row, dropped=False)


def _main_language(case: Case) -> tuple[str, ...]:
    """The language of nearly all rows, where there is one."""
    certain = (certain_language(shares) for seen in case.looked for shares in seen.languages)
    known = Counter(filter(None, certain))
    (code, n), *_ = known.most_common(1) or [("", 0)]
    total = sum(known.values())
    return (code,) if total >= 50 and n >= 0.9 * total else ()


def kinds(case: Case) -> Finding:
    """Kinds that the definition excludes (D01)."""
    rule = case.file.spec.rules.kinds
    if not rule.keep and not rule.drop:
        return unchecked(
            "D01", "nothing says which kinds belong", "tunewell doctor FILE --task tunewell.yaml"
        )
    probe = [_copy(row) for row in case.rows]
    rules.kinds(probe, case.file, Ledger())
    hit = [row for row in probe if row.dropped]
    case.show("D01", hit, lambda row: row.kind)
    return finding(
        case, "D01", hit, threshold=Threshold(value=0.0, origin=case.file.where("rules.kinds"))
    )


def age(case: Case) -> Finding:
    """Rows too old for the definition, or that speak of another model's cut-off date (D06)."""
    rule = case.file.spec.rules.max_age
    said = {row.id: words for row in case.rows if (words := find_cut_off(row.target))}
    hit = [row for row in case.rows if row.id in said]
    dated = sum(row.date is not None for row in case.rows)
    if rule is None and not hit:
        why = f"no age rule is set (rules.max_age); {dated} of {case.read} rows carry a date"
        bare = unchecked("D06", why, "tunewell doctor FILE --task tunewell.yaml")
        return with_open_question(bare, open_dates(case.rows))
    limit = None
    if rule is not None:
        probe = [_copy(row) for row in case.rows]
        rules.date_by_text(probe, case.file, Ledger())
        rules.age(probe, case.file, Ledger(), today=rules.as_of(probe, rule))
        limit = Threshold(value=float(rule.days), origin=case.file.where("rules.max_age.days"))
        hit = [
            row
            for row, look in zip(case.rows, probe, strict=True)
            if look.dropped or row.id in said
        ]
    case.show("D06", hit, lambda row: said.get(row.id, str(row.date or "undated")))
    stale = len(hit) - len(said)
    why = f"{len(hit)} of {case.read} rows: {stale} too old, {len(said)} speak of the cut-off date of another model"
    found = finding(case, "D06", hit, threshold=limit, why=why)
    return with_open_question(found, open_dates(case.rows))
