"""The one pass over rows by themselves: repairs, what is broken, language, personal data."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tunewell.checks.broken import ends_properly, find_fault
from tunewell.checks.language import Shares, language_shares
from tunewell.checks.personal.masks import mask_row
from tunewell.checks.personal.recogniser import find_all, load_recogniser
from tunewell.checks.personal.spans import PersonalSpan
from tunewell.checks.repair import repair
from tunewell.curate.rows import InputRow
from tunewell.engine import Engine

_OUT = pa.schema(
    [
        ("turns", pa.string()),
        ("repairs", pa.string()),
        ("fault", pa.string()),
        ("languages", pa.string()),
        ("spans", pa.string()),
        ("masked", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Seen:
    """What the pass saw in one row.

    Attributes:
        turns: Contents after repair, None if nothing was repaired.
        repairs: The rules that changed them.
        fault: (kind, rule, evidence) or None.
        languages: Of input and target, how likely each language is (see
            `tunewell.checks.language`).
        spans: (turn, start, end, type) of personal data in the repaired contents.
        masked: Contents with the spans replaced, None if there are none.
    """

    turns: list[str] | None
    repairs: list[str]
    fault: list[str] | None
    languages: list[Shares]
    spans: list[tuple[int, int, int, str]]
    masked: list[str] | None


@dataclass(frozen=True)
class Wanted:
    """Which parts of the pass are wanted.

    Attributes:
        repair: Certain repairs.
        languages: Language of input and target.
        personal: Personal data and secrets.
        raw: Whether spans are to be found in the contents as they were, not as repaired.
        recogniser: Who finds names and addresses (see `tunewell.checks.personal.recogniser`).
        root: The project's folder, for a recogniser of its own.
    """

    repair: bool = True
    languages: bool = False
    personal: bool = True
    raw: bool = False
    recogniser: str = ""
    root: str = ""


def look(rows: Sequence[InputRow], wanted: Wanted, engine: Engine) -> list[Seen]:
    """What the pass sees in every row, in order."""
    if not rows:
        return []
    table = pa.table(
        {
            "roles": pa.array(
                [" ".join(role for role, _ in row.turns) for row in rows], pa.large_string()
            ),
            "contents": pa.array(
                [[text for _, text in row.turns] for row in rows], pa.large_list(pa.large_string())
            ),
        }
    )
    done_share = finished_share(row.target for row in rows)
    result = engine.map(
        table, functools.partial(_batch, wanted=wanted, ends_done=done_share >= 0.9)
    )
    columns: list[list[Any]] = [result[name].to_pylist() for name in _OUT.names]
    return [
        Seen(
            *(
                json.loads(value) if value else default
                for value, default in zip(values, _DEFAULTS, strict=True)
            )
        )
        for values in zip(*columns, strict=True)
    ]


_DEFAULTS: tuple[Any, ...] = (None, [], None, [], [], None)


def finished_share(targets: Iterable[str]) -> float:
    """Share of the targets that end as finished text does, of those where one can tell.

    0 with fewer than 20.
    """
    told = [done for done in (ends_properly(t) for t in targets) if done is not None]
    return sum(told) / len(told) if len(told) >= 20 else 0.0


def _batch(table: pa.Table, *, wanted: Wanted, ends_done: bool) -> pa.Table:
    rows = [_mended(contents, wanted) for contents in table["contents"].to_pylist()]
    personal = _personal(
        table["contents"].to_pylist() if wanted.raw else [r[0] for r in rows], wanted
    )
    columns: dict[str, list[str]] = {name: [] for name in _OUT.names}
    for roles, (contents, repairs), seen in zip(
        table["roles"].to_pylist(), rows, personal, strict=True
    ):
        values = (
            contents if repairs else None,
            repairs,
            *_one(roles.split(), contents, wanted, ends_done),
            *seen,
        )
        for name, value in zip(_OUT.names, values, strict=True):
            columns[name].append(json.dumps(value) if value else "")
    return pa.table(columns, schema=_OUT)


def _mended(contents: list[str], wanted: Wanted) -> tuple[list[str], list[str]]:
    """The contents after certain repairs, and their rules."""
    if not wanted.repair:
        return contents, []
    fixed = [repair(text) for text in contents]
    return [text for text, _ in fixed], list(
        dict.fromkeys(rule for _, rules in fixed for rule in rules)
    )


def _one(
    roles: list[str], contents: list[str], wanted: Wanted, ends_done: bool
) -> tuple[list[str] | None, list[Shares]]:
    """Fault and languages of a row."""
    fault = find_fault(list(zip(roles, contents, strict=True)), ends_done=ends_done)
    languages: list[Shares] = []
    if wanted.languages and contents:
        target = contents[-1] if roles[-1] == "assistant" else ""
        asked = "\n".join(t for r, t in zip(roles, contents, strict=True) if r == "user")
        languages = [language_shares(asked), language_shares(target)]
    return [fault.kind, fault.rule, fault.evidence] if fault else None, languages


Masked = tuple[list[tuple[int, int, int, str]], list[str] | None]


def _personal(rows: list[list[str]], wanted: Wanted) -> Iterator[Masked]:
    """Spans (turn, start, end, type) and masked contents of every row.

    The recogniser sees the batch at once.
    """
    flat = [text for contents in rows for text in contents]
    recogniser = load_recogniser(wanted.recogniser, wanted.root)
    found = iter(find_all(flat, recogniser) if wanted.personal else [[] for _ in flat])
    for contents in rows:
        each: list[list[PersonalSpan]] = [next(found) for _ in contents]
        spans = [(i, s.start, s.end, s.type) for i, some in enumerate(each) for s in some]
        yield spans, mask_row(contents, each) if spans else None
