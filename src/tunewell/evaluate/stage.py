"""The stage: all arms on the same held-out rows, measured on the task's own terms."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from tunewell.errors import DataError
from tunewell.evaluate.arms import (
    Arm,
    Models,
    base_of,
    contenders,
    draw_shots,
    further,
    local_models,
)
from tunewell.evaluate.baselines import baseline_scores
from tunewell.evaluate.comparisons import pairs_of
from tunewell.evaluate.findings import evaluation_findings
from tunewell.evaluate.gate_checks import check_gates
from tunewell.evaluate.looks import look
from tunewell.evaluate.lookup import by_name, ids_of
from tunewell.evaluate.predict import PartialAnswers, PassMeter, losses, own_losses, predict
from tunewell.evaluate.real_time import real_time_factors, timed_rows
from tunewell.evaluate.result import artifacts_of, evaluation_of
from tunewell.evaluate.scored_arms import ScoredArms, score_all
from tunewell.lineage import StageKey
from tunewell.metrics import Metric, build_metrics, infos
from tunewell.model.base import GenerateOptions, Progress, TargetScore
from tunewell.model.budget import NOT_ASKED
from tunewell.project import Project
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import (
    Dataset,
    Evaluation,
    Example,
    ModelVersion,
    Prediction,
    Score,
    Split,
    Unscored,
    digest,
)
from tunewell.types.turns import Turns, conversation_id, each_target

STAGE = "evaluate"


def evaluate(
    dataset: Dataset,
    split: Split,
    model: ModelVersion | None,
    project: Project,
    *,
    models: Models | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Base, prompted and tuned model on the same held-out rows: metrics, differences, intervals.

    The test set is what the split calls ``test`` and what the project gave as its own.
    Half-finished work survives a kill; a finished evaluation of the same things is taken over,
    unless a judge's quota ended it: then what is left is judged. Each new one is counted as a look
    at the test set.

    Args:
        dataset: Holds the rows.
        split: Says which are held out, and which may serve as solved examples in the prompt.
        model: The tuned version; None compares base and prompted alone.
        project: The project.
        models: Opens models; on this machine if None.
        progress: Called with (done, total).

    Raises:
        TaskError: Metrics or gates do not hold together.
        DataError: There are no held-out rows.
    """
    file, store = project.file, project.store
    metrics = build_metrics(file)
    check_gates(file, infos(metrics))

    inputs = inputs_of(dataset, split, model)
    inputs |= {f"arm {a.name}": a.digest for a in further(project, ())}
    parameters = _parameters(file, metrics, model) | _turns_asked(dataset, split, project)
    seed = file.spec.split.seed
    key = StageKey(STAGE, inputs, parameters, seed)
    done = key.value(store, "evaluation", Evaluation)
    if done is not None and not _some_not_asked(store.get_value(done.scores, list[Score])):
        return done

    work = PartialAnswers(key.work(store))
    opener = models or local_models(file.spec.train.model, store, file.spec.task.language)
    with key.record(store) as writer:
        rows = held_out_rows(dataset, split, project)
        examples = file.spec.evaluate.shots
        shots = draw_shots(
            split,
            store,
            dataset.examples,
            count=examples,
            seed=seed,
        )
        arms = (*contenders(file.spec, model, shots), *further(project, shots))
        names = list(by_name(arms))

        learned = training_rows(dataset, split, store)
        for metric in metrics:
            if metric.learned:
                metric.learned(learned)
        passes = _Passes(file, metrics, rows, opener, work)
        timed = timed_rows(rows, seed=seed)
        meter = PassMeter(len(arms) * (passes.count * len(rows) + len(timed)), progress)
        predictions, scores = passes.over(arms, meter)
        writer.speeds += real_time_factors(
            arms,
            timed,
            opener,
            store,
            options=generate_options(file),
            meter=meter,
        )
        looks = look(store, ids_of(rows), key=writer.run.key)
        measured = ScoredArms(
            file=file,
            metrics=metrics,
            infos=infos(metrics),
            rows=rows,
            families=families(rows, split),
            predictions=predictions,
            scores=scores,
            baselines=baseline_scores(rows, learned, metrics, file),
        )
        result = evaluation_of(
            measured,
            store,
            arms=names,
            pairs=pairs_of(names),
            prompts={a.name: a.shown for a in arms if a.shown},
            looks=looks,
        )

        writer.outputs |= artifacts_of(result, store)
        writer.findings += evaluation_findings(result, measured, store)
        writer.counts |= {
            "rows": len(rows),
            "arms": len(arms),
            "scores": len(scores),
            "unscored": sum(isinstance(s.value, Unscored) for s in scores),
            "tokens": sum(p.tokens for p in predictions),
        }
    if not _some_not_asked(scores):
        work.remove()
    return result


def generate_options(file: TaskFile) -> GenerateOptions:
    """How every arm answers."""
    return GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens)


def _some_not_asked(scores: Sequence[Score]) -> bool:
    """Whether a judge ran out of quota before it had judged everything: the next run goes on."""
    unscored = [score.value.reason for score in scores if isinstance(score.value, Unscored)]
    return any(NOT_ASKED in reason for reason in unscored)


def inputs_of(
    dataset: Dataset,
    split: Split,
    model: ModelVersion | None,
) -> dict[str, str]:
    """Name to digest of what an evaluation reads."""
    inputs = {
        "dataset": dataset.id,
        "examples": dataset.examples,
        "split": digest(split),
    }
    if model is not None:
        inputs["adapter"] = model.adapter
    return inputs


def _parameters(
    file: TaskFile, metrics: Sequence[Metric], model: ModelVersion | None
) -> dict[str, Any]:
    spec = file.spec.model_dump(mode="json")
    return {
        "base": base_of(model, file.spec),
        "task": spec["task"],
        "metrics": spec["metrics"],
        "versions": {m.name: m.version for m in metrics},
        "gates": spec["gates"],
        "slices": [s.field for s in file.spec.slices],
        "evaluate": spec["evaluate"],
    }


def _turns_asked(dataset: Dataset, split: Split, project: Project) -> dict[str, str]:
    """Which turns are answered, where it is not simply every row's last one."""
    ids = sorted({*split.ids("test"), *dataset.held_out})
    examples = project.store.examples(dataset, ids=ids) if ids else []
    turns = project.file.spec.train.turns
    as_ever = [e for e in examples if e.is_answered]
    return {} if answered(examples, turns) == as_ever else {"turns": turns}


def held_out_rows(
    dataset: Dataset,
    split: Split,
    project: Project,
    *,
    whole: bool = False,
) -> list[Example]:
    """The rows that give the verdict, sorted by id: at most ``evaluate.max_rows``, drawn by seed.

    Every answer of a conversation is a row (``row#2``), behind its true history, unless
    ``train.turns`` is ``last``. Rows as they are, and all of them, if ``whole``: outputs that were
    made elsewhere name rows and not turns.

    Raises:
        DataError: There are none.
    """
    file, store = project.file, project.store
    ids = sorted({*split.ids("test"), *dataset.held_out})
    if not whole:
        ids = drawn(ids, file)

    rows = []
    if ids:
        found = store.examples(dataset, ids=ids)
        rows = (
            [e for e in found if e.is_answered] if whole else answered(found, file.spec.train.turns)
        )
    if not rows:
        raise DataError(
            "there are no held-out rows to evaluate on",
            place=file.where("split.test"),
            hint="raise split.test, or name a file with role: test under data",
        )
    return rows


def answered(examples: Sequence[Example], turns: Turns) -> list[Example]:
    """The rows to be answered, sorted by id; a row whose answer people called bad is none.

    A row's ``weight`` says what is learned: an answer that is its last turn is asked for anyway.
    """
    found: list[Example] = []
    for example in examples:
        targets = each_target([example], turns)
        if not targets and example.is_answered and example.label != "bad":
            targets = [example]
        found += targets
    return sorted(found, key=lambda row: row.id)


def drawn(ids: Sequence[str], file: TaskFile) -> list[str]:
    """At most ``evaluate.max_rows`` of these ids, drawn by seed, sorted."""
    limit = file.spec.evaluate.max_rows
    if not 0 < limit < len(ids):
        return sorted(ids)
    return sorted(random.Random(file.spec.split.seed).sample(sorted(ids), limit))


def training_rows(dataset: Dataset, split: Split, store: Store) -> list[Example]:
    """The rows of all folds, whose answers a look-up would give."""
    ids = sorted(split.all_folds)
    return store.examples(dataset, ids=ids) if ids else []


def families(rows: Sequence[Example], split: Split) -> list[str]:
    """The cluster of each row: its family in the split, else its group, else itself."""
    family = {a.id: a.family for a in split.assignments}

    def own_family(example: Example) -> str:
        return f"group:{example.group}" if example.group else example.id

    def in_split(example: Example) -> str:
        return family.get(example.id) or family.get(conversation_id(example.id), "")

    return [in_split(e) or own_family(e) for e in rows]


@dataclass(frozen=True)
class _Passes:
    """The passes of every arm over the held-out rows: answers, losses and own confidence."""

    file: TaskFile
    metrics: Sequence[Metric]
    rows: Sequence[Example]
    models: Models
    work: PartialAnswers

    @property
    def count(self) -> int:
        """How many there are of every arm."""
        return 3 if self._confidence_wanted else 2

    def over(self, arms: Sequence[Arm], meter: PassMeter) -> tuple[list[Prediction], list[Score]]:
        """What every arm answered, and the scores of it."""
        predictions: list[Prediction] = []
        scores: list[Score] = []
        for arm in arms:
            answers, losses_of_gold = self._of(arm, meter)
            predictions += answers
            scores += score_all(answers, self.rows, self.metrics, self.file)
            scores += losses_of_gold
        return predictions, scores

    @property
    def _confidence_wanted(self) -> bool:
        return any(m.rate for m in self.metrics)

    def _of(self, arm: Arm, meter: PassMeter) -> tuple[list[Prediction], list[Score]]:
        model = partial(arm.model, self.models)
        rows, work = self.rows, self.work
        answers = predict(
            model,
            arm,
            rows,
            options=generate_options(self.file),
            work=work,
            meter=meter,
        )

        gold: list[Score] = []
        if not arm.foreign:
            found = losses(
                model,
                arm,
                rows,
                work=work,
                meter=meter,
            )
            gold = [_nats(e, arm.name, loss) for e, loss in zip(rows, found, strict=True)]
        if self._confidence_wanted:
            answers = own_losses(
                model,
                arm,
                rows,
                answers,
                work=work,
                meter=meter,
            )
        return answers, gold


def _nats(example: Example, arm: str, target: TargetScore) -> Score:
    value: float | Unscored
    if target.tokens:
        value = target.nats / target.tokens
    else:
        value = Unscored(reason=target.reason or "no tokens")
    return Score(
        example=example.id,
        arm=arm,
        metric="nats",
        value=value,
        scorer="nats",
        version="1",
    )
