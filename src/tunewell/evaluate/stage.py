"""The stage: all arms on the same held-out rows, measured on the task's own terms."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

from tunewell.errors import DataError
from tunewell.evaluate.arms import Arm, Models, contenders, draw_shots, further, local_models
from tunewell.evaluate.calibration import calibrations
from tunewell.evaluate.checks import check_gates
from tunewell.evaluate.classes import class_figures
from tunewell.evaluate.findings import evaluation_findings
from tunewell.evaluate.looks import look
from tunewell.evaluate.predict import PartialAnswers, PassMeter, losses, own_losses, predict
from tunewell.evaluate.table import Table, holm_adjusted, table_of
from tunewell.lineage import record, reuse, run_key
from tunewell.metrics import Metric, build_metrics, infos
from tunewell.model.base import GenerateOptions, Progress, TargetScore
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import (
    Comparison,
    Dataset,
    Evaluation,
    Example,
    Level,
    ModelVersion,
    Prediction,
    Score,
    Split,
    Unscored,
    by_id,
    digest,
)

STAGE = "evaluate"
PAIRS = (("tuned", "base"), ("tuned", "prompted"), ("prompted", "base"))
SMALLEST_SLICE = 5
"""Slices with fewer rows are shown as a level, not compared."""


def evaluate(
    dataset: Dataset,
    split: Split,
    model: ModelVersion | None,
    file: TaskFile,
    store: Store,
    *,
    models: Models | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Base, prompted and tuned model on the same held-out rows, with the task's metrics, differences and intervals.

    The test set is what the split calls ``test`` and what the project gave as its own.
    Half-finished work survives a kill; a finished evaluation of the same things is taken over. Each
    new one is counted as a look at the test set.

    Args:
        dataset: Holds the rows.
        split: Says which are held out, and which may serve as solved examples in the prompt.
        model: The tuned version; None compares base and prompted alone.
        file: The definition.
        store: Where the Run, its artifacts and the look are recorded.
        models: Opens models; on this machine if None.
        progress: Called with (done, total).

    Raises:
        TaskError: Metrics or gates do not hold together.
        DataError: There are no held-out rows.
    """
    metrics = build_metrics(file)
    check_gates(file, infos(metrics))
    inputs = {"dataset": dataset.id, "examples": dataset.examples, "split": digest(split)}
    inputs |= {"adapter": model.adapter} if model else {}
    inputs |= {f"arm {a.name}": a.digest for a in further(file, store, ())}
    parameters = _parameters(file, metrics, model)
    seed = file.spec.split.seed
    found = reuse(store, STAGE, inputs=inputs, parameters=parameters, seed=seed)
    if found is not None:
        return store.get_value(found.outputs["evaluation"], Evaluation)
    work = PartialAnswers(
        store.root / "work" / run_key(STAGE, inputs=inputs, parameters=parameters, seed=seed)[:32]
    )
    opener = models or local_models(file.spec.train.model, store)
    with record(store, STAGE, inputs=inputs, parameters=parameters, seed=seed) as writer:
        rows = held_out_rows(dataset, split, file, store)
        shots = draw_shots(
            split, store, dataset.examples, count=file.spec.evaluate.shots, seed=seed
        )
        arms = (*contenders(file.spec, model, shots), *further(file, store, shots))
        predictions, scores = _measure(arms, rows, metrics, file, opener, work, progress)
        looks = look(store, [e.id for e in rows], key=writer.run.key)
        slices = {s.field: tuple(e.field(s.field) for e in rows) for s in file.spec.slices}
        table = table_of(
            scores,
            rows=[e.id for e in rows],
            metrics=infos(metrics),
            clusters=families(rows, split),
            slices=slices,
        )
        result = Evaluation(
            arms=tuple(a.name for a in arms),
            rows=table.rows,
            metrics=infos(metrics),
            predictions=store.put_value(predictions),
            scores=store.put_value(scores),
            levels=tuple(levels(table, level=file.spec.evaluate.level)),
            comparisons=tuple(
                comparisons(
                    table, level=file.spec.evaluate.level, pairs=pairs_of([a.name for a in arms])
                )
            ),
            prompts={a.name: a.shown for a in arms if a.shown},
            looks=looks,
            clusters=table.clusters or (),
            slices=slices,
        )
        result = with_details(result, table, predictions, rows, metrics, file, store)
        writer.outputs |= {
            "evaluation": store.put_value(result),
            "predictions": result.predictions,
            "scores": result.scores,
        }
        writer.findings += evaluation_findings(result, table, predictions, rows, file, store)
        writer.counts |= {
            "rows": len(rows),
            "arms": len(arms),
            "scores": len(scores),
            "unscored": sum(isinstance(s.value, Unscored) for s in scores),
            "tokens": sum(p.tokens for p in predictions),
        }
    work.remove()
    return result


def _parameters(
    file: TaskFile, metrics: Sequence[Metric], model: ModelVersion | None
) -> dict[str, Any]:
    spec = file.spec
    return {
        "base": model.base if model else spec.train.model,
        "task": spec.task.model_dump(mode="json"),
        "metrics": [m.model_dump(mode="json") for m in spec.metrics],
        "versions": {m.name: m.version for m in metrics},
        "gates": [g.model_dump(mode="json") for g in spec.gates],
        "slices": [s.field for s in spec.slices],
        "evaluate": spec.evaluate.model_dump(mode="json"),
    }


def held_out_rows(dataset: Dataset, split: Split, file: TaskFile, store: Store) -> list[Example]:
    """The rows that give the verdict, sorted by id: at most ``evaluate.max_rows``, drawn by seed.

    Raises:
        DataError: There are none.
    """
    ids = sorted({*split.ids("test"), *dataset.held_out})
    limit = file.spec.evaluate.max_rows
    if limit and len(ids) > limit:
        ids = sorted(random.Random(file.spec.split.seed).sample(ids, limit))
    rows = [e for e in store.examples(dataset, ids=ids) if e.target] if ids else []
    if not rows:
        raise DataError(
            "there are no held-out rows to evaluate on",
            place=file.where("split.test"),
            hint="raise split.test, or name a file with role: test under data",
        )
    return rows


def families(rows: Sequence[Example], split: Split) -> list[str]:
    """The cluster of each row: its family in the split, else its group, else itself."""
    family = {a.id: a.family for a in split.assignments}
    return [family.get(e.id) or (f"group:{e.group}" if e.group else e.id) for e in rows]


def _measure(
    arms: Sequence[Arm],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
    models: Models,
    work: PartialAnswers,
    progress: Progress | None,
) -> tuple[list[Prediction], list[Score]]:
    sure = any(m.rate for m in metrics)
    meter = PassMeter((3 if sure else 2) * len(arms) * len(rows), progress)
    options = GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens)
    predictions: list[Prediction] = []
    scores: list[Score] = []
    for arm in arms:
        answers = predict(
            lambda a=arm: a.model(models), arm, rows, options=options, work=work, meter=meter
        )  # type: ignore[misc]
        probable = (
            []
            if arm.foreign
            else losses(lambda a=arm: a.model(models), arm, rows, work=work, meter=meter)
        )  # type: ignore[misc]
        if sure:
            answers = own_losses(
                lambda a=arm: a.model(models), arm, rows, answers, work=work, meter=meter
            )  # type: ignore[misc]
        predictions += answers
        scores += score_all(answers, rows, metrics, file)
        scores += [
            _nats(e, arm.name, t) for e, t in zip(rows, probable or (), strict=bool(probable))
        ]
    return predictions, scores


def score_all(
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
) -> list[Score]:
    """Every metric on every prediction.

    Rows that a metric cannot measure are left out for all arms alike.
    """
    known = by_id(rows)
    for m in metrics:
        if m.prepare:
            good = [
                p for p in predictions if p.finish != "error" and not m.applies(known[p.example])
            ]
            m.prepare([(p.text, known[p.example]) for p in good], file.spec)
    return [
        m.score(p, known[p.example], task=file.spec)
        for m in metrics
        for p in predictions
        if not m.applies(known[p.example])
    ]


def with_details(
    result: Evaluation,
    table: Table,
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
    store: Store,
) -> Evaluation:
    """The evaluation with its figures by class and its calibration, where the task has labels or asks for them."""
    pairs = list(dict.fromkeys((c.arm, c.against) for c in result.comparisons))
    classes = class_figures(predictions, rows, table, file, pairs=pairs)
    calibrated = list(calibrations(predictions, rows, metrics, table, file))
    return result.model_copy(
        update={
            "classes": store.put_value(classes) if classes else "",
            "calibration": store.put_value(calibrated) if calibrated else "",
        }
    )


def _nats(example: Example, arm: str, target: TargetScore) -> Score:
    value = (
        target.nats / target.tokens
        if target.tokens
        else Unscored(reason=target.reason or "no tokens")
    )
    return Score(
        example=example.id, arm=arm, metric="nats", value=value, scorer="nats", version="1"
    )


def levels(table: Table, *, level: float) -> Iterator[Level]:
    """Means by arm and metric, over all rows and by slice."""
    for arm, metric in table.values:
        for name, where in [("", None), *table.parts()]:
            estimate = table.level(arm, metric, where=where, level=level)
            if estimate is not None:
                missing = table.missing(arm, metric, where=where)
                yield Level(arm=arm, metric=metric, estimate=estimate, slice=name, missing=missing)


def comparisons(
    table: Table, *, level: float, pairs: Sequence[tuple[str, str]] = PAIRS
) -> Iterator[Comparison]:
    """Paired differences by metric, over all rows and by slice.

    P-values are also corrected (Holm) for the number of slices; over all rows, where several
    candidates stand against one rival, for the number of candidates.
    """
    found = list(_compared(table, level, pairs))
    rivals: dict[tuple[str, str], list[int]] = {}
    for i, c in enumerate(found):
        if not c.slice and c.p_value is not None:
            rivals.setdefault((c.against, c.metric), []).append(i)
    for places in rivals.values():
        if len(places) > 1:
            adjusted = holm_adjusted([found[i].p_value or 0.0 for i in places])
            for i, value in zip(places, adjusted, strict=True):
                found[i] = found[i].model_copy(update={"adjusted": value})
    yield from found


def pairs_of(arms: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Which arms are compared: the usual ones, the tuned model with every further one, candidates with their rival.

    The rival of a candidate is the model in production where there is one, else the prompted base.

    Example:
        >>> pairs_of(["base", "prompted", "tuned", "production", "mild"])[3:]
        (('tuned', 'production'), ('tuned', 'mild'), ('mild', 'production'))
    """
    extra = [a for a in arms if a not in {"base", "prompted", "tuned"}]
    rival = "production" if "production" in extra else "prompted"
    candidates = [a for a in extra if a != "production"]
    return (*PAIRS, *(("tuned", a) for a in extra), *((a, rival) for a in candidates))


def _compared(table: Table, level: float, pairs: Sequence[tuple[str, str]]) -> Iterator[Comparison]:
    for arm, against in pairs:
        for metric in table.metrics:
            if not (table.has(arm, metric) and table.has(against, metric)):
                continue
            estimate = table.compare(arm, against, metric, level=level)
            if estimate is None:
                continue
            p = table.p_value(arm, against, metric)
            yield Comparison(arm=arm, against=against, metric=metric, estimate=estimate, p_value=p)
            yield from _by_slice(table, arm, against, metric, level)


def _by_slice(
    table: Table, arm: str, against: str, metric: str, level: float
) -> Iterator[Comparison]:
    found = []
    for name, where in table.parts():
        if int((where & table.applies[metric]).sum()) < SMALLEST_SLICE:
            continue
        estimate = table.compare(arm, against, metric, where=where, level=level)
        p = table.p_value(arm, against, metric, where=where)
        if estimate is not None and p is not None:
            found.append((name, estimate, p))
    for (name, estimate, p), adjusted in zip(
        found, holm_adjusted([p for *_, p in found]), strict=True
    ):
        yield Comparison(
            arm=arm,
            against=against,
            metric=metric,
            estimate=estimate,
            slice=name,
            p_value=p,
            adjusted=adjusted,
        )
