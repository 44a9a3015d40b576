"""What a comparison is: its arms, what is asked, how many verdicts, all fixed before it starts."""

from __future__ import annotations

import re
from typing import Literal, Self

from pydantic import Field, model_validator

from tunewell.stats.preference import AFTER_EVERY_VERDICT, PreferencePlan, plan_preference
from tunewell.types import Value, digest

ArmKind = Literal["tuned", "base", "prompted", "production", "endpoint", "answers", "human"]
Questions = Literal["prepared", "own"]
State = Literal["draft", "open", "closed"]
Preference = Literal["first", "second", "tie", "both bad"]
"""What a rater says: of the answers in the order in which they were shown."""

REASONS: tuple[str, ...] = (
    "correct",
    "complete",
    "clear",
    "wrong fact",
    "missing step",
    "does not answer",
    "tone",
)
"""Reasons that a rater may tick unless the design names others."""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class ComparedArm(Value):
    """One of the two arms.

    Attributes:
        name: What results call it; raters never see it before their guesses.
        kind: ``tuned`` (the newest version), ``base``, ``prompted``, ``production`` (the version
            released there), ``endpoint`` (a model at an address), ``answers`` (a file of answers),
            ``human`` (agents answer through their inbox).
        model: Name of the model, for ``endpoint``.
        url: Its address, for ``endpoint``.
        path: JSON lines with ``id`` and ``answer``, for ``answers``.
        version: What answered, as found when the comparison was drafted.
    """

    name: str = Field(min_length=1, max_length=60)
    kind: ArmKind
    model: str = ""
    url: str = ""
    path: str = ""
    version: str = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.kind == "endpoint" and not (self.model and self.url):
            raise ValueError(f"arm {self.name}: an endpoint needs a model and a url")
        if self.kind == "answers" and not self.path:
            raise ValueError(f"arm {self.name}: answers need the path of a file")
        return self

    @property
    def is_human(self) -> bool:
        """Whether people answer."""
        return self.kind == "human"

    @property
    def guessed_as(self) -> str:
        """What raters who guess are offered."""
        return "a person" if self.is_human else f"a program ({self.name})"


class BlindingRules(Value):
    """What is done to both answers alike before anybody sees them.

    Attributes:
        signatures: Remove greetings, thanks, sign-offs and names at the end.
        markdown: Show headings, lists and emphasis as plain text.
        emoji: Remove emoji.
        spelling: Write British spellings the American way.
        addresses: Replace web addresses by "(link)".
        typography: Make quotation marks, dashes and spaces alike.
    """

    signatures: bool = True
    markdown: bool = True
    emoji: bool = True
    spelling: bool = True
    addresses: bool = True
    typography: bool = True


class ComparisonDesign(Value):
    """Everything that is fixed and signed before the first rating.

    Attributes:
        name: Lower case, digits and hyphens; gates name it.
        about: What raters are asked to judge, in one or two sentences.
        arms: The candidate first, then what it would replace.
        unit: ``rater`` or ``conversation``: what verdicts are clustered by beside the question.
        criterion: The primary criterion.
        win_rate: The smallest preference for the first arm worth finding, ties counting one half.
        power: Wanted probability of finding it.
        alpha: Two-sided error over all looks.
        icc: How alike verdicts of one rater are assumed to be (intraclass correlation).
        ties: Share of ties expected.
        raters: How many people rate.
        each: Verdicts of each.
        looks: Equally spaced looks; 0 = after every verdict.
        questions: ``prepared`` (rows of the review pool) or ``own`` (raters ask theirs).
        reasons: Tags that a rater may tick.
        due_hours: How long a human agent has for an answer.
        blinding: What is done to both answers.
        guesses: Answers whose arm each rater guesses at the end.
        aa: Whether both arms are the same: a check of the procedure itself.
        after: Name of an A/A comparison that has to be closed without a preference first.
        seed: Of order and draw.
    """

    name: str
    about: str = "Which answer would help the person who asked more?"
    arms: tuple[ComparedArm, ComparedArm]
    unit: Literal["rater", "conversation"] = "rater"
    criterion: Literal["preference"] = "preference"
    win_rate: float = Field(default=0.65, gt=0.5, lt=1)
    power: float = Field(default=0.8, gt=0, lt=1)
    alpha: float = Field(default=0.05, gt=0, lt=1)
    icc: float = Field(default=0.2, ge=0, le=1)
    ties: float = Field(default=0.1, ge=0, lt=1)
    raters: int = Field(ge=1, le=10_000)
    each: int = Field(ge=1, le=5_000)
    looks: int = Field(default=AFTER_EVERY_VERDICT, ge=0, le=200)
    questions: Questions = "prepared"
    reasons: tuple[str, ...] = REASONS
    due_hours: float = Field(default=48.0, gt=0)
    blinding: BlindingRules = BlindingRules()
    guesses: int = Field(default=6, ge=0, le=50)
    aa: bool = False
    after: str = ""
    seed: int = 0

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not NAME.fullmatch(self.name):
            raise ValueError(
                f"the name {self.name[:80]!r} must be lower-case letters, digits and hyphens"
            )
        first, second = self.arms
        if first.name == second.name:
            raise ValueError(f"both arms are called {first.name!r}")
        if first.is_human and second.is_human and not self.aa:
            raise ValueError("only one arm can be people, unless it is an A/A comparison")
        same = first.model_copy(update={"name": ""}) == second.model_copy(update={"name": ""})
        if same and not self.aa:
            raise ValueError("both arms are the same: give --aa for an A/A comparison")
        if self.aa and not same:
            raise ValueError("an A/A comparison has the same arm twice")
        if self.ties / 4 >= self.win_rate * (1 - self.win_rate):
            raise ValueError(f"ties of {self.ties:g} leave no room for {self.win_rate:g}")
        return self

    @property
    def planned(self) -> int:
        """Verdicts at which the comparison ends."""
        return self.raters * self.each

    @property
    def version(self) -> str:
        """Short digest of everything in it: what is signed, and what every rating carries."""
        return digest(self)[:12]

    def plan(self, *, raters: int = 0, each: int = 0) -> PreferencePlan:
        """Whether the panel can show the preference, and how many raters can."""
        return plan_preference(
            raters or self.raters,
            each or self.each,
            win_rate=self.win_rate,
            icc=self.icc,
            ties=self.ties,
            looks=self.looks,
            alpha=self.alpha,
            power=self.power,
        )

    @property
    def human(self) -> ComparedArm | None:
        """The arm that people answer, if there is one."""
        return next((arm for arm in self.arms if arm.is_human), None)


class BlindComparison(Value):
    """A comparison as the store has it.

    Attributes:
        id: Random.
        design: What is fixed.
        status: ``draft`` until it is signed, ``open`` for ratings, ``closed``.
        author: Who drafted it.
        agents: Ids of the accounts that answer for the human arm.
        raters: Ids of the accounts that rate.
        salt: Random: without it nobody who knows the code can tell which arm stands first.
    """

    id: str
    design: ComparisonDesign
    status: State = "draft"
    author: str
    agents: tuple[str, ...] = ()
    raters: tuple[str, ...] = ()
    salt: str = ""


class GivenAnswer(Value):
    """What an arm answered to a question, or that it did not.

    Attributes:
        text: As the arm gave it; empty if there is none.
        shown: As raters see it, after the rules of blinding.
        missing: Why there is none: ``expired``, ``empty``, ``failed``; empty if there is one.
        changed: The rules that changed it.
        seconds: How long a person took for it, from the request to the answer.
        author: Id of the account, for people.
    """

    text: str = ""
    shown: str = ""
    missing: str = ""
    changed: tuple[str, ...] = ()
    seconds: float = 0.0
    author: str = ""


class AskedQuestion(Value):
    """A question that both arms answer.

    Attributes:
        id: Random.
        text: What is asked.
        row: Id of the row of the review pool; empty for a rater's own.
        slices: Value of each slice field.
        family: Family of the row, for honest intervals.
    """

    id: str
    text: str = Field(min_length=1, max_length=20_000)
    row: str = ""
    slices: dict[str, str] = Field(default_factory=dict)
    family: str = ""


PairState = Literal["waiting", "ready", "done", "tied", "missing"]


class ComparedPair(Value):
    """Two answers for one rater.

    Attributes:
        id: Random: neither it nor its place tells the arm.
        comparison: Id of the comparison.
        account: The rater.
        position: Place in the rater's queue.
        question: What was asked.
        first_is: Which arm is shown first: 0 or 1.
        answers: By arm, None while one is awaited.
        status: ``waiting`` for an answer, ``ready`` to be rated, ``done``, ``tied`` (identical, not
            shown), ``missing`` (an arm gave no answer; not shown).
    """

    id: str
    comparison: str
    account: str
    position: int
    question: AskedQuestion
    first_is: Literal[0, 1]
    answers: tuple[GivenAnswer | None, GivenAnswer | None] = (None, None)
    status: PairState = "waiting"

    @property
    def in_order(self) -> tuple[GivenAnswer, GivenAnswer]:
        """The answers in the order shown; both are there."""
        first, second = self.answers
        assert first is not None
        assert second is not None
        return (first, second) if self.first_is == 0 else (second, first)


class SaidOfPair(Value):
    """A rating as somebody sends it.

    Attributes:
        preferred: Of the two answers as shown.
        reasons: Tags.
        comment: In the rater's words.
    """

    preferred: Preference
    reasons: tuple[str, ...] = Field(default=(), max_length=50)
    comment: str = Field(default="", max_length=20_000)


class GuessSaid(Value):
    """Which arm somebody believes wrote an answer.

    Attributes:
        arm: 0 or 1, as the arms are numbered in the design; None = cannot tell.
        behind: The arm that did.
    """

    arm: Literal[0, 1] | None
    behind: Literal[0, 1]


class Rated(Value):
    """A rating, or what stands in its place, ready to be analysed.

    Attributes:
        number: Order of arrival.
        pair: Id of the pair.
        account: The rater.
        question: Id of the question.
        value: 1 = the first arm of the design preferred, 0 = the second, .5 = neither.
        how: ``rated``, ``tied`` (identical answers), ``missing`` (an arm gave none).
        first_is: The arm that stood first.
        said: The rater's words; None where nobody was asked.
        seconds: How long the pair was on the screen.
    """

    number: int
    pair: str
    account: str
    question: str
    value: float = Field(ge=0, le=1)
    how: Literal["rated", "tied", "missing"]
    first_is: Literal[0, 1]
    said: SaidOfPair | None = None
    seconds: float = 0.0


def value_of(preferred: Preference, first_is: int) -> float:
    """What a preference says of the first arm.

    Example:
        >>> value_of("first", 0), value_of("first", 1), value_of("both bad", 1)
        (1.0, 0.0, 0.5)
    """
    if preferred in ("tie", "both bad"):
        return 0.5
    took_first_shown = preferred == "first"
    return 1.0 if took_first_shown == (first_is == 0) else 0.0
