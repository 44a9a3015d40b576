"""The one pass over rows by themselves: repairs, what is broken, language, personal data."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from tunewell.checks.broken import ends_properly, find_fault
from tunewell.checks.language import language
from tunewell.checks.people import mask_row
from tunewell.checks.recognise import find_all, load_recogniser
from tunewell.checks.text import repair
from tunewell.curate.rows import InputRow
from tunewell.engine import Engine

ENDS_DONE = 0.9
"""Share of finished targets from which one without an end is cut off."""

_FEWEST_TOLD = 20
"""Fewer targets do not tell how targets end here."""

PersonalPlace = tuple[int, int, int, str]
"""Turn, start, end and type of personal data."""


@dataclass(frozen=True, slots=True)
class RowLook:
    """What the pass saw in one row.

    Attributes:
        turns: Contents after repair, None if nothing was repaired.
        repairs: The rules that changed them.
        fault: (kind, rule, evidence) or None.
        languages: Of input and target, where certain.
        spans: Personal data in the repaired contents.
        masked: Contents with the spans replaced, None if there are none.
    """

    turns: list[str] | None
    repairs: list[str]
    fault: list[str] | None
    languages: list[str]
    spans: list[PersonalPlace]
    masked: list[str] | None

    @property
    def mojibake(self) -> bool:
        """Whether text in a wrong encoding was repaired."""
        return "mojibake" in self.repairs

    @classmethod
    def of(cls, values: Sequence[str]) -> RowLook:
        """From the columns of the pass, in order."""
        loaded = [json.loads(value) if value else None for value in values]
        turns, repairs, fault, languages, spans, masked = loaded
        return cls(
            turns=turns,
            repairs=repairs or [],
            fault=fault,
            languages=languages or [],
            spans=spans or [],
            masked=masked,
        )


_COLUMNS = tuple(RowLook.__dataclass_fields__)
_OUT = pa.schema([(name, pa.string()) for name in _COLUMNS])


@dataclass(frozen=True)
class RowChecks:
    """Which parts of the pass are wanted.

    Attributes:
        repair: Certain repairs.
        languages: Language of input and target.
        personal: Personal data and secrets.
        raw: Whether spans are to be found in the contents as they were, not as repaired.
        recogniser: Who finds names and addresses (see `tunewell.checks.recognise`).
        root: The project's folder, for a recogniser of its own.
    """

    repair: bool = True
    languages: bool = False
    personal: bool = True
    raw: bool = False
    recogniser: str = ""
    root: str = ""

    def mended(self, contents: list[str]) -> tuple[list[str], list[str]]:
        """The contents after certain repairs, and the rules that changed them."""
        if not self.repair:
            return contents, []
        texts: list[str] = []
        rules: list[str] = []
        for text, changed_by in map(repair, contents):
            texts.append(text)
            rules += changed_by
        return texts, list(dict.fromkeys(rules))

    def languages_of(self, roles: Sequence[str], contents: Sequence[str]) -> list[str]:
        """Language of what the users say and of the target, if wanted."""
        if not self.languages or not contents:
            return []
        target = contents[-1] if roles[-1] == "assistant" else ""
        asked = [text for role, text in zip(roles, contents, strict=True) if role == "user"]
        return [language("\n".join(asked)), language(target)]

    def personal_data(
        self,
        rows: Sequence[list[str]],
    ) -> Iterator[tuple[list[PersonalPlace], list[str] | None]]:
        """Personal data and masked contents of every row; the recogniser sees all at once."""
        flat = [text for contents in rows for text in contents]
        recogniser = load_recogniser(self.recogniser, self.root)
        if not self.personal:
            yield from [([], None)] * len(rows)
            return
        found = iter(find_all(flat, recogniser))
        for contents in rows:
            each = [next(found) for _ in contents]
            places: list[PersonalPlace] = []
            for turn, spans in enumerate(each):
                places += [(turn, span.start, span.end, span.type) for span in spans]
            yield places, mask_row(contents, each) if places else None


def look(rows: Sequence[InputRow], checks: RowChecks, engine: Engine) -> list[RowLook]:
    """What the pass sees in every row, in order."""
    if not rows:
        return []
    roles = [" ".join(role for role, _ in row.turns) for row in rows]
    contents = [[text for _, text in row.turns] for row in rows]
    table = pa.table(
        {
            "roles": pa.array(roles, pa.large_string()),
            "contents": pa.array(contents, pa.large_list(pa.large_string())),
        }
    )
    ends_done = finished_share(row.target for row in rows) >= ENDS_DONE
    batch = functools.partial(_batch, checks=checks, ends_done=ends_done)
    result = engine.map(table, batch)
    columns: list[list[str]] = [result[name].to_pylist() for name in _COLUMNS]
    return [RowLook.of(values) for values in zip(*columns, strict=True)]


def finished_share(targets: Iterable[str]) -> float:
    """Share of the targets that end as finished text does, of those where one can tell.

    0 with fewer than 20.
    """
    ends = [ends_properly(target) for target in targets]
    told = [done for done in ends if done is not None]
    if len(told) < _FEWEST_TOLD:
        return 0.0
    return sum(told) / len(told)


def _batch(table: pa.Table, *, checks: RowChecks, ends_done: bool) -> pa.Table:
    """The columns of `RowLook` as JSON, empty where there is nothing."""
    as_read: list[list[str]] = table["contents"].to_pylist()
    mended = [checks.mended(contents) for contents in as_read]
    searched = as_read if checks.raw else [contents for contents, _ in mended]
    personal = checks.personal_data(searched)

    columns: dict[str, list[str]] = {name: [] for name in _COLUMNS}
    rows = zip(table["roles"].to_pylist(), mended, personal, strict=True)
    for roles_text, (contents, repairs), (spans, masked) in rows:
        roles = roles_text.split()
        fault = find_fault(list(zip(roles, contents, strict=True)), ends_done=ends_done)
        values: dict[str, Any] = {
            "turns": contents if repairs else None,
            "repairs": repairs,
            "fault": (fault.kind, fault.rule, fault.evidence) if fault else None,
            "languages": checks.languages_of(roles, contents),
            "spans": spans,
            "masked": masked,
        }
        for name, value in values.items():
            columns[name].append(json.dumps(value) if value else "")
    return pa.table(columns, schema=_OUT)
