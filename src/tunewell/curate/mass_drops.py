"""No rule takes a large part of a file unasked: it reports the rows until a person confirms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from tunewell.curate.receipts import Ledger, TakenBack
from tunewell.curate.rows import InputRow, clip
from tunewell.plurals import per_cent
from tunewell.task import TaskFile
from tunewell.types import Finding

MOST = 0.2
"""Share of the rows that a rule may drop without being confirmed."""

_FEWEST = 5
"""So few rows are no mass, however small the file."""

_PAIRS = 5
"""Pairs kept as evidence."""

_SHOWN_CHARACTERS = 300


@dataclass(frozen=True)
class _MassStep:
    """A step whose drops are limited.

    Attributes:
        rule: What ``rules.confirmed`` calls it.
        code: The pitfall that it is against.
    """

    rule: str
    code: str


_STEPS: Mapping[str, _MassStep] = {
    "near duplicates": _MassStep("near_duplicates", "D04"),
    "leaks": _MassStep("leaks", "D11"),
    "broken": _MassStep("broken", "D08"),
    "languages": _MassStep("languages", "D08"),
}


def hold_back(rows: Sequence[InputRow], file: TaskFile, ledger: Ledger) -> None:
    """Turn the drops of a rule into reports where it took more than 20 % of the training rows.

    Exact copies do not count. Rules that ``rules.confirmed`` names may take as many as they find.

    Args:
        rows: Every row that was read; those that are taken back are no longer dropped.
        file: The project's definition.
        ledger: The receipts of the drops are taken out of it; the rows still show the pitfall.
    """
    training = [row for row in rows if not row.held]
    counts = ledger.count_by_step()
    for name, step in _STEPS.items():
        if step.rule in file.spec.rules.confirmed or not counts[f"dropped: {name}"]:
            continue
        n = ledger.count_inexact_drops(name)
        if n >= _FEWEST and n > MOST * len(training):
            taken = ledger.take_back(name, share=n / len(training))
            ledger.taken_back[name] = replace(taken, pairs=tuple(_pairs(taken, rows)))
            ids = set(taken.rows)
            for row in training:
                if row.id in ids:
                    row.dropped = False


def as_reported(finding: Finding, ledger: Ledger, read: int) -> Finding:
    """The Finding on a pitfall, where drops against it were held back: it waits for a person."""
    held = [
        (step, ledger.taken_back[name])
        for name, step in _STEPS.items()
        if step.code == finding.code and name in ledger.taken_back
    ]
    if not held:
        return finding
    said = []
    pairs = list(finding.pairs)
    for step, taken in held:
        said.append(
            f"{step.rule} would drop {len(taken.rows)} of {read} rows ({per_cent(taken.share)}), "
            f"more than {per_cent(MOST)}: they are kept until rules.confirmed names {step.rule}"
        )
        pairs += taken.pairs
    names = ", ".join(step.rule for step, _ in held)
    return finding.model_copy(
        update={
            "status": "found",
            "why": "; ".join(said),
            "rows": tuple(dict.fromkeys(row for _, taken in held for row in taken.rows)),
            "pairs": tuple(pairs),
            "remedy": f"look at the rows; if they should go, rules.confirmed: [{names}] in "
            "tunewell.yaml",
            "blocking": True,
            "unconfirmed": True,
        }
    )


def _pairs(taken: TakenBack, rows: Sequence[InputRow]) -> Iterator[dict[str, str]]:
    """The first drops, each with what it was held against and what both rows say."""
    texts = {row.id: row.whole for row in rows}
    for row, other, evidence in taken.drops[:_PAIRS]:
        pair = {"row": row, "other": other, "evidence": evidence}
        pair["text"] = clip(texts.get(row, ""), _SHOWN_CHARACTERS)
        if other:
            pair["other_text"] = clip(texts.get(other, ""), _SHOWN_CHARACTERS)
        yield pair


def most_taken(counts: Mapping[str, int]) -> str:
    """The rules that took the most rows, from the counts of curation's Run; empty if none did.

    Example:
        >>> most_taken({"read": 120, "dropped: near duplicates": 90, "dropped: broken": 4})
        'of 120 rows, near duplicates took 90 and broken took 4'
    """
    taken = []
    for name, count in counts.items():
        action, _, step = name.partition(": ")
        if action == "dropped" and step and count:
            taken.append((count, step))
    worst = sorted(taken, reverse=True)[:2]
    if not worst:
        return ""
    said = " and ".join(f"{step} took {count}" for count, step in worst)
    return f"of {counts.get('read', 0)} rows, {said}"


def awaiting(findings: Sequence[Finding]) -> dict[str, Finding]:
    """The rules that wait for a person, each with its Finding."""
    found: dict[str, Finding] = {}
    for finding in findings:
        if not finding.unconfirmed:
            continue
        for step in _STEPS.values():
            if step.code == finding.code and f"{step.rule} would drop" in finding.why:
                found[step.rule] = finding
    return found
