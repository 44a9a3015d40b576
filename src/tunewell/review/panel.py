"""How many verdicts of how many people settle the gates that wait for them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunewell.errors import UserError
from tunewell.stats import sample_size_difference, sample_size_share_against
from tunewell.task import Gate, RubricCriterion, TaskSpec
from tunewell.types import Value

FEWEST = 30
"""Below so many rows no gate counts people's word, however clear."""
DISCORDANT = 0.3
"""Share of rows on which two arms are expected to be judged differently, before anything is known."""
SD_POINTS = 1.0
"""Standard deviation of a paired difference on the 1-5 scale, before anything is known."""


class Need(Value):
    """What one gate needs.

    Attributes:
        gate: The gate in words.
        criterion: Which question.
        rows: Rows to be judged.
        paired: Whether the outputs of two arms have to be judged on each row.
        why: The reckoning in one sentence, with its assumptions.
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
        verdicts: Verdicts at most (equal outputs of two arms are read once).
        hours: Of people's time altogether.
        power: Probability of settling the gates if the truth is as expected.
        short: Gates that the rows there are cannot settle with this power.
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


def plan_panel(
    task: TaskSpec,
    *,
    available: int,
    power: float = 0.8,
    expected: float | None = None,
    raters: int | None = None,
) -> PanelPlan:
    """Rows × raters that settle every gate on a criterion of people with the power stated.

    Args:
        task: The definition, with gates and rubric.
        available: Held-out rows there are.
        power: Wanted probability of settling each gate.
        expected: True share (or mean) of the tuned model for level gates, and true gain for the
            others; half-way between the threshold and the best possible if None.
        raters: People per output; those of the definition if None.

    Raises:
        UserError: There is no rubric.

    Example:
        >>> from tunewell.task import parse_task
        >>> from pathlib import Path
        >>> task = parse_task('''
        ... task: {name: a, about: answers questions, input: question, output: answer}
        ... data: [{path: a.jsonl}]
        ... people: {raters: 2, minutes_per_verdict: 1.5, rubric: [{name: right, question: "Is it right?"}]}
        ... gates: [{metric: right, kind: level, at_least: 0.8, people: required}]
        ... ''', path=Path("tunewell.yaml"), environment={}).spec
        >>> plan = plan_panel(task, available=500)
        >>> plan.rows, plan.raters, plan.verdicts, plan.hours
        (108, 2, 216, 5.4)
    """
    rubric = {c.name: c for c in task.people.rubric}
    if not rubric:
        raise UserError(
            "tunewell.yaml names no rubric, so there is nothing to ask people",
            hint="people: {rubric: [{name: right, question: 'Is the answer right?', scale: yes/no}]}",
        )
    level = task.evaluate.level
    needs = [
        _need(gate, rubric.get(gate.metric), expected, power, level)
        for gate in task.gates
        if gate.metric in rubric or gate.people == "required"
    ]
    wanted = max((n.rows for n in needs), default=FEWEST)
    rows = min(wanted, available)
    others = sorted({g.against for g in task.gates if g.metric in rubric and g.kind != "level"})
    arms = ("tuned", *others)
    people = raters or task.people.raters
    verdicts = rows * len(arms) * people
    return PanelPlan(
        needs=tuple(needs),
        rows=rows,
        available=available,
        arms=arms,
        raters=people,
        verdicts=verdicts,
        hours=round(verdicts * task.people.minutes_per_verdict / 60, 1),
        power=power,
        short=tuple(n.gate for n in needs if n.rows > available),
    )


def _need(
    gate: Gate,
    criterion: RubricCriterion | None,
    expected: float | None,
    power: float,
    level: float,
) -> Need:
    if criterion is None:
        return Need(
            gate=f"{gate.metric} {gate.kind}",
            criterion="",
            rows=FEWEST,
            paired=False,
            why=f"people have to look at {FEWEST} outputs before this gate counts",
        )
    if gate.kind == "level":
        return _level_need(gate, criterion, expected, power, level)
    return _gain_need(gate, criterion, expected, power, level)


def _level_need(
    gate: Gate, criterion: RubricCriterion, expected: float | None, power: float, level: float
) -> Need:
    limit = gate.at_least if gate.at_least is not None else gate.at_most
    assert limit is not None
    low, high = (0.0, 1.0) if criterion.scale == "yes/no" else (1.0, 5.0)
    best = high if gate.at_least is not None else low
    truth = (limit + best) / 2 if expected is None else expected
    if criterion.scale == "yes/no" and 0 < limit < 1 and 0 < truth < 1 and truth != limit:
        size = sample_size_share_against(truth, against=limit, power=power, level=level).value
        why = f"if the true share is {truth:.0%} against a threshold of {limit:.0%}"
    elif truth != limit:
        size = sample_size_difference(
            truth - limit, sd=SD_POINTS, paired=True, power=power, level=level
        ).value
        why = f"if the true mean is {truth:.3g} against {limit:.3g}, verdicts of one row spreading by {SD_POINTS:g}"
    else:
        raise UserError(
            f"{criterion.name}: expected value and threshold are both {limit:g}; no number of rows tells"
        )
    sign = ">=" if gate.at_least is not None else "<="
    return Need(
        gate=f"{criterion.name} {sign} {limit:g}",
        criterion=criterion.name,
        paired=False,
        why=why,
        rows=max(FEWEST, math.ceil(size)),
    )


def _gain_need(
    gate: Gate, criterion: RubricCriterion, expected: float | None, power: float, level: float
) -> Need:
    yes_no = criterion.scale == "yes/no"
    limit = (
        -gate.margin
        if gate.kind == "no_worse"
        else (gate.at_least if gate.at_least is not None else gate.at_most)
    )
    assert limit is not None
    truth = limit + (0.1 if yes_no else 0.5) if expected is None else expected
    sd = math.sqrt(DISCORDANT) if yes_no else SD_POINTS
    if truth == limit:
        raise UserError(
            f"{criterion.name}: expected gain and threshold are both {limit:g}; no number of rows tells"
        )
    size = sample_size_difference(truth - limit, sd=sd, paired=True, power=power, level=level).value
    spread = (
        f"{DISCORDANT:.0%} of the rows judged differently"
        if yes_no
        else f"differences spreading by {SD_POINTS:g}"
    )
    return Need(
        gate=f"{criterion.name}: tuned against {gate.against}",
        criterion=criterion.name,
        rows=max(FEWEST, math.ceil(size)),
        paired=True,
        why=f"if the true gain is {truth:+.3g} against {limit:+.3g}, with {spread}",
    )


def arms_of(task: TaskSpec, there: Sequence[str]) -> tuple[str, ...]:
    """The arms that gates compare on criteria of people, of those that were evaluated."""
    rubric = {c.name for c in task.people.rubric}
    wanted = {"tuned", *(g.against for g in task.gates if g.metric in rubric and g.kind != "level")}
    return tuple(a for a in there if a in wanted) or tuple(there[-1:])
