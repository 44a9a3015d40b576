"""All that a decision is made from, read out of the project."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
import sqlalchemy as sa

from tunewell import releases
from tunewell.decide import (
    CandidateState,
    DecisionEvidence,
    EarlierVersion,
    Prices,
    QualityReading,
    TrialState,
    Waiting,
)
from tunewell.decide.decay import standard_error
from tunewell.iterate.alarms import alarms_in_use
from tunewell.iterate.readings import quality_readings
from tunewell.iterate.standing_readings import review_readings
from tunewell.iterate.trials import trials_of
from tunewell.iterate.versions import (
    TrainedVersion,
    dataset_of,
    newest_version,
    serving_version,
    trained_versions,
)
from tunewell.people.promotion import waits_for
from tunewell.people.row_changes import words_for
from tunewell.people.rows_from_use import rows_from_use
from tunewell.people.signed_release import release_offer
from tunewell.project import Project
from tunewell.releases import Release
from tunewell.stats.special import ndtri
from tunewell.store import Store
from tunewell.store.traffic_tables import interactions
from tunewell.train.studies.forecast import MeasuredCurve
from tunewell.types import Comparison, Dataset, Estimate, Evaluation, Example

TRAFFIC_DAYS: Final = 28

CANDIDATE: Final = "candidate:"
"""Before the digest of the adapter, among the evidence of a decision."""

FEWEST_READINGS: Final = 2
"""Of each of two versions, to say that one does harm."""


def gather_evidence(project: Project, *, now: dt.datetime | None = None) -> DecisionEvidence:
    """What the next step is decided from, as things stand.

    Args:
        project: The project.
        now: UTC; readings of later windows are left out. The present moment if None.
    """
    until = now
    now = now or dt.datetime.now(dt.UTC)
    store, section = project.store, project.spec.decide
    release = releases.serving(store, section.place)
    versions = trained_versions(store)
    readings = _readings(store, versions, until)
    return DecisionEvidence(
        now=now,
        place=section.place,
        serving=release.version if release else "",
        trained={name: version.at for name, version in versions.items()},
        candidate=_candidate(project, release),
        earlier=_earlier(project, release, readings),
        alarms=alarms_in_use(
            store,
            since=_since(release, versions),
            now=now,
        ),
        readings=tuple(readings),
        waiting=_waiting(project, serving_version(store, section.place)),
        prices=_prices(project),
        answers_per_day=section.answers_per_day or _answers_per_day(store, now),
        horizon_days=section.horizon_days,
        cadence_days=section.cadence_days,
        fewest_days=section.fewest_days,
        fewest_rows=section.fewest_rows,
        most_risk=section.most_risk,
        recovers=section.recovers,
        worn=_worn(store),
    )


def _since(release: Release | None, versions: dict[str, TrainedVersion]) -> dt.datetime | None:
    """From when on alarms concern the serving version: what it was trained on ends there."""
    if release is None or release.version not in versions:
        return None
    return versions[release.version].at


def _readings(
    store: Store,
    versions: Collection[str],
    until: dt.datetime | None,
) -> tuple[QualityReading, ...]:
    """Those of the standing review, and those that were imported: they win where both speak."""
    by_window = {}
    for reading in (*review_readings(store, versions), *quality_readings(store)):
        if until is None or reading.at <= until:
            by_window[reading.version, reading.at, reading.by] = reading
    return tuple(sorted(by_window.values(), key=lambda each: (each.at, each.version)))


# --- the candidate, and the version before --------------------------------------------------------


def _candidate(project: Project, release: Release | None) -> CandidateState | None:
    """The newest version, where it does not serve and never did."""
    newest = newest_version(project.store)
    if newest is None:
        return None
    adapter = newest.model.adapter
    past = releases.history(project.store, project.spec.decide.place)
    if release is not None and any(each.version == adapter for each in past):
        return None

    offer = release_offer(project)
    if offer is None or offer.version != adapter or offer.outdated:
        why = offer.outdated if offer and offer.version == adapter else "it has not been judged yet"
        return CandidateState(
            version=adapter,
            why=f"{why.capitalize()}: tunewell run.",
        )
    trials = trials_of(project, adapter)
    under_way = [f"the end of the experiment {trial.name}" for trial in trials if trial.is_open]
    return CandidateState(
        version=adapter,
        outcome=offer.verdict.outcome,
        why=offer.verdict.why,
        evidence=(f"{CANDIDATE}{adapter}", f"verdict:{offer.artifact}", f"run:{offer.run}"),
        gain=_gain(project),
        waits_for=(*waits_for(project, adapter), *under_way),
        settled_by=offer.verdict.would_change,
        trials=trials,
    )


def _gain(project: Project) -> Estimate | None:
    """Difference to the version in production, in the first gate's metric that has one."""
    run = project.store.last_run("evaluate")
    if run is None:
        return None
    evaluation = project.store.get_value(run.outputs["evaluation"], Evaluation)
    against = {}
    for found in evaluation.comparisons:
        if (found.arm, found.against, found.slice) == ("tuned", "production", ""):
            against[found.metric] = found
    wanted = [gate.metric for gate in project.spec.gates if gate.metric in against]
    names = wanted or [name for name in against if name != "nats"]
    if not names:
        return None
    return _upward(against[names[0]], evaluation)


def _upward(found: Comparison, evaluation: Evaluation) -> Estimate:
    """The difference, above 0 where the candidate is better."""
    known = {info.name: info for info in evaluation.metrics}
    estimate = found.estimate
    if known[found.metric].bigger_is_better:
        return estimate
    turned = {"value": -estimate.value, "low": -estimate.high, "high": -estimate.low}
    return estimate.model_copy(update=turned)


def _earlier(
    project: Project,
    release: Release | None,
    readings: Sequence[QualityReading],
) -> EarlierVersion | None:
    if release is None or not release.replaces or release.rollback:
        return None
    return EarlierVersion(
        version=release.replaces,
        since=release.since,
        harm=_harm(readings, release),
        evidence=f"release:{release.number} people's readings of both versions",
        trial=_harmful(project, release),
    )


def _harmful(project: Project, release: Release) -> TrialState | None:
    """A test on traffic that ended after the release and found the released version to do harm."""
    for trial in reversed(trials_of(project, release.version)):
        if trial.does_harm and trial.ended is not None and trial.ended > release.since:
            return trial
    return None


def _harm(readings: Sequence[QualityReading], release: Release) -> Estimate | None:
    """Excess of wrong answers over the version before, by people who read both in use."""
    levels = []
    for version in (release.version, release.replaces):
        own = [r for r in readings if r.version == version and r.by == "people"]
        if len(own) < FEWEST_READINGS:
            return None
        weight = np.array([standard_error(r.wrong) ** -2 for r in own])
        mean = float(
            np.average(
                [r.wrong.value for r in own],
                weights=weight,
            )
        )
        levels.append((mean, 1 / float(weight.sum()), sum(r.wrong.n for r in own)))
    (new, new_variance, new_n), (old, old_variance, old_n) = levels
    margin = float(ndtri(0.975)) * (new_variance + old_variance) ** 0.5
    gap = new - old
    return Estimate(
        value=gap,
        low=gap - margin,
        high=gap + margin,
        n=new_n + old_n,
        method="difference of people's readings in use",
        unit="share",
    )


# --- rows that are waiting ------------------------------------------------------------------------


def _waiting(project: Project, serving: TrainedVersion | None) -> Waiting:
    store = project.store
    words = words_for(store)
    used = dataset_of(store, serving.model) if serving else None
    known = {row.id: row for row in store.examples(used)} if used else {}
    corrections = [
        word for word in words.corrections if not _is_taken(word.example, word.target, known)
    ]
    fields = [part.field for part in project.spec.slices]
    from_use = [row for row in rows_from_use(store, fields).rows if _is_new(row, known)]
    source = _new_rows(store, used, known)
    slices = _by_slice([*from_use, *source], fields)
    return Waiting(
        corrections=len(corrections),
        production=len(from_use),
        source=len(source),
        by_slice=slices,
        trained_on=serving.model.trained_on if serving else 0,
        curve=_curve(store),
    )


def _is_taken(row: str, target: str, known: dict[str, Example]) -> bool:
    names = (row, f"{row}#corrected", f"{row}#annotated")
    return any(name in known and known[name].target == target for name in names)


def _is_new(row: Example, known: dict[str, Example]) -> bool:
    return row.id not in known or known[row.id].target != row.target


def _new_rows(store: Store, used: Dataset | None, known: dict[str, Example]) -> list[Example]:
    """Rows of the newest dataset that the serving version's data did not have."""
    run = store.last_run("curate")
    if run is None or used is None:
        return []
    newest = store.get_value(run.outputs["dataset"], Dataset)
    if newest.id == used.id:
        return []
    held = set(newest.held_out)
    rows = store.examples(newest)
    return [row for row in rows if row.id not in known and row.id not in held and _is_source(row)]


def _is_source(row: Example) -> bool:
    return row.origin == "source"


def _by_slice(rows: Sequence[Example], fields: Sequence[str]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    for row in rows:
        for field in fields:
            value = row.field(field)
            if value:
                counts[f"{field.removeprefix('tags.')}={value}"] += 1
    return dict(counts)


def _curve(store: Store) -> Estimate | None:
    run = store.last_run("curve")
    if run is None:
        return None
    return store.get_value(run.outputs["curve"], MeasuredCurve).gain


# --- prices, traffic, the test set ----------------------------------------------------------------


def _prices(project: Project) -> Prices:
    costs, people = project.spec.costs, project.spec.people
    label = costs.label or people.minutes_per_verdict / 60 * costs.person_hour
    return Prices(
        currency=costs.currency,
        wrong_answer=costs.wrong_answer,
        retraining=costs.retraining or _machine_price(project),
        label=label,
    )


def _machine_price(project: Project) -> float:
    """Of the machine hours that the last way to a verdict took."""
    runs = [project.store.last_run(stage) for stage in ("curate", "train", "evaluate")]
    seconds = sum(run.seconds for run in runs if run is not None)
    return seconds / 3600 * project.spec.costs.machine_hour


def _answers_per_day(store: Store, now: dt.datetime) -> float:
    since = (now - dt.timedelta(days=TRAFFIC_DAYS)).isoformat()
    query = sa.select(sa.func.count()).where(interactions.c.at >= since)
    return int(store.value(query) or 0) / TRAFFIC_DAYS


def _worn(store: Store) -> str:
    """What E09 says, where it is found and nobody has accepted it."""
    run = store.last_run("verdict") or store.last_run("evaluate")
    if run is None:
        return ""
    for finding in run.findings:
        if finding.code == "E09" and finding.status == "found":
            return finding.why
    return ""
