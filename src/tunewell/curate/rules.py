"""Rules that the project's definition asks for: kinds, languages, lengths.

Each drop cites its line. The rule of age is in `tunewell.curate.age`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tunewell.curate.receipts import Ledger, StepRule
from tunewell.curate.rows import InputRow
from tunewell.task import TaskFile, WordLimits


def kinds(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Drop rows of a kind that does not belong (D01)."""
    rule = file.spec.rules.kinds
    cites_keep = file.where("rules.kinds.keep")
    cites_drop = file.where("rules.kinds.drop")
    for row in rows:
        if rule.keep and row.kind not in rule.keep:
            by = StepRule("kinds", f"only kinds {', '.join(rule.keep)}", cites_keep, "D01")
            ledger.drop(row, by, evidence=f"kind {row.kind or '(none)'}")
        elif row.kind in rule.drop:
            by = StepRule("kinds", f"no {row.kind}", cites_drop, "D01")
            ledger.drop(row, by, evidence=f"kind {row.kind}")


def languages(
    row: InputRow,
    seen: Sequence[str],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Drop a row whose input or target is certainly in another language (D08).

    Args:
        row: The row.
        seen: Languages of input and target; empty where not certain.
        file: The project's definition.
        ledger: Receipts.
    """
    wanted = file.spec.rules.languages
    if not wanted:
        return
    by = StepRule(
        step="languages",
        rule=f"languages {', '.join(wanted)}",
        cites=file.where("rules.languages"),
        code="D08",
    )
    for part, code in zip(("input", "target"), seen, strict=False):
        if code and code not in wanted:
            ledger.drop(row, by, evidence=f"the {part} is in {code}")
            return


def words(
    rows: Sequence[InputRow],
    file: TaskFile,
    ledger: Ledger,
) -> None:
    """Drop rows that are too short or too long (D08)."""
    for row in rows:
        for limit in _limits(row, file.spec.rules.words):
            count = limit.broken_by()
            if count is None:
                continue
            name, rule = limit.rule(count)
            cites = file.where(f"rules.words.{name}")
            ledger.drop(row, StepRule("words", rule, cites, "D08"), evidence=f"{count} words")
            break


@dataclass(frozen=True, slots=True)
class _Limit:
    """How many words a part of a row may have.

    Attributes:
        part: ``input`` or ``target``.
        text: What it says.
        least: Fewest words.
        most: Most words; 0 for any number.
    """

    part: str
    text: str
    least: int
    most: int

    def broken_by(self) -> int | None:
        """The number of words if it breaks the limit."""
        sets_no_limit = self.least <= 1 and not self.most
        if sets_no_limit and self.text.strip():
            return None
        count = len(self.text.split())
        too_many = self.most > 0 and count > self.most
        return count if too_many or count < self.least else None

    def rule(self, count: int) -> tuple[str, str]:
        """Name and words of the rule that so many words break."""
        if count < self.least:
            return f"min_{self.part}", f"the {self.part} has at least {self.least} words"
        return f"max_{self.part}", f"the {self.part} has at most {self.most} words"


def _limits(row: InputRow, rule: WordLimits) -> tuple[_Limit, _Limit]:
    alone = len(row.turns) == 1  # plain text has no input to measure
    least_input = 0 if alone else rule.min_input
    return (
        _Limit("input", row.input, least_input, rule.max_input),
        _Limit("target", row.target, rule.min_target, rule.max_target),
    )
