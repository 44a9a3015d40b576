"""The one pass over rows by themselves: repairs, what is broken, language, personal data."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import (
    Iterator,
    Mapping,
    Sequence,
)
from dataclasses import dataclass

import pyarrow as pa

from tunewell.checks.broken import Breakage, Habits, find_fault, habits_of
from tunewell.checks.language import Shares, language_shares
from tunewell.checks.personal.masks import mask_row
from tunewell.checks.personal.recogniser import find_all, load_recogniser
from tunewell.checks.repair import repair_turns
from tunewell.curate.rows import InputRow
from tunewell.engine import Engine

PersonalPlace = tuple[int, int, int, str]
"""Turn, start, end and type of personal data."""

_CONTENTS = pa.large_list(pa.large_string())
_OUT = pa.schema([("look", pa.string())])


@dataclass(frozen=True, slots=True)
class RowLook:
    """What the pass saw in one row.

    Attributes:
        turns: Contents after repair, None if nothing was repaired.
        repairs: The rules that changed them.
        fault: (kind, rule, evidence, ``certain`` or ``likely``) or None.
        languages: Of input and target, how likely each language is (see
            `tunewell.checks.language`).
        spans: Personal data in the repaired contents, and behind them in what stands beside.
        masked: All of these with the spans replaced, None if there are none.
    """

    turns: list[str] | None
    repairs: list[str]
    fault: list[str] | None
    languages: list[Shares]
    spans: list[PersonalPlace]
    masked: list[str] | None

    @property
    def breakage(self) -> Breakage | None:
        """What makes the row unusable."""
        if self.fault is None:
            return None
        kind, rule, evidence, degree = self.fault
        return Breakage(kind, rule, evidence, degree == "certain")

    @property
    def mojibake(self) -> bool:
        """Whether text in a wrong encoding was repaired."""
        return "mojibake" in self.repairs

    def kinds_of_personal_data(self) -> Counter[str]:
        """How many there are of each type, sorted by type."""
        return Counter(sorted(kind for *_, kind in self.spans))

    def span_records(self, row: str) -> Iterator[Mapping[str, str | int]]:
        """Where personal data stands in the row of this id."""
        for turn, start, end, kind in self.spans:
            yield {"row": row, "turn": turn, "start": start, "end": end, "type": kind}


@dataclass(frozen=True)
class RowChecks:
    """Which parts of the pass are wanted.

    Attributes:
        repair: Certain repairs.
        languages: Language of input and target.
        raw: Whether spans are to be found in the contents as they were, not as repaired.
        recogniser: Who finds names and addresses (see `tunewell.checks.personal.recogniser`).
        root: The project's folder, for a recogniser of its own.
    """

    repair: bool = True
    languages: bool = False
    raw: bool = False
    recogniser: str = ""
    root: str = ""

    def mended(self, contents: list[str]) -> tuple[list[str], list[str]]:
        """The contents after certain repairs, and the rules that changed them."""
        if not self.repair:
            return contents, []
        return repair_turns(contents)

    def languages_of(self, roles: Sequence[str], contents: Sequence[str]) -> list[Shares]:
        """Language of what the users say and of the target, if wanted."""
        if not self.languages or not contents:
            return []
        turns = zip(roles, contents, strict=True)
        asked = "\n".join(text for role, text in turns if role == "user")
        target = contents[-1] if roles[-1] == "assistant" else ""
        return [language_shares(asked), language_shares(target)]

    def personal_data(
        self,
        rows: Sequence[list[str]],
    ) -> Iterator[tuple[list[PersonalPlace], list[str] | None]]:
        """Personal data and masked contents of every row; the recogniser sees all at once."""
        flat = [text for contents in rows for text in contents]
        recogniser = load_recogniser(self.recogniser, self.root)
        found = iter(find_all(flat, recogniser))
        for contents in rows:
            each = [next(found) for _ in contents]
            places: list[PersonalPlace] = []
            for turn, spans in enumerate(each):
                places += [(turn, span.start, span.end, span.type) for span in spans]
            yield places, mask_row(contents, each) if places else None


def look(
    rows: Sequence[InputRow],
    checks: RowChecks,
    engine: Engine,
) -> list[RowLook]:
    """What the pass sees in every row, in order."""
    if not rows:
        return []
    roles = [" ".join(row.roles) for row in rows]
    contents = [[*row.texts, *row.asides] for row in rows]
    table = pa.table(
        {
            "roles": pa.array(roles, pa.large_string()),
            "contents": pa.array(contents, _CONTENTS),
            "beside": pa.array([row.beside for row in rows], _CONTENTS),
        }
    )
    batch = functools.partial(
        _batch,
        checks=checks,
        habits=habits_of(row.target for row in rows),
    )
    seen = engine.map(table, batch)["look"].to_pylist()
    return [RowLook(*json.loads(values)) for values in seen]


def _batch(
    table: pa.Table,
    *,
    checks: RowChecks,
    habits: Habits,
) -> pa.Table:
    """What is seen in each row, as JSON."""
    as_read: list[list[str]] = table["contents"].to_pylist()
    mended = list(map(checks.mended, as_read))
    searched = as_read if checks.raw else [contents for contents, _ in mended]
    beside: list[list[str]] = table["beside"].to_pylist()
    everything = [[*texts, *more] for texts, more in zip(searched, beside, strict=True)]
    personal = checks.personal_data(everything)

    looks = []
    rows = zip(table["roles"].to_pylist(), mended, personal, strict=True)
    for roles_text, (contents, repairs), (spans, masked) in rows:
        roles = roles_text.split()
        said = contents[: len(roles)]  # behind the turns are texts that are only searched
        turns = list(zip(roles, said, strict=True))
        fault = find_fault(turns, habits)
        seen = RowLook(
            turns=contents if repairs else None,
            repairs=repairs,
            fault=_as_list(fault) if fault else None,
            languages=checks.languages_of(roles, said),
            spans=spans,
            masked=masked,
        )
        looks.append(_as_json(seen))
    return pa.table({"look": looks}, schema=_OUT)


def _as_list(fault: Breakage) -> list[str]:
    degree = "certain" if fault.is_certain else "likely"
    return [fault.kind, fault.rule, fault.evidence, degree]


def _as_json(look: RowLook) -> str:
    values = [getattr(look, name) for name in RowLook.__slots__]
    return json.dumps(values)
