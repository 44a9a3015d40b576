"""The questions of `tunewell init`: each with a proposal, and a way back to the one before."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tunewell.cli.common import err, note
from tunewell.cli.init_yaml import Answers, GateAnswer
from tunewell.errors import UserError

BACK: Final = "<"
"""Typed to go back to the question before."""

NONE: Final = "-"
"""Typed for nothing where something is proposed."""

HOW: Final = (
    f"Enter takes what is proposed in [brackets]; {NONE} takes nothing; {BACK} goes back; "
    "Ctrl-C ends without writing anything."
)

GATE: Final = re.compile(r"(\w+)\s+(level|gain|no_worse)\s+(-?[\d.]+)")

ABOUT_GATES: Final = """\
Which metrics decide, and at what threshold? Separate several by commas. For example:
  key_points gain 0.05    at least 0.05 more of the required points than the prompted base model
  must_not level 0.99     forbidden text in at most 1 of 100 answers
  rouge_l no_worse 0.02   not worse than the prompted base model by more than 0.02
of the task's own: key_points, label, must_not, support, exact, schema;
generic: token_f1, rouge_l, chrf
gates"""


class GoBack(Exception):
    """The question before is asked again."""


@dataclass(frozen=True)
class Question:
    """What one field of the answers is asked with.

    Attributes:
        field: Of `Answers`.
        text: What is asked.
        read: Makes the value of what was typed; raises ValueError where it is not understood.
        shown: Shows a value as it would be typed.
        applies: Whether it is asked, given the answers so far.
    """

    field: str
    text: str
    read: Callable[[str], Any]
    shown: Callable[[Any], str]
    applies: Callable[[Answers], bool] = lambda _answers: True

    def ask(self, proposed: Any) -> Any:
        """The value that was typed, or the proposed one.

        Raises:
            GoBack: The question before is wanted.
        """
        while True:
            typed = line(self.text, self.shown(proposed))
            if not typed:
                return proposed
            try:
                return self.read("" if typed == NONE else typed)
            except ValueError as error:
                note(f"  not understood: {error}")


def line(question: str, proposed: str = "") -> str:
    """One line from whoever is asked; empty for the proposal.

    Raises:
        GoBack: They want to go back.
        UserError: There is nobody to ask.
    """
    brackets = f" [{proposed}]" if proposed else ""
    err.print(f"{question}{brackets}: ", end="", markup=False)
    typed = _typed()
    if typed == BACK:
        raise GoBack
    return typed


def _typed() -> str:
    if sys.stdin.isatty():
        try:
            return input().strip()
        except EOFError:
            pass
    else:
        text = sys.stdin.readline()
        if text:
            return text.strip()
    raise UserError(
        "nobody answers on standard input; nothing was written",
        hint="tunewell init --data FILE --yes takes what it proposes",
    )


def ask_all(answers: Answers, questions: Sequence[Question]) -> Answers:
    """Ask every question that applies, with what is known so far as its proposal.

    Args:
        answers: The proposals.
        questions: In order.

    Raises:
        GoBack: From the first question.
    """
    asked: list[int] = []
    place = 0
    while place < len(questions):
        question = questions[place]
        if not question.applies(answers):
            place += 1
            continue
        try:
            value = question.ask(getattr(answers, question.field))
        except GoBack:
            if not asked:
                raise
            place = asked.pop()
            continue
        answers = answers.model_copy(update={question.field: value})
        asked.append(place)
        place += 1
    return answers


# --- what is asked --------------------------------------------------------------------------------


def _text(typed: str) -> str:
    return typed


def _required(typed: str) -> str:
    if not typed:
        raise ValueError("an answer is needed here")
    return typed


def _words(typed: str) -> tuple[str, ...]:
    words = [word.strip() for word in typed.split(",")]
    return tuple(word for word in words if word)


def _people(typed: str) -> tuple[str, ...]:
    return _words(_required(typed))


def _points(typed: str) -> tuple[str, ...]:
    points = [point.strip() for point in typed.split(";")]
    return tuple(point for point in points if point)


def _days(typed: str) -> int:
    if not typed.isdigit():
        raise ValueError(f"a number of days, got {typed!r}")
    return int(typed)


def _gates(typed: str) -> tuple[GateAnswer, ...]:
    gates = []
    for part in _words(typed):
        match = GATE.fullmatch(part)
        if match is None:
            raise ValueError(f"METRIC level|gain|no_worse NUMBER, got {part!r}")
        gates.append(GateAnswer(metric=match[1], kind=match[2], value=float(match[3])))
    return tuple(gates)


def _shown_gates(gates: Sequence[GateAnswer]) -> str:
    return ", ".join(f"{gate.metric} {gate.kind} {gate.value:g}" for gate in gates)


def _in_commas(words: Sequence[str]) -> str:
    return ", ".join(words)


def _in_semicolons(points: Sequence[str]) -> str:
    return "; ".join(points)


def _shown_days(days: int) -> str:
    return str(days)


def questions_for(kinds: Mapping[str, int], *, dated: bool) -> tuple[Question, ...]:
    """What no file can tell, in order.

    Args:
        kinds: Rows by their kind: which of them belong is asked only where there are some.
        dated: Whether rows are dated: how old they may be is asked only then.
    """
    known = ", ".join(kinds)
    return (
        Question("name", "Short name of the task", _required, str),
        Question("about", "What is the model for, and for whom?", _required, str),
        Question("input", "What goes in?", _required, str),
        Question("output", "What comes out?", _required, str),
        Question(
            "must", "What must a good answer contain? (separated by ;)", _points, _in_semicolons
        ),
        Question(
            "must_not",
            "What must it never contain? (text, or /a pattern/; separated by ;)",
            _points,
            _in_semicolons,
        ),
        Question(
            "drop_kinds",
            f"Which of these kinds do not belong? ({known})",
            _words,
            _in_commas,
            lambda _answers: len(kinds) > 1,
        ),
        Question(
            "max_age_days",
            "How old may a row be, in days? (0 = any age)",
            _days,
            _shown_days,
            lambda _answers: dated,
        ),
        Question(
            "keep_whatever_age",
            "Which rows count whatever their age? (field=value, such as landmark=true)",
            _text,
            str,
            lambda answers: answers.max_age_days > 0,
        ),
        Question(
            "slices",
            "By which fields should results be broken down? (separated by commas)",
            _words,
            _in_commas,
        ),
        Question("gates", ABOUT_GATES, _gates, _shown_gates),
        Question(
            "question_to_people",
            f"What should people be asked about each answer before release? ({NONE} = nothing)",
            _text,
            str,
        ),
        Question("approve", "Who has to approve this definition?", _people, _in_commas),
    )
