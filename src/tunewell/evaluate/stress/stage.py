"""The stress test as a stage: held-out rows as they are and perturbed, and the failures kept."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from tunewell.errors import UserError
from tunewell.evaluate.arms import Models, base_of, candidate, local_models
from tunewell.evaluate.gate_checks import threshold_of
from tunewell.evaluate.lookup import by_name, ids_of
from tunewell.evaluate.people_scores import judgements
from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
from tunewell.evaluate.stage import families, held_out_rows, inputs_of
from tunewell.evaluate.stress.finding import STAGE, stress_findings
from tunewell.evaluate.stress.label_preservation import heard
from tunewell.evaluate.stress.paraphrase import NAME, paraphrase
from tunewell.evaluate.stress.perturbations import PERTURBATIONS, Perturbation
from tunewell.evaluate.stress.recordings import HEARD_KINDS, STEPS, Recordings
from tunewell.evaluate.stress.result import Endured, SeverityCurve, Stressed
from tunewell.evaluate.stress.trial import Trial, with_adjusted
from tunewell.lineage import StageKey
from tunewell.metrics import Metric, build_metrics
from tunewell.model.base import GenerateOptions, Model, Progress
from tunewell.people.judgements import SAME_ANSWER
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import Dataset, Example, Judgement, ModelVersion, Prediction, Split


@dataclass(frozen=True)
class StressPlan:
    """Which rows are stressed, how, and what counts as a failure.

    Attributes:
        kinds: Names of `PERTURBATIONS`; all if empty.
        metric: Which metric of the task decides what a failure is; that of the first gate (else the
            first) if empty.
        max_rows: At most this many rows, drawn by seed.
        paraphraser: Says the questions in other words, as one more kind of stress; None = that kind
            is left out.
    """

    kinds: Sequence[str] = ()
    metric: str = ""
    max_rows: int = 60
    paraphraser: Model | None = None


EVERY_KIND = StressPlan()


def stress(
    dataset: Dataset,
    split: Split,
    model: ModelVersion | None,
    project: Project,
    *,
    plan: StressPlan = EVERY_KIND,
    models: Models | None = None,
    progress: Progress | None = None,
) -> Stressed:
    """Perturb held-out rows and compare the failure rate with that of the same rows as they are.

    Args:
        dataset: Holds the rows.
        split: Says which are held out.
        model: The tuned version; None = the base model.
        project: The project.
        plan: Which rows, kinds and metric.
        models: Opens models; on this machine if None.
        progress: Called with (done, total).

    Raises:
        UserError: An unknown perturbation or metric.
    """
    file, store = project.file, project.store
    held_out = held_out_rows(dataset, split, project)
    kinds = _chosen(plan.kinds, held_out, store)
    metric = _deciding(build_metrics(file), plan.metric, file)
    passing = _passing(metric, file)
    arm = candidate(model)
    inputs = inputs_of(dataset, split, model)
    spec = file.spec.model_dump(mode="json")
    parameters: dict[str, Any] = {
        "base": base_of(model, file.spec),
        "kinds": _names(kinds, plan.paraphraser),
        "metric": metric.info.model_dump(mode="json"),
        "version": metric.version,
        "options": spec["metrics"],
        "passing": passing,
        "rows": plan.max_rows,
        "evaluate": spec["evaluate"],
        "preserved": heard(store),
    }
    seed = file.spec.split.seed
    key = StageKey(STAGE, inputs, parameters, seed)
    done = key.value(store, "stressed", Stressed)
    if done is not None:
        return done

    work = PartialAnswers(key.work(store))
    opener = models or local_models(file.spec.train.model, store, file.spec.task.language)
    with key.record(store) as writer:
        rows = _at_most([e for e in held_out if not metric.applies(e)], plan.max_rows, seed)
        if plan.paraphraser:
            kinds = [*kinds, paraphrase(plan.paraphraser, rows)]
        trial = Trial(file, rows, families(rows, split), metric, passing)
        perturbed = {kind.name: trial.perturb(kind, seed) for kind in kinds}
        changed = list(chain.from_iterable(made.values() for made in perturbed.values()))
        artifact = store.put_examples(changed)

        predictions = _answered(store, inputs, parameters, seed, artifact)
        if predictions is None:
            everything = [*rows, *changed]
            predictions = predict(
                partial(opener, model),
                arm,
                everything,
                options=GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens),
                work=work,
                meter=PassMeter(len(everything), progress),
            )
        said = _words_on(changed, store)
        endured = _endured(trial, kinds, perturbed, predictions, said)
        result = Stressed(
            arm=arm.name,
            metric=metric.name,
            passing=passing,
            rows=tuple(ids_of(rows)),
            kinds=with_adjusted(endured.kinds),
            predictions=store.put_value(predictions),
            failures=store.put_examples(endured.failures),
            skipped=endured.skipped,
            curves=_curves(trial, kinds, perturbed, predictions),
        )

        writer.outputs |= {"stressed": store.put_value(result), "failures": result.failures}
        writer.outputs |= {"predictions": result.predictions, "perturbed": artifact}
        writer.findings += stress_findings(result, level=trial.level)
        writer.counts |= {"rows": len(rows), "perturbed": len(changed)}
    work.remove()
    return result


def _names(kinds: Sequence[Perturbation], paraphraser: Model | None) -> list[str]:
    names = list(by_name(kinds))
    if paraphraser is not None:
        names.append(f"{NAME} by {paraphraser.name}")
    return names


def _at_most(rows: list[Example], count: int, seed: int) -> list[Example]:
    """Rows drawn by seed, in their order."""
    if len(rows) <= count:
        return rows
    keep = set(random.Random(seed).sample(ids_of(rows), count))
    return [e for e in rows if e.id in keep]


def _words_on(perturbed: Sequence[Example], store: Store) -> list[Judgement]:
    """What people have said on whether these rows keep their answer."""
    said = judgements(store, ids_of(perturbed))
    return [j for j in said if j.criterion == SAME_ANSWER]


@dataclass(frozen=True)
class _AllKinds:
    """What came of every kind of stress.

    Attributes:
        kinds: Those that apply to two families or more.
        failures: The perturbed rows that fail while their clean row does not.
        skipped: Kind to the reason why it was left out.
    """

    kinds: list[Endured]
    failures: list[Example]
    skipped: dict[str, str]


def _endured(
    trial: Trial,
    kinds: Sequence[Perturbation],
    perturbed: Mapping[str, Mapping[str, Example]],
    predictions: Sequence[Prediction],
    said: Sequence[Judgement],
) -> _AllKinds:
    """Hold every perturbation against the clean rows."""
    answers = {p.example: p for p in predictions}
    found = _AllKinds([], [], {})
    for kind in kinds:
        endurance = trial.under(kind, perturbed[kind.name], answers)
        if endurance.increase is None:
            applies = f"applies to {len(endurance.perturbed)} of {len(trial.rows)} rows"
            found.skipped[kind.name] = applies
            continue
        endured = endurance.endured(endurance.increase, said)
        found.kinds.append(endured)
        if endured.label != "not kept":
            found.failures.extend(endurance.broken)
    return found


def _answered(
    store: Store,
    inputs: dict[str, str],
    parameters: dict[str, Any],
    seed: int,
    changed: str,
) -> list[Prediction] | None:
    """The answers of an earlier test that differs in nothing but what people have said since."""
    wanted = _key_of_answers(inputs, parameters, seed)
    for run in reversed(store.runs(stage=STAGE, status="finished")):
        if run.outputs.get("perturbed") != changed:
            continue
        if _key_of_answers(run.inputs, run.parameters, run.seed) != wanted:
            continue
        if store.finished(STAGE, run.key) is not None:
            return store.get_value(run.outputs["predictions"], list[Prediction])
    return None


def _key_of_answers(
    inputs: Mapping[str, str],
    parameters: Mapping[str, Any],
    seed: int,
) -> str:
    rest = dict(parameters)
    rest.pop("preserved", None)
    return StageKey(STAGE, inputs, rest, seed).digest


def _chosen(
    names: Sequence[str],
    rows: Sequence[Example],
    store: Store,
) -> list[Perturbation]:
    """The kinds of stress of texts where rows are written, of recordings where they are heard."""
    heard = [*HEARD_KINDS, *STEPS]
    unknown = [n for n in names if n not in PERTURBATIONS and n not in heard]
    if unknown:
        there = ", ".join([*PERTURBATIONS, *dict.fromkeys(heard)])
        raise UserError(f"no perturbation {', '.join(unknown)}", hint=f"there are: {there}")

    found = []
    if any(not row.audio for row in rows):
        found += [PERTURBATIONS[n] for n in names or PERTURBATIONS if n in PERTURBATIONS]
    if any(row.audio for row in rows):
        found += Recordings(store.files, rows).perturbations(names)
    return found


def _curves(
    trial: Trial,
    kinds: Sequence[Perturbation],
    perturbed: Mapping[str, Mapping[str, Example]],
    predictions: Sequence[Prediction],
) -> tuple[SeverityCurve, ...]:
    """Word errors of rows that are heard, by the strength of the stress."""
    changed = {kind.name: perturbed[kind.name] for kind in kinds if kind.is_heard}
    if not changed:
        return ()
    from tunewell.evaluate.stress.severity import HeardAnswers

    spec = trial.file.spec
    answers = {each.example: each for each in predictions}
    heard = HeardAnswers(trial.rows, trial.family, answers, spec.task.language, trial.level)
    return heard.curves(changed)


def _deciding(metrics: Sequence[Metric], name: str, file: TaskFile) -> Metric:
    """The metric that tells a failure: the one named, else that of the first gate, else any."""
    known = by_name(metrics)
    gated = [gate.metric for gate in file.spec.gates if gate.metric]
    candidates = [name] if name else [*gated, *known]
    for wanted in candidates:
        if wanted in known:
            return known[wanted]
    raise UserError(
        f"no metric {name!r} to tell a failure by",
        hint=f"one of {', '.join(known) or 'none: add one'}",
    )


def _passing(metric: Metric, file: TaskFile) -> float:
    """What an answer needs to pass: the middle of the range, or what a level gate asks for."""
    middle = (metric.info.low + metric.info.high) / 2
    if math.isfinite(middle):
        return middle
    for gate in file.spec.gates:
        if gate.metric == metric.name and gate.kind == "level":
            return threshold_of(gate)
    return 0.0
