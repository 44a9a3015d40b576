"""Checks that need the row, its parent and its cell alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from tunewell.augment.accept.corpus import OwnRows, unsupported
from tunewell.augment.accept.refusal_reason import NotTaken
from tunewell.augment.accept.words import text_of, words_of
from tunewell.augment.prompts import echoed
from tunewell.checks.broken import find_fault
from tunewell.checks.broken.endings import ends_inside
from tunewell.checks.broken.placeholders import is_blank, normal
from tunewell.checks.language import language_shares, other_language
from tunewell.checks.segments import count_words
from tunewell.checks.verbatim import is_structured
from tunewell.metrics.fact_check import statements
from tunewell.metrics.facts import Facts
from tunewell.metrics.must_not import forbidden_in
from tunewell.plurals import per_cent
from tunewell.similar import key
from tunewell.task import AugmentCell, CellCondition, TaskSpec
from tunewell.types import Example

Check = Callable[[Example, Example, AugmentCell], NotTaken | None]
"""Of a child, its parent and its cell."""

_WRONG: Final = ("outdated", "wrong")
_SHOWN: Final = 6
_ELLIPSES: Final = ("…", "...")
"""What stands for a text in the form that generators are given."""


@dataclass(frozen=True)
class RowChecksOfChildren:
    """The checks of a row by itself, the cheapest first.

    Attributes:
        task: The definition.
        own: The project's rows.
        facts: The project's facts; None if it has none.
        today: The day that rows without a date speak for.
    """

    task: TaskSpec
    own: OwnRows
    facts: Facts | None
    today: dt.date

    def form(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        """The first reason in how a row is written; None if there is none."""
        checks = (self._structure, self._condition, self._language, self._terms, self._broken)
        return _first(checks, child, parent, cell)

    def content(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        """The first reason in what a row says; None if there is none."""
        return _first((self._facts, self._unsupported), child, parent, cell)

    def _structure(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        """Blank turns, or an answer that is nothing like the size of the project's."""
        for turn in child.messages:
            if is_blank(turn.content) or turn.content.strip() in _ELLIPSES:
                return NotTaken("structure", f"the {turn.role}'s turn is blank")
        repeated = echoed(text_of(child))
        if repeated and not echoed(text_of(parent)):
            return NotTaken("structure", f"repeats the request: {repeated}")
        words = self.task.rules.words
        for text, fewest, most in (
            (child.input, words.min_input, words.max_input),
            (child.target, words.min_target, words.max_target),
        ):
            count = count_words(text)
            if count < fewest or (most and count > most):
                return NotTaken("structure", f"{count} words, rules.words asks for others")
        return self._label(child.target, cell)

    def _label(
        self,
        target: str,
        cell: AugmentCell,
    ) -> NotTaken | None:
        """A label that no row has, where answers are labels; unless the cell asks for it."""
        labels = self.own.labels
        label = normal(target)
        if not labels or label in labels:
            return None
        asked_for = [cell.about, *cell.vary, *(item for hold in cell.holds for item in hold.has)]
        if any(label in normal(text) for text in asked_for):
            return None
        return NotTaken("structure", f"'{target[:40]}' is none of the {len(labels)} labels")

    def _condition(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        for _, _, rule in forbidden_in(child.target, self.task.task.must_not):
            return NotTaken("condition", f"task.must_not: {rule}")
        for hold in cell.holds:
            broken = broken_condition(hold, child, parent)
            if broken:
                return NotTaken("condition", broken)
        if cell.kind == "counterfactual":
            return _not_counterfactual(child, parent)
        return None

    def _terms(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        text = f" {' '.join(words_of(text_of(child)))} "
        for right, variants in self.task.augment.glossary.items():
            for wrong in variants:
                if f" {' '.join(words_of(wrong))} " in text:
                    return NotTaken("terms", f"'{wrong}' for '{right}'")
        if cell.kind == "edit":
            # Slips and the like make words that nobody uses, and are meant to.
            return None
        too_many = self.own.vocabulary.too_many_new(child, parent)
        if too_many is None:
            return None
        share, new = too_many
        words = ", ".join(new[:_SHOWN])
        return NotTaken("terms", f"{per_cent(share)} of its words are new: {words}")

    def _broken(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        turns = [(turn.role, turn.content) for turn in child.messages]
        fault = find_fault(turns, self.own.habits)
        if fault is None:
            return _breaks_off_as_begun(child.target, parent.target)
        before = self._fault_of(parent)
        if not fault.is_certain and fault.kind == before:
            return None
        return NotTaken("broken", f"{fault.kind}: {fault.evidence or fault.rule}")

    def _fault_of(self, parent: Example) -> str:
        return _fault_kind(self, tuple((turn.role, turn.content) for turn in parent.messages))

    def _language(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        if cell.kind == "edit":
            return None
        wanted = tuple(self.task.rules.languages or (self.task.task.language,))
        for text, own, of_target in (
            (child.target, parent.target, True),
            (child.input, parent.input, False),
        ):
            if of_target and self._is_no_prose(text):
                continue
            other = other_language(language_shares(text), wanted)
            # A row of a project in several languages may keep its parent's.
            if not other or other == _certain_other(own, wanted):
                continue
            if other not in self.own.mistaken_languages(of_target, wanted):
                return NotTaken("language", f"'{other}', wanted {', '.join(wanted)}")
        return None

    def _is_no_prose(self, target: str) -> bool:
        """Whether an answer is a label, or data where answers are data."""
        return self.own.answers_are_data and (bool(self.own.labels) or is_structured(target))

    def _unsupported(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        language = self.own.language
        loose = unsupported(child.target, child.asked, language)
        if not loose:
            return None
        of_parent = unsupported(parent.target, parent.asked, language)
        accused = []
        for folded, (kind, text) in loose.items():
            if folded not in of_parent and not self.own.is_excused(kind, folded):
                accused.append(text)
        if not accused:
            return None
        return NotTaken("unsupported", f"not in the input: {', '.join(accused[:_SHOWN])}")

    def _facts(
        self,
        child: Example,
        parent: Example,
        cell: AugmentCell,
    ) -> NotTaken | None:
        if self.facts is None:
            return None
        found = statements(
            child.target,
            self.facts,
            day=child.date or self.today,
            question=child.input,
            language=self.own.language,
        )
        for each in found:
            if each.standing in _WRONG:
                topic = f"{each.entity}, {each.attribute}"
                right = each.expected or "nothing"
                told = f"{topic}: {each.said} is {each.standing}, {right} holds"
                return NotTaken("facts", told)
        return None


def _first(
    checks: Sequence[Check],
    child: Example,
    parent: Example,
    cell: AugmentCell,
) -> NotTaken | None:
    for check in checks:
        found = check(child, parent, cell)
        if found is not None:
            return found
    return None


@lru_cache(maxsize=4096)
def _certain_other(
    text: str,
    wanted: tuple[str, ...],
) -> str:
    return other_language(language_shares(text), wanted)


_LEAST_CUT: Final = 0.9
_FEWEST_CUT: Final = 5
"""Words: a shorter answer may begin as its parent's and be another one."""

_TAIL: Final = 2
"""Words at the end of a cut answer that need not be its parent's."""

_OPEN: Final = frozenset(",([{-–—&+")
"""Signs that nothing ends with."""


def _breaks_off_as_begun(
    target: str,
    before: str,
) -> NotTaken | None:
    """An answer that ends inside a sentence: its own, or its parent's, which it has up to there."""
    told = f"cut off: … {target.rstrip()[-40:]}"
    if ends_inside(target) and not ends_inside(before):
        return NotTaken("broken", told)
    last = target.rstrip()[-1:]
    if not last.isalnum() and last not in _OPEN:
        return None
    mine, theirs = words_of(target), words_of(before)
    begun = mine[:-_TAIL]
    if len(mine) < _FEWEST_CUT or len(mine) >= _LEAST_CUT * len(theirs):
        return None
    return NotTaken("broken", told) if theirs[: len(begun)] == begun else None


def _fault_kind(
    checks: RowChecksOfChildren,
    turns: tuple[tuple[str, str], ...],
) -> str:
    fault = find_fault(turns, checks.own.habits)
    return fault.kind if fault else ""


def broken_condition(
    hold: CellCondition,
    child: Example,
    parent: Example,
) -> str:
    r"""What of a condition does not hold; empty if it does.

    Example:
        >>> from tunewell.types import Message
        >>> row = Example(id="a", messages=(Message(role="assistant", content="Pay by 12 May."),))
        >>> broken_condition(CellCondition(has=("12 May",)), row, row)
        ''
        >>> broken_condition(CellCondition(has_not=("/\\d+ May/",)), row, row)
        'the target must not have /\\d+ May/'
    """
    text, before = _place(hold, child), _place(hold, parent)
    plain = " ".join(text.split())
    for item in hold.has:
        if not forbidden_in(plain, (item,)):
            return f"the {hold.where} lacks {item}"
    for item in hold.has_not:
        if forbidden_in(plain, (item,)):
            return f"the {hold.where} must not have {item}"
    count = count_words(text)
    fewest, most = hold.words
    if count < fewest or (most and count > most):
        return f"the {hold.where} has {count} words, wanted {fewest} to {most or 'any'}"
    if hold.as_parent:
        same = key(text) == key(before)
        if same != (hold.as_parent == "same"):
            return f"the {hold.where} is {'not ' * (not same)}its parent's"
    return ""


def _place(
    hold: CellCondition,
    row: Example,
) -> str:
    if hold.where == "input":
        return row.input
    return row.target if hold.where == "target" else text_of(row)


def _not_counterfactual(
    child: Example,
    parent: Example,
) -> NotTaken | None:
    """One fact of the input has to be another, and the answer with it."""
    if key(child.input) == key(parent.input):
        return NotTaken("condition", "counterfactual: the input has not changed")
    if key(child.target) == key(parent.target):
        return NotTaken("condition", "counterfactual: the answer has not changed")
    return None
