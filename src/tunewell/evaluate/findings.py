"""What an evaluation finds: T05, E01, E03, E06, E07, E08, E09."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from tunewell.evaluate.checks import definition_finding, threshold_of
from tunewell.evaluate.gold_labels import gold_outside_labels
from tunewell.evaluate.table import Table
from tunewell.metrics.support import check_support
from tunewell.stats import difference, mean
from tunewell.stats.inputs import critical
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Estimate, Evaluation, Example, Finding, Prediction, Threshold

STAGE = "evaluate"
POWER_Z = 0.8416
"""Normal quantile of 80 % power."""
_MOST_SPANS = 50


def evaluation_findings(
    evaluation: Evaluation,
    table: Table,
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    file: TaskFile,
    store: Store,
) -> list[Finding]:
    """Every finding of the stage: found, clear, or unchecked with the reason."""
    found = [definition_finding(file, evaluation.metrics, store)]
    found.append(no_gain(table, file))
    found += too_small(table, file)
    found += worse_slices(evaluation, table, file)
    found.append(unsupported(predictions, rows, file))
    found.append(outdated(table, file))
    found.append(worn_out(evaluation, file))
    found += gold_outside_labels(rows, file)
    return found


def deciding_metrics(table: Table, file: TaskFile) -> list[str]:
    """Metrics that the decision turns on: those of the gates, else the task's own, else nats."""
    gated = dict.fromkeys(g.metric for g in file.spec.gates if g.metric in table.metrics)
    own = [m for m, info in table.metrics.items() if info.own]
    return list(gated) or own or ["nats"]


def _better(estimate: Estimate, bigger: bool) -> bool:
    return estimate.low > 0 if bigger else estimate.high < 0


def _worse(estimate: Estimate, bigger: bool) -> bool:
    return _better(estimate, not bigger)


def no_gain(table: Table, file: TaskFile) -> Finding:
    """T05: the tuned model against the base model with its best prompt, on the metrics that decide.

    The confidence is shared among the metrics (Bonferroni): one lucky metric of many is no gain.
    """
    names = [
        m
        for m in deciding_metrics(table, file)
        if table.has("tuned", m) and table.has("prompted", m)
    ]
    if not names:
        return Finding(
            code="T05", status="unchecked", stage=STAGE, why="There is no tuned model to compare."
        )
    level = 1 - (1 - file.spec.evaluate.level) / len(names)
    measured = [(m, table.compare("tuned", "prompted", m, level=level)) for m in names]
    known = [(m, e) for m, e in measured if e is not None]
    if not known:
        return Finding(
            code="T05", status="unchecked", stage=STAGE, why="Too few held-out families to compare."
        )
    bigger = {m: table.metrics[m].bigger_is_better for m in names}
    gains = [(m, e) for m, e in known if _better(e, bigger[m])]
    losses = [(m, e) for m, e in known if _worse(e, bigger[m])]
    metric, estimate = (gains or losses or known)[0]
    zero = Threshold(value=0.0, origin="built-in")
    if gains:
        why = f"Against the prompted base model: {metric} {_signed(estimate)}."
        return Finding(
            code="T05", status="clear", stage=STAGE, why=why, estimate=estimate, threshold=zero
        )
    verb = "is worse than" if losses else "is not shown to be better than"
    return Finding(
        code="T05",
        status="found",
        stage=STAGE,
        why=f"The tuned model {verb} the same base model with a prompt: {metric} {_signed(estimate)}.",
        estimate=estimate,
        threshold=zero,
        remedy="do not ship; a prompt may be enough"
        if losses
        else "more held-out rows, or a prompt may be enough",
        blocking=bool(losses),
    )


def detectable(estimate: Estimate) -> float:
    """The smallest true difference that a sample like this one would show with 80 % probability.

    Args:
        estimate: An interval of the difference; its half-width stands for the standard error.
    """
    z = critical(estimate.level)
    half = (estimate.high - estimate.low) / 2
    return half * (z + POWER_Z) / z


def too_small(table: Table, file: TaskFile) -> Iterator[Finding]:
    """E03: for each gate, the difference that the sample can show against the one that the gate speaks of."""
    small = False
    checked = False
    for i, gate in enumerate(file.spec.gates):
        if gate.kind == "level":
            estimate = (
                table.level("tuned", gate.metric) if table.has("tuned", gate.metric) else None
            )
            claimed = abs(estimate.value - threshold_of(gate)) if estimate else 0.0
        else:
            both = table.has("tuned", gate.metric) and table.has(gate.against, gate.metric)
            estimate = table.compare("tuned", gate.against, gate.metric) if both else None
            claimed = gate.margin if gate.kind == "no_worse" else abs(threshold_of(gate))
            claimed = claimed or (abs(estimate.value) if estimate else 0.0)
        if estimate is None:
            continue
        checked = True
        smallest = detectable(estimate)
        limit = threshold_of(gate) * (
            1 if gate.kind != "no_worse" or table.metrics[gate.metric].bigger_is_better else -1
        )
        decided = not estimate.low <= limit <= estimate.high
        if decided or smallest <= claimed or not math.isfinite(smallest):
            continue
        small = True
        need = math.ceil(estimate.n * (smallest / claimed) ** 2) if claimed else 0
        yield Finding(
            code="E03",
            status="found",
            stage=STAGE,
            why=f"{estimate.n} independent rows show a difference of {smallest:.3g} in {gate.metric}; "
            f"{claimed:.3g} is what the gate turns on.",
            estimate=estimate,
            threshold=Threshold(value=claimed, origin=file.where(f"gates.{i}")),
            remedy=f"about {need - estimate.n:,} more held-out rows"
            if need
            else "more held-out rows",
        )
    if not small:
        status = "clear" if checked else "unchecked"
        why = (
            "The sample can show the differences that the gates ask for."
            if checked
            else "No gate could be measured."
        )
        yield Finding(code="E03", status=status, stage=STAGE, why=why)


def worse_slices(evaluation: Evaluation, table: Table, file: TaskFile) -> Iterator[Finding]:
    """E06: slices on which the tuned model is worse, corrected for the number of slices and of deciding metrics."""
    if not table.slices or "tuned" not in evaluation.arms:
        why = (
            "tunewell.yaml names no slices."
            if not table.slices
            else "There is no tuned model to compare."
        )
        yield Finding(code="E06", status="unchecked", stage=STAGE, why=why)
        return
    names = deciding_metrics(table, file)
    alpha = (1 - file.spec.evaluate.level) / max(1, len(names))
    any_found = False
    compared = [
        c for c in evaluation.comparisons if c.slice and c.arm == "tuned" and c.metric in names
    ]
    for c in compared:
        if (
            c.adjusted is None
            or c.adjusted > alpha
            or not _worse(c.estimate, table.metrics[c.metric].bigger_is_better)
        ):
            continue
        any_found = True
        field, _, value = c.slice.partition("=")
        rows = [r for r, v in zip(table.rows, table.slices[field], strict=True) if v == value]
        yield Finding(
            code="E06",
            status="found",
            stage=STAGE,
            why=f"On {c.slice} the tuned model is worse than the {c.against} one: {c.metric} {_signed(c.estimate)}, "
            f"p = {c.adjusted:.2g} after correction.",
            estimate=c.estimate,
            threshold=Threshold(value=0.0, origin="built-in"),
            slice=c.slice,
            rows=tuple(rows),
            remedy=f"add rows of {c.slice}, or: tunewell accept E06 --reason … --until DATE",
            blocking=True,
        )
    if not any_found:
        count = len({c.slice for c in compared})
        yield Finding(
            code="E06",
            status="clear" if count else "unchecked",
            stage=STAGE,
            why=f"No slice of {count} is shown to be worse."
            if count
            else "Every slice has too few held-out rows.",
        )


def unsupported(
    predictions: Sequence[Prediction], rows: Sequence[Example], file: TaskFile
) -> Finding:
    """E07: the share of tuned answers that state something the input does not bear out, against the gold answers' own.

    It is asked only where ``support`` is among the metrics: many tasks want answers from what the
    model was taught.
    """
    if not any(
        m.name == "support" or m.options.get("metric") == "support" for m in file.spec.metrics
    ):
        why = "tunewell.yaml names no support metric: answers are not held against their input."
        return Finding(code="E07", status="unchecked", stage=STAGE, why=why)
    answers = {p.example: p for p in predictions if p.arm == "tuned"}
    if not answers:
        return Finding(
            code="E07", status="unchecked", stage=STAGE, why="There is no tuned model to look at."
        )
    language = file.spec.task.language
    loose, gold, spans, bad = [], [], [], []
    for e in rows:
        given = "\n".join(m.content for m in e.prompt)
        p = answers[e.id]
        items = [i for i in check_support(p.text, given, language=language) if not i.supported]
        loose.append(math.nan if p.finish == "error" else float(bool(items)))
        gold.append(
            float(any(not i.supported for i in check_support(e.target, given, language=language)))
        )
        if items:
            bad.append(e.id)
            spans += [{"row": e.id, "start": i.start, "end": i.end, "type": i.kind} for i in items]
    level = file.spec.evaluate.level
    rate = mean(loose, low=0, high=1, level=level).model_copy(update={"unit": "share of answers"})
    above = difference(loose, gold, paired=True, low=0, high=1, level=level)
    own = float(np.mean(gold))
    found = above.low > 0
    return Finding(
        code="E07",
        status="found" if found else "clear",
        stage=STAGE,
        why=f"{rate.value:.0%} of the tuned answers state something that the input does not bear out; "
        f"of the gold answers {own:.0%} (difference {_signed(above)}).",
        estimate=rate,
        threshold=Threshold(value=own, origin="gold answers"),
        rows=tuple(bad) if found else (),
        remedy="read the rows named; train on corrected ones" if found else "",
        spans=tuple(spans[:_MOST_SPANS]) if found else (),
    )


def outdated(table: Table, file: TaskFile) -> Finding:
    """E08: tuned answers with values that the facts file calls outdated, early or wrong at the question's date."""
    names = [m.name for m in file.spec.metrics if "currency" in (m.name, m.options.get("metric"))]
    if not names or not table.has("tuned", names[0]):
        why = "tunewell.yaml names no currency metric: answers are not held against a facts file."
        return Finding(code="E08", status="unchecked", stage=STAGE, why=why)
    values = table.values["tuned", names[0]]
    bad = np.where(np.isnan(values), np.nan, (values < 1).astype(float))[table.applies[names[0]]]
    rate = mean(bad, low=0, high=1, level=file.spec.evaluate.level).model_copy(
        update={"unit": "share of answers"}
    )
    rows = tuple(r for r, v in zip(table.rows, values, strict=True) if v < 1)
    return Finding(
        code="E08",
        status="found" if rows else "clear",
        stage=STAGE,
        why=f"{len(rows)} of {bad.size} tuned answers state a value that is outdated or wrong at the question's date.",
        estimate=rate,
        threshold=Threshold(value=0.0, origin="built-in"),
        rows=rows,
        remedy="add rows with the changed facts, then train again; read the rows named"
        if rows
        else "",
    )


def worn_out(evaluation: Evaluation, file: TaskFile) -> Finding:
    """E09: how often this test set has been looked at."""
    limit = file.spec.evaluate.max_looks
    found = evaluation.looks > limit
    return Finding(
        code="E09",
        status="found" if found else "clear",
        stage=STAGE,
        why=f"This test set has been looked at {evaluation.looks} times; {limit} are allowed.",
        estimate=Estimate.exact(float(evaluation.looks), n=evaluation.looks, unit="looks"),
        threshold=Threshold(value=float(limit), origin=file.where("evaluate.max_looks")),
        remedy="draw fresh rows for the test set: change split.seed, or add new rows"
        if found
        else "",
        blocking=found,
    )


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+.3g} [{estimate.low:+.3g}, {estimate.high:+.3g}]"
