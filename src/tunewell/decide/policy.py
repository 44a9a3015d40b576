"""What to do next, from the evidence: pure functions of `tunewell.decide.evidence`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from tunewell.decide.decay import Decay
from tunewell.decide.evidence import AlarmInUse, CandidateState, DecisionEvidence, EarlierVersion
from tunewell.decide.measured import (
    OF_MEASURING,
    OF_THE_WORLD,
    cause_of,
    decay_of,
    open_alarms,
    options_of,
)
from tunewell.decide.schedule import ScheduleOptions, Weighed, plan_schedule, weigh
from tunewell.decide.wording import money, points
from tunewell.plurals import plural
from tunewell.types import Alarm, Cause, Decision, Estimate, RetrainingSchedule

OF_THE_MODEL: Final[frozenset[Cause]] = frozenset({"model"})
NOT_TOLD: Final[frozenset[Cause]] = frozenset({"cannot tell"})

LOOK_DAYS: Final = 28
"""What only the readings of the last days show, and no alarm explains, is looked at first."""

MEND: Final = {
    "judge": "re-validate the judge against people's verdicts, then decide again",
    "instrumentation": "fix the field, clock or template that changed, then decide again",
}


@dataclass(frozen=True)
class _Case:
    """The evidence, and what follows from it."""

    evidence: DecisionEvidence

    @cached_property
    def decay(self) -> Decay | None:
        """How the serving version has decayed; None where none serves or its age is not known."""
        if self.evidence.serving not in self.evidence.trained:
            return None
        return decay_of(self.evidence)

    @cached_property
    def options(self) -> ScheduleOptions:
        """What the schedule is weighed by."""
        return options_of(self.evidence)

    @cached_property
    def schedule(self) -> RetrainingSchedule | None:
        """When to train again."""
        if self.decay is None:
            return None
        evidence = self.evidence
        return plan_schedule(
            self.decay,
            self.options,
            now=evidence.now,
            version=evidence.serving,
        )

    @cached_property
    def weighed(self) -> Weighed | None:
        """What every moment for the next retraining costs; None where that cannot be weighed."""
        if self.decay is None or not self.decay.readings or self.options.unchecked:
            return None
        return weigh(self.decay, self.options)

    @property
    def is_due(self) -> bool:
        """Whether the day has come."""
        schedule = self.schedule
        if schedule is None or schedule.by is None:
            return False
        return schedule.by <= self.evidence.now.date()

    @property
    def is_worth_its_risk(self) -> bool:
        """Whether the probability that a retraining does not pay is small enough."""
        weighed = self.weighed
        return weighed is not None and 1 - weighed.pays <= self.evidence.most_risk

    @property
    def was_due(self) -> bool:
        """Whether retraining would be due by the readings from before the last four weeks alone."""
        before = self.evidence.now - dt.timedelta(days=LOOK_DAYS)
        weighed = weigh(decay_of(self.evidence, before=before), self.options)
        return weighed.best == 0 and 1 - weighed.pays <= self.evidence.most_risk

    @property
    def is_explained(self) -> bool:
        """Whether an open alarm says that the world changed in the last four weeks.

        One of longer ago has been in the readings since then: it explains nothing that is new.
        """
        since = self.evidence.now - dt.timedelta(days=LOOK_DAYS)
        found = open_alarms(self.evidence, OF_THE_WORLD)
        return any(each.alarm.since_high >= since for each in found)

    @property
    def never_pays(self) -> bool:
        """Whether costs were weighed, and no retraining within the horizon pays."""
        schedule = self.schedule
        return self.weighed is not None and schedule is not None and schedule.by is None

    @property
    def gain(self) -> Estimate | None:
        """Share of answers that a retraining would put right."""
        if self.decay is None or not self.decay.readings:
            return None
        return self.decay.estimate(self.decay.excess * self.evidence.recovers)

    @property
    def price(self) -> Estimate | None:
        """Of one retraining."""
        once = self.options.retraining
        if not once:
            return None
        return Estimate.exact(
            once,
            n=1,
            unit=self.options.currency,
        )

    def of_alarm(self, causes: frozenset[Cause]) -> AlarmInUse | None:
        """The newest open alarm of one of these causes."""
        found = open_alarms(self.evidence, causes)
        return max(
            found,
            key=lambda each: each.alarm.raised,
            default=None,
        )


def decide_next(evidence: DecisionEvidence) -> Decision:
    """What to do next with the version that serves.

    In this order: harm is undone first; a candidate that has earned it is promoted; while what
    measures is in doubt nothing is retrained; then costs are weighed; then what is missing is
    collected; else the version is held.

    Args:
        evidence: All that is known.

    Returns:
        The decision, by ``tunewell``: nobody has signed it yet.
    """
    case = _Case(evidence)
    for rule in RULES:
        found = rule(case)
        if found is not None:
            return _completed(found, case)
    return _completed(_hold(case), case)


def _completed(found: Decision, case: _Case) -> Decision:
    """With what holds of every decision."""
    evidence = case.evidence
    told = [*found.evidence, *(_alarm_line(each.alarm) for each in evidence.alarms)]
    changes = {
        "evidence": tuple(dict.fromkeys(told)),
        "schedule": case.schedule,
        "place": evidence.place,
        "version": evidence.serving,
        "author": "tunewell",
        "unchecked": (*found.unchecked, *_unchecked(case)),
    }
    return found.model_copy(update=changes)


def _alarm_line(alarm: Alarm) -> str:
    where = f" ({alarm.slice})" if alarm.slice else ""
    return (
        f"alarm:{alarm.id} {alarm.channel}{where} since {alarm.since:%Y-%m-%d}: {cause_of(alarm)}"
    )


def _unchecked(case: _Case) -> list[str]:
    evidence = case.evidence
    found = []
    schedule = case.schedule
    if schedule is not None and schedule.unchecked:
        found.append(schedule.unchecked)
    if evidence.serving and not evidence.readings:
        found.append("the quality of answers in use: nobody has judged any")
    elif schedule is not None and schedule.left_out:
        count = plural(schedule.left_out, "reading")
        found.append(f"{count} of quality from after a change of judge or instruments")
    if evidence.waiting.curve is None:
        found.append("the learning curve: tunewell train --curve has not been run")
    return found


# --- harm, and a candidate that has earned its place ---------------------------------------------


def _roll_back(case: _Case) -> Decision | None:
    earlier = case.evidence.earlier
    if earlier is None:
        return None
    if earlier.harm is not None and earlier.harm.low > 0:
        return Decision(
            action="roll back",
            why=f"The version that serves gives {points(earlier.harm)} more wrong answers than "
            f"{earlier.version[:12]}, which it replaced.",
            evidence=(earlier.evidence,) if earlier.evidence else (),
            gain=earlier.harm,
            would_change=("a comparison in use in which it is no worse",),
        )
    if earlier.trial is not None:
        return Decision(
            action="roll back",
            why=f"The experiment {earlier.trial.name} finds the version that serves worse than "
            f"what it replaced. {earlier.trial.why}",
            evidence=(f"experiment:{earlier.trial.name}",),
            gain=earlier.trial.gain,
            would_change=("a new experiment in which it is no worse",),
        )
    return _model_changed(case, earlier)


def _model_changed(case: _Case, earlier: EarlierVersion) -> Decision | None:
    """Roll back where the answers changed for the worse with the release itself."""
    found = case.of_alarm(OF_THE_MODEL)
    if found is None or not found.alarm.since_low <= earlier.since <= found.alarm.since_high:
        return None
    return Decision(
        action="roll back",
        why=f"{found.alarm.channel} left its band when this version was released, and the cause "
        f"is the model: {found.alarm.cause_why or 'nothing else changed'}.",
        would_change=("evidence of another cause", "a person who looked and finds no harm"),
    )


def _promote(case: _Case) -> Decision | None:
    candidate = case.evidence.candidate
    if candidate is None or candidate.outcome != "GO" or _is_worse(candidate):
        return None
    judge = case.of_alarm(frozenset({"judge"}))
    if judge is not None:
        return None
    gain = candidate.gain
    by = f", by {points(gain)} against the one that serves" if gain is not None else ""
    if candidate.waits_for:
        waits = "; ".join(candidate.waits_for)
        return Decision(
            action="hold",
            why=f"{candidate.version[:12]} has its GO{by}, and waits for {waits}.",
            evidence=(*candidate.evidence, *_tried(candidate)),
            gain=gain,
            would_change=candidate.waits_for,
        )
    return Decision(
        action="promote",
        why=f"{candidate.version[:12]} has its GO{by}, with everything that the project asks for.",
        evidence=(*candidate.evidence, *_tried(candidate)),
        gain=gain,
        would_change=("a newer verdict that is not GO",),
    )


def _tried(candidate: CandidateState) -> list[str]:
    """Its tests on traffic, as lines of evidence."""
    found = []
    for trial in candidate.trials:
        found.append(f"experiment:{trial.name} {trial.outcome or trial.state}")
    return found


def _not_in_use(case: _Case) -> Decision | None:
    """A GO on the test set that a test on traffic does not bear out."""
    candidate = case.evidence.candidate
    if candidate is None or candidate.outcome != "GO":
        return None
    failed = [trial for trial in candidate.trials if trial.has_failed]
    if not failed:
        return None
    trial = failed[-1]
    return Decision(
        action="hold",
        why=f"{candidate.version[:12]} has its GO on the test set, but in use the experiment "
        f"{trial.name} does not bear it out. {trial.why}",
        evidence=(*candidate.evidence, f"experiment:{trial.name}"),
        gain=trial.gain,
        would_change=("a new experiment with this version that comes to GO",),
    )


def _is_worse(candidate: CandidateState) -> bool:
    return candidate.gain is not None and candidate.gain.high < 0


# --- what retraining cannot mend -----------------------------------------------------------------


def _measure_first(case: _Case) -> Decision | None:
    """A change of judge or instruments is no reason to retrain, whatever the curves show."""
    found = case.of_alarm(OF_MEASURING)
    if found is None:
        return None
    alarm = found.alarm
    mend = MEND[cause_of(alarm)]
    return Decision(
        action="hold",
        why=f"The measurement has changed since {alarm.since:%d %B %Y}, not the model: "
        f"{alarm.cause_why or alarm.channel}. {mend.capitalize()}.",
        gain=case.gain,
        would_change=(mend,),
    )


def _ask_what_it_was(case: _Case) -> Decision | None:
    """An alarm without a cause: people look first."""
    found = case.of_alarm(NOT_TOLD)
    if found is None:
        return None
    return Decision(
        action="collect",
        why=f"{found.alarm.channel} left its band, and nothing tells why. A reviewed sample from "
        f"before and after {found.alarm.since:%d %B %Y} would.",
        gain=case.gain,
        would_change=("a cause that people or the records name",),
    )


def _look_first(case: _Case) -> Decision | None:
    """What only the last four weeks show, and nothing explains, may be the measurement's own."""
    if not case.is_due or case.schedule is None or case.schedule.bound:
        return None
    if not case.is_worth_its_risk:
        return None
    if case.is_explained or case.was_due:
        return None
    return Decision(
        action="collect",
        why="Only the last four weeks show more wrong answers, and nothing says yet whether the "
        "world, the model or the measurement changed. A reviewed sample would.",
        gain=case.gain,
        would_change=("a cause", "four weeks in which the loss stays without one"),
    )


# --- weighing ------------------------------------------------------------------------------------


def _retrain(case: _Case) -> Decision | None:
    evidence = case.evidence
    schedule, weighed = case.schedule, case.weighed
    if evidence.candidate is not None and evidence.candidate.outcome == "GO":
        return None
    if schedule is None or not case.is_due:
        return None
    risk = None if weighed is None else 1 - weighed.pays
    if not schedule.bound and (risk is None or risk > evidence.most_risk):
        return None
    if evidence.waiting.rows < evidence.fewest_rows:
        return _rows_first(case, risk)
    return Decision(
        action="retrain",
        why=_why_due(case),
        gain=case.gain,
        cost=case.price,
        risk=risk,
        would_change=_would_change(case),
    )


def _why_due(case: _Case) -> str:
    schedule = case.schedule
    rows = plural(case.evidence.waiting.rows, "new row")
    if schedule is not None and schedule.bound:
        every = case.evidence.cadence_days
        return f"The project's own cadence of {every:g} days has passed; {rows} are waiting."
    gain = case.gain
    lost = f"{points(gain)} of the answers" if gain is not None else "answers"
    return f"The version that serves loses {lost} to its age, and waiting costs more than {rows}."


def _rows_first(case: _Case, risk: float | None) -> Decision:
    evidence = case.evidence
    needed = evidence.fewest_rows - evidence.waiting.rows
    return Decision(
        action="collect",
        why=f"Retraining is due, but only {plural(evidence.waiting.rows, 'new row')} "
        f"would teach it anything: {needed} more are needed{_where(case)}.",
        gain=case.gain,
        cost=_price_of_labels(case, needed),
        risk=risk,
        would_change=(f"{plural(needed, 'more row')}{_where(case)}",),
    )


def _price_of_labels(case: _Case, rows: int) -> Estimate | None:
    label = case.evidence.prices.label
    if not label:
        return None
    return Estimate.exact(
        label * rows,
        n=rows,
        unit=case.evidence.prices.currency,
    )


def _where(case: _Case) -> str:
    """The slice that moved, where an alarm names one."""
    found = case.of_alarm(OF_THE_WORLD)
    return f" of {found.alarm.slice}" if found is not None and found.alarm.slice else ""


def _collect(case: _Case) -> Decision | None:
    evidence = case.evidence
    if evidence.worn:
        return Decision(
            action="collect",
            why=f"{evidence.worn} Fresh rows are needed before the next verdict.",
            would_change=("fresh rows in the test set",),
        )
    candidate = evidence.candidate
    if candidate is not None and candidate.outcome == "INCONCLUSIVE":
        return Decision(
            action="collect",
            why=f"The verdict on {candidate.version[:12]} is open: {candidate.why}",
            evidence=candidate.evidence,
            would_change=candidate.settled_by,
        )
    return _collect_for_alarm(case)


def _collect_for_alarm(case: _Case) -> Decision | None:
    """The world changed, and too few of its new rows are there to learn from."""
    found = case.of_alarm(OF_THE_WORLD)
    if found is None:
        return None
    alarm, evidence = found.alarm, case.evidence
    own = evidence.waiting.by_slice.get(alarm.slice, 0) if alarm.slice else evidence.waiting.rows
    if own >= evidence.fewest_rows or found.state == "seen" or case.never_pays:
        return None
    more = evidence.fewest_rows - own
    return Decision(
        action="collect",
        why=f"{alarm.channel} changed in {alarm.since:%B %Y} ({alarm.cause}), and the next version "
        f"has {plural(own, 'row')} to learn it from.",
        gain=case.gain,
        cost=_price_of_labels(case, more),
        would_change=(f"{plural(more, 'more row')}{_where(case)}",),
    )


def _hold(case: _Case) -> Decision:
    evidence = case.evidence
    if not evidence.serving:
        return _nothing_serves(evidence.candidate)
    weighed = case.weighed
    return Decision(
        action="hold",
        why=_why_hold(case),
        gain=case.gain,
        cost=case.price,
        risk=None if weighed is None else 1 - weighed.pays,
        would_change=_would_change(case),
    )


def _nothing_serves(candidate: CandidateState | None) -> Decision:
    if candidate is None:
        return Decision(
            action="hold",
            why="No version serves yet, and none has been judged.",
            would_change=("a verdict: tunewell run",),
        )
    return Decision(
        action="hold",
        why=f"No version serves yet; the newest, {candidate.version[:12]}, is judged "
        f"{candidate.outcome or 'by nobody'}. {candidate.why}",
        evidence=candidate.evidence,
        would_change=candidate.settled_by or ("a verdict of GO",),
    )


def _why_hold(case: _Case) -> str:
    gain, price = case.gain, case.price
    if gain is None or not case.evidence.readings:
        return "Nothing says that the version that serves has become worse."
    lead = f"Retraining would put right {points(gain)} of the answers"
    schedule = case.schedule
    if price is None or case.weighed is None or schedule is None:
        return f"{lead}; what that is worth has no price yet."
    if schedule.by is not None:
        return f"{lead} today; it pays best on {schedule.by:%d %B %Y}."
    return f"{lead}, which is worth less than its {money(price)} within the horizon."


def _would_change(case: _Case) -> tuple[str, ...]:
    options, evidence = case.options, case.evidence
    if options.unchecked:
        return (options.unchecked,)
    least = options.retraining / (options.daily_price * options.horizon_days)
    found = [f"a loss of {100 * least:.2g} points that lasts: from there on retraining pays"]
    if evidence.serving and not evidence.readings:
        found.append("a reviewed sample of answers in use")
    return tuple(found)


RULES: Final[Sequence[Callable[[_Case], Decision | None]]] = (
    _roll_back,
    _not_in_use,
    _promote,
    _measure_first,
    _ask_what_it_was,
    _look_first,
    _retrain,
    _collect,
)
"""In this order; the first that applies decides."""
