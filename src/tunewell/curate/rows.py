"""A row on its way through curation, and the ledger of what each step did to it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast

import pyarrow as pa

from tunewell.checks.date_columns import DateNote
from tunewell.store.rows import RECEIPTS
from tunewell.types import Action, Example, Message, Origin, Role

BUILT_IN = "built-in"


@dataclass(slots=True)
class InputRow:
    """One input row. Steps change it in place; the ledger keeps what they did.

    Attributes:
        id: The user's own id, else ``file:line``.
        place: ``file:line``.
        turns: (role, content) in order.
        held: Whether it belongs to the project's own test set.
        dropped: Whether a step has dropped it.
        format: How the user's record looked.
        origin: ``source``, or ``correction`` where a person wrote the answer.
        date_said: The date field as it stands in the file.
        date_note: What there is to say of the reading of it.
    """

    id: str
    place: str
    turns: list[tuple[str, str]]
    source: str = ""
    kind: str = ""
    date: dt.date | None = None
    group: str = ""
    parent: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    held: bool = False
    dropped: bool = False
    format: str = ""
    origin: Origin = "source"
    date_said: str = ""
    date_note: DateNote = ""

    @property
    def target(self) -> str:
        """The last turn if it is the assistant's, else empty."""
        return self.turns[-1][1] if self.turns and self.turns[-1][0] == "assistant" else ""

    @property
    def input(self) -> str:
        """The turns before the target without system turns, joined by blank lines."""
        end = (
            len(self.turns) - 1
            if self.turns and self.turns[-1][0] == "assistant"
            else len(self.turns)
        )
        return "\n\n".join(text for role, text in self.turns[:end] if role != "system")

    def field(self, name: str) -> str:
        """As `tunewell.types.Example.field`."""
        name = name.removeprefix("tags.")
        if name in {"source", "kind", "group", "parent", "id"}:
            return str(getattr(self, name))
        if name == "date":
            return self.date.isoformat() if self.date else ""
        return self.tags.get(name, "")

    def example(self) -> Example:
        """The row as a noun."""
        messages = tuple(
            Message.model_construct(role=cast("Role", role), content=text)
            for role, text in self.turns
        )
        return Example.model_construct(
            id=self.id,
            messages=messages,
            source=self.source,
            kind=self.kind,
            date=self.date,
            group=self.group,
            parent=self.parent,
            origin=self.origin,
            tags=self.tags,
        )


@dataclass(frozen=True, slots=True)
class Reject:
    """Something in a file that could not be read as a row.

    Attributes:
        place: ``file:line``.
        why: The rule that it breaks.
        evidence: The first characters of it.
    """

    place: str
    why: str
    evidence: str = ""


class Ledger:
    """Receipts in the making: every change and drop, then one last word for every row.

    Columns are kept as lists: a million receipts cost no million objects.
    """

    def __init__(self) -> None:
        self._columns: dict[str, list[str | int]] = {name: [] for name in RECEIPTS.names}
        self._next: dict[str, int] = {}
        self.rows: dict[str, list[str]] = {}

    def change(
        self,
        row: InputRow,
        step: str,
        rule: str,
        *,
        cites: str = BUILT_IN,
        code: str = "",
        evidence: str = "",
        other: str = "",
    ) -> None:
        """Record that a step changed a row."""
        self._write(row.id, row.place, step, "changed", rule, cites, code, evidence, other)

    def drop(
        self,
        row: InputRow,
        step: str,
        rule: str,
        *,
        cites: str = BUILT_IN,
        code: str,
        evidence: str = "",
        other: str = "",
    ) -> None:
        """Record that a step dropped a row, and mark the row."""
        row.dropped = True
        self._write(row.id, row.place, step, "dropped", rule, cites, code, evidence, other)

    def reject(self, reject: Reject) -> None:
        """Record something that never became a row."""
        self._write(
            reject.place,
            reject.place,
            "read",
            "dropped",
            clip(reject.why, 400),
            BUILT_IN,
            "D08",
            reject.evidence,
            "",
        )

    def keep(self, rows: Iterable[InputRow], step: str, rule: str) -> None:
        """The last word for every row that was not dropped."""
        for row in rows:
            if not row.dropped:
                self._write(row.id, row.place, step, "kept", rule, "", "", "", "")

    def seen(self, code: str, ids: Sequence[str]) -> None:
        """Note rows that show a pitfall, whether or not a step acted on them."""
        self.rows.setdefault(code, []).extend(ids)

    def _write(
        self,
        row: str,
        place: str,
        step: str,
        action: Action,
        rule: str,
        cites: str,
        code: str,
        evidence: str,
        other: str,
    ) -> None:
        order = self._next.get(row, 0)
        self._next[row] = order + 1
        values: tuple[str | int, ...] = (
            row,
            place,
            step,
            order,
            action,
            rule,
            cites,
            code,
            clip(evidence),
            other,
        )
        for column, value in zip(self._columns.values(), values, strict=True):
            column.append(value)
        if code:
            self.rows.setdefault(code, []).append(row)

    def count(self, action: Action) -> int:
        """How many receipts have this action."""
        return self._columns["action"].count(action)

    def fates(self) -> dict[str, str]:
        """The pitfall that each dropped row was dropped for, by its id."""
        names = ("row", "action", "code")
        rows, actions, codes = (self._columns[name] for name in names)
        return {
            str(r): str(c) for r, a, c in zip(rows, actions, codes, strict=True) if a == "dropped"
        }

    def table(self) -> pa.Table:
        """All receipts, with the schema of the store."""
        return pa.table(self._columns, schema=RECEIPTS)


def clip(text: str, most: int = 160) -> str:
    r"""One line of at most ``most`` characters that any store can hold.

    Example:
        >>> clip("a\nb"), clip("x" * 9, 4)
        ('a b', 'xxx…')
    """
    if len(text) > 4 * most:
        text = text[: 4 * most]
    text = " ".join(text.split())
    text = text if len(text) <= most else text[: most - 1] + "…"
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
