"""What a tracker is told of one run: settings, figures, data sets, held-out rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Final

import numpy as np

from tunewell.evaluate.people_scores import judgements
from tunewell.store import Store
from tunewell.store.traces import trace_from_bytes
from tunewell.types import Estimate, Evaluation, Example, Judgement, Prediction, Run, Score, Value

DATA: Final = ("dataset", "examples", "split")
"""Inputs and outputs of a run that are data sets."""


class TrackedFigure(Value):
    """A number under a name, at a step where it is one of a series.

    Attributes:
        name: Parts apart by ``/``, such as ``tuned/key_points/low``.
        value: Finite.
        step: Its place in the series; 0 for a single number.
    """

    name: str
    value: float
    step: int = 0


class RunFacts:
    """One run, and what its artifacts say.

    Args:
        run: The run.
        store: Where its artifacts are.
    """

    def __init__(self, run: Run, store: Store) -> None:
        self.run = run
        self.store = store

    @property
    def ended(self) -> dt.datetime:
        """When it ended, UTC."""
        return self.run.started + dt.timedelta(seconds=self.run.seconds)

    @cached_property
    def settings(self) -> dict[str, str]:
        """Parameters under dotted names, as text."""
        return dict(_flat("", self.run.parameters))

    @property
    def tags(self) -> dict[str, str]:
        """What identifies the run and where it came from."""
        run = self.run
        named = {f"package.{name}": version for name, version in run.packages.items()}
        found = {f"finding.{f.code}": f"{f.status}: {f.why}" for f in run.findings}
        said = {"run": run.id, "stage": run.stage, "key": run.key, "code": run.code}
        return {**said, "seed": str(run.seed), "error": run.error, **named, **found}

    @property
    def data(self) -> dict[str, str]:
        """Digest of every data set that went in or came out."""
        both = {**self.run.inputs, **self.run.outputs}
        return {name: digest for name, digest in both.items() if name in DATA}

    def figures(self) -> Iterator[TrackedFigure]:
        """Every number: counts, findings, curves of the folds, levels and differences."""
        for name, count in self.run.counts.items():
            yield TrackedFigure(name=f"counts/{name}", value=count)
        yield TrackedFigure(name="seconds", value=self.run.seconds)
        yield TrackedFigure(name="peak_bytes", value=self.run.peak_bytes)
        for finding in self.run.findings:
            if finding.estimate and not finding.slice:
                yield from _ends(f"findings/{finding.code}", finding.estimate)
        if "trace" in self.run.outputs:
            yield from self._curves()
        if self.evaluation:
            yield from _compared(self.evaluation)

    @cached_property
    def evaluation(self) -> Evaluation | None:
        """What was evaluated; None where the run did something else."""
        digest = self.run.outputs.get("evaluation")
        return self.store.get_value(digest, Evaluation) if digest else None

    def _curves(self) -> Iterator[TrackedFigure]:
        """Mean loss of the rows that each fold trained on and of those it held out."""
        trace = trace_from_bytes(self.store.files.open(self.run.outputs["trace"]).read_bytes())
        for step, fold in np.ndindex(trace.losses.shape[:2]):
            held_out = trace.held_out[fold]
            for name, rows in (("train", ~held_out), ("held out", held_out)):
                losses = trace.losses[step, fold, rows]
                known = losses[np.isfinite(losses)]
                if len(known):
                    mean = float(known.mean())
                    yield TrackedFigure(name=f"fold {fold}/{name} loss", value=mean, step=step)

    def held_out_rows(self, most: int) -> Iterator[HeldOutRow]:
        """Answers to the first held-out rows, with what metrics and people said of them.

        Args:
            most: Rows at most.
        """
        if self.evaluation is None:
            return
        rows = self.evaluation.rows[:most]
        predictions = self.store.get_value(self.evaluation.predictions, list[Prediction])
        scores = self.store.get_value(self.evaluation.scores, list[Score])
        said = judgements(self.store, rows, predictions=self.evaluation.predictions)
        digest = self.run.inputs.get("examples")
        examples = self.store.examples(digest, ids=rows) if digest else []
        asked = {example.id: example for example in examples}
        for each in predictions:
            if each.example in rows:
                yield HeldOutRow(
                    prediction=each,
                    asked=asked.get(each.example),
                    scores=tuple(s for s in scores if (s.example, s.arm) == _key(each)),
                    judgements=tuple(j for j in said if (j.example, j.arm) == _key(each)),
                )


class HeldOutRow(Value):
    """One answer to a held-out row.

    Attributes:
        prediction: The answer.
        asked: The row; None where it is not in the run's data set.
        scores: By every metric.
        judgements: By people.
    """

    prediction: Prediction
    asked: Example | None
    scores: tuple[Score, ...]
    judgements: tuple[Judgement, ...]


def _key(prediction: Prediction) -> tuple[str, str]:
    return prediction.example, prediction.arm


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else str(name), inner)
    else:
        yield prefix, str(value)


def _ends(name: str, estimate: Estimate) -> Iterator[TrackedFigure]:
    """A figure never goes out without its interval."""
    parts = {"": estimate.value, "/low": estimate.low, "/high": estimate.high}
    for end, value in parts.items():
        if np.isfinite(value):
            yield TrackedFigure(name=name + end, value=value)


def _compared(evaluation: Evaluation) -> Iterator[TrackedFigure]:
    for level in evaluation.levels:
        yield from _ends(
            "/".join(filter(None, [level.arm, level.metric, level.slice])), level.estimate
        )
    for pair in evaluation.comparisons:
        arms = f"{pair.arm} - {pair.against}"
        yield from _ends("/".join(filter(None, [arms, pair.metric, pair.slice])), pair.estimate)
