"""Texts and ids of a project's traffic, which become texts only when they are asked for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from tunewell.monitor.interactions import last_question
from tunewell.monitor.periods import EPOCH
from tunewell.monitor.records import Ints
from tunewell.monitor.traffic_block import texts_of
from tunewell.store import Store
from tunewell.store.kept_traffic import read_fields


class StoredTexts(Sequence[str]):
    """One text of each interaction, read from the store by stretches of them."""

    def __init__(
        self,
        store: Store,
        records: tuple[Sequence[str], Ints],
        which: str,
    ) -> None:
        self.store = store
        self.ids, self.seconds = records
        self.which = which

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(
        self,
        place: Any,
    ) -> Any:
        if isinstance(place, slice):
            first, last, _ = place.indices(len(self))
            return self._read(first, last)
        return self._read(int(place), int(place) + 1)[0]

    def _read(
        self,
        first: int,
        last: int,
    ) -> list[str]:
        if last <= first:
            return []
        since = EPOCH + dt.timedelta(seconds=int(self.seconds[first]))
        until = EPOCH + dt.timedelta(seconds=int(self.seconds[last - 1]) + 1)
        found = {
            row["id"]: row["response"] if self.which == "answer" else last_question(row["request"])
            for row in read_fields(self.store, since=since, until=until)
        }
        return [found.get(id, "") for id in self.ids[first:last]]


class KeptIds(Sequence[str]):
    """Ids that become texts when they are asked for."""

    def __init__(
        self,
        array: NDArray[Any],
    ) -> None:
        self.array = array

    def __len__(self) -> int:
        return len(self.array)

    def __getitem__(
        self,
        place: Any,
    ) -> Any:
        if isinstance(place, slice):
            return texts_of(self.array[place])
        found: bytes = self.array[place]
        return found.decode()
