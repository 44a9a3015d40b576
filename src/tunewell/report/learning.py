"""What was asked of the training beside the adapter (more rows, new groups, other recipes), and which rows it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tunewell.errors import StoreError
from tunewell.report.charts import Scale, scale_for
from tunewell.report.plots import Dot, Size
from tunewell.store import Store
from tunewell.types import Estimate, Finding, FoldTrace, Run

if TYPE_CHECKING:
    from tunewell.report.results import Results
    from tunewell.train.studies.forecast import MeasuredCurve
    from tunewell.train.studies.race import Search
    from tunewell.train.studies.unseen_groups import Groups

MOST_DOTS: Final = 400
"""Rows drawn at most: all that are known by heart, and of the others as many as fit, evenly by loss."""


@dataclass(frozen=True)
class Asked:
    """Answers to questions that ``tunewell train`` was asked, about the rows and the recipe at hand.

    Attributes:
        curve: ``--curve``: what more rows would buy.
        groups: ``--leave-out``: one for each field asked for.
        search: ``--search``: recipes compared.
        findings: D12 and T03, where they were looked for.
    """

    curve: MeasuredCurve | None = None
    groups: tuple[Groups, ...] = ()
    search: Search | None = None
    findings: tuple[Finding, ...] = ()


def asked(store: Store, train: Run | None) -> Asked:
    """The newest answers that rest on the same rows, split and recipe as a training run.

    Args:
        store: The project's store.
        train: The training run that is reported.
    """
    from tunewell.train.studies.forecast import MeasuredCurve
    from tunewell.train.studies.race import Search
    from tunewell.train.studies.unseen_groups import Groups

    def value(run: Run, name: str, kind: Any) -> Any:
        try:
            return store.get_value(run.outputs[name], kind)
        except (StoreError, KeyError):
            return None

    if train is None:
        return Asked()
    runs = {
        stage: [r for r in store.runs(stage=stage, status="finished") if _same(r, train)]
        for stage in ("curve", "groups", "search")
    }
    newest = {str(r.parameters.get("field", "")): r for r in runs["groups"]}
    groups = {r.id: g for r in newest.values() if (g := value(r, "groups", Groups)) is not None}
    curve = value(runs["curve"][-1], "curve", MeasuredCurve) if runs["curve"] else None
    used = [*(runs["curve"][-1:] if curve else ()), *(r for r in newest.values() if r.id in groups)]
    return Asked(
        curve=curve,
        groups=tuple(groups.values()),
        search=value(runs["search"][-1], "search", Search) if runs["search"] else None,
        findings=tuple(f for r in used for f in r.findings),
    )


def _same(run: Run, train: Run) -> bool:
    """Whether both rest on the same rows and, as far as folds know it, the same recipe."""
    from tunewell.train.session import FINAL_ONLY

    one, other = (
        {n: v for n, v in (r.parameters.get("recipe") or {}).items() if n not in FINAL_ONLY}
        for r in (run, train)
    )
    return dict(run.inputs) == dict(train.inputs) and one == other


def sizes(curve: MeasuredCurve) -> tuple[Size, ...]:
    """The learning curve's points, ready to draw."""
    return tuple(Size(p.rows, p.loss, p.share <= 1) for p in (*curve.measured, *curve.forecast))


@dataclass(frozen=True)
class ByHeart:
    """How the folds know the rows that they were trained on.

    Attributes:
        dots: Rows to draw.
        rows: How many there are.
        known: How many of them are known by heart.
        names: Ids of those, the best known first.
    """

    dots: tuple[Dot, ...]
    rows: int
    known: int
    names: tuple[str, ...]


def by_heart(trace: FoldTrace | None, *, epoch: float | None) -> ByHeart | None:
    """Each row's loss when held out and when trained on, at an epoch.

    None where it was not measured.

    Args:
        trace: Of the folds.
        epoch: The length that was chosen; the last evaluation if None.
    """
    from tunewell.train.diagnose.losses import held_out_loss, trained_loss
    from tunewell.train.diagnose.memorisation import BY_HEART

    if trace is None or len(trace.epochs) < 2:
        return None
    at = (
        len(trace.epochs) - 1
        if epoch is None
        else int(np.argmin(np.abs(np.asarray(trace.epochs) - epoch)))
    )
    out, inside = held_out_loss(trace, at), trained_loss(trace, at)
    measured = np.flatnonzero(np.isfinite(out) & np.isfinite(inside))
    if not len(measured):
        return None
    gap = out - inside
    order = measured[np.argsort(-gap[measured], kind="stable")]
    known = [int(i) for i in order if gap[i] > BY_HEART]
    rest = [int(i) for i in order[len(known) :]]
    rest.sort(key=lambda i: (out[i], i))
    free = max(MOST_DOTS - len(known), 0)
    thinned = [
        rest[i] for i in np.unique(np.linspace(0, len(rest) - 1, min(free, len(rest))).astype(int))
    ]
    chosen = [*known[:MOST_DOTS], *thinned]
    heart = set(known)
    return ByHeart(
        dots=tuple(
            Dot(trace.examples[i], float(out[i]), float(inside[i]), i in heart) for i in chosen
        ),
        rows=len(measured),
        known=len(known),
        names=tuple(trace.examples[i] for i in known[:20]),
    )


@dataclass(frozen=True)
class Strips:
    """Estimates that share a scale.

    Attributes:
        scale: Zero included.
        rows: Name to estimates, in the order to show them.
    """

    scale: Scale
    rows: Mapping[str, tuple[Estimate, ...]]


def group_strips(groups: Groups) -> Strips:
    """What each group loses when it is left out whole, and what training on the others still gives it; worst first."""
    worst = sorted(groups.groups, key=lambda g: -g.penalty.value)
    return _strips({f"{g.group} ({g.rows:,} rows)": (g.penalty, g.gain) for g in worst})


def recipe_strips(search: Search) -> Strips:
    """Each recipe's held-out loss minus that of the best one, the best first."""
    order = sorted(search.candidates, key=lambda c: c.against_best.value)
    return _strips({c.changes: (c.against_best,) for c in order})


def slice_strips(results: Results) -> Strips | None:
    """What training took off the base model's held-out loss, by slice, the smallest gain first.

    None without slices.
    """
    from tunewell.train.diagnose.slices import losses_by_slice

    r = results
    fields = [s.field for s in r.file.spec.slices]
    if not (fields and r.trace and r.dataset and r.split and r.trained):
        return None
    try:
        examples = r.store.examples(r.dataset)
        found = losses_by_slice(r.trace, examples, r.split, fields, epoch=r.trained.best_epoch)
    except StoreError:
        return None
    rows = {f"{s.slice.replace('=', ': ', 1)} ({s.rows:,} rows)": (s.gain,) for s in found}
    return _strips(rows) if rows else None


def more_strips(curve: MeasuredCurve) -> Strips | None:
    """What twice the rows would take off each slice's loss, the largest gain first.

    None without slices.
    """
    rows = {f"{s.slice.replace('=', ': ', 1)} ({s.rows:,} rows)": (s.gain,) for s in curve.slices}
    return _strips(rows) if rows else None


def _strips(rows: Mapping[str, tuple[Estimate, ...]]) -> Strips:
    ends = [v for row in rows.values() for e in row for v in (e.low, e.high)]
    return Strips(scale_for([*ends, 0.0]), rows)


def sign(estimate: Estimate, *, wanted: int = -1) -> str:
    """``go`` where the whole interval lies on the wanted side of zero, ``nogo`` on the other, else ``open``."""
    low, high = sorted((wanted * estimate.low, wanted * estimate.high))
    return "go" if low > 0 else "nogo" if high < 0 else "open"
