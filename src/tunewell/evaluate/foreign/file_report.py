"""What was made of a file: its columns, which of them were taken for what, what was left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from tunewell.evaluate.foreign.answers import plain_text
from tunewell.types import Value

Plain = Annotated[str, AfterValidator(plain_text)]
"""Text of a file that can be stored, whatever the file holds."""


class FileReport(Value):
    """What was made of one file of outputs.

    Attributes:
        file: Its name.
        format: Which tool's it is: ``rows``, ``lm-eval``, ``inspect_ai`` …
        records: How many records it holds, unreadable ones included.
        columns: ForeignColumns or keys seen, in order.
        chosen: What was taken from which column (``{"output": "generated_text"}``).
        unused: ForeignColumns that were not read.
        notes: What a reader of the figures has to know: repeats, filters, what was left out.
    """

    file: str
    format: str
    records: int = 0
    columns: tuple[Plain, ...] = ()
    chosen: Mapping[str, Plain] = Field(default_factory=dict)
    unused: tuple[Plain, ...] = ()
    notes: tuple[Plain, ...] = ()

    def lines(self) -> list[str]:
        """The report as lines for a terminal."""
        taken = ", ".join(f"{role}: {column}" for role, column in self.chosen.items())
        head = f"{self.file}: {self.format}, {self.records} records"
        found = [f"{head}; {taken}" if taken else head]
        if self.unused:
            found.append(f"  not used: {', '.join(self.unused)}")
        found += [f"  {note}" for note in self.notes]
        return found
