"""The nouns of augmentation: a candidate, what became of it, what became of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from tunewell.types import Estimate, Example, Value, digest

Fate = Literal["accepted", "rejected", "failed"]

Reason = Literal[
    "structure",
    "condition",
    "language",
    "broken",
    "personal data",
    "terms",
    "copy",
    "elsewhere",
    "unsupported",
    "facts",
    "leak",
    "near-duplicate",
    "nothing new",
    "judge",
    "not needed",
]
"""Why a row that was written is not taken, in the order in which it is looked at.

``not needed``: its cell was full.
"""


class Candidate(Value):
    """A row that is asked for.

    Attributes:
        number: 0, 1, 2 … in the order in which candidates are decided on.
        cell: Name of its cell.
        place: 0, 1, 2 … within its cell.
        parent: Id of the row that it is made from.
        ref: Names what is asked, of whom: the generator is to repeat it, so that an answer to
            another request is seen, and the journal knows the reply by it.
        generator: Position of the generator that is asked.
    """

    number: int
    cell: str
    place: int = 0
    parent: str
    ref: str = ""
    generator: int = 0


class Decided(Value):
    """What became of a candidate.

    Attributes:
        number: Of the candidate.
        cell: Its cell.
        parent: Id of its parent.
        fate: ``failed`` = no row came.
        reason: Why it was not taken; of a failure, why no row came.
        evidence: What was seen.
        other: Id of the row that it copies, leaks from or repeats.
        row: The row that was written; None if none was.
        generator: Name of the model or rule that wrote it.
    """

    number: int
    cell: str
    parent: str
    fate: Fate
    reason: str = ""
    evidence: str = ""
    other: str = ""
    row: Example | None = None
    generator: str = ""


class CellResult(Value):
    """The funnel of a cell.

    Attributes:
        name: Of the cell.
        wanted: How many rows it was to end with.
        asked: How many candidates were asked for.
        accepted: How many were taken.
        rejected: Reason to how many were not.
        failed: Reason to how many times no row came.
        rate: Share of the candidates that were taken, of those that were needed; None before any.
        stopped: Why it has fewer rows than wanted; empty if it has them all.
    """

    name: str
    wanted: int
    asked: int = 0
    accepted: int = 0
    rejected: Mapping[str, int] = Field(default_factory=dict)
    failed: Mapping[str, int] = Field(default_factory=dict)
    rate: Estimate | None = None
    stopped: str = ""

    @property
    def balances(self) -> bool:
        """Whether every candidate that was asked for is accounted for."""
        lost = sum(self.rejected.values()) + sum(self.failed.values())
        return self.asked == self.accepted + lost


class GenerationCost(Value):
    """What writing has taken.

    Attributes:
        requests: Replies that came, useful or not.
        prompt_tokens: As the servers count them, else bytes / 4.
        tokens: Generated.
        cost: At the generators' prices.
        seconds: Of this run of the program; 0 where everything came from the journal.
    """

    requests: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    cost: float = 0.0
    seconds: float = 0.0


class Augmented(Value):
    """What an augmentation gave.

    Attributes:
        dataset: Id of the dataset whose rows are the parents.
        cells: The funnel of each.
        accepted: Artifact digest of the accepted Examples.
        decided: Artifact digest of ``list[Decided]``: every candidate with its reason.
        content: SHA-256 of the accepted rows.
        cost: What it took.
        generators: Names of the models and rules that wrote.
        unchecked: Checks that could not be made, with the reason.
    """

    dataset: str
    cells: tuple[CellResult, ...]
    accepted: str
    decided: str
    content: str
    cost: GenerationCost = GenerationCost()
    generators: tuple[str, ...] = ()
    unchecked: Mapping[str, str] = Field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many rows were accepted."""
        return sum(cell.accepted for cell in self.cells)

    @property
    def asked(self) -> int:
        """How many candidates were asked for."""
        return sum(cell.asked for cell in self.cells)


def ref_of(*asked: object) -> str:
    """A name for a request: the same for the same request, another for any other.

    Example:
        >>> ref_of("north", 7) == ref_of("north", 7) != ref_of("north", 8)
        True
    """
    return f"r{digest(list(asked))[:10]}"
