"""Test set, review pool and K folds over families: leaks are ruled out by construction."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewell.errors import DataError
from tunewell.lineage import record, reuse
from tunewell.people.row_changes import words_for
from tunewell.split.families import families
from tunewell.store import Store
from tunewell.task import SplitSection, TaskFile
from tunewell.types import Assignment, Dataset, Estimate, Example, Finding, Split, Threshold, digest

LARGE = 0.3
"""A family with more than this share of the rows makes folds uneven and the evidence thin (D13)."""


@dataclass(frozen=True)
class _Family:
    name: str
    members: tuple[int, ...]
    stratum: str
    held: bool

    @property
    def rows(self) -> int:
        return len(self.members)


def parameters_of(file: TaskFile, pinned: Sequence[str] = ()) -> dict[str, Any]:
    """What decides the result of the split beside the dataset: the section, and which rows stay in the test set."""
    return file.spec.split.model_dump(mode="json") | (
        {"pinned": digest(list(pinned))} if pinned else {}
    )


def pinned_test(dataset: str, file: TaskFile, store: Store) -> tuple[str, ...]:
    """Rows that stay in the test set because of what people said.

    None as long as they have said nothing.

    People's gold, and the test set of the dataset before: a correction makes a new version of the
    data, and that must not deal the rows anew, or what gave a verdict would be trained on.

    Args:
        dataset: Artifact digest of the dataset that is divided.
        file: The project's definition.
        store: Of the project.
    """
    words = words_for(store)
    if not words.digest:
        return ()
    ids = {w.example for w in words.gold}
    for run in reversed(store.runs(stage="split", status="finished")):
        if run.inputs.get("dataset") != dataset:
            before = store.get_value(run.outputs["split"], Split)
            if (before.seed, before.folds) == (file.spec.split.seed, file.spec.split.folds):
                ids |= set(before.ids("test"))
            break
    return tuple(sorted(ids))


def split(dataset: Dataset, file: TaskFile, store: Store) -> Split:
    """Divide a dataset; a family is never cut.

    Args:
        dataset: What to divide.
        file: The project's definition: shares, folds, seed, the field to stratify by.
        store: Where the Split and its Run go.

    Returns:
        Every row that may be trained on in exactly one part. If the project gave its own test set,
        that is the test set (with whatever is family of it); if ``max_test_rows`` leaves some of it
        out, those rows are in no part.

    Raises:
        DataError: There are fewer families than parts.
    """
    section = file.spec.split
    inputs = {"dataset": store.put_value(dataset)}
    pinned = pinned_test(inputs["dataset"], file, store)
    parameters = parameters_of(file, pinned)
    found = reuse(store, "split", inputs=inputs, parameters=parameters, seed=section.seed)
    if found is not None:
        return store.get_value(found.outputs["split"], Split)
    with record(store, "split", inputs=inputs, parameters=parameters, seed=section.seed) as run:
        examples = store.examples(dataset)
        result, made = divide(
            examples, section, held_out=dataset.held_out, pinned=pinned, dataset=dataset.id
        )
        run.outputs["split"] = store.put_value(result)
        parts = Counter(a.part for a in result.assignments)
        run.counts.update(
            {"rows": len(examples), "families": len(made), **{k: parts[k] for k in sorted(parts)}}
        )
        run.findings.extend(_findings(made, len(examples), file))
    return result


def divide(
    examples: Sequence[Example],
    section: SplitSection,
    *,
    held_out: Sequence[str] = (),
    pinned: Sequence[str] = (),
    dataset: str = "",
) -> tuple[Split, list[list[int]]]:
    """As `split`, without a store; also gives the families.

    Families with a pinned row (`pinned_test`) are in the test set, whatever else is in them.
    Families with a correction were read and corrected in order to train on them: they are drawn
    neither for the test set nor for the pool.

    Raises:
        DataError: There are fewer families than parts.
    """
    held = set(held_out)
    made = families(examples)
    named = [_family(examples, members, section.stratify, held | set(pinned)) for members in made]
    read = {
        f.name
        for f in named
        if any(examples[i].origin in ("correction", "annotation") for i in f.members)
    }
    random = np.random.default_rng(section.seed)
    order = [named[i] for i in random.permutation(len(named))]
    free = [family for family in order if not family.held]
    need = section.folds + (0 if held or not section.test else 1) + bool(section.review)
    if len(free) < need:
        raise DataError(
            f"{len(free)} families of rows cannot make {section.folds} folds, a test set and a review pool",
            hint="add rows, or set split.folds and split.review lower in tunewell.yaml",
        )
    part: dict[str, str] = {family.name: "test" for family in order if family.held}
    total = sum(family.rows for family in free)
    if not held and section.test:
        there = sum(family.rows for family in order if family.held)
        wanted = round((total + there) * section.test)
        cap = max(0, min(wanted, section.max_test_rows or wanted) - there)
        fresh = [family for family in free if family.name not in read]
        drawn = (
            _draw(fresh, cap, spare=section.folds + bool(section.review))
            if cap or not there
            else []
        )
        part |= dict.fromkeys(drawn, "test")
        free = [family for family in free if family.name not in part]
    if section.review:
        fresh = [family for family in free if family.name not in read]
        part |= dict.fromkeys(
            _draw(fresh, round(total * section.review), spare=section.folds), "review"
        )
        free = [family for family in free if family.name not in part]
    part |= _folds(free, section.folds)
    skipped = _surplus(examples, held, section)
    assignments = [
        Assignment(id=examples[i].id, family=family.name, part=part[family.name])
        for family in named
        for i in family.members
        if examples[i].id not in skipped
    ]
    assignments.sort(key=lambda a: a.id)
    result = Split(
        dataset=dataset, folds=section.folds, seed=section.seed, assignments=tuple(assignments)
    )
    return result, made


def _family(examples: Sequence[Example], members: list[int], field: str, held: set[str]) -> _Family:
    values = Counter(examples[i].field(field) for i in members) if field else Counter([""])
    stratum = min(values, key=lambda v: (-values[v], v))
    return _Family(
        min(examples[i].id for i in members),
        tuple(members),
        stratum,
        any(examples[i].id in held for i in members),
    )


def _draw(order: Sequence[_Family], rows: int, *, spare: int) -> list[str]:
    """Families in random order, from each stratum its share of ``rows``, never all families of the set."""
    if not order:
        return []
    total = sum(family.rows for family in order) or 1
    strata: dict[str, list[_Family]] = {}
    for family in order:
        strata.setdefault(family.stratum, []).append(family)
    drawn: list[str] = []
    taken, seen = 0, 0
    for stratum in sorted(strata):
        seen += sum(family.rows for family in strata[stratum])
        # What is due after this stratum, so that rounding does not add up over many small strata.
        due = round(rows * seen / total)
        for family in strata[stratum]:
            if taken + family.rows <= due and len(order) - len(drawn) > spare:
                drawn.append(family.name)
                taken += family.rows
    if not drawn and rows:
        drawn.append(min(order, key=lambda family: family.rows).name)
    return drawn


def _folds(order: Sequence[_Family], folds: int) -> dict[str, str]:
    """Largest families first, each to the fold with the fewest rows of its stratum, then the fewest rows."""
    total = [0] * folds
    strata: dict[str, list[int]] = {}
    part: dict[str, str] = {}
    for family in sorted(order, key=lambda f: -f.rows):
        own = strata.setdefault(family.stratum, [0] * folds)
        best = min(
            range(folds),
            key=lambda k: (total[k] > 1.1 * (min(total) + family.rows), own[k], total[k], k),
        )
        part[family.name] = f"fold-{best}"
        own[best] += family.rows
        total[best] += family.rows
    return part


def _surplus(examples: Sequence[Example], held: set[str], section: SplitSection) -> set[str]:
    ids = [example.id for example in examples if example.id in held]
    if not section.max_test_rows or len(ids) <= section.max_test_rows:
        return set()
    chosen = np.random.default_rng([section.seed, 1]).permutation(len(ids))[: section.max_test_rows]
    return set(ids) - {ids[i] for i in chosen}


def _findings(made: Sequence[Sequence[int]], rows: int, file: TaskFile) -> list[Finding]:
    largest = max(len(members) for members in made)
    leaks = Finding(
        code="D11",
        status="clear",
        stage="split",
        why=f"{len(made)} families of {rows} rows, none is cut",
        estimate=Estimate.exact(0.0, n=rows),
        threshold=Threshold(value=0.0, origin="built-in"),
    )
    share = largest / rows
    narrow = Finding(
        code="D13",
        status="found" if share > LARGE and largest > 2 else "clear",
        stage="split",
        why=f"the largest family has {largest} of {rows} rows",
        estimate=Estimate.exact(share, n=rows, unit="share"),
        threshold=Threshold(value=LARGE, origin="built-in"),
        remedy="check group and parent in data.fields; widen the data" if share > LARGE else "",
    )
    del file
    return [leaks, narrow]
