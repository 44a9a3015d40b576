"""What the home page of owners and engineers shows: how far the way is, and who owes what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import sqlalchemy as sa

from tunewell import releases
from tunewell.decide import outdated
from tunewell.iterate import newest_decision
from tunewell.people import Accounts, WorkStore, approvals
from tunewell.people.approvals import answers_to
from tunewell.people.promotion import waits_for
from tunewell.people.signed_release import awaiting_release, release_offer
from tunewell.plurals import plural
from tunewell.project import Project
from tunewell.store import Store
from tunewell.store.traffic_tables import interactions
from tunewell.types import Evaluation, Level, MetricInfo, Outcome, Run

State = Literal["done", "at work", "waiting", "failed", "not yet"]

VERSIONS_AT_ONCE: Final = 12


@dataclass(frozen=True)
class StageTile:
    """One stage of the way.

    Attributes:
        name: As people call it.
        state: How far it is.
        said: What it gave, in a few words.
        outcome: The verdict, where the stage has one.
        href: The page where more of it stands; empty if there is none.
        next: What to do, in words or as a command; empty if nothing.
    """

    name: str
    state: State
    said: str = ""
    outcome: Outcome | None = None
    href: str = ""
    next: str = ""


@dataclass(frozen=True)
class Debt:
    """What somebody is waited for.

    Attributes:
        who: Their name.
        what: Of what.
        href: Where they do it.
    """

    who: str
    what: str
    href: str


@dataclass(frozen=True)
class VersionLine:
    """A version and what it reached.

    Attributes:
        id: Its short name.
        at: When it was judged, ISO date.
        rows: Held-out rows that it was judged on.
        places: Where it serves.
        levels: By metric, on all rows.
    """

    id: str
    at: str
    rows: int
    places: tuple[str, ...]
    levels: dict[str, Level] = field(default_factory=dict)


@dataclass(frozen=True)
class VersionTable:
    """Versions on the same metrics.

    Attributes:
        metrics: Columns.
        lines: The newest first.
        page: From 1 on.
        has_more: Whether older ones follow.
    """

    metrics: tuple[MetricInfo, ...]
    lines: tuple[VersionLine, ...]
    page: int
    has_more: bool


class Evaluations:
    """Evaluations that were read, by artifact: what is stored never changes."""

    def __init__(self) -> None:
        self._read: dict[str, Evaluation] = {}

    def of(self, store: Store, run: Run) -> Evaluation:
        """What a run of the stage gave, without its large parts."""
        artifact = run.outputs["evaluation"]
        if artifact not in self._read:
            self._read[artifact] = store.get_value(artifact, Evaluation)
        return self._read[artifact]


# --- the way --------------------------------------------------------------------------------------


def stage_tiles(project: Project) -> tuple[StageTile, ...]:
    """Every stage in order, with its state and what comes next."""
    store = project.store
    return (
        _definition(project),
        _of_run(store, "curate", "Data", ("read", "kept"), "/data", "tunewell curate"),
        _work(store, "annotate", "Annotate"),
        _of_run(store, "split", "Split", ("rows", "test"), "/data", "tunewell split"),
        _of_run(store, "train", "Train", ("rows",), "/report", "tunewell train"),
        _evaluate(project),
        _work(store, "review", "Review"),
        _release(project),
        _in_use(store),
        _decide(project),
    )


def _definition(project: Project) -> StageTile:
    missing = approvals(project).missing
    if missing:
        waits = f"not approved by {', '.join(missing)}"
        return StageTile(
            "Define",
            "waiting",
            waits,
            href="/definition",
            next="Read and approve",
        )
    return StageTile(
        "Define",
        "done",
        project.spec.task.name,
        href="/definition",
    )


def _of_run(
    store: Store,
    stage: str,
    name: str,
    counted: Sequence[str],
    href: str,
    command: str,
) -> StageTile:
    last = store.last_run(stage)
    newest = _newest_of_any_state(store, stage)
    if last is None:
        state: State = "failed" if newest and newest.status == "failed" else "not yet"
        return StageTile(
            name,
            state,
            newest.error if newest else "",
            next=command,
        )
    said = ", ".join(f"{last.counts[key]:,} {key}" for key in counted if key in last.counts)
    if newest is not None and newest.status == "started" and store.holder():
        return StageTile(
            name,
            "at work",
            said,
            href=href,
        )
    return StageTile(
        name,
        "done",
        said or f"{last.started:%d %B %Y}",
        href=href,
    )


def _newest_of_any_state(store: Store, stage: str) -> Run | None:
    found = store.newest_runs(
        stage,
        most=1,
        status="",
    )
    return found[0] if found else None


def _work(store: Store, kind: str, name: str) -> StageTile:
    batches = WorkStore(store).batches(kind=kind)
    if not batches:
        return StageTile(
            name,
            "not yet",
            "no batch",
            href="/batches",
            next="Open a batch",
        )
    open_ones = [batch for batch in batches if batch.status == "open"]
    if open_ones:
        said = f"{plural(len(open_ones), 'open batch', 'open batches')}"
        return StageTile(
            name,
            "waiting",
            said,
            href="/batches",
        )
    return StageTile(
        name,
        "done",
        plural(len(batches), "batch", "batches"),
        href="/batches",
    )


def _evaluate(project: Project) -> StageTile:
    store = project.store
    offer = release_offer(project)
    tile = _of_run(store, "evaluate", "Evaluate", (), "/report", "tunewell run")
    if offer is None:
        return tile
    return StageTile(
        "Evaluate",
        tile.state,
        offer.outdated or tile.said,
        outcome=offer.verdict.outcome,
        href="/release",
        next="tunewell run" if offer.outdated else "",
    )


def _release(project: Project) -> StageTile:
    store = project.store
    offer = awaiting_release(project)
    now = releases.serving(store, project.spec.decide.place)
    if offer is not None:
        waits = waits_for(project, offer.version)
        said = f"{offer.version[:12]} waits for {', '.join(waits) or 'its promotion'}"
        return StageTile(
            "Release",
            "waiting",
            said,
            href="/release",
            next="Sign",
        )
    if now is None:
        return StageTile(
            "Release",
            "not yet",
            "nothing serves",
            href="/release",
        )
    said = f"{now.version[:12]} in {now.place} since {now.since:%d %B %Y}"
    return StageTile(
        "Release",
        "done",
        said,
        href="/release#releases",
    )


def _in_use(store: Store) -> StageTile:
    count = int(store.value(sa.select(sa.func.count()).select_from(interactions)) or 0)
    if not count:
        return StageTile(
            "In use",
            "not yet",
            "no traffic",
            next="tunewell gateway serve",
        )
    return StageTile("In use", "done", plural(count, "interaction"))


def _decide(project: Project) -> StageTile:
    recorded = newest_decision(project.store, project.spec.decide.place)
    if recorded is None:
        return StageTile(
            "Decide",
            "not yet",
            "",
            href="/decisions",
            next="Decide now",
        )
    why = outdated(project.store, recorded.decision)
    if why:
        return StageTile(
            "Decide",
            "waiting",
            f"{recorded.decision.action}, outdated: {why}",
            href="/decisions",
            next="Decide again",
        )
    return StageTile(
        "Decide",
        "done",
        recorded.decision.action,
        href="/decisions",
    )


# --- who owes what --------------------------------------------------------------------------------


def debts(project: Project) -> tuple[Debt, ...]:
    """What people are waited for: approvals, signatures, items that are assigned to them."""
    store = project.store
    people = [account for account in Accounts(store).all() if account.active]
    found = []
    for name in approvals(project).missing:
        able = [each.shown for each in people if answers_to(each, name)]
        who = " or ".join(able) or name
        found.append(Debt(who, "approve the definition", "/definition"))
    offer = awaiting_release(project)
    if offer is not None and "an owner's signature" in waits_for(project, offer.version):
        owners = [each.shown for each in people if each.role == "owner"]
        found.append(Debt(" or ".join(owners), "sign the release", "/release#sign"))
    book = WorkStore(store)
    for account in people:
        for queue in book.queues(account.id):
            if queue.left:
                what = f"{queue.batch.title}: {plural(queue.left, 'item')} left"
                found.append(Debt(account.shown, what, f"/batches/{queue.batch.id}"))
    return tuple(found)


# --- versions -------------------------------------------------------------------------------------


def version_table(project: Project, read: Evaluations, *, page: int = 1) -> VersionTable:
    """Versions on the same metrics, the newest first, a page at a time.

    Args:
        project: The project.
        read: Evaluations that were read before.
        page: From 1 on.
    """
    store = project.store
    skip = (page - 1) * VERSIONS_AT_ONCE
    runs = store.newest_runs(
        "evaluate",
        most=VERSIONS_AT_ONCE + 1,
        skip=skip,
    )
    serving: dict[str, list[str]] = {}
    for place in sorted({each.place for each in releases.history(store)}):
        now = releases.serving(store, place)
        if now is not None:
            serving.setdefault(now.version, []).append(place)
    metrics: dict[str, MetricInfo] = {}
    lines = []
    for run in runs[:VERSIONS_AT_ONCE]:
        evaluation = read.of(store, run)
        adapter = run.inputs.get("adapter", "")
        metrics |= {info.name: info for info in evaluation.metrics if info.name not in metrics}
        lines.append(
            VersionLine(
                id=adapter[:12] or "outputs from elsewhere",
                at=f"{run.started:%Y-%m-%d}",
                rows=len(evaluation.rows),
                places=tuple(serving.get(adapter, ())),
                levels=_tuned(evaluation),
            )
        )
    return VersionTable(
        metrics=tuple(metrics.values()),
        lines=tuple(lines),
        page=page,
        has_more=len(runs) > VERSIONS_AT_ONCE,
    )


def _tuned(evaluation: Evaluation) -> dict[str, Level]:
    own = [level for level in evaluation.levels if (level.arm, level.slice) == ("tuned", "")]
    return {level.metric: level for level in own}
