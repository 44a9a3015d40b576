"""The stress test as a stage: held-out rows as they are and perturbed, paired failure rates, failures kept."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewell.errors import UserError
from tunewell.evaluate.arms import Arm, Models, local_models
from tunewell.evaluate.checks import threshold_of
from tunewell.evaluate.people import judgements
from tunewell.evaluate.predict import PartialAnswers, PassMeter, predict
from tunewell.evaluate.stage import families, held_out_rows
from tunewell.evaluate.stress.kinds import PERTURBATIONS, Perturbation
from tunewell.evaluate.stress.paraphrase import NAME, paraphrase
from tunewell.evaluate.stress.preserved import discounted, heard, preserved_share
from tunewell.evaluate.stress.result import Endured, Stressed
from tunewell.evaluate.table import Table, holm_adjusted, table_of
from tunewell.lineage import record, reuse, run_key
from tunewell.metrics import Metric, build_metrics
from tunewell.model.base import GenerateOptions, Model, Progress
from tunewell.people.judgements import SAME_ANSWER
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import (
    Dataset,
    Estimate,
    Example,
    Finding,
    Judgement,
    MetricInfo,
    ModelVersion,
    Prediction,
    Score,
    Split,
    Threshold,
    Unscored,
    digest,
)

STAGE = "stress"
MARGIN = 0.05
"""An increase of the failure rate up to this much is borne (E05)."""
FAILURE = MetricInfo(name="failure", title="failed", bigger_is_better=False)


def stress(
    dataset: Dataset,
    split: Split,
    model: ModelVersion | None,
    file: TaskFile,
    store: Store,
    *,
    kinds: Sequence[str] = (),
    metric: str = "",
    max_rows: int = 60,
    models: Models | None = None,
    paraphraser: Model | None = None,
    progress: Progress | None = None,
) -> Stressed:
    """Perturb held-out rows in every way and compare the failure rate with that of the same rows as they are.

    Args:
        dataset: Holds the rows.
        split: Says which are held out.
        model: The tuned version; None = the base model.
        file: The definition.
        store: Where the Run, its artifacts and its findings (E05) are recorded.
        kinds: Names of `PERTURBATIONS`; all if empty.
        metric: Which metric of the task decides what a failure is; that of the first gate (else the
            first) if empty.
        max_rows: At most this many rows, drawn by seed.
        models: Opens models; on this machine if None.
        paraphraser: Says the questions in other words, as one more kind of stress; None = that kind
            is left out.
        progress: Called with (done, total).

    Raises:
        UserError: An unknown perturbation or metric.
    """
    chosen = _chosen(kinds)
    metrics = build_metrics(file)
    decides = _deciding(metrics, metric, file)
    passing = _passing(decides, file)
    arm = Arm(name="tuned" if model else "base", version=model)
    inputs = {"dataset": dataset.id, "examples": dataset.examples, "split": digest(split)}
    inputs |= {"adapter": model.adapter} if model else {}
    parameters: dict[str, Any] = {
        "base": model.base if model else file.spec.train.model,
        "kinds": [k.name for k in chosen]
        + ([f"{NAME} by {paraphraser.name}"] if paraphraser else []),
        "metric": decides.info.model_dump(mode="json"),
        "version": decides.version,
        "options": [m.model_dump(mode="json") for m in file.spec.metrics],
        "passing": passing,
        "rows": max_rows,
        "evaluate": file.spec.evaluate.model_dump(mode="json"),
        "preserved": heard(store),
    }
    seed = file.spec.split.seed
    found = reuse(store, STAGE, inputs=inputs, parameters=parameters, seed=seed)
    if found is not None:
        return store.get_value(found.outputs["stressed"], Stressed)
    opener = models or local_models(file.spec.train.model, store)
    work = PartialAnswers(
        store.root / "work" / run_key(STAGE, inputs=inputs, parameters=parameters, seed=seed)[:32]
    )
    with record(store, STAGE, inputs=inputs, parameters=parameters, seed=seed) as writer:
        rows = [e for e in held_out_rows(dataset, split, file, store) if not decides.applies(e)]
        if len(rows) > max_rows:
            keep = set(random.Random(seed).sample([e.id for e in rows], max_rows))
            rows = [e for e in rows if e.id in keep]
        if paraphraser:
            chosen = [*chosen, paraphrase(paraphraser, rows)]
        trial = _Trial(
            rows=rows, metric=decides, passing=passing, file=file, families=families(rows, split)
        )
        perturbed = {k.name: trial.perturb(k, seed) for k in chosen}
        everything = [*rows, *(e for made in perturbed.values() for e in made.values())]
        options = GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens)
        changed = store.put_examples(everything[len(rows) :])
        before = _answered(store, inputs, parameters, seed, changed)
        predictions = before or predict(
            lambda: opener(model),
            arm,
            everything,
            options=options,
            work=work,
            meter=PassMeter(len(everything), progress),
        )
        answers = {p.example: p for p in predictions}
        result = trial.result(arm.name, chosen, perturbed, answers, store)
        result = result.model_copy(update={"predictions": store.put_value(predictions)})
        writer.outputs |= {"stressed": store.put_value(result), "failures": result.failures}
        writer.outputs |= {"predictions": result.predictions, "perturbed": changed}
        writer.findings += stress_findings(result, level=file.spec.evaluate.level)
        writer.counts |= {"rows": len(rows), "perturbed": len(everything) - len(rows)}
    work.remove()
    return result


def _answered(
    store: Store, inputs: dict[str, str], parameters: dict[str, Any], seed: int, changed: str
) -> list[Prediction] | None:
    """The answers of an earlier test that differs in nothing but what people have said since."""

    def key(inputs: Mapping[str, str], parameters: Mapping[str, Any], seed: int) -> str:
        rest = {name: value for name, value in parameters.items() if name != "preserved"}
        return run_key(STAGE, inputs=inputs, parameters=rest, seed=seed)

    wanted = key(inputs, parameters, seed)
    for run in reversed(store.runs(stage=STAGE, status="finished")):
        same = (
            run.outputs.get("perturbed") == changed
            and key(run.inputs, run.parameters, run.seed) == wanted
        )
        if same and store.finished(STAGE, run.key) is not None:
            return store.get_value(run.outputs["predictions"], list[Prediction])
    return None


def _chosen(names: Sequence[str]) -> list[Perturbation]:
    unknown = [n for n in names if n not in PERTURBATIONS]
    if unknown:
        raise UserError(
            f"no perturbation {', '.join(unknown)}", hint=f"there are: {', '.join(PERTURBATIONS)}"
        )
    return [PERTURBATIONS[n] for n in names or PERTURBATIONS]


def _deciding(metrics: Sequence[Metric], name: str, file: TaskFile) -> Metric:
    known = {m.name: m for m in metrics}
    wanted = (
        name
        or next((g.metric for g in file.spec.gates if g.metric in known), "")
        or next(iter(known), "")
    )
    if wanted not in known:
        raise UserError(
            f"no metric {wanted!r} to tell a failure by",
            hint=f"one of {', '.join(known) or 'none: add one'}",
        )
    return known[wanted]


def _passing(metric: Metric, file: TaskFile) -> float:
    """What an answer needs to pass: the middle of the metric's range, or the mean that a level gate asks for."""
    asked = [
        threshold_of(g) for g in file.spec.gates if g.metric == metric.name and g.kind == "level"
    ]
    middle = (metric.info.low + metric.info.high) / 2
    return middle if math.isfinite(middle) else (asked[0] if asked else 0.0)


@dataclass(frozen=True)
class _Trial:
    """The clean rows and what counts as a failure."""

    rows: Sequence[Example]
    metric: Metric
    passing: float
    file: TaskFile
    families: Sequence[str]

    def perturb(self, kind: Perturbation, seed: int) -> dict[str, Example]:
        """Clean row to perturbed row, where the perturbation applies and the metric can measure the result."""
        made = ((e.id, kind(e, seed=seed)) for e in self.rows)
        return {name: e for name, e in made if e is not None and not self.metric.applies(e)}

    def failed(
        self, prediction: Prediction, example: Example, guards: tuple[str, ...] = ()
    ) -> tuple[float, float]:
        """(1 if it fails, 0 if not, NaN if unscored; the metric's value)."""
        if any(g.casefold() in prediction.text.casefold() for g in guards):
            return 1.0, self.metric.info.low
        score = self.metric.score(prediction, example, task=self.file.spec).value
        if isinstance(score, Unscored):
            return math.nan, math.nan
        bad = score < self.passing if self.metric.info.bigger_is_better else score > self.passing
        return float(bad), score

    def result(
        self,
        arm: str,
        kinds: Sequence[Perturbation],
        perturbed: dict[str, dict[str, Example]],
        answers: dict[str, Prediction],
        store: Store,
    ) -> Stressed:
        """Hold every perturbation against the clean rows."""
        clean = {e.id: self.failed(answers[e.id], e) for e in self.rows}
        said = judgements(store, [e.id for made in perturbed.values() for e in made.values()])
        said = [j for j in said if j.criterion == SAME_ANSWER]
        found: list[Endured] = []
        failures: list[Example] = []
        skipped: dict[str, str] = {}
        for kind in kinds:
            made = perturbed[kind.name]
            after = {r: self.failed(answers[e.id], e, kind.guards) for r, e in made.items()}
            table = self._table(made, clean, after)
            increase = (
                table.compare("stressed", "clean", "failure", level=self._level) if made else None
            )
            if increase is None:
                skipped[kind.name] = f"applies to {len(made)} of {len(self.rows)} rows"
                continue
            broken = [r for r in made if after[r][0] == 1.0 and clean[r][0] == 0.0]
            broken.sort(key=lambda r: abs(after[r][1] - clean[r][1]), reverse=True)
            endured = self._endured(kind, table, increase, [made[r].id for r in broken], made, said)
            failures += [made[r] for r in broken] if endured.label != "not kept" else []
            found.append(endured)
        return Stressed(
            arm=arm,
            metric=self.metric.name,
            passing=self.passing,
            rows=tuple(e.id for e in self.rows),
            kinds=_adjusted(found),
            predictions="",
            failures=store.put_examples(failures),
            skipped=skipped,
        )

    @property
    def _level(self) -> float:
        return self.file.spec.evaluate.level

    def _table(
        self,
        made: dict[str, Example],
        clean: dict[str, tuple[float, float]],
        after: dict[str, tuple[float, float]],
    ) -> Table:
        scores = []
        for arm, values in (("clean", clean), ("stressed", after)):
            for row in made:
                bad = values[row][0]
                value = Unscored(reason="no value") if np.isnan(bad) else bad
                scores.append(Score(example=row, arm=arm, metric="failure", value=value))
        family = dict(zip((e.id for e in self.rows), self.families, strict=True))
        return table_of(
            scores, rows=list(made), metrics=[FAILURE], clusters=[family[r] for r in made]
        )

    def _endured(
        self,
        kind: Perturbation,
        table: Table,
        increase: Estimate,
        worst: list[str],
        made: dict[str, Example],
        said: Sequence[Judgement],
    ) -> Endured:
        family = dict(zip((e.id for e in self.rows), self.families, strict=True))
        groups = {e.id: family[r] for r, e in made.items()}
        looked = [j for j in said if j.example in groups]
        preserved, label = preserved_share(looked, groups, level=self._level)
        if preserved is not None:
            increase = discounted(increase, preserved)
        levels = [table.level(a, "failure", level=self._level) for a in ("clean", "stressed")]
        assert levels[0] is not None
        assert levels[1] is not None
        return Endured(
            name=kind.name,
            about=kind.about,
            effect=kind.effect,
            rows=len(made),
            clean=levels[0],
            stressed=levels[1],
            increase=increase,
            preserved=preserved,
            label=label,
            p_value=table.p_value("stressed", "clean", "failure"),
            worst=tuple(worst),
        )


def _adjusted(found: Sequence[Endured]) -> tuple[Endured, ...]:
    """p-values corrected for the number of perturbations that count.

    None for those that do not keep the answer.
    """
    counted = [e for e in found if e.label != "not kept"]
    adjusted = iter(holm_adjusted([e.p_value if e.p_value is not None else 1.0 for e in counted]))
    return tuple(
        e.model_copy(update={"adjusted": next(adjusted)}) if e.label != "not kept" else e
        for e in found
    )


def stress_findings(result: Stressed, *, level: float) -> list[Finding]:
    """E05: kinds of stress that raise the failure rate, corrected for their number.

    One clear finding if none does.
    """
    out = []
    for kind in result.kinds:
        if kind.adjusted is None or kind.adjusted > 1 - level or kind.increase.low <= 0:
            continue
        out.append(
            Finding(
                code="E05",
                status="found",
                stage=STAGE,
                why=f"{kind.name}: {kind.stressed.value:.0%} of the answers fail instead of {kind.clean.value:.0%} "
                f"({kind.increase.value:+.0%} [{kind.increase.low:+.0%}, {kind.increase.high:+.0%}]). {kind.about}",
                estimate=kind.increase.model_copy(update={"unit": "share of answers"}),
                threshold=Threshold(value=0.0, origin="built-in"),
                rows=kind.worst,
                remedy=f"augment the training rows with {kind.name}",
                blocking=kind.increase.low > MARGIN,
            )
        )
    spoilt = [k for k in result.kinds if k.label == "not kept"]
    if not out:
        counted = len(result.kinds) - len(spoilt)
        status, why = (
            "clear",
            f"None of {counted} kinds of stress is shown to raise the failure rate.",
        )
        if not counted:
            status, why = (
                "unchecked",
                "No perturbation that keeps the right answer applies to these rows.",
            )
        if spoilt:
            why += f" By people's word not label-preserving, so not counted: {', '.join(k.name for k in spoilt)}."
        out.append(
            Finding(
                code="E05",
                status="clear" if status == "clear" else "unchecked",
                stage=STAGE,
                why=why,
            )
        )
    return out
