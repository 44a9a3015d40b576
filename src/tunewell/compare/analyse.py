"""What a comparison says: the preference at every look, and everything that could be wrong with it.

Verdicts are clustered by rater and by question; each figure is an `Estimate` with its interval.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

import numpy as np
from pydantic import Field

from tunewell.compare.book import ComparisonBook
from tunewell.compare.design import BlindComparison, ComparedPair, GuessSaid, Rated
from tunewell.compare.inbox import HandlingTimes, Inbox
from tunewell.compare.style import StylePredictability, style_adjusted, style_predictability
from tunewell.stats.agreement import krippendorff_alpha
from tunewell.stats.blinding import bang_index, james_index, unblinded
from tunewell.stats.careless import RaterHabit, rater_habits
from tunewell.stats.corrected_pairs import corrected_win_rate
from tunewell.stats.means import mean
from tunewell.stats.preference import deciding_look, preference_looks
from tunewell.stats.sequential import Look
from tunewell.types import Estimate, Finding, Outcome, Value

UNBLINDED_FROM: Final = 0.2
"""A lower end of Bang's index above this leaves the verdict INCONCLUSIVE."""

MOST_LOOKS: Final = 120
"""Looks that a result keeps, evenly spaced, the last and the deciding one among them."""


class SuspectedRater(Value):
    """What one rater's verdicts look like, with who it is."""

    account: str
    habit: RaterHabit
    preference: Estimate | None


class ArmOutcomes(Value):
    """What came of one arm's answers.

    Attributes:
        name: Of the arm.
        answered: Pairs with an answer of it.
        missing: Pairs without, by why.
        length: Median words.
        changed: Pairs whose answer the rules of blinding changed, by rule.
        bang: How often it was recognised; None where nobody has guessed.
    """

    name: str
    answered: int
    missing: Mapping[str, int]
    length: float
    changed: Mapping[str, int]
    bang: Estimate | None = None


class ComparisonResult(Value):
    """Everything that a comparison says so far.

    Attributes:
        name: Of the comparison.
        status: ``open`` or ``closed``.
        verdicts: Ratings and outcomes.
        planned: Verdicts at which it ends.
        looks: The trajectory, thinned.
        standing: The look that counts: the first that found a preference, else the last.
        without: The same without raters who are named as careless; None where nobody is.
        rated_only: The last look at pairs that raters saw, without ties unseen and missing answers.
        by_slice: Win rate on each value of each slice field.
        raters: Each rater's habit and preference.
        arms: What came of each arm's answers.
        position: How much more often than one half the first answer was preferred.
        agreement: Krippendorff's alpha between raters of the same questions.
        james: How well the arms were hidden.
        style: How far style alone tells the arms apart.
        adjusted: The preference between answers alike in style.
        judged: The preference by a judge, corrected by these ratings.
        tied: Pairs with identical answers, which nobody saw.
        reasons: How often each reason was ticked, for the first arm preferred, the second, neither.
        handling: What came of the questions to people.
        outcome: GO, NO-GO or INCONCLUSIVE.
        why: One sentence.
        findings: L01 and L02.
    """

    name: str
    status: str
    verdicts: int
    planned: int
    looks: tuple[Look, ...]
    standing: Look | None
    without: Look | None = None
    rated_only: Look | None = None
    by_slice: Mapping[str, Estimate] = Field(default_factory=dict)
    raters: tuple[SuspectedRater, ...] = ()
    arms: tuple[ArmOutcomes, ArmOutcomes]
    position: Estimate | None = None
    agreement: Estimate | None = None
    james: Estimate | None = None
    style: StylePredictability
    adjusted: Estimate | None = None
    judged: Estimate | None = None
    tied: int = 0
    reasons: Mapping[str, tuple[int, int, int]] = Field(default_factory=dict)
    handling: HandlingTimes = HandlingTimes()
    outcome: Outcome
    why: str
    findings: tuple[Finding, ...] = ()

    @property
    def standing_favours(self) -> Literal["a", "b", ""]:
        """The arm that is preferred: ``a`` the first, ``b`` the second; empty while open."""
        return self.standing.favours if self.standing else ""

    @property
    def careless(self) -> tuple[SuspectedRater, ...]:
        """The raters who are named."""
        return tuple(rater for rater in self.raters if rater.habit.named)


def analyse(
    book: ComparisonBook,
    comparison: BlindComparison,
    *,
    judge: Mapping[str, float] | None = None,
) -> ComparisonResult:
    """What a comparison says now.

    Args:
        book: Of the project.
        comparison: Which.
        judge: A judge's preference for the first arm by row or id of the question: 1, .5 or 0.
    """
    pairs = {pair.id: pair for pair in book.pairs(comparison)}
    rated = book.rated(comparison)
    evidence = _Evidence(comparison, pairs, rated)
    looks = evidence.looks(rated)
    habits = evidence.habits()
    named = {rater.account for rater in habits if rater.habit.named}
    without = None
    if named:
        kept = [said for said in rated if said.account not in named]
        without = deciding_look(evidence.looks(kept, planned=_less(comparison, len(named))))
    seen = [said for said in rated if said.how == "rated"]
    guesses = book.guesses(comparison)
    result = ComparisonResult(
        name=comparison.design.name,
        status=comparison.status,
        verdicts=len(rated),
        planned=comparison.design.planned,
        looks=_thinned(looks),
        standing=deciding_look(looks),
        without=without,
        rated_only=(evidence.looks(seen) or (None,))[-1],
        by_slice=evidence.by_slice(),
        raters=habits,
        arms=evidence.arms(guesses),
        position=_position(seen),
        agreement=evidence.agreement(seen),
        james=_james(guesses),
        style=style_of_pairs(pairs.values(), seed=comparison.design.seed),
        adjusted=evidence.adjusted(seen),
        judged=evidence.judged(judge),
        tied=sum(said.how == "tied" for said in rated),
        reasons=_reasons(seen, comparison.design.reasons),
        handling=Inbox(book).times(comparison),
        outcome="INCONCLUSIVE",
        why="",
    )
    outcome, why = _decided(comparison, result)
    decided = result.model_copy(update={"outcome": outcome, "why": why})
    return decided.model_copy(update={"findings": _findings(comparison, decided)})


def _less(comparison: BlindComparison, left_out: int) -> int:
    """Verdicts planned without some raters."""
    return max(2, (comparison.design.raters - left_out) * comparison.design.each)


def _thinned(looks: Sequence[Look]) -> tuple[Look, ...]:
    if len(looks) <= MOST_LOOKS:
        return tuple(looks)
    places = set(np.linspace(0, len(looks) - 1, MOST_LOOKS).astype(int).tolist())
    deciding = deciding_look(looks)
    kept = [look for n, look in enumerate(looks) if n in places or look is deciding]
    return tuple(kept)


def style_of_pairs(pairs: Iterable[ComparedPair], *, seed: int) -> StylePredictability:
    """How far style alone tells the arms apart, over all questions with two answers."""
    first: dict[str, str] = {}
    second: dict[str, str] = {}
    for pair in pairs:
        a, b = pair.answers
        if a is None or b is None or a.missing or b.missing:
            continue
        first[pair.question.id] = a.shown
        second[pair.question.id] = b.shown
    names = sorted(first)
    return style_predictability(
        [first[name] for name in names], [second[name] for name in names], seed=seed
    )


class _Evidence:
    """Pairs and ratings of one comparison, and the figures made from both."""

    def __init__(
        self,
        comparison: BlindComparison,
        pairs: Mapping[str, ComparedPair],
        rated: Sequence[Rated],
    ) -> None:
        self.comparison = comparison
        self.pairs = pairs
        self.rated = rated

    def _cluster(self, said: Rated) -> str:
        """What verdicts on one thing share: the family of the row, else the question."""
        question = self.pairs[said.pair].question
        return question.family or question.row or question.id

    def looks(self, rated: Sequence[Rated], *, planned: int = 0) -> tuple[Look, ...]:
        """The trajectory of the preference."""
        if not rated:
            return ()
        design = self.comparison.design
        return preference_looks(
            [said.value for said in rated],
            raters=[said.account for said in rated],
            questions=[self._cluster(said) for said in rated],
            planned=planned or design.planned,
            looks=design.looks,
            alpha=design.alpha,
        )

    def habits(self) -> tuple[SuspectedRater, ...]:
        """Each rater who was shown anything."""
        seen = [said for said in self.rated if said.how == "rated"]
        if not seen:
            return ()
        found = rater_habits(
            [said.value for said in seen],
            raters=[said.account for said in seen],
            questions=[self._cluster(said) for said in seen],
            first_shown=[said.first_is == 0 for said in seen],
        )
        accounts = list(dict.fromkeys(said.account for said in seen))
        raters = []
        for habit in found:
            account = accounts[habit.rater]
            own = [said for said in seen if said.account == account]
            raters.append(
                SuspectedRater(account=account, habit=habit, preference=self._win_rate(own))
            )
        return tuple(raters)

    def _win_rate(self, rated: Sequence[Rated]) -> Estimate:
        level = 1 - self.comparison.design.alpha
        return mean(
            [said.value for said in rated],
            clusters=[self._cluster(said) for said in rated],
            low=0.0,
            high=1.0,
            level=level,
        )

    def by_slice(self) -> dict[str, Estimate]:
        """Win rate on each value of each slice field, clustered by rater."""
        parts: dict[str, list[Rated]] = defaultdict(list)
        for said in self.rated:
            for field, value in self.pairs[said.pair].question.slices.items():
                parts[f"{field}={value}"].append(said)
        found = {}
        for name, part in sorted(parts.items()):
            raters = [said.account for said in part]
            if len(set(raters)) > 1:
                values = [said.value for said in part]
                found[name] = mean(values, clusters=raters, low=0.0, high=1.0)
        return found

    def agreement(self, seen: Sequence[Rated]) -> Estimate | None:
        """Krippendorff's alpha over questions that two raters or more have seen."""
        by_question: dict[str, dict[str, float]] = defaultdict(dict)
        for said in seen:
            by_question[said.question][said.account] = said.value
        rows = [ratings for ratings in by_question.values() if len(ratings) > 1]
        accounts = sorted({account for ratings in rows for account in ratings})
        if len(rows) < 2 or len(accounts) < 2:
            return None
        table = [[ratings.get(account, np.nan) for ratings in rows] for account in accounts]
        values = {value for ratings in rows for value in ratings.values()}
        if len(values) < 2:
            return None
        return krippendorff_alpha(table, scale="ordinal")

    def adjusted(self, seen: Sequence[Rated]) -> Estimate | None:
        """The preference between answers alike in style."""
        first, second = [], []
        for said in seen:
            a, b = self.pairs[said.pair].answers
            assert a is not None
            assert b is not None
            first.append(a.shown)
            second.append(b.shown)
        return style_adjusted(
            [said.value for said in seen],
            first,
            second,
            raters=[said.account for said in seen],
        )

    def judged(self, judge: Mapping[str, float] | None) -> Estimate | None:
        """A judge's preference on all questions, corrected by what raters said of the same."""
        if not judge:
            return None
        names = {p.question.id: p.question.row or p.question.id for p in self.pairs.values()}
        said: dict[str, list[float]] = defaultdict(list)
        for rated in self.rated:
            if rated.how == "rated":
                said[names[rated.question]].append(rated.value)
        rows = list(judge)
        people = []
        for row in rows:
            values = said.get(row, [])
            people.append(_middle(values) if values else np.nan)
        if np.isnan(people).all():
            return None
        scores = [judge[row] for row in rows]
        return corrected_win_rate(judge=scores, human=people)

    def arms(
        self,
        guesses: Sequence[tuple[str, str, GuessSaid]],
    ) -> tuple[ArmOutcomes, ArmOutcomes]:
        """What came of each arm's answers."""
        first, second = (self._arm(number, guesses) for number in (0, 1))
        return first, second

    def _arm(self, number: int, guesses: Sequence[tuple[str, str, GuessSaid]]) -> ArmOutcomes:
        missing: dict[str, int] = defaultdict(int)
        changed: dict[str, int] = defaultdict(int)
        lengths = []
        for pair in self.pairs.values():
            answer = pair.answers[number]
            if answer is None:
                continue
            if answer.missing:
                missing[answer.missing] += 1
                continue
            lengths.append(len(answer.shown.split()))
            for rule in answer.changed:
                changed[rule] += 1
        own = [(account, said) for account, _, said in guesses if said.behind == number]
        return ArmOutcomes(
            name=self.comparison.design.arms[number].name,
            answered=len(lengths),
            missing=dict(missing),
            length=float(np.median(lengths)) if lengths else 0.0,
            changed=dict(changed),
            bang=_bang(own),
        )


def _middle(values: Sequence[float]) -> float:
    """The verdict of several raters on one pair: which side the mean is on."""
    centre = sum(values) / len(values)
    if centre == 0.5:
        return 0.5
    return 1.0 if centre > 0.5 else 0.0


def _score(said: GuessSaid) -> float:
    if said.arm is None:
        return 0.0
    return 1.0 if said.arm == said.behind else -1.0


def _bang(own: Sequence[tuple[str, GuessSaid]]) -> Estimate | None:
    accounts = [account for account, _ in own]
    if len(set(accounts)) < 2:
        return None
    return bang_index([_score(said) for _, said in own], raters=accounts)


def _james(guesses: Sequence[tuple[str, str, GuessSaid]]) -> Estimate | None:
    behind = [said.behind for _, _, said in guesses]
    accounts = [account for account, _, _ in guesses]
    if len(set(behind)) < 2 or len(set(accounts)) < 2:
        return None
    return james_index([_score(said) for _, _, said in guesses], behind, raters=accounts)


def _position(seen: Sequence[Rated]) -> Estimate | None:
    """How much more often than one half the answer that stood first was preferred."""
    raters = [said.account for said in seen]
    if len(set(raters)) < 2:
        return None
    pull = []
    for said in seen:
        took = said.value if said.first_is == 0 else 1 - said.value
        pull.append(took - 0.5)
    return mean(pull, clusters=raters, low=-0.5, high=0.5)


def _reasons(seen: Sequence[Rated], known: Sequence[str]) -> dict[str, tuple[int, int, int]]:
    place = {1.0: 0, 0.0: 1, 0.5: 2}
    counts = {reason: [0, 0, 0] for reason in known}
    for said in seen:
        for reason in said.said.reasons if said.said else ():
            if reason in counts:
                counts[reason][place[said.value]] += 1
    return {reason: (c[0], c[1], c[2]) for reason, c in counts.items() if sum(c)}


# --- what it comes to -----------------------------------------------------------------------------


def _decided(comparison: BlindComparison, result: ComparisonResult) -> tuple[Outcome, str]:
    """The outcome with its reason."""
    standing = result.standing
    if standing is None:
        needed = comparison.design.planned
        return "INCONCLUSIVE", f"{result.verdicts} of {needed} verdicts: too few to say anything."
    figure = f"{100 * standing.estimate.value:.0f} % prefer {result.arms[0].name}"
    figure += f" [{100 * standing.estimate.low:.0f}, {100 * standing.estimate.high:.0f}]"
    bangs = [arm.bang for arm in result.arms if arm.bang is not None]
    if unblinded(bangs, limit=UNBLINDED_FROM):
        return "INCONCLUSIVE", f"{figure}, but raters could tell the arms apart."
    if result.careless and result.without is None:
        names = len(result.careless)
        return (
            "INCONCLUSIVE",
            f"{figure}; without {_raters(names)} named as careless too few are left.",
        )
    if result.without is not None and result.without.favours != standing.favours:
        names = len(result.careless)
        return "INCONCLUSIVE", f"{figure}, but not without {_raters(names)} named as careless."
    if standing.favours == "a":
        return "GO", f"{figure}: {standing.why}."
    if standing.favours == "b":
        return "NO-GO", f"{figure}: {standing.why}."
    return "INCONCLUSIVE", f"{figure}: {standing.why}."


def _raters(count: int) -> str:
    return "the rater" if count == 1 else f"the {count} raters"


def _findings(comparison: BlindComparison, result: ComparisonResult) -> tuple[Finding, ...]:
    """L01, once it is closed, and L02."""
    found = []
    if comparison.status == "closed" and not comparison.design.aa:
        why = f"Blind comparison {comparison.design.name}: {result.why}"
        found.append(Finding(code="L01", status="clear", stage="compare", why=why))
    return (*found, _invalid(comparison, result))


def _invalid(comparison: BlindComparison, result: ComparisonResult) -> Finding:
    """L02: what makes a comparison invalid, and what could not be checked."""
    faults, estimate = [], None
    for arm in result.arms:
        if arm.bang is not None and arm.bang.low > UNBLINDED_FROM:
            faults.append(f"raters recognise {arm.name} (Bang's index {arm.bang})")
            estimate = arm.bang
    if result.style.gives_away:
        faults.append(f"style alone tells the arms apart (area {result.style.area})")
        estimate = estimate or result.style.area
    if comparison.design.aa and result.standing_favours:
        faults.append("equal arms differ: the procedure itself prefers one")
    if faults:
        why = f"{comparison.design.name}: {'; '.join(faults)}."
        remedy = "make the answers alike in style, or let other people rate, in a new comparison"
        return Finding(
            code="L02",
            status="found",
            stage="compare",
            why=why,
            estimate=estimate,
            remedy=remedy,
        )
    unchecked = [arm.name for arm in result.arms if arm.bang is None]
    if unchecked:
        why = f"{comparison.design.name}: nobody has guessed who wrote {' and '.join(unchecked)}."
        return Finding(code="L02", status="unchecked", stage="compare", why=why)
    why = f"{comparison.design.name}: order balanced, looks planned, raters cannot tell the arms."
    return Finding(code="L02", status="clear", stage="compare", why=why)
