"""Comparisons on an empty store: two arms, some raters, a clock that tests turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tunewell.compare import (
    AskedQuestion,
    BlindComparison,
    ComparisonBook,
    ComparisonDesign,
    GivenAnswer,
    Inbox,
    SaidOfPair,
    blind_text,
    sign_and_open,
)
from tunewell.compare.design import Preference
from tunewell.store import Store

TUNED = {"name": "tuned", "kind": "tuned"}
OLD = {"name": "production", "kind": "production"}
DESK = {"name": "desk", "kind": "human"}


@dataclass
class Bench:
    """A store with comparisons, and a clock.

    Attributes:
        store: Of the project.
        now: Seconds since 1970.
    """

    store: Store
    now: float = 1_700_000_000.0
    keys: int = field(default=0)

    @property
    def book(self) -> ComparisonBook:
        return ComparisonBook(self.store, clock=lambda: self.now)

    @property
    def inbox(self) -> Inbox:
        return Inbox(self.book)

    def key(self) -> str:
        self.keys += 1
        return f"k{self.keys}"

    def draft(
        self,
        *,
        each: int = 4,
        raters: int = 6,
        arms: Sequence[dict[str, str]] = (TUNED, OLD),
        answers: Sequence[tuple[str, str]] | None = None,
        name: str = "spring",
        **more: Any,
    ) -> BlindComparison:
        """A draft with prepared questions; human answers are not there yet."""
        settings = {"win_rate": 0.95, "icc": 0.0, "ties": 0.0, **more}
        design = ComparisonDesign.model_validate(
            {"name": name, "arms": arms, "raters": raters, "each": each, **settings}
        )
        asked = [
            AskedQuestion(
                id=f"{n:032x}",
                text=f"Question {n}?",
                row=f"r{n}",
                slices={"region": ("north", "south")[n % 2]},
            )
            for n in range(each)
        ]
        texts = answers or [(f"good answer {n}", f"weak reply {n}") for n in range(each)]
        given = {}
        for question, both in zip(asked, texts, strict=True):
            pair = []
            for arm, text in zip(design.arms, both, strict=True):
                shown = blind_text(text, design.blinding)
                answer = GivenAnswer(text=text, shown=shown.text, changed=shown.changed)
                pair.append(None if arm.is_human else answer)
            given[question.id] = (pair[0], pair[1])
        return self.book.draft(
            design,
            author="olga",
            raters=[f"rater{n}" for n in range(raters)],
            agents=["gus"] if design.human else [],
            questions=[] if design.questions == "own" else asked,
            answers=given,
        )

    def open(self, **settings: Any) -> BlindComparison:
        """The same, signed."""
        return sign_and_open(self.book, self.draft(**settings), author="olga")

    def rate(self, comparison: BlindComparison, account: str, pair: Any, value: float) -> bool:
        """Say which arm is better, wherever it stands."""
        preferred: Preference = "tie"
        if value != 0.5:
            wanted = 0 if value == 1.0 else 1
            preferred = "first" if pair.first_is == wanted else "second"
        said = SaidOfPair(preferred=preferred)
        return self.book.rate(comparison, pair, said, key=self.key(), seconds=3)

    def rate_all(self, comparison: BlindComparison, value: float = 1.0) -> None:
        """Everybody prefers the same arm everywhere."""
        for account in comparison.raters:
            for pair in self.book.pairs(comparison, account=account):
                if pair.status == "ready":
                    self.rate(comparison, account, pair, value)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Store(tmp_path) as store:
        yield Bench(store)
