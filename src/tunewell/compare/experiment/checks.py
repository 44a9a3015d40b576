"""What makes a test on traffic worthless: each check, its figure, and how to repair it (L02)."""

from __future__ import annotations

import math

import numpy as np

from tunewell.compare.experiment.effects import CHECK_LEVEL, Effects
from tunewell.compare.experiment.result import ValidityCheck
from tunewell.experiment_design import TrafficExperiment, arms_digest
from tunewell.plurals import per_cent, plural
from tunewell.stats.any_time import sample_ratio_evidence
from tunewell.task import GatewaySection
from tunewell.types import Estimate, Finding

RATIO_ALPHA = 0.001
"""Error of the check of the sample ratio, however often one looks."""

FEW_UNITS = 50
MUCH_ELSEWHERE = 0.05
MUCH_MIXED = 0.05


def validity(
    effects: Effects, *, settings: GatewaySection | None, harmless: bool
) -> tuple[ValidityCheck, ...]:
    """Every check of a test.

    Args:
        effects: What it says.
        settings: Of the gateway now; None where they are not known.
        harmless: Whether an A/A test came first.
    """
    return (
        sample_ratio(effects),
        _one_arm_each(effects),
        _same_settings(effects.design, settings),
        _one_version(effects),
        _served_as_assigned(effects),
        _missing_alike(effects),
        _lasting(effects),
        _apart(effects),
        _aa_first(effects.design, harmless=harmless),
    )


def sample_ratio(effects: Effects) -> ValidityCheck:
    """Whether the arms have as many units as they were drawn with, at any time."""
    units = effects.units
    evidence = 0.0
    expected = 0.0
    for code, weight in enumerate(units.drawn_to_candidate):
        here = units.stratum == code
        ours = int((here & units.candidate).sum())
        counts = np.array([ours, int(here.sum()) - ours], dtype=np.float64)
        evidence += sample_ratio_evidence(counts, np.array([weight, 1 - weight]))
        expected += weight * float(here.sum())
    drawn = units.of_arm(candidate=True)
    figures = (
        f"{drawn:,} of {plural(units.count, 'unit')} are in the candidate's arm, "
        f"{expected:,.0f} were expected"
    )
    if units.count < FEW_UNITS:
        return _check("sample ratio", "unchecked", f"{figures}: fewer than {FEW_UNITS} units")
    if evidence > -math.log(RATIO_ALPHA):
        odds = f"{math.exp(min(evidence, 50.0)):,.0f}"
        return ValidityCheck(
            name="sample ratio",
            status="found",
            why=f"{figures}: {odds} to 1 against the draw",
            remedy="one arm loses units before or while they are recorded: compare the arms' "
            "errors and timeouts, tunewell gateway ledger; then start a new experiment",
            fatal=True,
        )
    return _check("sample ratio", "clear", figures)


def _check(
    name: str,
    status: str,
    why: str,
    estimate: Estimate | None = None,
) -> ValidityCheck:
    return ValidityCheck.model_validate(
        {"name": name, "status": status, "why": why, "estimate": estimate}
    )


def _one_arm_each(effects: Effects) -> ValidityCheck:
    switched = int(effects.units.switched.sum())
    if not switched:
        return _check("one arm each", "clear", "every unit stayed in its arm")
    return ValidityCheck(
        name="one arm each",
        status="found",
        why=f"{plural(switched, 'unit')} were assigned to both arms",
        remedy="all gateways need the same salt (.tunewell/gateway/salt) and definition; then "
        "start a new experiment",
        fatal=True,
    )


def _same_settings(design: TrafficExperiment, settings: GatewaySection | None) -> ValidityCheck:
    name = "arms as signed"
    if settings is None:
        return _check(name, "unchecked", "the gateway's settings are not known here")
    known = {arm.name for arm in settings.arms}
    if {design.candidate, design.control} <= known:
        if arms_digest(settings, design) == design.arms:
            return _check(name, "clear", "both arms ask what they asked when it was drafted")
    return ValidityCheck(
        name=name,
        status="found",
        why="the settings of an arm were changed after the design was drafted",
        remedy="put gateway.arms back, or start a new experiment with the new arms",
        fatal=True,
    )


def _one_version(effects: Effects) -> ValidityCheck:
    ours, theirs = effects.exposures.versions
    for arm, versions in ((effects.design.candidate, ours), (effects.design.control, theirs)):
        if len(versions) > 1:
            return ValidityCheck(
                name="one version each",
                status="found",
                why=f"{arm} served {len(versions)} versions during the experiment",
                remedy="start a new experiment: promote nothing to an arm's place while one runs",
                fatal=True,
            )
    return _check("one version each", "clear", "each arm served one version")


def _served_as_assigned(effects: Effects) -> ValidityCheck:
    exposures = effects.exposures
    name = "served as assigned"
    if not exposures.requests:
        return _check(name, "unchecked", "no requests yet")
    shares = []
    for candidate in (True, False):
        rows = exposures.candidate == candidate
        shares.append(float(exposures.elsewhere[rows].mean()) if rows.any() else 0.0)
    candidates, controls = (per_cent(share, 1) for share in shares)
    figures = f"served by another arm: candidate {candidates}, control {controls}"
    if max(shares) <= MUCH_ELSEWHERE:
        return _check(name, "clear", figures)
    return ValidityCheck(
        name=name,
        status="found",
        why=f"{figures}; analysed as assigned, the effect is diluted",
        remedy="find out why the arm's server fails (traffic show), and start again when it holds",
    )


def _missing_alike(effects: Effects) -> ValidityCheck:
    name = "missing outcomes"
    if effects.design.outcome.silence_is_zero:
        return _check(name, "clear", "no event means that it did not happen: nothing is missing")
    difference = effects.response()
    if difference is None:
        return _check(name, "unchecked", "too few units")
    figures = f"difference in the share of units with an outcome: {difference}"
    if difference.low <= 0 <= difference.high:
        return _check(name, "clear", figures, difference)
    return ValidityCheck(
        name=name,
        status="found",
        why=f"{figures}: those who answer are not alike in both arms",
        remedy="read the bounds; take an event that is known of everybody as the outcome, or ask "
        "a random sample of units",
        estimate=difference,
    )


def _lasting(effects: Effects) -> ValidityCheck:
    name = "novelty"
    change = effects.wear()
    if change is None:
        hours = f"{effects.design.novelty_hours:g}"
        why = f"too few units were seen both in their first {hours} hours and later"
        return _check(name, "unchecked", why)
    figures = f"change of the effect after the first hours: {change}"
    if change.low <= 0 <= change.high:
        return _check(name, "clear", figures, change)
    return ValidityCheck(
        name=name,
        status="found",
        why=f"{figures}: it does not stay as it begins",
        remedy="let it run until the later effect alone settles it",
        estimate=change,
    )


def _apart(effects: Effects) -> ValidityCheck:
    """Whether units of both arms met in a conversation, or people were in both arms."""
    name = "interference"
    units = effects.units
    if not units.count:
        return _check(name, "unchecked", "no units yet")
    mixed = float(_touched(effects).mean())
    if effects.design.unit == "user":
        figures = f"{per_cent(mixed, 1)} of the units shared a conversation with the other arm"
    else:
        figures = f"{per_cent(mixed, 1)} of the conversations are of people who were in both arms"
    if mixed == 0:
        return _check(name, "clear", figures)
    without = effects.effect(among=~_touched(effects))
    figures += f"; the effect without them: {without or 'too few units'}"
    if mixed <= MUCH_MIXED:
        return _check(name, "clear", figures, without)
    return ValidityCheck(
        name=name,
        status="found",
        why=figures,
        remedy="draw what does not meet: unit: user where people have several conversations, "
        "unit: conversation where several people share one",
        estimate=without,
    )


def _touched(effects: Effects) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Units that the other arm can have reached."""
    units = effects.units
    if effects.design.unit == "user":
        return units.mixed
    size = int(units.cluster.max()) + 1
    ours = np.bincount(units.cluster, weights=units.candidate, minlength=size)
    all_of_them = np.bincount(units.cluster, minlength=size)
    crosses = (ours > 0) & (ours < all_of_them)
    return crosses[units.cluster]


def _aa_first(design: TrafficExperiment, *, harmless: bool) -> ValidityCheck:
    name = "A/A"
    if design.aa:
        return _check(name, "clear", "this is the A/A test")
    if harmless:
        return _check(name, "clear", f"the A/A test {design.after} found no difference")
    why = "no A/A test of this traffic came first"
    return ValidityCheck(
        name=name, status="unchecked", why=why, remedy="tunewell experiment draft NAME --aa"
    )


def finding_of(checks: tuple[ValidityCheck, ...]) -> Finding:
    """The checks as the finding L02: which failed, and how to repair it."""
    failed = [check for check in checks if check.status == "found"]
    open_ones = [check for check in checks if check.status == "unchecked"]
    if failed:
        return Finding(
            code="L02",
            status="found",
            stage="compare",
            why="; ".join(f"{check.name}: {check.why}" for check in failed),
            estimate=failed[0].estimate,
            remedy="; ".join(check.remedy for check in failed),
            blocking=any(check.fatal for check in failed),
        )
    passed = len(checks) - len(open_ones)
    why = f"{passed} of {len(checks)} checks of the experiment are clear"
    if open_ones:
        why += "; unchecked: " + "; ".join(f"{check.name} ({check.why})" for check in open_ones)
    status = "clear" if not [c for c in open_ones if c.name != "A/A"] else "unchecked"
    return Finding.model_validate({"code": "L02", "status": status, "stage": "compare", "why": why})


__all__ = ["CHECK_LEVEL", "finding_of", "sample_ratio", "validity"]
