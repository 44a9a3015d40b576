"""How many verdicts of how many people settle the gates that need people."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tunewell.errors import UserError
from tunewell.plurals import per_cent
from tunewell.review.scales import scale_of
from tunewell.stats import sample_size_difference, sample_size_share_against
from tunewell.task import Gate, RubricCriterion, TaskSpec
from tunewell.types import Value

FEWEST = 30
"""With fewer rows no gate counts people's verdicts, however clear."""

DISCORDANT = 0.3
"""Expected share of rows on which two arms are judged differently, before anything is known."""

SD_POINTS = 1.0
"""Standard deviation of a paired difference on the 1-5 scale, before anything is known."""

EXPECTED_GAIN = {"yes/no": 0.1, "1-5": 0.5}
"""How far beyond its threshold a gain is expected to be, before anything is known."""


class Need(Value):
    """What one gate needs.

    Attributes:
        gate: The gate in words.
        criterion: Which question.
        rows: Rows to be judged.
        paired: Whether the outputs of two arms have to be judged on each row.
        why: The calculation in one sentence, with its assumptions.
    """

    gate: str
    criterion: str
    rows: int
    paired: bool
    why: str


class PanelPlan(Value):
    """How large the panel has to be.

    Attributes:
        needs: Of each gate.
        rows: Rows to be judged: enough for the most demanding gate, or all there are.
        available: Held-out rows there are.
        arms: Outputs judged on each row.
        raters: People who judge each output.
        verdicts: Verdicts at most (equal outputs of two arms are judged once).
        hours: Of people's time in total.
        power: Probability of settling the gates if the truth is as expected.
        short: Gates that the available rows cannot settle with this power.
    """

    needs: tuple[Need, ...]
    rows: int
    available: int
    arms: tuple[str, ...]
    raters: int
    verdicts: int
    hours: float
    power: float
    short: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Aim:
    """What a number of rows has to achieve.

    Attributes:
        power: Wanted probability of settling each gate.
        level: Of the intervals that settle it.
        expected: True value; half-way to the best possible, or a usual gain, if None.
    """

    power: float
    level: float
    expected: float | None


def plan_panel(
    task: TaskSpec,
    *,
    available: int,
    power: float = 0.8,
    expected: float | None = None,
    raters: int = 0,
) -> PanelPlan:
    """Rows × raters that settle every gate on people's criteria with the given power.

    Args:
        task: The definition, with gates and rubric.
        available: Held-out rows there are.
        power: Wanted probability of settling each gate.
        expected: True share (or mean) of the tuned model for level gates, and true gain for the
            others; half-way between the threshold and the best possible if None.
        raters: People per output; 0 = as in the definition.

    Raises:
        UserError: There is no rubric.

    Example:
        >>> from tunewell.task import parse_task
        >>> from pathlib import Path
        >>> task = parse_task('''
        ... task: {name: a, about: answers questions, input: question, output: answer}
        ... data: [{path: a.jsonl}]
        ... people:
        ...   raters: 2
        ...   minutes_per_verdict: 1.5
        ...   rubric: [{name: right, question: "Is it right?"}]
        ... gates: [{metric: right, kind: level, at_least: 0.8, people: required}]
        ... ''', path=Path("tunewell.yaml"), environment={}).spec
        >>> plan = plan_panel(task, available=500)
        >>> plan.rows, plan.raters, plan.verdicts, plan.hours
        (108, 2, 216, 5.4)
    """
    rubric = {c.name: c for c in task.people.rubric}
    if not rubric:
        raise UserError(
            "tunewell.yaml has no rubric, so there is nothing to ask people",
            hint="people: {rubric: [{name: right, question: 'Is the answer right?'}]}",
        )

    aim = _Aim(
        power=power,
        level=task.evaluate.level,
        expected=expected,
    )
    needs: list[Need] = []
    for gate in task.gates:
        if gate.metric in rubric:
            needs.append(_need(gate, rubric[gate.metric], aim))
        elif gate.people == "required":
            needs.append(_need_without_criterion(gate))

    wanted = max((need.rows for need in needs), default=FEWEST)
    rows = min(wanted, available)
    arms = ("tuned", *_compared_with(task))
    people = raters or task.people.raters
    verdicts = rows * len(arms) * people
    minutes = verdicts * task.people.minutes_per_verdict
    return PanelPlan(
        needs=tuple(needs),
        rows=rows,
        available=available,
        arms=arms,
        raters=people,
        verdicts=verdicts,
        hours=round(minutes / 60, 1),
        power=power,
        short=tuple(n.gate for n in needs if n.rows > available),
    )


def _compared_with(task: TaskSpec) -> list[str]:
    """The arms that gates on people's criteria compare the tuned one with."""
    rubric = {c.name for c in task.people.rubric}
    others: set[str] = set()
    for gate in task.gates:
        if gate.metric in rubric and gate.kind != "level":
            others.add(gate.against)
    return sorted(others)


def _need_without_criterion(gate: Gate) -> Need:
    return Need(
        gate=f"{gate.metric} {gate.kind}",
        criterion="",
        rows=FEWEST,
        paired=False,
        why=f"people have to look at {FEWEST} outputs before this gate counts",
    )


def _need(
    gate: Gate,
    criterion: RubricCriterion,
    aim: _Aim,
) -> Need:
    if gate.kind == "level":
        return _level_need(gate, criterion, aim)
    return _gain_need(gate, criterion, aim)


def _level_need(
    gate: Gate,
    criterion: RubricCriterion,
    aim: _Aim,
) -> Need:
    limit = _threshold(gate)
    scale = scale_of(criterion)
    best, sign = (scale.low, "<=") if gate.at_least is None else (scale.high, ">=")
    truth = (limit + best) / 2 if aim.expected is None else aim.expected
    if truth == limit:
        raise _undecidable(f"{criterion.name}: expected value and threshold are both {limit:g}")

    is_share = criterion.scale == "yes/no" and 0 < limit < 1 and 0 < truth < 1
    if is_share:
        size = sample_size_share_against(
            truth,
            against=limit,
            power=aim.power,
            level=aim.level,
        ).value
        why = f"if the true share is {per_cent(truth)} against a threshold of {per_cent(limit)}"
    else:
        size = _rows_for_difference(truth - limit, SD_POINTS, aim)
        why = (
            f"if the true mean is {truth:.3g} against {limit:.3g}, "
            f"with a standard deviation of {SD_POINTS:g} between verdicts"
        )
    return Need(
        gate=f"{criterion.name} {sign} {limit:g}",
        criterion=criterion.name,
        rows=max(FEWEST, math.ceil(size)),
        paired=False,
        why=why,
    )


def _gain_need(
    gate: Gate,
    criterion: RubricCriterion,
    aim: _Aim,
) -> Need:
    limit = _threshold(gate)
    truth = limit + EXPECTED_GAIN[criterion.scale] if aim.expected is None else aim.expected
    if truth == limit:
        raise _undecidable(f"{criterion.name}: expected gain and threshold are both {limit:g}")

    if criterion.scale == "yes/no":
        sd = math.sqrt(DISCORDANT)
        spread = f"{per_cent(DISCORDANT)} of the rows judged differently"
    else:
        sd = SD_POINTS
        spread = f"a standard deviation of {SD_POINTS:g} between differences"
    size = _rows_for_difference(truth - limit, sd, aim)
    return Need(
        gate=f"{criterion.name}: tuned against {gate.against}",
        criterion=criterion.name,
        rows=max(FEWEST, math.ceil(size)),
        paired=True,
        why=f"if the true gain is {truth:+.3g} against {limit:+.3g}, with {spread}",
    )


def _threshold(gate: Gate) -> float:
    """What the gate's value or gain is compared with; a definition gives exactly one."""
    if gate.kind == "no_worse":
        return -gate.margin
    given = [limit for limit in (gate.at_least, gate.at_most) if limit is not None]
    return given[0]


def _rows_for_difference(
    difference: float,
    sd: float,
    aim: _Aim,
) -> float:
    found = sample_size_difference(
        difference,
        sd=sd,
        paired=True,
        power=aim.power,
        level=aim.level,
    )
    return found.value


def _undecidable(why: str) -> UserError:
    return UserError(f"{why}; no number of rows can tell them apart")


def arms_of(task: TaskSpec, evaluated: Sequence[str]) -> tuple[str, ...]:
    """Of the arms that were evaluated, those that gates on people's criteria compare.

    The last arm if there are none.
    """
    wanted = {"tuned", *_compared_with(task)}
    arms = tuple(arm for arm in evaluated if arm in wanted)
    return arms or tuple(evaluated[-1:])
