"""Interactions of some days in columns, as watching keeps them: codes, numbers and terms, no texts.

A block is a mapping of arrays by name, so that it is written and read without any object in it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tunewell.monitor.build import lengths_of
from tunewell.monitor.interactions import NUMBERS, field_records
from tunewell.monitor.records import Categories, DatedRecords, Ints
from tunewell.monitor.words import numbered_terms
from tunewell.store.kept_traffic import Fields
from tunewell.types import Feedback

Block = Mapping[str, NDArray[Any]]

WORDS: Final = "words"
VALUES: Final = "values"

GROUPS: Final = ("conversation", "user")
"""What binds interactions together."""


def marks_of(names: Iterable[str]) -> Ints:
    """A number of 64 bits for each name, 0 for an empty one, shape (names,)."""
    made = {"": 0}
    out = []
    for name in names:
        mark = made.get(name)
        if mark is None:
            digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
            mark = made[name] = int.from_bytes(digest, "big", signed=True) or 1
        out.append(mark)
    return np.array(out, dtype=np.int64)


def strings(texts: Sequence[str]) -> NDArray[np.bytes_]:
    """Short texts as an array that holds no objects, shape (texts,)."""
    return np.array([text.encode() for text in texts], dtype=np.bytes_)


def texts_of(array: NDArray[Any]) -> list[str]:
    """The texts of such an array."""
    return [text.decode() for text in array.tolist()]


def block_of(
    interactions: Sequence[Fields],
    checked: Mapping[str, Mapping[str, str]],
) -> dict[str, NDArray[Any]]:
    """Some days of interactions in columns.

    Args:
        interactions: Plain fields of whole days, in the order of their time.
        checked: What checks say of some answers, by interaction and check.
    """
    rows = [row for row in interactions if not row["shadow_of"]]
    records = field_records(rows, as_of=interactions[-1]["at"], checked=checked)
    made: dict[str, NDArray[Any]] = {
        "ids": strings(list(records.ids)),
        "mark": marks_of(records.ids),
        "seconds": records.seconds,
        "conversation": marks_of(records.links["conversation"]),
        "user": marks_of(records.authors),
    }
    for name in NUMBERS:
        nothing = np.full(len(records), np.nan)
        made[f"number {name}"] = records.numbers.get(name, nothing)
    for name, field in records.categories.items():
        made[f"names of {name}"] = strings(field.values)
        made[f"codes of {name}"] = field.codes.astype(np.int32)
    for name, texts in records.texts.items():
        made[f"length of {name}"] = lengths_of(texts)
    said = numbered_terms(records.texts["asked"], records.texts["answer"])
    made[f"{WORDS} names"] = strings(said.names)
    made[f"{WORDS} entries"] = said.entries
    made[f"{WORDS} ends"] = said.ends
    made[f"{WORDS} asked"] = said.asked_ends
    return made | _value_terms(records)


def _value_terms(records: DatedRecords) -> dict[str, NDArray[Any]]:
    """Values of fields as terms: which of them each record has."""
    names: list[str] = []
    columns = []
    for name, field in records.categories.items():
        known = field.codes >= 0
        columns.append(np.where(known, field.codes + len(names), -1))
        names += [f"{name}={value}" for value in field.values]
    table = np.array(columns, dtype=np.int32).T.reshape(len(records), len(columns))
    has = table >= 0
    return {
        f"{VALUES} names": strings(names),
        f"{VALUES} entries": table[has],
        f"{VALUES} ends": np.concatenate([[0], np.cumsum(has.sum(1))]).astype(np.int64),
    }


def rows_of_entries(
    block: Block,
    kind: str,
) -> Ints:
    """The record of each entry of a kind of terms, shape (entries,)."""
    ends = block[f"{kind} ends"]
    rows: Ints = np.repeat(np.arange(ends.size - 1), np.diff(ends))
    return rows


def feedback_block(feedback: Sequence[Feedback]) -> dict[str, NDArray[Any]]:
    """Some days of feedback in columns.

    Args:
        feedback: In the order of its time.
    """
    values = [np.nan if said.value is None else float(said.value) for said in feedback]
    return {
        "mark": marks_of(said.interaction for said in feedback),
        "at": np.array([said.at.timestamp() for said in feedback], dtype=np.float64),
        "value": np.array(values, dtype=np.float64),
        "label": strings([f"{said.kind} {said.name}".strip() for said in feedback]),
        "source": strings([said.source for said in feedback]),
    }


def joined_field(
    blocks: Sequence[Block],
    name: str,
) -> Categories:
    """A field over several blocks, its values in the order in which they came."""
    place: dict[str, int] = {}
    codes = []
    for block in blocks:
        size = block["seconds"].size
        if f"names of {name}" not in block:
            codes.append(np.full(size, -1, dtype=np.int64))
            continue
        values = texts_of(block[f"names of {name}"])
        at = np.array([*(place.setdefault(value, len(place)) for value in values), -1])
        codes.append(at[block[f"codes of {name}"]])
    return Categories(tuple(place), np.concatenate(codes).astype(np.int64))


def fields_of(blocks: Sequence[Block]) -> list[str]:
    """Names of the fields of several blocks, in the order in which they came."""
    names: dict[str, None] = {}
    for block in blocks:
        found = [name for name in block if name.startswith("names of ")]
        names |= dict.fromkeys(name.removeprefix("names of ") for name in found)
    return list(names)


# --- several blocks as one ------------------------------------------------------------------------

PER_RECORD: Final = ("ids", "mark", "seconds", *GROUPS, "new", "cluster", "likeness")


def merged(blocks: Sequence[Block]) -> dict[str, NDArray[Any]]:
    """Neighbouring blocks as one.

    Args:
        blocks: Oldest first.
    """
    if len(blocks) == 1:
        return dict(blocks[0])
    made: dict[str, NDArray[Any]] = {}
    first = blocks[0]
    for name in first:
        if name in PER_RECORD or name.startswith(("number ", "length ")):
            made[name] = np.concatenate([block[name] for block in blocks])
    for name in fields_of(blocks):
        field = joined_field(blocks, name)
        made[f"names of {name}"] = strings(field.values)
        made[f"codes of {name}"] = field.codes.astype(np.int32)
    for kind in (WORDS, VALUES):
        made |= _merged_terms(blocks, kind)
    return made


def _merged_terms(
    blocks: Sequence[Block],
    kind: str,
) -> dict[str, NDArray[Any]]:
    place: dict[bytes, int] = {}
    parts: dict[str, list[NDArray[Any]]] = {}
    offset = 0
    totals = np.zeros(0, dtype=np.int64)
    for block in blocks:
        names = block[f"{kind} names"].tolist()
        at = np.array([place.setdefault(name, len(place)) for name in names], dtype=np.int32)
        totals = np.concatenate([totals, np.zeros(len(place) - totals.size, dtype=np.int64)])
        for name in block:
            if not name.startswith(f"{kind} ") or name in (f"{kind} names", f"{kind} total"):
                continue
            part = block[name]
            if name in (f"{kind} entries", f"{kind} term"):
                part = at[part] if at.size else part
            if name in (f"{kind} ends", f"{kind} asked"):
                part = part + offset
            if name == f"{kind} ends":
                part = part if not offset and name not in parts else part[1:]
            parts.setdefault(name, []).append(part)
        if f"{kind} total" in block:
            totals[at] += block[f"{kind} total"]
        offset += int(block[f"{kind} ends"][-1])
    made = {name: np.concatenate(found) for name, found in parts.items()}
    made[f"{kind} names"] = np.array(list(place), dtype=np.bytes_)
    if f"{kind} total" in blocks[0]:
        made[f"{kind} total"] = totals
    return made
