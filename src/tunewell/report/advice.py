"""What an owner is told before signing: what to do, what follows, who stands for it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tunewell.people import Accounts, judgements
from tunewell.pitfalls import CATALOGUE
from tunewell.plurals import plural
from tunewell.report.conditions import Condition
from tunewell.report.number_format import duration
from tunewell.report.results import Results
from tunewell.store import Store
from tunewell.types import Finding, Judgement, Verdict

_ASKED_OF_PEOPLE: Final = re.compile(
    r"([\d,]+) (?:more outputs?|verdicts?)\b.*?(\d+) (?:person|people)"
)
_ASKED_FIRST: Final = 3
"""Needs that the recommendation names."""


@dataclass(frozen=True)
class Advice:
    """What stands beside the verdict.

    Attributes:
        recommendation: One sentence: release, do not, or what to ask for first.
        if_signed: What follows if the owner signs anyway, a sentence each.
        next_look: When and at what cost the question can be looked at again.
        approved: Who approved the definition, and when.
        judged: Who judged outputs.
        ground: How clean the data under the figures are.
    """

    recommendation: str
    if_signed: tuple[str, ...]
    next_look: tuple[str, ...]
    approved: str
    judged: str
    ground: tuple[str, ...]


def advice(results: Results, made: Sequence[Condition]) -> Advice | None:
    """The advice; None while there is no verdict."""
    verdict = results.verdict
    if verdict is None:
        return None
    return Advice(
        recommendation=recommendation(made, verdict),
        if_signed=tuple(map(_unbroken, _if_signed(results, made, verdict))),
        next_look=tuple(_next_look(results, made, verdict)),
        approved=_approved(results),
        judged=_judged(judgements(results.store), _names(results.store)),
        ground=tuple(_ground(verdict)),
    )


def recommendation(made: Sequence[Condition], verdict: Verdict) -> str:
    """One sentence for somebody who reads nothing else."""
    if verdict.outcome == "GO":
        return "Release this version."
    if verdict.outcome == "NO-GO":
        return "Do not release this version."
    needs = list(dict.fromkeys([*_needs_of(made), *_needs_of_findings(verdict)]))
    if not needs:
        return "Do not release it yet."
    named = needs[:_ASKED_FIRST]
    more = f"; and {len(needs) - len(named)} more" if len(needs) > len(named) else ""
    return f"Do not release it yet. Ask for {'; '.join(named)}{more}."


def _needs_of(made: Sequence[Condition]) -> Iterator[str]:
    """What the open conditions need, what people can give first."""
    needs = [c.criterion.needs for c in made if c.criterion.outcome == "INCONCLUSIVE"]
    asked = [need.rstrip(".") for need in needs if need]
    yield from sorted(asked, key=lambda need: not _ASKED_OF_PEOPLE.search(need))


def _needs_of_findings(verdict: Verdict) -> Iterator[str]:
    for finding in _blocking(verdict):
        if finding.code == "E01":
            yield "the owner's approval of the definition (E01)"
        elif CATALOGUE[finding.code].area != "data":
            yield f"an answer to {finding.code} ({CATALOGUE[finding.code].name})"


def _blocking(verdict: Verdict) -> list[Finding]:
    return [f for f in verdict.findings if f.blocking and f.status == "found"]


def _accepted(verdict: Verdict) -> list[Finding]:
    return [f for f in verdict.findings if f.status == "accepted" and f.acceptance]


def _unbroken(text: str) -> str:
    """A text in which no line ends between a number and its per cent sign."""
    return text.replace(" %", "\u00a0%")


def _if_signed(results: Results, made: Sequence[Condition], verdict: Verdict) -> Iterator[str]:
    for condition in made:
        if condition.criterion.outcome != "GO":
            yield _risk(condition)
    for finding in _blocking(verdict):
        yield f"{finding.code} ({CATALOGUE[finding.code].name}) stays open: {finding.why}"
    for finding in _accepted(verdict):
        assert finding.acceptance is not None
        yield (
            f"You accept {finding.code} ({CATALOGUE[finding.code].name}) as a known risk, as "
            f"{finding.acceptance.author} has until {finding.acceptance.until}."
        )
    if verdict.outcome == "GO":
        by_luck = 100 * (1 - results.file.spec.evaluate.level) / 2
        yield f"The chance that all conditions hold by luck alone is at most {by_luck:.3g} %."
    unchecked = sum(f.status == "unchecked" for f in verdict.findings)
    if unchecked:
        yield f"Nobody knows what {plural(unchecked, 'check')} that could not be made would show."


def _risk(condition: Condition) -> str:
    """What an owner takes on with a condition that does not hold."""
    criterion = condition.criterion
    estimate = criterion.estimate
    where = f" ({criterion.slice})" if criterion.slice else ""
    title = f"“{condition.title}”{where}"
    if estimate is None:
        return f"Nobody knows whether {title} holds."
    if condition.is_met:
        return (
            f"{title} is as you asked, but measured on ground that is still open: {criterion.why}"
        )
    worst = estimate.low if condition.above else estimate.high
    best = estimate.high if condition.above else estimate.low
    asked = f"you asked for {condition.needed_in_words}"
    if criterion.outcome == "NO-GO":
        return f"{title} is {condition.number(best)}{condition.suffix} at best; {asked}."
    direction = "low" if condition.above else "high"
    return f"{title} may be as {direction} as {condition.number(worst)}{condition.suffix}; {asked}."


def _next_look(results: Results, made: Sequence[Condition], verdict: Verdict) -> Iterator[str]:
    minutes = 0.0
    for condition in made if verdict.outcome == "INCONCLUSIVE" else ():
        asked = _ASKED_OF_PEOPLE.search(condition.criterion.needs)
        if asked and condition.criterion.outcome == "INCONCLUSIVE":
            verdicts = int(asked[1].replace(",", "")) * int(asked[2])
            minutes = max(minutes, verdicts * results.file.spec.people.minutes_per_verdict)
    if minutes:
        costs = results.file.spec.costs
        price = minutes / 60 * costs.person_hour
        money = f", {price:,.0f} {costs.currency}" if price else ""
        yield f"The verdicts take about {duration(60 * minutes)} of people's time{money}."
    until = [f.acceptance.until for f in _accepted(verdict) if f.acceptance]
    if until:
        yield f"On {min(until):%d %B %Y}, when the first acceptance ends."
    elif verdict.outcome == "INCONCLUSIVE":
        yield "As soon as what is asked for is there: tunewell run decides again."
    elif verdict.outcome == "NO-GO":
        yield "With the next version, or with other conditions approved again."
    else:
        yield "No date is set: new data, a new definition or drift in use reopens the question."


def _approved(results: Results) -> str:
    events = results.store.said("approval", subject=results.file.definition)
    last = {event.author: event.at for event in events}
    wanted = results.file.spec.people.approve
    open_still = [name for name in wanted if name not in last]
    said = [f"{name} on {at:%d %B %Y}" for name, at in last.items()]
    if open_still:
        said = [*(said or ["nobody yet"]), f"still to approve: {', '.join(open_still)}"]
    return "; ".join(said) or "nobody has to"


def _names(store: Store) -> dict[str, str]:
    """What people are called, by the id of their account."""
    return {account.id: account.shown for account in Accounts(store).all()}


def _judged(said: Sequence[Judgement], names: Mapping[str, str]) -> str:
    if not said:
        return "nobody yet"
    authors = dict.fromkeys(names.get(each.author, each.author) for each in said)
    count = plural(len(said), "verdict")
    return f"{count} of {plural(len(authors), 'person', 'people')}: {', '.join(authors)}"


def _ground(verdict: Verdict) -> Iterator[str]:
    of_data = [f for f in verdict.findings if CATALOGUE[f.code].area == "data"]
    for finding in of_data:
        name = f"{finding.code} {CATALOGUE[finding.code].name}"
        if finding.status == "found" and finding.blocking:
            yield f"Not clean: {name}, {finding.why}"
        elif finding.status == "accepted" and finding.acceptance:
            taken_on = finding.acceptance
            yield f"{name}: accepted by {taken_on.author} until {taken_on.until}."
    blocked = any(f.status == "found" and f.blocking for f in of_data)
    looked_at = [f for f in of_data if f.status != "unchecked"]
    if not of_data:
        yield "Nothing in these records says how clean the data are."
    elif not blocked:
        unchecked = len(of_data) - len(looked_at)
        rest = f"; {plural(unchecked, 'check')} could not be made" if unchecked else ""
        yield f"{plural(len(looked_at), 'check')} of the data, nothing that blocks{rest}."
