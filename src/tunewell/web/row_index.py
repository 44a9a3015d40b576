"""Every row of the newest data, searchable: built once for a version of it, kept in memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tunewell.store import Store
from tunewell.types import Dataset, Split
from tunewell.web.kinship import IN_SPLIT, Kinship, kinship_of

PAGE: Final = 40

DROPPED: Final = "dropped"
LONGEST_SNIPPET: Final = 240


@dataclass(frozen=True)
class RowQuery:
    """What is looked for.

    Attributes:
        words: Each has to stand in the row's id or text, whatever the case.
        code: Of a pitfall that curation met in the row; empty = any.
        part: ``test``, ``review``, ``training`` or ``dropped``; empty = any.
        origin: How the row came to be; empty = any.
        page: From 1 on.
    """

    words: str = ""
    code: str = ""
    part: str = ""
    origin: str = ""
    page: int = 1


@dataclass(frozen=True)
class RowLine:
    """A row as a list shows it."""

    id: str
    snippet: str
    part: str
    origin: str
    codes: tuple[str, ...]


@dataclass(frozen=True)
class RowsFound:
    """A page of rows.

    Attributes:
        count: How many match.
        lines: Of this page.
        page: From 1 on.
    """

    count: int
    lines: tuple[RowLine, ...]
    page: int

    @property
    def has_more(self) -> bool:
        """Whether another page follows."""
        return self.page * PAGE < self.count


@dataclass(frozen=True, eq=False)
class RowIndex:
    """All rows that were read: those that were kept with their text, then those that were not.

    Attributes:
        dataset: Which version.
        split: Where its rows went; None if it was not divided yet.
        table: Columns ``id``, ``text`` (lower case), ``shown``, ``part``, ``origin``, ``codes``.
        codes: How many rows each pitfall was met in, the most frequent first.
        family: Family of each row, by id.
        members: Rows of each family of several, by family.
        kinship: What curation and lineage say of which rows belong together.
    """

    dataset: Dataset
    split: Split | None
    table: pa.Table
    codes: dict[str, int]
    family: dict[str, str]
    members: dict[str, tuple[str, ...]]
    kinship: Kinship

    def related(self, id: str) -> dict[str, list[str]]:
        """The rows that belong to one, each with the reasons."""
        found = self.kinship.of(id)
        for other in self.members.get(self.family.get(id, ""), ()):
            if other != id:
                found.setdefault(other, [])
                found[other] = [*found[other], IN_SPLIT]
        return found

    @property
    def origins(self) -> list[str]:
        """Which there are."""
        return sorted(each for each in pc.unique(self.table["origin"]).to_pylist() if each)

    def find(self, query: RowQuery) -> RowsFound:
        """A page of the rows that match."""
        conditions = list(self._conditions(query))
        if conditions:
            rows = np.flatnonzero(reduce(pc.and_, conditions).to_numpy())
        else:
            rows = np.arange(len(self.table))
        first = (query.page - 1) * PAGE
        lines = self.table.take(pa.array(rows[first : first + PAGE])).to_pylist()
        return RowsFound(len(rows), tuple(map(_line, lines)), query.page)

    def _conditions(self, query: RowQuery) -> Iterable[pa.ChunkedArray]:
        for word in query.words.lower().split():
            in_text = pc.match_substring(self.table["text"], word)
            yield pc.or_(
                in_text,
                pc.match_substring(
                    self.table["id"],
                    word,
                    ignore_case=True,
                ),
            )
        if query.code:
            yield pc.match_substring(self.table["codes"], f";{query.code};")
        if query.part:
            yield pc.equal(self.table["part"], query.part)
        if query.origin:
            yield pc.equal(self.table["origin"], query.origin)


def _line(row: dict[str, Any]) -> RowLine:
    return RowLine(
        id=row["id"],
        snippet=row["shown"],
        part=row["part"],
        origin=row["origin"],
        codes=tuple(code for code in row["codes"].split(";") if code),
    )


class RowIndexes:
    """The index of the newest data, built anew when that has changed."""

    def __init__(self) -> None:
        self._key = ("", "")
        self._index: RowIndex | None = None

    def newest(self, store: Store) -> RowIndex | None:
        """The index; None if nothing was curated yet."""
        curated, divided = store.last_run("curate"), store.last_run("split")
        if curated is None:
            return None
        artifact = divided.outputs["split"] if divided else ""
        key = (curated.outputs["dataset"], artifact)
        if self._index is None or key != self._key:
            dataset = store.get_value(curated.outputs["dataset"], Dataset)
            split = store.get_value(artifact, Split) if artifact else None
            is_of_it = split is not None and split.dataset == dataset.id
            self._index = build_index(store, dataset, split if is_of_it else None)
            self._key = key
        return self._index


def build_index(store: Store, dataset: Dataset, split: Split | None) -> RowIndex:
    """Read all rows and their receipts once."""
    columns = ["id", "messages", "origin", "parent"]
    kept = store.get_table(
        dataset.examples,
        columns=columns,
    ).combine_chunks()
    texts = _texts(kept["messages"].combine_chunks())
    ids = kept["id"].to_pylist()

    receipts = store.get_table(
        dataset.receipts,
        columns=["row", "step", "code", "action", "other"],
    )
    codes, dropped = _codes_of(receipts)
    part = _parts(split, dataset)
    gone = sorted(dropped - set(ids))
    counted: dict[str, int] = defaultdict(int)
    for several in codes.values():
        for code in several:
            counted[code] += 1
    every = [*ids, *gone]
    shown = [text[:LONGEST_SNIPPET] for text in texts.to_pylist()]
    nothing = [""] * len(gone)
    table = pa.table(
        {
            "id": every,
            "text": pa.concat_arrays([pc.utf8_lower(texts), pa.array(nothing, pa.string())]),
            "shown": [*shown, *nothing],
            "part": [*(part.get(row, "not divided") for row in ids), *([DROPPED] * len(gone))],
            "origin": [*kept["origin"].to_pylist(), *nothing],
            "codes": [f";{';'.join(sorted(codes.get(row, ())))};" for row in every],
        }
    )
    family = {each.id: each.family for each in split.assignments} if split else {}
    return RowIndex(
        dataset=dataset,
        split=split,
        table=table,
        codes=dict(
            sorted(
                counted.items(),
                key=lambda each: (-each[1], each[0]),
            )
        ),
        family=family,
        members=_families(family),
        kinship=kinship_of(receipts, ids, kept["parent"].to_pylist()),
    )


def _texts(messages: pa.ListArray) -> pa.Array:
    """All turns of each row, a line each."""
    contents = pc.struct_field(messages.values, "content")
    several = pa.ListArray.from_arrays(messages.offsets, contents)
    return pc.fill_null(pc.binary_join(several, "\n"), "")


def _codes_of(receipts: pa.Table) -> tuple[dict[str, set[str]], set[str]]:
    """Pitfalls met in each row, and the rows that were dropped."""
    codes: dict[str, set[str]] = defaultdict(set)
    met = receipts.filter(pc.not_equal(receipts["code"], ""))
    for row, code in zip(
        met["row"].to_pylist(),
        met["code"].to_pylist(),
        strict=True,
    ):
        codes[row].add(code)
    gone = receipts.filter(pc.equal(receipts["action"], DROPPED))
    return codes, set(gone["row"].to_pylist())


def _parts(split: Split | None, dataset: Dataset) -> dict[str, str]:
    part = {}
    for each in split.assignments if split else ():
        part[each.id] = each.part if each.part in ("test", "review") else "training"
    return part | dict.fromkeys(dataset.held_out, "test")


def _families(family: dict[str, str]) -> dict[str, tuple[str, ...]]:
    members: dict[str, list[str]] = defaultdict(list)
    for row, name in family.items():
        members[name].append(row)
    return {name: tuple(sorted(rows)) for name, rows in members.items() if len(rows) > 1}
