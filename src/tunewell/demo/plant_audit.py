"""What was planted against what curation caught and wrongly dropped, pitfall by pitfall."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunewell.types import Receipt

SAME = "exact copy"
"""Of two rows that say the same, either may stay; an edited copy that stays is a loss."""


@dataclass
class PlantLine:
    """One line of the table.

    Attributes:
        code: Pitfall.
        what: What was planted.
        expected: ``dropped``, ``changed`` or ``rejected``.
        planted: How many.
        caught: How many met the expected fate.
        otherwise: Of the caught, how many under another pitfall's rule.
        missed: Ids (or places) of the rest.
    """

    code: str
    what: str
    expected: str
    planted: int = 0
    caught: int = 0
    otherwise: int = 0
    missed: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class PlantAudit:
    """The comparison.

    Attributes:
        lines: One per kind of plant, by code.
        wrongly_dropped: Clean rows that were dropped (id to code), those of `stood_in` left out.
        stood_in: Clean rows that were dropped for a planted copy that says the same, by its id.
        wrongly_changed: Clean rows with look-alikes of personal data that were masked (id to
            evidence).
        clean: How many clean rows there are.
        lost_exceptions: Landmarks that were dropped as stale.
    """

    lines: tuple[PlantLine, ...]
    wrongly_dropped: Mapping[str, str]
    stood_in: Mapping[str, str]
    wrongly_changed: Mapping[str, str]
    clean: int
    lost_exceptions: tuple[str, ...]


def audit_plants(truth: Mapping[str, Any], receipts: Iterable[Receipt]) -> PlantAudit:
    """Hold the receipts of a curation against the truth file.

    Args:
        truth: Content of ``truth.json``.
        receipts: Of every input row.
    """
    steps: dict[str, list[Receipt]] = {}
    for receipt in receipts:
        steps.setdefault(receipt.row, []).append(receipt)
    dropped = {row: lines[-1].code for row, lines in steps.items() if lines[-1].action == "dropped"}
    lines: dict[tuple[str, str], PlantLine] = {}
    for plant in truth["planted"]:
        key = (plant["code"], plant["what"])
        line = lines.setdefault(key, PlantLine(*key, plant["expected"]))
        line.planted += 1
        fate = _fate(plant, steps, dropped)
        if fate:
            line.caught += 1
            line.otherwise += fate != plant["code"]
        else:
            line.missed.append(plant["id"] or f"{plant['file']}:{plant['line']}")
    stood_in = {
        plant["other"]: plant["id"]
        for plant in truth["planted"]
        if plant["what"] == SAME and plant["id"] not in dropped and plant["other"] in dropped
    }
    wrong = {row: dropped[row] for row in truth["clean"] if row in dropped and row not in stood_in}
    changed = {
        row: receipt.evidence
        for row in truth["traps"]
        for receipt in steps.get(row, [])
        if receipt.code == "D07" and receipt.action == "changed"
    }
    lost = tuple(row for row in truth["landmarks"] if dropped.get(row) == "D06")
    ordered = tuple(lines[key] for key in sorted(lines))
    return PlantAudit(
        lines=ordered,
        wrongly_dropped=wrong,
        stood_in=stood_in,
        wrongly_changed=changed,
        clean=len(truth["clean"]),
        lost_exceptions=lost,
    )


def _fate(
    plant: Mapping[str, Any], steps: Mapping[str, Sequence[Receipt]], dropped: Mapping[str, str]
) -> str:
    """The code under which the plant met its expected fate; empty if it did not."""
    row = plant["id"] or f"{plant['file']}:{plant['line']}"
    if plant["expected"] == "changed":
        found = [r.code for r in steps.get(row, ()) if r.action == "changed"]
        if plant["code"] in found:
            return str(plant["code"])
        return dropped.get(row, "")
    if row in dropped:
        return dropped[row]
    if plant["what"] == SAME and plant["other"] in dropped:
        return dropped[plant["other"]]
    return ""
