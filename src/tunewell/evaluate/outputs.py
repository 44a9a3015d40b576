"""Anybody's outputs, judged on the task's own terms: ``tunewell evaluate --predictions FILE``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from tunewell.errors import DataError
from tunewell.evaluate.checks import check_gates
from tunewell.evaluate.findings import evaluation_findings
from tunewell.evaluate.interchange import Foreign, read_predictions
from tunewell.evaluate.stage import comparisons, families, levels, score_all, with_details
from tunewell.evaluate.table import table_of
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
    read = {arm: read_predictions(path, arm=arm) for arm, path in files.items()}
    known = by_id(rows) or {e.id: e for f in read.values() for e in f.examples}
    predictions = _matched(read, known, file)
    used = [known[r] for r in sorted({p.example for p in predictions})]
    inputs = {arm or path.name: file_digest(path) for arm, path in files.items()}
    parameters = {
        "metrics": [m.model_dump(mode="json") for m in file.spec.metrics],
        "rows": len(used),
    }
    with record(store, STAGE, inputs=inputs, parameters=parameters) as writer:
        arms = list(dict.fromkeys(p.arm for p in predictions))
        whole = _with_missing(predictions, used, arms)
        scores = score_all(whole, used, metrics, file)
        slices = {s.field: tuple(e.field(s.field) for e in used) for s in file.spec.slices}
        measured = tuple(m.info for m in metrics)
        groups = families(used, split) if split else [e.group or e.id for e in used]
        table = table_of(
            scores, rows=[e.id for e in used], metrics=measured, clusters=groups, slices=slices
        )
        pairs = [
            (a, b)
            for i, a in enumerate(arms)
            for b in arms
            if a != b and (a == "tuned" or arms.index(b) < i)
        ]
        result = Evaluation(
            arms=tuple(arms),
            rows=table.rows,
            metrics=measured,
            predictions=store.put_value(whole),
            scores=store.put_value(scores),
            levels=tuple(levels(table, level=file.spec.evaluate.level)),
            comparisons=tuple(comparisons(table, level=file.spec.evaluate.level, pairs=pairs)),
            clusters=table.clusters or (),
            slices=slices,
        )
        result = with_details(result, table, whole, used, metrics, file, store)
        writer.outputs |= {
            "evaluation": store.put_value(result),
            "predictions": result.predictions,
            "scores": result.scores,
        }
        writer.findings += _findings(
            result, evaluation_findings(result, table, whole, used, file, store)
        )
        rejects = sum(len(f.rejects) for f in read.values())
        writer.counts |= {"rows": len(used), "arms": len(arms), "rejects": rejects}
    return result


def _matched(
    read: Mapping[str, Foreign], known: Mapping[str, Example], file: TaskFile
) -> list[Prediction]:
    found = [
        p
        for f in read.values()
        for p in f.predictions
        if p.example in known and known[p.example].target
    ]
    if not found:
        own = next((p.example for f in read.values() for p in f.predictions), "")
        raise DataError(
            f"no output is of a held-out row with a target (the first is of {own!r})",
            place=file.path.name,
            hint="use the rows' own ids, or give input and target beside each output",
        )
    return found


def _with_missing(
    predictions: Sequence[Prediction], rows: Sequence[Example], arms: Sequence[str]
) -> list[Prediction]:
    said = {(p.example, p.arm): p for p in predictions}
    return [
        said.get((e.id, arm))
        or Prediction(example=e.id, arm=arm, text="", finish="error", reason="no output given")
        for arm in arms
        for e in rows
    ]


def _findings(result: Evaluation, found: Sequence[Finding]) -> list[Finding]:
    """Looks at the test set are not counted here: who made the outputs may have looked as often as they liked."""
    why = "Outputs made elsewhere: how often their maker looked at these rows is not known."
    return [
        Finding(code="E09", status="unchecked", stage=STAGE, why=why)
        if f.code == "E09"
        else f.model_copy(update={"stage": STAGE})
        for f in found
    ]
