"""The stage: a dataset is divided, and what was made of it is kept with its Run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tunewell.lineage import StageKey
from tunewell.people.row_changes import words_for
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.releases import history
from tunewell.similar.in_parts import Workplace
from tunewell.split.families import RowFamilies
from tunewell.split.folds import divide
from tunewell.store import Store
from tunewell.task import TaskFile
from tunewell.types import (
    Dataset,
    Estimate,
    Finding,
    Split,
    Threshold,
    digest,
)

LARGE = 0.3
"""A family with more than this share of the rows makes folds uneven and the evidence thin (D13)."""

_PAIR = 2
"""A family of so few rows is not large, whatever its share."""


def parameters_of(file: TaskFile, pinned: Sequence[str] = ()) -> dict[str, Any]:
    """What decides the result of the split beside the dataset.

    The section, and which rows stay in the test set.
    """
    parameters = file.spec.split.model_dump(mode="json")
    if pinned:
        parameters["pinned"] = digest(list(pinned))
    return parameters


def pinned_test(
    dataset: str,
    project: Project,
) -> tuple[str, ...]:
    """Rows that stay in the test set because of what people said.

    None as long as they have said nothing and no version serves.

    People's gold, and the test set of the dataset before: a correction, or new rows while a version
    serves, make a new version of the data, and that must not deal the rows anew, or what gave a
    verdict would be trained on, and the serving version judged on what it was trained on.

    Args:
        dataset: Artifact digest of the dataset that is divided.
        project: The project.
    """
    file, store = project.file, project.store
    words = words_for(store)
    if not words.digest and not _serves_beside(dataset, store):
        return ()
    ids = {word.example for word in words.gold}
    for run in reversed(store.runs(stage="split", status="finished")):
        if run.inputs.get("dataset") != dataset:
            before = store.get_value(run.outputs["split"], Split)
            if _is_dealt_alike(before, file):
                ids.update(before.ids("test"))
            break
    return tuple(sorted(ids))


def _serves_beside(dataset: str, store: Store) -> bool:
    """Whether a version serves, and this dataset was not divided before without regard to it."""
    if not history(store):
        return False
    for run in store.runs(stage="split", status="finished"):
        if run.inputs.get("dataset") == dataset and "pinned" not in run.parameters:
            return False
    return True


def _is_dealt_alike(before: Split, file: TaskFile) -> bool:
    section = file.spec.split
    return before.seed == section.seed and before.folds == section.folds


def split(
    dataset: Dataset,
    project: Project,
) -> Split:
    """Divide a dataset; a family is never cut.

    Args:
        dataset: What to divide.
        project: The project.

    Returns:
        Every row that may be trained on in exactly one part. If the project gave its own test set,
        that is the test set (with whatever is family of it); if ``max_test_rows`` leaves some of it
        out, those rows are in no part.

    Raises:
        DataError: There are fewer families than parts.
    """
    file, store = project.file, project.store
    section = file.spec.split
    inputs = {"dataset": store.put_value(dataset)}
    pinned = pinned_test(inputs["dataset"], project)
    parameters = parameters_of(file, pinned)
    key = StageKey("split", inputs, parameters, section.seed)
    done = key.value(store, "split", Split)
    if done is not None:
        return done

    with key.record(store) as run:
        examples = store.examples(dataset)
        result, families = divide(
            examples,
            section,
            held_out=dataset.held_out,
            pinned=pinned,
            dataset=dataset.id,
            place=Workplace.of(file),
        )
        run.outputs["split"] = store.put_value(result)
        parts = Counter(assignment.part for assignment in result.assignments)
        run.counts.update({"rows": len(examples), "families": len(families.groups)})
        run.counts.update(sorted(parts.items()))
        run.findings.append(_no_leaks(families, len(examples)))
        run.findings.append(_largest_family(families, len(examples)))
    return result


def _no_leaks(families: RowFamilies, rows: int) -> Finding:
    count = plural(len(families.groups), "family", "families")
    why = f"{count} of {plural(rows, 'row')}, none is split up"
    if families.is_loosened:
        several = plural(families.by_wording, "family", "families")
        why += (
            f"; with similar questions joined there would be only {several}, too few to divide: "
            "test questions resemble training questions, so the verdict holds for such questions"
        )
    return Finding(
        code="D11",
        status="found" if families.is_loosened else "clear",
        stage="split",
        why=why,
        estimate=Estimate.exact(0.0, n=rows),
        threshold=Threshold(value=0.0, origin="built-in"),
        remedy="add rows with other questions" if families.is_loosened else "",
    )


def _largest_family(families: RowFamilies, rows: int) -> Finding:
    """Whether one family holds so many rows that the others say little (D13)."""
    largest = max(len(members) for members in families.groups)
    share = largest / rows
    is_large = share > LARGE
    return Finding(
        code="D13",
        status="found" if is_large and largest > _PAIR else "clear",
        stage="split",
        why=f"the largest family has {largest} of {rows} rows",
        estimate=Estimate.exact(share, n=rows, unit="share"),
        threshold=Threshold(value=LARGE, origin="built-in"),
        remedy="check group and parent in data.fields; widen the data" if is_large else "",
    )
