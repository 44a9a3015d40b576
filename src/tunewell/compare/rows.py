"""Comparisons as rows of the database, and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tunewell.compare.design import (
    BlindComparison,
    ComparedPair,
    GuessSaid,
    Rated,
    SaidOfPair,
    value_of,
)
from tunewell.people.work_rows import to_json
from tunewell.store.ledger import is_tombstone


def experiment_line(comparison: BlindComparison) -> dict[str, Any]:
    """A line of the table ``experiments``, but for its number and time."""
    return {
        "id": comparison.id,
        "name": comparison.design.name,
        "status": comparison.status,
        "author": comparison.author,
        "record": to_json(comparison),
    }


def comparison_of(record: str, status: str) -> BlindComparison:
    """A comparison as it was written, with its status of now."""
    return BlindComparison.model_validate({**json.loads(record), "status": status})


def pair_line(pair: ComparedPair) -> dict[str, Any]:
    """A line of the table ``pairs``."""
    return {
        "id": pair.id,
        "experiment": pair.comparison,
        "account": pair.account,
        "position": pair.position,
        "question": pair.question.id,
        "status": pair.status,
        "record": to_json(pair),
    }


def pair_of(record: str, status: str) -> ComparedPair:
    """A pair as it was written, with its status of now."""
    return ComparedPair.model_validate({**json.loads(record), "status": status})


def rated_of(row: Mapping[Any, Any], pair: ComparedPair) -> Rated | None:
    """A rating, or what stands in its place; None where its content was erased."""
    if is_tombstone(row["record"]):
        return None
    kind = row["kind"]
    record = json.loads(row["record"])
    said = SaidOfPair.model_validate(record) if kind == "rated" else None
    value = value_of(said.preferred, pair.first_is) if said else record["value"]
    return Rated(
        number=row["number"],
        pair=pair.id,
        account=row["account"],
        question=pair.question.id,
        value=value,
        how=kind,
        first_is=pair.first_is,
        said=said,
        seconds=row["seconds"],
    )


def guess_of(row: Mapping[Any, Any]) -> GuessSaid | None:
    """A guess; None where its content was erased."""
    if is_tombstone(row["record"]):
        return None
    return GuessSaid.model_validate_json(row["record"])
