"""All raw rows against the curated ones: the same base model, recipe, tokens and test rows."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tunewell.curate.pipeline import read
from tunewell.evaluate.scored_arms import score_all
from tunewell.lineage import record, reuse
from tunewell.metrics import build_metrics
from tunewell.model.base import GenerateOptions, Progress
from tunewell.model.local import LocalModel
from tunewell.model.weights import Weights, resolve
from tunewell.run import Bars, Result
from tunewell.stats import difference, mean
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.train.fit import fit
from tunewell.types import (
    Estimate,
    Evaluation,
    Example,
    Message,
    MetricInfo,
    Prediction,
    Recipe,
    Score,
    Trained,
    Unscored,
    digest,
)

STAGE = "dumped"


@dataclass(frozen=True)
class DumpedFigure:
    """One metric of both arms on the same rows.

    Attributes:
        info: What was measured.
        dumped: Mean of the model trained on everything.
        curated: Mean of the model trained on the curated rows.
        gain: Curated minus dumped, paired.
    """

    info: MetricInfo
    dumped: Estimate
    curated: Estimate
    gain: Estimate


@dataclass(frozen=True)
class DumpedComparison:
    """Dumped against curated.

    Attributes:
        figures: Metric by metric.
        rows: Test rows that neither arm has seen.
        left_out: Test rows that stand in the raw data, so that the dumped arm has seen them.
        raw_rows: Rows that the dumped arm drew from.
        tokens: Training tokens of the dumped and of the curated arm.
    """

    figures: tuple[DumpedFigure, ...]
    rows: int
    left_out: int
    raw_rows: int
    tokens: tuple[int, int]


def compare_with_dumped(
    file: TaskFile, result: Result, store: Store, *, place: Path, leaked: Iterable[str], bars: Bars
) -> DumpedComparison:
    """Train the base model on everything that was read, and score it beside the model of the run.

    Args:
        file: The definition.
        result: What the run gave.
        store: Its store.
        place: Folder for the dumped arm's own store, so that a second call takes over what is
            there.
        leaked: Ids of test rows that stand in the raw data.
        bars: Gives a progress callback per step.
    """
    trained, evaluation = result.trained, result.evaluation
    seen = set(leaked)
    rows = [
        e for e in store.examples(result.dataset, ids=list(evaluation.rows)) if e.id not in seen
    ]
    raw = everything(file)
    with Store(place) as own:
        dumped, tokens = _dumped_scores(raw, rows, trained, file, own, bars)
    curated = [s for s in store.get_value(evaluation.scores, list[Score]) if s.arm == "tuned"]
    figures = _figures(
        evaluation, curated, dumped, [e.id for e in rows], level=file.spec.evaluate.level
    )
    processed = round(trained.tokens * trained.model.recipe.epochs)
    return DumpedComparison(
        figures=tuple(figures),
        rows=len(rows),
        left_out=len(evaluation.rows) - len(rows),
        raw_rows=len(raw),
        tokens=(tokens, processed),
    )


def everything(file: TaskFile) -> list[Example]:
    """Every raw row that can be read and has an answer, unchanged, with the task's instruction."""
    instruction = file.spec.task.instruction
    found = []
    for row in read(file).rows:
        example = row.example()
        if row.held or not example.target.strip():
            continue
        if instruction and example.messages[0].role != "system":
            turns = (Message(role="system", content=instruction), *example.messages)
            example = example.model_copy(update={"messages": turns})
        found.append(example)
    return found


def _dumped_scores(
    raw: Sequence[Example],
    rows: Sequence[Example],
    trained: Trained,
    file: TaskFile,
    store: Store,
    bars: Bars,
) -> tuple[list[Score], int]:
    recipe, weights = trained.model.recipe, resolve(trained.model.base)
    budget = round(trained.tokens * recipe.epochs)
    inputs = {"raw": digest([e.model_dump(mode="json") for e in raw]), "weights": weights.digest}
    parameters = {
        "recipe": recipe.model_dump(mode="json"),
        "budget": budget,
        "rows": [e.id for e in rows],
        "evaluate": file.spec.evaluate.model_dump(mode="json"),
        "metrics": [m.model_dump(mode="json") for m in file.spec.metrics],
    }
    before = reuse(store, STAGE, inputs=inputs, parameters=parameters, seed=recipe.seed)
    if before is not None:
        return store.get_value(before.outputs["scores"], list[Score]), before.counts["tokens"]
    with record(store, STAGE, inputs=inputs, parameters=parameters, seed=recipe.seed) as writer:
        with bars("train on everything") as bar:
            drawn = draw(raw, tokens=trained.tokens, recipe=recipe, weights=weights)
            done = fit(drawn, recipe=recipe, weights=weights, budget_tokens=budget, progress=bar)
        adapter = done.save(store.root / "work" / "adapter")
        with bars("answers of the dumped arm") as bar:
            scores = _score(LocalModel(weights, adapter), rows, file, bar)
        writer.outputs["scores"] = store.put_value(scores)
        writer.counts |= {"rows": len(drawn), "tokens": done.tokens}
    return scores, done.tokens


def draw(
    examples: Sequence[Example], *, tokens: int, recipe: Recipe, weights: Weights
) -> list[Example]:
    """Rows drawn as the run drew its own: by the recipe's seed, up to so many distinct tokens."""
    from tunewell.model.chat import load_tokenizer
    from tunewell.train.lora.rows import draw as draw_rows
    from tunewell.train.lora.rows import encode_rows

    coded = encode_rows(examples, load_tokenizer(weights.folder), max_tokens=recipe.max_tokens)
    chosen = {row.id for row in draw_rows(coded, max_tokens=tokens, seed=recipe.seed).rows}
    return [e for e in examples if e.id in chosen]


def _score(
    model: LocalModel, rows: Sequence[Example], file: TaskFile, bar: Progress | None
) -> list[Score]:
    prompts = [e.prompt for e in rows]
    options = GenerateOptions(max_new_tokens=file.spec.evaluate.max_new_tokens)
    answers = model.generate(prompts, options=options, progress=bar)
    predictions = [
        Prediction(
            example=e.id,
            arm=STAGE,
            text=a.text,
            prompt_tokens=a.prompt_tokens,
            tokens=a.tokens,
            finish=a.finish,
            reason=a.reason,
        )
        for e, a in zip(rows, answers, strict=True)
    ]
    scores = score_all(predictions, rows, build_metrics(file), file)
    for example, target in zip(rows, model.score(prompts, [e.target for e in rows]), strict=True):
        value = (
            target.nats / target.tokens
            if target.tokens
            else Unscored(reason=target.reason or "no tokens")
        )
        scores.append(
            Score(
                example=example.id,
                arm=STAGE,
                metric="nats",
                value=value,
                scorer="nats",
                version="1",
            )
        )
    return scores


def _figures(
    evaluation: Evaluation,
    curated: Sequence[Score],
    dumped: Sequence[Score],
    ids: Sequence[str],
    *,
    level: float,
) -> Iterable[DumpedFigure]:
    for info in evaluation.metrics:
        ours, theirs = (
            {s.example: _number(s) for s in arm if s.metric == info.name}
            for arm in (curated, dumped)
        )
        shared = [i for i in ids if i in ours and i in theirs]
        if len(shared) < 2:
            continue
        a, b = [ours[i] for i in shared], [theirs[i] for i in shared]
        low, high = (info.low, info.high) if math.isfinite(info.high) else (None, None)
        yield DumpedFigure(
            info=info,
            dumped=mean(b, level=level, low=low, high=high),
            curated=mean(a, level=level, low=low, high=high),
            gain=difference(a, b, paired=True, level=level, low=low, high=high),
        )


def _number(score: Score) -> float:
    return math.nan if isinstance(score.value, Unscored) else score.value
