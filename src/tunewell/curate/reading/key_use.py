"""Which columns and keys of a file were used, and for what; which were not, with an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunewell.checks.personal.identifiers import find_personal
from tunewell.checks.personal.masks import mask
from tunewell.curate.reading.columns import Columns, has_value
from tunewell.curate.rows import clip
from tunewell.types.read_files import NOT_USED, KeyUse

_SHOWN_CHARACTERS = 60
_LOOKED_AT_CHARACTERS = 400
_MOST_KEYS = 200
"""Different keys that are counted in one file; a file whose keys are data has thousands."""


@dataclass
class KeyCount:
    """Counts uses of keys over the rows of a file."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    examples: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, record: Columns) -> None:
        """Note what the columns of a row were used for."""
        for name, value in record.values_by_name.items():
            use = record.used.get(name)
            if use is None and not has_value(value):
                continue
            if use is None and name in record.opened:
                continue  # its own keys are counted
            self._count(name, use or NOT_USED, value)

    def note_turns(self, unused: dict[str, Any]) -> None:
        """Note keys of turns that were not used, and forget them."""
        for name, value in unused.items():
            self._count(f"messages[].{name}", NOT_USED, value)
        unused.clear()

    def note_beside(self, beside: Mapping[str, Any]) -> None:
        """Note keys that stand beside the rows of a file, and say something of all of them."""
        for name, value in beside.items():
            if has_value(value):
                self._count(f"{name} (beside the rows)", NOT_USED, value)

    def _count(self, name: str, use: str, value: Any) -> None:
        key = name, use
        if key not in self.counts:
            if len(self.counts) >= _MOST_KEYS:
                key = "(further keys)", use
            else:
                self.examples[key] = _shown(value)
        self.counts[key] = self.counts.get(key, 0) + 1

    def uses(self, file: str) -> Iterator[KeyUse]:
        """Every use of every key, those that were used first."""
        order = sorted(self.counts, key=lambda key: key[1] == NOT_USED)
        for name, use in order:
            key = name, use
            yield KeyUse(
                file=clip(file, 200),
                key=clip(name, 100),
                use=use,
                rows=self.counts[key],
                example=self.examples.get(key, ""),
            )


def _shown(value: Any) -> str:
    """The beginning of a value, without personal data: reports show it to others."""
    text = str(value)[:_LOOKED_AT_CHARACTERS]
    return clip(mask(text, find_personal(text)), _SHOWN_CHARACTERS)
