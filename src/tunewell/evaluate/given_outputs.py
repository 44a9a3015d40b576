"""Anybody's outputs, judged on the task's own terms: ``tunewell evaluate --predictions FILE``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, product
from pathlib import Path

from tunewell.errors import DataError
from tunewell.evaluate.findings import evaluation_findings
from tunewell.evaluate.gate_checks import check_gates
from tunewell.evaluate.lookup import groups_of, ids_of
from tunewell.evaluate.prediction_files import Foreign, read_predictions
from tunewell.evaluate.result import artifacts_of, evaluation_of
from tunewell.evaluate.scored_arms import ScoredArms, score_all
from tunewell.evaluate.stage import families
from tunewell.lineage import record
from tunewell.metrics import build_metrics, infos
from tunewell.store import Store
from tunewell.store.files import file_digest
from tunewell.task import TaskFile
from tunewell.types import Evaluation, Example, Finding, Prediction, Split, by_id

STAGE = "outputs"


def evaluate_outputs(
    files: Mapping[str, Path],
    file: TaskFile,
    store: Store,
    *,
    rows: Sequence[Example] = (),
    split: Split | None = None,
) -> Evaluation:
    """Score outputs made elsewhere with the task's metrics, all arms on the same rows, paired.

    A row that one arm has not answered is unscored for it (and widens the interval); rows that no
    file speaks of are left out. ``nats`` needs the model itself and is not measured.

    Args:
        files: Arm to its file (`read_predictions`). The arm ``tuned`` is the candidate of the
            gates; ``base``, ``prompted`` and ``production`` are what it is compared with. An empty
            arm takes the file's own names.
        file: The definition.
        store: Where the Run is recorded.
        rows: The held-out rows with their targets; those that the files bring with them if empty.
        split: Gives the families of the rows.

    Raises:
        DataError: The files and the rows have no id in common, or there are no targets.
    """
    metrics = build_metrics(file)
    check_gates(file, infos(metrics))
    given = _together([read_predictions(path, arm=arm) for arm, path in files.items()])
    known = by_id(rows) or by_id(given.examples)
    predictions = _matched(given, known, file)
    used = [known[row] for row in sorted({p.example for p in predictions})]

    inputs = {arm or path.name: file_digest(path) for arm, path in files.items()}
    parameters = {
        "metrics": file.spec.model_dump(mode="json")["metrics"],
        "rows": len(used),
    }
    with record(
        store,
        STAGE,
        inputs=inputs,
        parameters=parameters,
    ) as writer:
        arms = list(dict.fromkeys(p.arm for p in predictions))
        whole = _with_missing(predictions, used, arms)
        measured = ScoredArms(
            file=file,
            metrics=metrics,
            infos=tuple(m.info for m in metrics),
            rows=used,
            families=families(used, split) if split else groups_of(used),
            predictions=whole,
            scores=score_all(whole, used, metrics, file),
        )
        result = evaluation_of(
            measured,
            store,
            arms=arms,
            pairs=list(_pairs(arms)),
        )

        writer.outputs |= artifacts_of(result, store)
        writer.findings += _findings(evaluation_findings(result, measured, store))
        writer.counts |= {
            "rows": len(used),
            "arms": len(arms),
            "rejects": len(given.rejects),
        }
    return result


def _together(files: Sequence[Foreign]) -> Foreign:
    """All files as one."""
    return Foreign(
        predictions=tuple(chain.from_iterable(file.predictions for file in files)),
        examples=tuple(chain.from_iterable(file.examples for file in files)),
        rejects=tuple(chain.from_iterable(file.rejects for file in files)),
    )


def _matched(given: Foreign, known: Mapping[str, Example], file: TaskFile) -> list[Prediction]:
    with_target = {row for row, example in known.items() if example.target}
    matched = [p for p in given.predictions if p.example in with_target]
    if not matched:
        first = given.predictions[0].example
        raise DataError(
            f"no output is of a held-out row with a target (the first is of {first!r})",
            place=file.path.name,
            hint="use the rows' own ids, or give input and target beside each output",
        )
    return matched


def _with_missing(
    predictions: Sequence[Prediction], rows: Sequence[Example], arms: Sequence[str]
) -> list[Prediction]:
    """One prediction per arm and row; what was not given counts as a failed answer."""
    said = {(p.example, p.arm): p for p in predictions}
    cells = product(arms, ids_of(rows))
    return [said.get((row, arm)) or _not_given(row, arm) for arm, row in cells]


def _not_given(row: str, arm: str) -> Prediction:
    return Prediction(
        example=row,
        arm=arm,
        text="",
        finish="error",
        reason="no output given",
    )


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
