"""What was asked of the training beside the adapter: more rows, new groups, other recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from tunewell.errors import StoreError
from tunewell.plurals import plural
from tunewell.report.interval_charts import Strips, strips, strips_by_slice
from tunewell.report.training_charts import Size
from tunewell.store import Store
from tunewell.types import Finding, Run, Value

if TYPE_CHECKING:
    from tunewell.train.studies.forecast import MeasuredCurve
    from tunewell.train.studies.race import Search
    from tunewell.train.studies.unseen_groups import Groups

Answer = TypeVar("Answer", bound=Value)

_NAMED_WHERE_IT_MATTERS = frozenset({"turns", "preferences"})


@dataclass(frozen=True)
class Asked:
    """Answers to questions that ``tunewell train`` was asked about these rows and this recipe.

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

    if train is None:
        return Asked()
    findings: list[Finding] = []

    curve = None
    for run in _runs_like(store, "curve", train)[-1:]:
        curve = _answer(store, run, "curve", MeasuredCurve)
        if curve is not None:
            findings += run.findings

    groups = []
    for run in _newest_by_field(_runs_like(store, "groups", train)):
        found = _answer(store, run, "groups", Groups)
        if found is not None:
            groups.append(found)
            findings += run.findings

    search = None
    for run in _runs_like(store, "search", train)[-1:]:
        search = _answer(store, run, "search", Search)
    return Asked(
        curve=curve,
        groups=tuple(groups),
        search=search,
        findings=tuple(findings),
    )


def _answer(
    store: Store,
    run: Run,
    name: str,
    kind: type[Answer],
) -> Answer | None:
    """What a run found, or None where it is lost."""
    digest = run.outputs.get(name)
    if digest is None:
        return None
    try:
        return store.get_value(digest, kind)
    except StoreError:
        return None


def _newest_by_field(runs: Sequence[Run]) -> list[Run]:
    newest: dict[str, Run] = {}
    for run in runs:
        newest[str(run.parameters.get("field", ""))] = run
    return list(newest.values())


def _runs_like(
    store: Store,
    stage: str,
    train: Run,
) -> list[Run]:
    """Finished runs on the same rows and the same recipe, as far as folds know it, oldest first."""
    found = []
    for run in store.runs(stage=stage, status="finished"):
        same_rows = dict(run.inputs) == dict(train.inputs)
        if same_rows and _same_recipe(_recipe_of_folds(run), _recipe_of_folds(train)):
            found.append(run)
    return found


def _same_recipe(study: Mapping[str, Any], trained: Mapping[str, Any]) -> bool:
    """Whether two recipes train alike on the same rows.

    A run does not name what makes no difference on its rows (`train.turns` where every row has
    one answer), so such a part is compared only where both name it.
    """
    optional = _NAMED_WHERE_IT_MATTERS - (study.keys() & trained.keys())
    left = {name: value for name, value in study.items() if name not in optional}
    right = {name: value for name, value in trained.items() if name not in optional}
    return left == right


def _recipe_of_folds(run: Run) -> Mapping[str, Any]:
    from tunewell.train.session import FINAL_ONLY

    recipe = run.parameters.get("recipe") or {}
    return {name: value for name, value in recipe.items() if name not in FINAL_ONLY}


def sizes(curve: MeasuredCurve) -> tuple[Size, ...]:
    """The learning curve's points, ready to draw."""
    points = (*curve.measured, *curve.forecast)
    return tuple(Size(p.rows, p.loss, p.share <= 1) for p in points)


def group_strips(groups: Groups) -> Strips:
    """What each group loses when it is left out whole, and what the others still give it.

    Worst first.
    """
    worst_first = sorted(groups.groups, key=lambda g: -g.penalty.value)
    return strips(
        {f"{g.group} ({plural(g.rows, 'row')})": (g.penalty, g.gain) for g in worst_first}
    )


def recipe_strips(search: Search) -> Strips:
    """Each recipe's held-out loss minus that of the best one, the best first."""
    best_first = sorted(search.candidates, key=lambda c: c.against_best.value)
    return strips({c.changes: (c.against_best,) for c in best_first})


def more_strips(curve: MeasuredCurve) -> Strips | None:
    """What twice the rows would take off each slice's loss, the largest gain first.

    None without slices.
    """
    return strips_by_slice((s.slice, s.rows, s.gain) for s in curve.slices)
