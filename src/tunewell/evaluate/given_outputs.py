"""Anybody's outputs, judged on the task's own terms: ``tunewell evaluate --predictions FILE``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np

from tunewell.errors import DataError
from tunewell.evaluate.baselines import baseline_scores
from tunewell.evaluate.findings import evaluation_findings
from tunewell.evaluate.foreign import ColumnNames, FileReport, ForeignOutputs, read_predictions
from tunewell.evaluate.foreign.answers import MISSING, reason
from tunewell.evaluate.foreign.collect import UNKNOWN
from tunewell.evaluate.gate_checks import check_gates
from tunewell.evaluate.lookup import groups_of, ids_of
from tunewell.evaluate.result import artifacts_of, evaluation_of
from tunewell.evaluate.scored_arms import ScoredArms, score_all
from tunewell.evaluate.stage import drawn, families
from tunewell.lineage import StageKey
from tunewell.metrics import Metric, build_metrics, infos
from tunewell.project import Project
from tunewell.store.files import file_digest
from tunewell.task import TaskFile
from tunewell.types import (
    Evaluation,
    Example,
    Finding,
    Prediction,
    Score,
    Split,
    Unscored,
    by_id,
)

STAGE = "outputs"
NOTHING_NAMED: Final = ColumnNames()
_SHOWN: Final = 5


@dataclass(frozen=True)
class GivenOutputs:
    """Files of outputs as they are to be read.

    Attributes:
        files: Arm to its file (`read_predictions`). The arm ``tuned`` is the candidate of the
            gates; ``base``, ``prompted`` and ``production`` are what it is compared with. An empty
            arm takes the file's own names.
        named: Columns that the user has named.
    """

    files: Mapping[str, Path]
    named: ColumnNames = NOTHING_NAMED

    def read(self, *, rows_known: bool) -> list[ForeignOutputs]:
        """Every file."""
        found = []
        for arm, path in self.files.items():
            found.append(read_predictions(path, arm=arm, named=self.named, rows_known=rows_known))
        return found


def evaluate_outputs(
    files: Mapping[str, Path],
    project: Project,
    *,
    rows: Sequence[Example] = (),
    split: Split | None = None,
    named: ColumnNames = NOTHING_NAMED,
    train: Sequence[Example] = (),
) -> Evaluation:
    """Score outputs made elsewhere with the task's metrics, all arms on the same rows, paired.

    Every held-out row counts for every arm: one without an output that can be scored is unscored,
    and widens the interval. ``nats`` needs the model itself and is not measured.

    Args:
        files: Arm to its file, as `GivenOutputs`.
        project: The project.
        rows: The held-out rows with their targets; those that the files bring with them if empty.
        split: Gives the families of the rows.
        named: Columns that the user has named.
        train: Training rows where the project has any, for the nearest row's answer.

    Raises:
        DataError: The files and the rows have no id in common, there are no targets, or a file
            cannot be read.
    """
    file, store = project.file, project.store
    metrics = build_metrics(file)
    check_gates(file, infos(metrics))
    read = GivenOutputs(files, named).read(rows_known=bool(rows))
    given = _Together(read)
    held_out = _denominator(given, rows, file)
    outside = given.rows() - set(ids_of(held_out))

    inputs = {arm or path.name: file_digest(path) for arm, path in files.items()}
    parameters = {
        "metrics": file.spec.model_dump(mode="json")["metrics"],
        "rows": len(held_out),
    }
    with StageKey(STAGE, inputs, parameters).record(store) as writer:
        arms = given.arms()
        predictions = _with_missing(given.predictions, held_out, arms)
        measured = ScoredArms(
            file=file,
            metrics=metrics,
            infos=tuple(m.info for m in metrics),
            rows=held_out,
            families=families(held_out, split) if split else groups_of(held_out),
            predictions=predictions,
            scores=_scores(given, predictions, held_out, metrics, file),
            baselines=baseline_scores(held_out, train, metrics, file),
            made_elsewhere=True,
        )
        result = evaluation_of(
            measured,
            store,
            arms=arms,
            pairs=list(_pairs(arms)),
        )

        writer.outputs |= artifacts_of(result, store)
        writer.outputs["examples"] = store.put_examples(held_out)
        writer.outputs["files"] = store.put_value(given.reports(by_id(held_out)))
        writer.findings += _findings(evaluation_findings(result, measured, store))
        writer.counts |= {
            "rows": len(held_out),
            "arms": len(arms),
            "outputs": len(given.predictions),
            "unscored": sum(p.finish == "error" for p in predictions),
            "rejects": sum(len(one.rejects) for one in read),
            "not of held-out rows": len(outside),
        }
    return result


class _Together:
    """All files as one."""

    def __init__(self, files: Sequence[ForeignOutputs]) -> None:
        self.files = files
        self.predictions = [p for one in files for p in one.predictions]

    def arms(self) -> list[str]:
        """Every arm, in order of appearance."""
        return list(dict.fromkeys(p.arm for p in self.predictions))

    def rows(self) -> set[str]:
        """Every row that has an output."""
        return {p.example for p in self.predictions}

    def examples(self) -> dict[str, Example]:
        """The rows that the files brought with them: of each the first."""
        found: dict[str, Example] = {}
        for one in self.files:
            for example in one.examples:
                found.setdefault(example.id, example)
        return found

    def repeats(self) -> dict[int, list[Prediction]]:
        """Further answers, by the number of the repeat."""
        found: dict[int, list[Prediction]] = defaultdict(list)
        for one in self.files:
            for number, predictions in enumerate(one.repeats, 1):
                found[number] += predictions
        return found

    def reports(self, rows: Mapping[str, Example]) -> list[FileReport]:
        """What was made of every file, and what in it does not fit the held-out rows."""
        found = []
        for one in self.files:
            notes = list(one.report.notes)
            strange = sorted({p.example for p in one.predictions} - rows.keys())
            if strange:
                shown = ", ".join(strange[:_SHOWN])
                notes.append(f"{len(strange)} rows are not held-out rows of the project: {shown}")
            others = [e.id for e in one.examples if _of_another_row(e, rows.get(e.id))]
            if others:
                shown = ", ".join(others[:_SHOWN])
                notes.append(
                    f"the file's gold answers are not the project's on {len(others)} rows: {shown} "
                    "(are the ids those of the same rows?)"
                )
            found.append(one.report.model_copy(update={"notes": tuple(notes)}))
        return found


def _of_another_row(brought: Example, ours: Example | None) -> bool:
    """Whether a row of a file has another gold answer than ours of the same id."""
    if ours is None or brought.target == UNKNOWN:
        return False
    return not {text.strip() for text in brought.references} & {
        text.strip() for text in ours.references
    }


def _denominator(
    given: _Together,
    rows: Sequence[Example],
    file: TaskFile,
) -> list[Example]:
    """The rows that count: the held-out set, or what the files say was asked.

    ``evaluate.max_rows`` draws a sample of the held-out set; outputs of other rows of it count
    nevertheless, and then all of it counts.
    """
    known = by_id(rows) or given.examples()
    with_target = {row: example for row, example in known.items() if example.target}
    matched = given.rows() & with_target.keys()
    if not matched:
        first = given.predictions[0].example
        raise DataError(
            f"none of the ids matches a held-out row with a target (the first is {first!r})",
            place=file.path.name,
            hint="use the rows' own ids (--id NAME), or give input and target beside each output",
        )
    sample = set(drawn(sorted(with_target), file))
    if matched - sample:
        sample = set(with_target)
    return [with_target[row] for row in sorted(sample)]


def _with_missing(
    predictions: Sequence[Prediction], rows: Sequence[Example], arms: Sequence[str]
) -> list[Prediction]:
    """One prediction per arm and row; what was not given counts as a failed answer.

    Two files may name one arm: of two different outputs neither counts.
    """
    said: dict[tuple[str, str], Prediction] = {}
    for prediction in predictions:
        key = (prediction.example, prediction.arm)
        if key in said and said[key].text != prediction.text:
            failed = {"finish": "error", "reason": "doubled: two different outputs"}
            prediction = prediction.model_copy(update=failed)
        said[key] = prediction
    cells = product(arms, ids_of(rows))
    return [said.get((row, arm)) or _not_given(row, arm) for arm, row in cells]


def _not_given(row: str, arm: str) -> Prediction:
    return Prediction(
        example=row,
        arm=arm,
        text="",
        finish="error",
        reason=reason(MISSING, "the file has no output for this row"),
    )


def _scores(
    given: _Together,
    predictions: Sequence[Prediction],
    rows: Sequence[Example],
    metrics: Sequence[Metric],
    file: TaskFile,
) -> list[Score]:
    """Scores of every arm; where it answered a row several times, their mean."""
    scores = score_all(predictions, rows, metrics, file)
    repeated: dict[tuple[str, str, str], list[Score]] = defaultdict(list)
    arms = {p.arm for p in predictions}
    for answers in given.repeats().values():
        here = [arm for arm in sorted(arms) if any(p.arm == arm for p in answers)]
        for score in score_all(_with_missing(answers, rows, here), rows, metrics, file):
            repeated[score.arm, score.example, score.metric].append(score)
    return [_mean(s, repeated[s.arm, s.example, s.metric]) for s in scores]


def _mean(first: Score, others: Sequence[Score]) -> Score:
    """The mean over repeats; unscored if one of them is."""
    values = []
    for score in (first, *others):
        if isinstance(score.value, Unscored):
            return score.model_copy(update={"example": first.example})
        values.append(score.value)
    if not others:
        return first
    return first.model_copy(update={"value": float(np.mean(values)), "reason": ""})


def _pairs(arms: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The tuned arm against every other; others against those before them."""
    for i, arm in enumerate(arms):
        rivals = arms if arm == "tuned" else arms[:i]
        for rival in rivals:
            if rival != arm:
                yield arm, rival


def _findings(found: Sequence[Finding]) -> list[Finding]:
    """Looks at the test set are not counted here.

    Who made the outputs may have looked as often as they liked.
    """
    why = "Outputs made elsewhere: how often their maker looked at these rows is not known."
    unknown = Finding(
        code="E09",
        status="unchecked",
        stage=STAGE,
        why=why,
    )
    own = [f.model_copy(update={"stage": STAGE}) for f in found if f.code != "E09"]
    return [*own, unknown]
