"""Asks and decides in rounds until every cell has its rows, or a reason why not.

Who is asked for in a round depends on what was decided before and on nothing else. So the accepted
rows are the same in whatever order replies come, and a run that was killed goes on from its
journal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tunewell.augment.accept import Written
from tunewell.augment.allowance import BUDGET
from tunewell.augment.generate import Answer, NoRow
from tunewell.augment.nouns import Candidate, CellResult, Decided
from tunewell.augment.stopping import acceptance_rate, how_many_to_ask, why_stop
from tunewell.stats import proportion
from tunewell.task import AugmentCell
from tunewell.types import Example

MOST_IN_ROUND = 4_096
"""Candidates of a round: enough to keep every generator busy, few enough to learn the rate."""


class Asking(Protocol):
    """Gives rows, or reasons, for candidates; see `tunewell.augment.generate.RowAsker`."""

    def ask(self, candidates: Sequence[Candidate]) -> dict[int, Answer]:
        """Answers by number; those that the budget did not reach are missing."""
        ...


class Deciding(Protocol):
    """Decides on rows in order; see `tunewell.augment.accept.RowAcceptance`."""

    def decide(self, written: Sequence[Written]) -> list[Decided]:
        """What becomes of each."""
        ...


@dataclass
class _CellState:
    cell: AugmentCell
    taken: list[bool] = field(default_factory=list)
    fates: Counter[tuple[str, str]] = field(default_factory=Counter)
    looks: int = 0
    stopped: str = ""

    @property
    def accepted(self) -> int:
        return self.fates["accepted", ""]

    @property
    def missing(self) -> int:
        return self.cell.rows - self.accepted

    def count(self, decided: Decided) -> None:
        self.fates[decided.fate, decided.reason] += 1
        if decided.reason != "not needed":
            self.taken.append(decided.fate == "accepted")

    def wants(self, *, least: float) -> int:
        """How many candidates the cell asks for in the next round."""
        if self.stopped or self.missing <= 0:
            return 0
        if not self.taken:
            return how_many_to_ask(self.missing, None)
        self.looks += 1
        rate = acceptance_rate(self.taken, look=self.looks)
        self.stopped = why_stop(rate, least=least)
        return 0 if self.stopped else how_many_to_ask(self.missing, rate)

    def result(self) -> CellResult:
        rate = None
        if self.taken:
            rate = proportion(sum(self.taken), len(self.taken), method="clopper-pearson")
        return CellResult(
            name=self.cell.name,
            wanted=self.cell.rows,
            asked=sum(self.fates.values()),
            accepted=self.accepted,
            rejected=self._reasons("rejected"),
            failed=self._reasons("failed"),
            rate=rate,
            stopped=self.stopped,
        )

    def _reasons(self, fate: str) -> dict[str, int]:
        found = {reason: n for (each, reason), n in self.fates.items() if each == fate}
        return dict(sorted(found.items(), key=lambda entry: (-entry[1], entry[0])))


@dataclass
class Rounds:
    """An augmentation under way.

    Attributes:
        cells: What is wanted.
        next: Gives the next candidate of a cell.
        asking: Gives rows.
        deciding: Takes them or not.
        child: The Example of a candidate's row, and who wrote it.
        least_rate: A cell whose acceptance rate surely lies below this stops.
        most: Most candidates in all; 0 = no limit.
        budget_says: Why no more is asked for, where the budget was the reason.
        decided: What became of every candidate so far.
    """

    cells: Sequence[AugmentCell]
    next: Callable[[str], Candidate]
    asking: Asking
    deciding: Deciding
    child: Callable[[Candidate, Answer], Written]
    least_rate: float
    most: int = 0
    budget_says: Callable[[], str] = lambda: ""
    decided: list[Decided] = field(default_factory=list)

    def go(self) -> tuple[CellResult, ...]:
        """All rounds; what became of every candidate is in ``decided``, in order."""
        states = {cell.name: _CellState(cell) for cell in self.cells}
        while candidates := list(self._round(states)):
            answers = self.asking.ask(candidates)
            decided = self._decide(candidates, answers)
            self.decided += decided
            for each in decided:
                states[each.cell].count(each)
            if len(answers) < len(candidates):
                self._end(states, self.budget_says() or "stopped")
        return tuple(state.result() for state in states.values())

    def _round(self, states: Mapping[str, _CellState]) -> Iterator[Candidate]:
        """Candidates of all cells, in turn."""
        left = {}
        for name, state in states.items():
            left[name] = state.wants(least=self.least_rate)
        room = MOST_IN_ROUND
        if self.most:
            room = min(room, self.most - sum(sum(s.fates.values()) for s in states.values()))
            if room <= 0:
                self._end(states, f"{BUDGET} {self.most:,} candidates is used up")
                return
        while room > 0 and any(left.values()):
            for name in [name for name, count in left.items() if count]:
                if room > 0:
                    room -= 1
                    left[name] -= 1
                    yield self.next(name)

    @staticmethod
    def _end(
        states: Mapping[str, _CellState],
        why: str,
    ) -> None:
        for state in states.values():
            if state.missing > 0 and not state.stopped:
                state.stopped = why

    def _decide(
        self,
        candidates: Sequence[Candidate],
        answers: Mapping[int, Answer],
    ) -> list[Decided]:
        """What becomes of the candidates of a round that were asked for, in their order."""
        written: list[Written] = []
        failed: list[Decided] = []
        for candidate in candidates:
            answer = answers.get(candidate.number)
            if answer is None:
                continue
            if isinstance(answer, NoRow):
                failed.append(_failed(candidate, answer))
            else:
                written.append(self.child(candidate, answer))
        decided = [*self.deciding.decide(written), *failed]
        return sorted(decided, key=lambda each: each.number)


def _failed(
    candidate: Candidate,
    answer: NoRow,
) -> Decided:
    return Decided(
        number=candidate.number,
        cell=candidate.cell,
        parent=candidate.parent,
        fate="failed",
        reason=answer.kind,
        evidence=answer.evidence,
    )


def accepted_rows(decided: Sequence[Decided]) -> list[Example]:
    """The rows that were taken, in the order of their candidates."""
    return [each.row for each in decided if each.fate == "accepted" and each.row is not None]
