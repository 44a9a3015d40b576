"""Receipts: what each step of curation did to each row, by which rule, with which evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from tunewell.curate.rows import (
    InputRow,
    Reject,
    clip,
)
from tunewell.plurals import per_cent
from tunewell.store.rows import RECEIPTS
from tunewell.types import Action

BUILT_IN = "built-in"
_REJECT_CHARACTERS = 400


def still_there(code: str) -> str:
    """Under this name the ledger notes rows that may show a pitfall and were not dropped."""
    return f"{code} still there"


def certain_still_there(code: str) -> str:
    """Under this name the ledger notes rows that surely show a pitfall and were not dropped."""
    return f"{code} surely still there"


@dataclass(frozen=True, slots=True)
class StepRule:
    """What a step goes by, as its receipts say it.

    Attributes:
        step: Name of the step, such as ``near duplicates``.
        rule: The rule in words.
        cites: Where the rule comes from: a line of tunewell.yaml, or ``built-in``.
        code: The pitfall that it is against; empty if there is none.
    """

    step: str
    rule: str
    cites: str = BUILT_IN
    code: str = ""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Drops of a step that were undone, because it took too much of a file.

    Attributes:
        drops: Row, other row and evidence of each.
        share: Of the training rows.
        pairs: The first of them to look at, with the texts of both rows.
    """

    drops: tuple[tuple[str, str, str], ...]
    share: float
    pairs: tuple[dict[str, str], ...] = ()

    @property
    def rows(self) -> tuple[str, ...]:
        """Ids of the rows."""
        return tuple(row for row, _, _ in self.drops)


class Ledger:
    """Receipts in the making: every change and drop, then one last word for every row.

    Columns are kept as lists: a million receipts cost no million objects.

    Attributes:
        rows: By pitfall, the ids of the rows that show it.
        taken_back: By step, drops that were undone (see `tunewell.curate.mass_drops`).
    """

    def __init__(self) -> None:
        self.taken_back: dict[str, TakenBack] = {}
        self._only_reported: dict[str, str] = {}
        self._columns: dict[str, list[str | int]] = {name: [] for name in RECEIPTS.names}
        self._next: dict[str, int] = {}
        self.rows: dict[str, list[str]] = {}

    def change(
        self,
        row: InputRow,
        by: StepRule,
        *,
        evidence: str = "",
        other: str = "",
    ) -> None:
        """Record that a step changed a row.

        Args:
            row: The row.
            by: What the step goes by.
            evidence: What it saw.
            other: Id of another row that it has to do with.
        """
        self._write(row.id, row.place, "changed", by, evidence, other)

    def drop(
        self,
        row: InputRow,
        by: StepRule,
        *,
        evidence: str = "",
        other: str = "",
    ) -> None:
        """Record that a step dropped a row, and mark the row; arguments as for `change`."""
        row.dropped = True
        self._write(row.id, row.place, "dropped", by, evidence, other)

    def reject(self, reject: Reject) -> None:
        """Record something that never became a row."""
        by = StepRule("read", clip(reject.why, _REJECT_CHARACTERS), code="D08")
        self._write(reject.place, reject.place, "dropped", by, reject.evidence, "")

    def keep(
        self,
        rows: Iterable[InputRow],
        step: str,
        rule: str,
    ) -> None:
        """The last word for every row that was not dropped."""
        by = StepRule(step, rule, cites="")
        for row in rows:
            if not row.dropped:
                reported = self._only_reported.get(row.id, "")
                said = StepRule(step, reported, cites="") if reported else by
                self._write(row.id, row.place, "kept", said, "", "")

    def count_inexact_drops(self, step: str) -> int:
        """How many rows a step dropped, without those that equal another one."""
        return len(self._drops_of(step))

    def take_back(self, step: str, *, share: float) -> TakenBack:
        """Take out the receipts of a step's drops; exact copies stay dropped.

        Args:
            step: Name of the step.
            share: Of the training rows that it dropped.
        """
        places = self._drops_of(step)
        columns = self._columns
        drops = []
        for i in places:
            row, other = str(columns["row"][i]), str(columns["other"][i])
            drops.append((row, other, str(columns["evidence"][i])))
            self._next[row] -= 1
            self._only_reported[row] = (
                f"reported only: {step} would drop {per_cent(share)} of the rows, "
                "which nobody confirmed"
            )
        gone = set(places)
        for name, values in columns.items():
            columns[name] = [value for i, value in enumerate(values) if i not in gone]
        earlier = self.taken_back.get(step, TakenBack((), 0.0))
        taken = TakenBack((*earlier.drops, *drops), share)
        self.taken_back[step] = taken
        return taken

    def _drops_of(self, step: str) -> list[int]:
        """Places of the receipts of a step's drops, but for exact copies."""
        columns = zip(
            self._columns["step"],
            self._columns["action"],
            self._columns["evidence"],
            strict=True,
        )
        places = []
        for i, (name, action, evidence) in enumerate(columns):
            is_exact = str(evidence).startswith(("exact", "equal"))
            if name == step and action == "dropped" and not is_exact:
                places.append(i)
        return places

    def seen(self, code: str, ids: Iterable[str]) -> None:
        """Note rows that show a pitfall, whether or not a step acted on them."""
        self.rows.setdefault(code, []).extend(ids)

    def _write(
        self,
        row: str,
        place: str,
        action: Action,
        by: StepRule,
        evidence: str,
        other: str,
    ) -> None:
        order = self._next.get(row, 0)
        self._next[row] = order + 1
        values: tuple[str | int, ...] = (
            row,
            place,
            by.step,
            order,
            action,
            by.rule,
            by.cites,
            by.code,
            clip(evidence),
            other,
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        if by.code:
            self.rows.setdefault(by.code, []).append(row)

    def count_by_step(self) -> Counter[str]:
        """How many rows each step changed and dropped: ``dropped: leaks``."""
        found: Counter[str] = Counter()
        for action, step in zip(self._columns["action"], self._columns["step"], strict=True):
            if action != "kept":
                found[f"{action}: {step}"] += 1
        return found

    def showing(self, code: str) -> Sequence[str]:
        """Ids of the rows that show a pitfall, each once."""
        return tuple(dict.fromkeys(self.rows.get(code, ())))

    def staying(self, code: str) -> set[str]:
        """Ids of the rows that show a pitfall and were not dropped, whatever for."""
        return set(self.showing(code)) - self.fates().keys()

    def fates(self) -> dict[str, str]:
        """The pitfall that each dropped row was dropped for, by its id."""
        columns = zip(
            self._columns["row"],
            self._columns["action"],
            self._columns["code"],
            strict=True,
        )
        found: dict[str, str] = {}
        for row, action, code in columns:
            if action == "dropped":
                found[str(row)] = str(code)
        return found

    def table(self) -> pa.Table:
        """All receipts, with the schema of the store."""
        return pa.table(self._columns, schema=RECEIPTS)
