"""What shows in one row by itself.

Personal data (D07), broken rows (D08), kinds (D01), age (D06).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from tunewell.checks.dates import find_cut_off
from tunewell.checks.language import (
    certain_language,
    is_language_unchecked,
    may_be_unasked,
    other_language,
    unasked_language,
)
from tunewell.curate import rules
from tunewell.curate.age import age as drop_stale
from tunewell.curate.age import as_of, date_by_text
from tunewell.curate.doctor.case import MOST, Case
from tunewell.curate.doctor.findings import (
    Hit,
    finding,
    in_words,
    unchecked,
)
from tunewell.curate.heard import with_speech
from tunewell.curate.receipts import Ledger
from tunewell.curate.row_checks import RowLook
from tunewell.curate.rows import (
    InputRow,
    dropped_of,
    ids_of,
)
from tunewell.curate.unchecked import (
    open_dates,
    open_languages,
    open_personal,
    unproven_in,
    with_open_question,
)
from tunewell.plurals import plural
from tunewell.types import Finding, Threshold

_MAIN_LANGUAGE = 0.9
"""Share of the texts in one language from which the others are in a wrong one."""

_FEWEST_TEXTS = 50
"""Fewer texts do not tell which language is the main one."""


def personal(case: Case) -> Finding:
    """Personal data and secrets (D07), each with its place in the text."""
    rows: list[InputRow] = []
    spans: list[dict[str, str | int]] = []
    kinds: Counter[str] = Counter()
    for row, look in zip(case.rows, case.looked, strict=True):
        if look.spans:
            rows.append(row)
            kinds.update(kind for *_, kind in look.spans)
            if len(rows) <= MOST:
                spans += _spans(case.name(row), row, look)
    case.show("D07", rows)
    hit = Hit(
        code="D07",
        rows=rows,
        why=f"{len(rows)} of {case.read} rows: {in_words(kinds)}",
        evidence={"spans": tuple(spans)},
    )
    unproven: list[str] = []
    for row, look in zip(case.rows, case.looked, strict=True):
        unproven += unproven_in(row, look.languages, name=case.name(row))
    return with_open_question(finding(case, hit), open_personal(unproven))


def _spans(
    name: str,
    row: InputRow,
    look: RowLook,
) -> Iterator[dict[str, str | int]]:
    """Where personal data stands in a row; of a conversation, in which turn."""
    for record in look.span_records(name):
        span = dict(record)
        if len(row.turns) == 1:
            del span["turn"]
        yield span


def broken(case: Case) -> Finding:
    """Rows that cannot be trained on as they are, and lines that are no rows (D08)."""
    why = _faults(case)
    if case.given:
        for row in _wrong_length(case):
            why.setdefault(row, "length")

    hit = [row for row in case.rows if row.id in why]
    case.show("D08", hit, lambda row: why[row.id])
    rejects = case.rejects()
    kinds = Counter([*why.values(), *["unreadable line"] * len(rejects)])
    words = f"{len(hit) + len(rejects)} of {case.read} rows: {in_words(kinds)}"
    found = finding(case, Hit("D08", hit, words, rejects))
    return with_open_question(found, open_languages(_untold(case), case.read))


def _untold(case: Case) -> list[str]:
    """Names of the rows whose language cannot be told.

    Where the definition names no languages: of those with an answer in another one than nearly all
    rows, whose question is too short to tell.
    """
    named = case.file.spec.rules.languages
    if not named:
        main = _main_language(case)
        return [
            case.name(row)
            for row, look in zip(case.rows, case.looked, strict=True)
            if main and look.languages and may_be_unasked(look.languages, main)
        ]
    untold: list[str] = []
    for row, look in zip(case.rows, case.looked, strict=True):
        if any(is_language_unchecked(shares, named) for shares in look.languages):
            untold.append(case.name(row))
    return untold


def _faults(case: Case) -> dict[str, str]:
    """What is wrong with each row that is broken, by its id."""
    named = case.file.spec.rules.languages
    main = () if named else _main_language(case)
    found: dict[str, str] = {}
    for row, look in zip(case.rows, case.looked, strict=True):
        fault = _fault(look) or _wrong_language(row, look, named, main)
        if fault:
            found[row.id] = fault
    return found


def _fault(look: RowLook) -> str:
    """What is wrong with a row in any language; empty if nothing is."""
    if look.fault:
        return look.fault[0]
    return "mojibake" if look.mojibake else ""


def _wrong_language(
    row: InputRow,
    look: RowLook,
    named: Sequence[str],
    main: Sequence[str],
) -> str:
    """What is wrong with the language of a row; empty if nothing is.

    Args:
        row: The row.
        look: What was seen in it.
        named: The languages that the definition names.
        main: The language of nearly all rows, where it names none.
    """
    wrong = ""
    if named:
        codes = [other_language(shares, named) for shares in look.languages]
        wrong = next(filter(None, codes), "")
    elif main and look.languages:
        wrong = unasked_language(row.input, row.target, look.languages, main)
    return f"wrong language ({wrong})" if wrong else ""


def _wrong_length(case: Case) -> tuple[str, ...]:
    """Rows that the definition's limits of length would drop."""
    probe = case.probe()
    rules.words(with_speech(probe), case.file, Ledger())
    return ids_of(dropped_of(probe))


def _main_language(case: Case) -> tuple[str, ...]:
    """The language of nearly all rows, where there is one."""
    known: Counter[str] = Counter()
    for look in case.looked:
        known.update(filter(None, map(certain_language, look.languages)))
    if known.total() < _FEWEST_TEXTS:
        return ()
    [(code, n)] = known.most_common(1)
    return (code,) if n >= _MAIN_LANGUAGE * known.total() else ()


def kinds(case: Case) -> Finding:
    """Kinds that the definition excludes (D01)."""
    rule = case.file.spec.rules.kinds
    if not any((rule.keep, rule.drop)):
        return unchecked("D01", "nothing says which kinds belong", case.remedies.init())
    probe = case.probe()
    rules.kinds(probe, case.file, Ledger())
    hit = dropped_of(probe)
    case.show("D01", hit, lambda row: row.kind)
    threshold = Threshold(value=0.0, origin=case.file.where("rules.kinds"))
    return finding(case, Hit("D01", hit, threshold=threshold))


def age(case: Case) -> Finding:
    """Rows too old for the definition, or that speak of another model's cut-off date (D06)."""
    rule = case.file.spec.rules.max_age
    said = _cut_offs(case)
    if rule is None and not said:
        undated = Counter(row.date for row in case.rows)[None]
        dated = len(case.rows) - undated
        why = f"no age rule is set (rules.max_age); {dated} of {case.read} rows carry a date"
        return with_open_question(
            unchecked("D06", why, case.remedies.init()), open_dates(case.rows)
        )

    threshold = None
    if rule is not None:
        origin = case.file.where("rules.max_age.days")
        threshold = Threshold(value=float(rule.days), origin=origin)
    shown = {*said, *_stale(case)}
    rows = [row for row in case.rows if row.id in shown]
    case.show("D06", rows, lambda row: said.get(row.id, str(row.date or "undated")))
    hit = Hit(
        code="D06",
        rows=rows,
        why=(
            f"{len(rows)} of {plural(case.read, 'row')}: {len(rows) - len(said)} too old, "
            f"{len(said)} with another model's cut-off date in the answer"
        ),
        threshold=threshold,
    )
    return with_open_question(finding(case, hit), open_dates(case.rows))


def _cut_offs(case: Case) -> dict[str, str]:
    """What rows say of another model's cut-off date, by their ids."""
    said: dict[str, str] = {}
    for row in case.rows:
        words = find_cut_off(row.target)
        if words:
            said[row.id] = words
    return said


def _stale(case: Case) -> tuple[str, ...]:
    """Rows that the definition's rule of age would drop."""
    rule = case.file.spec.rules.max_age
    if rule is None:
        return ()
    probe = case.probe()
    date_by_text(probe, case.file, Ledger())
    drop_stale(
        probe,
        case.file,
        Ledger(),
        today=as_of(probe, rule),
    )
    return ids_of(dropped_of(probe))
