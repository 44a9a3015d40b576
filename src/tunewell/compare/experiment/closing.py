"""Closing a test on traffic, and stopping one that does harm."""

from __future__ import annotations

from tunewell.compare.experiment.analyse import read_experiment
from tunewell.compare.experiment.result import ExperimentResult
from tunewell.experiment_design import TrafficExperiment
from tunewell.experiments import (
    ExperimentOutcome,
    ExperimentRecord,
    close_experiment,
    experiment_named,
    experiments,
    stop_experiment,
)
from tunewell.store import Store
from tunewell.task import GatewaySection

BY_GUARD = "tunewell"
"""Who stopped a test that a guard rail stopped."""


def close_and_settle(
    store: Store, name: str, *, settings: GatewaySection | None, author: str
) -> ExperimentResult:
    """Take no more requests into a test, and write down what gates read.

    Args:
        store: Of the project.
        name: Of the test.
        settings: Of the gateway now.
        author: Who closes it.

    Raises:
        UserError: It is not running and was not stopped.
    """
    record = experiment_named(store, name)
    result = read_experiment(store, record, settings=settings)
    close_experiment(store, _outcome(record, result), author=author)
    return result.model_copy(update={"status": "closed"})


def _outcome(record: ExperimentRecord, result: ExperimentResult) -> ExperimentOutcome:
    served = result.arms[0].versions
    return ExperimentOutcome(
        name=result.name,
        version=result.version,
        candidate=served[0] if len(served) == 1 else "",
        outcome=result.outcome,
        why=result.why,
        effect=result.judged if record.design.judge else result.effect,
        threshold=_threshold(record.design),
        units=result.units,
        aa=record.design.aa,
        findings=result.findings,
    )


def _threshold(design: TrafficExperiment) -> float:
    """What the effect has to be above; below, where less is better."""
    if design.goal == "better":
        return 0.0
    return -design.margin if design.outcome.bigger_is_better else design.margin


def stop_for_harm(store: Store, *, settings: GatewaySection | None) -> ExperimentResult | None:
    """Stop the test that is running if its candidate does clear harm; gives what it said then."""
    for record in experiments(store):
        if record.status != "running":
            continue
        result = read_experiment(store, record, settings=settings)
        if result.harm:
            stop_experiment(store, record.design.name, reason=result.harm, author=BY_GUARD)
            return result
    return None
