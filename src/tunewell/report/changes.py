"""What changed since an earlier verdict: rows, figures, findings, settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc

from tunewell.report.results import Results
from tunewell.types import Estimate, Finding, Level, Outcome, Run

IDS_SHOWN: Final = 12


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
    open_now, open_then = _open(now), _open(then)
    return Changes(
        run=then.runs["verdict"],
        before=then.verdict.outcome,
        added=len(added),
        removed=len(removed),
        added_ids=tuple(added.slice(0, IDS_SHOWN).to_pylist()),
        removed_ids=tuple(removed.slice(0, IDS_SHOWN).to_pylist()),
        moved=_moved(now, then),
        appeared=tuple(f for key, f in open_now.items() if key not in open_then),
        vanished=tuple(f for key, f in open_then.items() if key not in open_now),
        settings=_settings(now, then),
    )


def _rows(now: Results, then: Results) -> tuple[pa.Array, pa.Array]:
    if now.dataset is None or then.dataset is None or now.dataset.examples == then.dataset.examples:
        empty = pa.array([], pa.string())
        return empty, empty
    new, old = (
        r.store.get_table(r.dataset.examples, columns=["id"])["id"].combine_chunks()  # type: ignore[union-attr]
        for r in (now, then)
    )
    return new.filter(pc.invert(pc.is_in(new, old))), old.filter(pc.invert(pc.is_in(old, new)))


def _open(results: Results) -> dict[tuple[str, str], Finding]:
    return {(f.code, f.slice): f for f in results.findings if f.status == "found"}


def _tuned(results: Results) -> dict[str, Level]:
    levels = results.evaluation.levels if results.evaluation else ()
    return {x.metric: x for x in levels if x.arm == "tuned" and not x.slice}


def _moved(now: Results, then: Results) -> tuple[Moved, ...]:
    if now.evaluation is None or then.evaluation is None:
        return ()
    before, after = _tuned(then), _tuned(now)
    same = set(now.evaluation.rows) == set(then.evaluation.rows)
    return tuple(
        Moved(m.name, m.title, before[m.name].estimate, after[m.name].estimate, same)
        for m in now.evaluation.metrics
        if m.name in before and m.name in after
    )


def _settings(now: Results, then: Results) -> tuple[tuple[str, str, str], ...]:
    if now.trained is None or then.trained is None:
        return ()
    new, old = (
        r.model_dump(mode="json") for r in (now.trained.model.recipe, then.trained.model.recipe)
    )
    return tuple(
        (name, str(old.get(name, "–")), str(value))
        for name, value in new.items()
        if old.get(name) != value
    )
