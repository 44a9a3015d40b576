"""What an augmentation will take, said before it starts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from tunewell.task import AugmentCell, AugmentSection, GeneratorSpec
from tunewell.types import Example, Value

BYTES_PER_TOKEN: Final = 4.2
PROMPT_TOKENS: Final = 350
"""Instructions around the example."""

TOKENS_PER_S: Final = 40.0
"""Of one request at a server, where none has been measured."""

WORST_RATE: Final = 0.4
"""Acceptance rate behind the upper end, where none has been measured."""


class AugmentEstimate(Value):
    """Lower end: every row is taken at once. Upper end: as many candidates as the rate makes.

    Attributes:
        rows: How many rows are wanted.
        candidates: Fewest and most.
        tokens: Prompts and replies, fewest and most.
        cost: At the generators' prices, least and most.
        seconds: Shortest and longest; (0, 0) where rules write everything.
        rate: Acceptance rate behind the upper end.
        measured: Whether it was measured, or supposed.
        passes: The part of the budget that the upper end passes; empty if none.
    """

    rows: int
    candidates: tuple[int, int]
    tokens: tuple[int, int]
    cost: tuple[float, float]
    seconds: tuple[float, float]
    rate: float
    measured: bool
    passes: str = ""


def estimate(
    cells: Sequence[AugmentCell],
    parents: Mapping[str, Sequence[Example]],
    section: AugmentSection,
    generators: Sequence[GeneratorSpec],
    *,
    rate: float | None = None,
) -> AugmentEstimate:
    """How much cells will take.

    Args:
        cells: What is wanted.
        parents: Of each cell by its name: their length tells that of a request.
        section: Budget and tries.
        generators: Who writes; may be empty.
        rate: Acceptance rate of an earlier run; None = none is known.
    """
    wanted = sum(cell.rows for cell in cells)
    written = sum(cell.rows for cell in cells if not cell.by)
    worst = max(rate if rate else WORST_RATE, section.least_rate)
    most = round(wanted / worst)
    prompt, reply = _tokens_each(cells, parents)
    asked = (written, round(written / worst))
    tokens = tuple(round(n * (prompt + reply)) for n in asked)
    price = _price(generators, prompt, reply)
    together = sum(g.in_flight for g in generators) or 1
    seconds = tuple(n * reply / TOKENS_PER_S / together for n in asked)
    found = AugmentEstimate(
        rows=wanted,
        candidates=(wanted, most),
        tokens=(tokens[0], tokens[1]),
        cost=(asked[0] * price, asked[1] * price),
        seconds=(seconds[0], seconds[1]),
        rate=worst,
        measured=rate is not None,
    )
    return found.model_copy(update={"passes": _passes(found, section)})


def _tokens_each(
    cells: Sequence[AugmentCell],
    parents: Mapping[str, Sequence[Example]],
) -> tuple[float, float]:
    """Tokens of a prompt and of a reply, on average."""
    sizes = []
    for cell in cells:
        for row in parents.get(cell.name, ()):
            sizes.append(len(f"{row.input}{row.target}".encode("utf-8", "replace")))
    mean = sum(sizes) / len(sizes) / BYTES_PER_TOKEN if sizes else 0.0
    return PROMPT_TOKENS + mean, mean + 20


def _price(
    generators: Sequence[GeneratorSpec],
    prompt: float,
    reply: float,
) -> float:
    """Of one request, over the generators by their shares."""
    total = sum(g.share for g in generators)
    price = 0.0
    for each in generators:
        of_one = (prompt * each.prompt_price + reply * each.answer_price) / 1e6
        price += of_one * each.share / total
    return price


def _passes(
    found: AugmentEstimate,
    section: AugmentSection,
) -> str:
    budget = section.budget
    over = []
    if budget.rows and found.candidates[1] > budget.rows:
        over.append(f"{budget.rows:,} candidates")
    if budget.tokens and found.tokens[1] > budget.tokens:
        over.append(f"{budget.tokens:,} tokens")
    if budget.cost and found.cost[1] > budget.cost:
        over.append(f"a cost of {budget.cost:g}")
    if budget.minutes and found.seconds[1] > 60 * budget.minutes:
        over.append(f"{budget.minutes:g} minutes")
    return ", ".join(over)
