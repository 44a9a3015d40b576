"""What shows in one row by itself: personal data (D07), broken rows (D08), kinds (D01), age (D06)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tunewell.checks.dates import find_cut_off
from tunewell.curate import rules
from tunewell.curate.age import age as drop_stale
from tunewell.curate.age import as_of, date_by_text
from tunewell.curate.doctor.case import MOST, Case
from tunewell.curate.doctor.findings import Hit, finding, unchecked
from tunewell.curate.receipts import Ledger
from tunewell.curate.row_checks import RowLook
from tunewell.curate.rows import InputRow
from tunewell.types import Finding, Threshold

_GIVE_TASK = "tunewell doctor FILE --task tunewell.yaml"

_MAIN_LANGUAGE = 0.9
"""Share of the texts in one language from which the others are in a wrong one."""

_FEWEST_TEXTS = 50
"""Fewer texts do not tell which language is the main one."""


def _in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{n} {kind}" for kind, n in counts.most_common())


def personal(case: Case) -> Finding:
    """Personal data and secrets (D07), each with its place in the text."""
    looked = zip(case.rows, case.looked, strict=True)
    hit = [(row, look) for row, look in looked if look.spans]
    kinds: Counter[str] = Counter()
    for _, look in hit:
        kinds.update(kind for *_, kind in look.spans)

    spans = []
    for row, look in hit[:MOST]:
        spans += _spans(case.name(row), row, look)
    rows = [row for row, _ in hit]
    case.show("D07", rows)
    why = f"{len(hit)} of {case.read} rows: {_in_words(kinds)}"
    return finding(case, Hit("D07", rows, why, evidence={"spans": tuple(spans)}))


def _spans(name: str, row: InputRow, look: RowLook) -> Iterator[dict[str, str | int]]:
    """Where personal data stands in a row; of a conversation, in which turn."""
    for turn, start, end, kind in look.spans:
        span: dict[str, str | int] = {"row": name, "start": start, "end": end, "type": kind}
        if len(row.turns) > 1:
            span["turn"] = turn
        yield span


def broken(case: Case) -> Finding:
    """Rows that cannot be trained on as they are, and lines that are no rows (D08)."""
    wanted = case.file.spec.rules.languages or _main_language(case)
    why: dict[str, str] = {}
    for row, look in zip(case.rows, case.looked, strict=True):
        fault = _fault(look, wanted)
        if fault:
            why[row.id] = fault
    if case.given:
        for row in _wrong_length(case):
            why.setdefault(row.id, "length")

    hit = [row for row in case.rows if row.id in why]
    case.show("D08", hit, lambda row: why[row.id])
    rejects = [case.names[reject.place] for reject in case.batch.rejects]
    kinds = Counter(why.values())
    if rejects:
        kinds["unreadable line"] = len(rejects)
    words = f"{len(hit) + len(rejects)} of {case.read} rows: {_in_words(kinds)}"
    return finding(case, Hit("D08", hit, words, rejects))


def _fault(look: RowLook, wanted: Sequence[str]) -> str:
    """What is wrong with a row; empty if nothing is."""
    if look.fault:
        return look.fault[0]
    if look.mojibake:
        return "mojibake"
    if wanted:
        for code in filter(None, look.languages):
            if code not in wanted:
                return f"wrong language ({code})"
    return ""


def _wrong_length(case: Case) -> list[InputRow]:
    """Rows that the definition's limits of length would drop."""
    probe = case.probe()
    rules.words(probe, case.file, Ledger())
    return [row for row in probe if row.dropped]


def _main_language(case: Case) -> tuple[str, ...]:
    """The language of nearly all rows, where there is one."""
    known: Counter[str] = Counter()
    for look in case.looked:
        known.update(filter(None, look.languages))
    if known.total() < _FEWEST_TEXTS:
        return ()
    [(code, n)] = known.most_common(1)
    return (code,) if n >= _MAIN_LANGUAGE * known.total() else ()


def kinds(case: Case) -> Finding:
    """Kinds that the definition excludes (D01)."""
    rule = case.file.spec.rules.kinds
    if not rule.keep and not rule.drop:
        return unchecked("D01", "nothing says which kinds belong", _GIVE_TASK)
    probe = case.probe()
    rules.kinds(probe, case.file, Ledger())
    hit = [row for row in probe if row.dropped]
    case.show("D01", hit, lambda row: row.kind)
    threshold = Threshold(value=0.0, origin=case.file.where("rules.kinds"))
    return finding(case, Hit("D01", hit, threshold=threshold))


def age(case: Case) -> Finding:
    """Rows too old for the definition, or that speak of another model's cut-off date (D06)."""
    said: dict[str, str] = {}
    for row in case.rows:
        words = find_cut_off(row.target)
        if words:
            said[row.id] = words
    rule = case.file.spec.rules.max_age
    if rule is None and not said:
        dated = sum(row.date is not None for row in case.rows)
        why = f"no age rule is set (rules.max_age); {dated} of {case.read} rows carry a date"
        return unchecked("D06", why, _GIVE_TASK)

    stale = _stale(case)
    hit = [row for row in case.rows if row.id in stale or row.id in said]
    limit = None
    if rule is not None:
        origin = case.file.where("rules.max_age.days")
        limit = Threshold(value=float(rule.days), origin=origin)

    case.show("D06", hit, lambda row: said.get(row.id, str(row.date or "undated")))
    why = (
        f"{len(hit)} of {case.read} rows: {len(hit) - len(said)} too old, "
        f"{len(said)} speak of the cut-off date of another model"
    )
    return finding(case, Hit("D06", hit, why, threshold=limit))


def _stale(case: Case) -> set[str]:
    """Ids of the rows that the definition's rule of age would drop."""
    rule = case.file.spec.rules.max_age
    if rule is None:
        return set()
    probe = case.probe()
    date_by_text(probe, case.file, Ledger())
    drop_stale(probe, case.file, Ledger(), today=as_of(probe, rule))
    return {row.id for row in probe if row.dropped}
