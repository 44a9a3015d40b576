"""What changed since an earlier verdict: rows, figures, findings, settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tunewell.report.results import Results
from tunewell.store import Store
from tunewell.types import Dataset, Estimate, Evaluation, Finding, Level, Outcome, Run

IDS_SHOWN: Final = 12
_NOTHING: Final = pa.array([], pa.string())

OpenFindings = dict[tuple[str, str], Finding]
"""Findings that are open, by code and slice."""


@dataclass(frozen=True)
class Moved:
    """One metric of the tuned model, then and now.

    The difference is not paired unless the test rows are the same.
    """

    metric: str
    title: str
    before: Estimate
    after: Estimate
    same_rows: bool


@dataclass(frozen=True)
class Changes:
    """Then and now.

    Attributes:
        run: The earlier verdict's run.
        before: Its outcome.
        added: How many rows are new in the dataset.
        removed: How many are gone.
        added_ids: Some of them.
        removed_ids: Some of them.
        moved: Metrics of the tuned model.
        appeared: Findings that are open now and were not.
        vanished: Findings that were open and are not.
        settings: Names of recipe values that differ, with both values.
    """

    run: Run
    before: Outcome
    added: int
    removed: int
    added_ids: tuple[str, ...]
    removed_ids: tuple[str, ...]
    moved: tuple[Moved, ...]
    appeared: tuple[Finding, ...]
    vanished: tuple[Finding, ...]
    settings: tuple[tuple[str, str, str], ...]


def changes(now: Results, then: Results | None) -> Changes | None:
    """What changed, or None where there is no earlier verdict."""
    if then is None or then.verdict is None:
        return None
    added, removed = _rows(now, then)
    open_now = _open(now)
    open_then = _open(then)
    return Changes(
        run=then.runs["verdict"],
        before=then.verdict.outcome,
        added=len(added),
        removed=len(removed),
        added_ids=tuple(added.slice(0, IDS_SHOWN).to_pylist()),
        removed_ids=tuple(removed.slice(0, IDS_SHOWN).to_pylist()),
        moved=_moved(now, then),
        appeared=_only_in(open_now, open_then),
        vanished=_only_in(open_then, open_now),
        settings=_settings(now, then),
    )


def _rows(now: Results, then: Results) -> tuple[pa.Array, pa.Array]:
    """Ids of the rows that are new, and of those that are gone."""
    if now.dataset is None or then.dataset is None:
        return _NOTHING, _NOTHING
    if now.dataset.examples == then.dataset.examples:
        return _NOTHING, _NOTHING
    new = _ids(now.store, now.dataset)
    old = _ids(then.store, then.dataset)
    return _without(new, old), _without(old, new)


def _ids(store: Store, dataset: Dataset) -> pa.Array:
    table = store.get_table(dataset.examples, columns=["id"])
    return table["id"].combine_chunks()


def _without(ids: pa.Array, others: pa.Array) -> pa.Array:
    known = pc.is_in(ids, others)
    return ids.filter(pc.invert(known))


def _open(results: Results) -> OpenFindings:
    found = {}
    for finding in results.findings:
        if finding.status == "found":
            found[finding.code, finding.slice] = finding
    return found


def _only_in(findings: OpenFindings, others: OpenFindings) -> tuple[Finding, ...]:
    return tuple(findings[key] for key in findings if key not in others)


def _tuned(evaluation: Evaluation) -> dict[str, Level]:
    """The tuned arm's level on all rows, by metric."""
    found = {}
    for level in evaluation.levels:
        if (level.arm, level.slice) == ("tuned", ""):
            found[level.metric] = level
    return found


def _moved(now: Results, then: Results) -> tuple[Moved, ...]:
    if now.evaluation is None or then.evaluation is None:
        return ()
    before, after = _tuned(then.evaluation), _tuned(now.evaluation)
    same = set(now.evaluation.rows) == set(then.evaluation.rows)
    moved = []
    for info in now.evaluation.metrics:
        if {info.name} <= before.keys() & after.keys():
            moved.append(
                Moved(
                    metric=info.name,
                    title=info.title,
                    before=before[info.name].estimate,
                    after=after[info.name].estimate,
                    same_rows=same,
                )
            )
    return tuple(moved)


def _settings(now: Results, then: Results) -> tuple[tuple[str, str, str], ...]:
    if now.trained is None or then.trained is None:
        return ()
    new = now.trained.model.recipe.model_dump(mode="json")
    old = then.trained.model.recipe.model_dump(mode="json")
    changed = []
    for name, value in new.items():
        if old.get(name) != value:
            before = str(old.get(name, "–"))
            changed.append((name, before, str(value)))
    return tuple(changed)
