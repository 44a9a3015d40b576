"""From intervals to outcomes: GO and NO-GO need the interval on one side of the threshold.

A wrong GO and a wrong NO-GO are each held to half of one minus the level (2.5 % at .95), however
many gates there are:

* GO needs *every* criterion to hold, each at the full level: the chance that all of them hold
  wrongly is at most that of one (intersection-union test; Berger 1982, Technometrics 24). No
  correction is due.
* NO-GO needs *one* criterion to fail, so a failure is claimed only at a level corrected for how
  many there are (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from tunewell.evaluate.baselines import TO_BEAT
from tunewell.evaluate.compared_gate import compared_criterion, compared_name
from tunewell.evaluate.experiment_gate import experiment_criterion, experiment_gate_name
from tunewell.evaluate.gate_checks import limit_of, threshold_of
from tunewell.evaluate.judge_correction import corrected, judges, validation_of
from tunewell.evaluate.lookup import by_name
from tunewell.evaluate.metric_values import Mask
from tunewell.evaluate.people_scores import CANDIDATE, at_any_look
from tunewell.evaluate.table import Table
from tunewell.evaluate.wording import as_read, interval_as_read, on_slice
from tunewell.experiments import ExperimentOutcome
from tunewell.people.compared import ComparisonOutcome
from tunewell.plurals import plural
from tunewell.stats import bonferroni_level, rows_to_show, sample_size_share_against
from tunewell.task import Gate, TaskFile
from tunewell.types import Criterion, Estimate, Judgement, MetricInfo, Outcome, Threshold

MOST_ROWS = 100_000
FEWEST_JUDGED = 30
NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})
NO_COMPARISONS: Mapping[str, ComparisonOutcome] = MappingProxyType({})
NO_EXPERIMENTS: Mapping[str, ExperimentOutcome] = MappingProxyType({})


def judge_gates(
    table: Table,
    file: TaskFile,
    *,
    said: Sequence[Judgement] = (),
    unmeasured: Mapping[str, Sequence[str]] = NOTHING,
    comparisons: Mapping[str, ComparisonOutcome] = NO_COMPARISONS,
    experiments: Mapping[str, ExperimentOutcome] = NO_EXPERIMENTS,
    candidate: str = "",
) -> tuple[Criterion, ...]:
    """Every gate decided, slices included, each from its interval.

    Args:
        table: The scores of all arms, people's among them.
        file: The definition with its gates.
        said: People's verdicts, for gates with ``people: required``.
        unmeasured: Label metric to the classes that no held-out row is of.
        comparisons: Blind comparisons that were closed, by name, for gates that name one.
        experiments: Tests on traffic that were closed, likewise.
        candidate: Version of the model that is to be released.
    """
    parts = [part for i in range(len(file.spec.gates)) for part in _parts(table, file, i)]
    evidence = _Evidence(
        table=table,
        file=file,
        said=said,
        claims=len(parts),
        unmeasured=unmeasured,
    )
    criteria = []
    for part in parts:
        if part.gate.compare:
            found = comparisons.get(part.gate.compare)
            criteria.append(compared_criterion(part.gate, part.place, found, candidate))
        elif part.gate.experiment:
            tried = experiments.get(part.gate.experiment)
            criteria.append(experiment_criterion(part.gate, part.place, tried, candidate))
        else:
            criteria.append(_Decision(evidence, part).criterion())
    return tuple(criteria)


def gate_name(gate: Gate) -> str:
    """A gate in words.

    Example:
        >>> gate_name(Gate(metric="label", kind="gain", at_least=0.02))
        'label: tuned - prompted >= 0.02'
        >>> gate_name(Gate(metric="nats", kind="no_worse", margin=0.1, against="base"))
        'nats: tuned no worse than base by 0.1'
    """
    if gate.compare:
        return compared_name(gate)
    if gate.experiment:
        return experiment_gate_name(gate)
    if gate.kind == "no_worse":
        return f"{gate.metric}: {CANDIDATE} no worse than {gate.against} by {gate.margin:g}"
    sign = ">=" if gate.at_least is not None else "<="
    what = CANDIDATE if gate.kind == "level" else f"{CANDIDATE} - {gate.against}"
    return f"{gate.metric}: {what} {sign} {threshold_of(gate):g}"


def side(
    estimate: Estimate,
    strict: Estimate,
    limit: float,
    *,
    bigger: bool,
) -> Outcome:
    """Which side of a threshold an interval lies on.

    Args:
        estimate: At the project's level: all of it on the good side is GO.
        strict: At the level corrected for the number of criteria: all of it on the bad side is
            NO-GO.
        limit: The threshold; on it is good enough.
        bigger: Whether bigger is better.

    Example:
        >>> e = Estimate(value=0.05, low=0.01, high=0.09, n=100, method="t")
        >>> [side(e, e, t, bigger=True) for t in (0.0, 0.05, 0.1)]
        ['GO', 'INCONCLUSIVE', 'NO-GO']
    """
    # Turned so that bigger is better.
    sign = 1 if bigger else -1
    worst = min(sign * estimate.low, sign * estimate.high)
    best = max(sign * strict.low, sign * strict.high)
    if worst >= sign * limit:
        return "GO"
    return "NO-GO" if best < sign * limit else "INCONCLUSIVE"


def rows_needed(
    estimate: Estimate, limit: float, *, rows: int, bigger: bool = True, strict: Estimate
) -> str:
    """How many more test rows would settle a criterion with 80 % probability, and how.

    That is, if the truth is where it looks to be.

    Args:
        estimate: The interval so far.
        limit: The threshold.
        rows: Rows that it was measured on (several may be of one family).
        bigger: Whether bigger is better.
        strict: At the level corrected for the number of criteria, which a NO-GO has to meet.

    Example:
        >>> e = Estimate(value=0.05, low=-0.01, high=0.11, n=100, method="t")
        >>> rows_needed(e, 0.0, rows=100, strict=e)
        'about 195 more test rows, which would probably make this GO'
        >>> rows_needed(e, 0.0, rows=100, bigger=False, strict=e)
        'about 195 more test rows, which would probably make this NO-GO'
    """
    distance = abs(estimate.value - limit)
    if not math.isfinite(estimate.high - estimate.low):
        return "scores for the unscored rows"
    if distance == 0:
        return "the estimate is at the threshold: no number of test rows is certain to settle it"
    is_good = (estimate.value > limit) == bigger
    total = rows_to_show(distance, estimate if is_good else strict, rows=rows)
    if total > MOST_ROWS:
        return (
            f"more than {MOST_ROWS:,} test rows: "
            "the difference to the threshold is too small to matter or to show"
        )
    more = max(1, math.ceil(total - rows))
    likely = "GO" if is_good else "NO-GO"
    return f"about {plural(more, 'more test row')}, which would probably make this {likely}"


@dataclass(frozen=True)
class _Evidence:
    """Everything that gates are decided from.

    Attributes:
        table: The scores of all arms.
        file: The definition.
        said: People's verdicts.
        claims: How many criteria there are.
        unmeasured: Label metric to the classes that no held-out row is of.
    """

    table: Table
    file: TaskFile
    said: Sequence[Judgement]
    claims: int
    unmeasured: Mapping[str, Sequence[str]]

    @property
    def level(self) -> float:
        """The confidence that the project asks for."""
        return self.file.spec.evaluate.level

    @property
    def corrected_level(self) -> float:
        """The level of each interval at which all of them hold together."""
        return bonferroni_level(self.level, self.claims)

    @cached_property
    def judged(self) -> set[str]:
        """Metrics that a model judges."""
        return judges(self.file)

    @cached_property
    def rubric(self) -> set[str]:
        """Criteria that people judge."""
        return set(by_name(self.file.spec.people.rubric))

    @cached_property
    def read_by_people(self) -> int:
        """How many of the candidate's outputs people have judged."""
        return len({j.example for j in self.said if j.arm == CANDIDATE})

    @property
    def enough_read(self) -> int:
        """How many outputs people have to judge before their word counts."""
        return min(FEWEST_JUDGED, len(self.table.rows))


@dataclass(frozen=True)
class _Part:
    """One gate on all rows or on a slice.

    Attributes:
        gate: The gate.
        place: Where it stands in the definition.
        name: The slice (``region=north``), empty for all rows.
        where: Its rows, shape (rows,).
        left_out: Of all rows: the slices that hold no row for the metric, which have no criterion.
    """

    gate: Gate
    place: str
    name: str = ""
    where: Mask | None = None
    left_out: tuple[str, ...] = ()


def _parts(table: Table, file: TaskFile, index: int) -> Iterator[_Part]:
    """A gate on all rows, then on each value of its slice."""
    gate = file.spec.gates[index]
    place = file.where(f"gates.{index}")
    slices = [*table.parts(gate.slices)] if gate.slices else []
    measured = {name: where for name, where in slices if _can_measure(table, gate.metric, where)}
    left_out = tuple(name for name, _ in slices if name not in measured)
    yield _Part(gate, place, left_out=left_out)
    for name, where in measured.items():
        yield _Part(gate, place, name, where)


def _can_measure(table: Table, metric: str, where: Mask) -> bool:
    """Whether a slice has a row that the metric can measure, if any row at all has."""
    applies = table.applies.get(metric)
    if applies is None or not applies.any():
        return True
    return bool(table.mask(metric, where).any())


@dataclass(frozen=True)
class _Decision:
    """One criterion, from the evidence to its outcome."""

    evidence: _Evidence
    part: _Part

    @property
    def gate(self) -> Gate:
        """The gate."""
        return self.part.gate

    @property
    def info(self) -> MetricInfo:
        """The gate's metric."""
        return self.evidence.table.metrics[self.gate.metric]

    def criterion(self) -> Criterion:
        """The gate, decided."""
        estimate = self._measure(self.evidence.level)
        if estimate is None:
            return self._undecided(*self._why_unmeasured())

        limit = limit_of(self.gate, self.info)
        strict = self._strict(estimate, limit)
        outcome = side(estimate, strict, limit, bigger=self.info.bigger_is_better)
        is_difference = self.gate.kind != "level"
        claims = self.evidence.claims
        why = _why(estimate, limit, outcome, strict, claims, signed=is_difference)
        why += self._unchecked_slices
        needs = ""
        if outcome == "INCONCLUSIVE":
            bigger = self.info.bigger_is_better
            needs = rows_needed(estimate, limit, rows=self._rows, bigger=bigger, strict=strict)
        trivial = self._not_beyond_trivial() if outcome == "GO" else None
        if trivial is not None:
            outcome, more = trivial
            why += more
            needs = "a model that beats answers that cost nothing, or more test rows"
        unmeasured = self._classes_without_rows() if outcome == "GO" else []
        if unmeasured:
            outcome = "INCONCLUSIVE"
            why += f" No held-out row is of the class {', '.join(unmeasured)}."
            needs = f"test rows of {', '.join(unmeasured)}"
        if outcome == "GO" and self._waits_for_people:
            outcome = "INCONCLUSIVE"
            why += " People have not spoken yet."
            needs = self._verdicts_needed()
        return Criterion(
            name=gate_name(self.gate),
            outcome=outcome,
            estimate=estimate,
            threshold=Threshold(value=limit, origin=self.part.place),
            why=why,
            needs=needs,
            slice=self.part.name,
        )

    def _undecided(self, why: str, needs: str) -> Criterion:
        return Criterion(
            name=gate_name(self.gate),
            outcome="INCONCLUSIVE",
            why=why + self._unchecked_slices,
            needs=needs,
            slice=self.part.name,
        )

    @property
    def _unchecked_slices(self) -> str:
        """Names the slices that have no criterion, as a sentence."""
        if not self.part.left_out:
            return ""
        return f" Unchecked on {', '.join(self.part.left_out)}: the metric measures no row there."

    def _strict(self, estimate: Estimate, limit: float) -> Estimate:
        """The interval at the corrected level; measured anew only where it can change anything."""
        evidence = self.evidence
        if evidence.corrected_level == evidence.level:
            return estimate
        if side(estimate, estimate, limit, bigger=self.info.bigger_is_better) == "GO":
            return estimate
        return self._measure(evidence.corrected_level) or estimate

    def _measure(self, level: float) -> Estimate | None:
        """The gate's figure; None where it cannot be measured."""
        evidence, gate, table = self.evidence, self.gate, self.evidence.table
        if gate.metric not in table.metrics or not table.has(CANDIDATE, gate.metric):
            return None
        if evidence.file.spec.people.looks == "any" and gate.metric in evidence.rubric:
            return at_any_look(table, evidence.file, gate, evidence.said, self.part.where, level)
        if gate.metric in evidence.judged:
            return self._by_judge(level)
        if gate.kind == "level":
            return table.level(
                CANDIDATE,
                gate.metric,
                where=self.part.where,
                level=level,
            )
        if not table.has(gate.against, gate.metric):
            return None
        return table.compare(
            CANDIDATE,
            gate.against,
            gate.metric,
            where=self.part.where,
            level=level,
        )

    def _by_judge(self, level: float) -> Estimate | None:
        """From a judge that people have validated, corrected by their verdicts."""
        evidence = self.evidence
        validation = validation_of(evidence.table, self.gate.metric, level=evidence.level)
        if validation.standing != "validated":
            return None
        return corrected(evidence.table, self.gate, self.part.where, level)

    def _not_beyond_trivial(self) -> tuple[Outcome, str] | None:
        """The outcome of a gain that an answer which costs nothing reaches as well, and why.

        None where there is nothing to hold against it.
        """
        table, metric = self.evidence.table, self.gate.metric
        if self.gate.kind != "gain":
            return None
        for baseline in TO_BEAT:
            if not table.have(CANDIDATE, baseline, metric):
                continue
            beyond = table.compare(
                CANDIDATE,
                baseline,
                metric,
                where=self.part.where,
                level=self.evidence.level,
            )
            if beyond is None:
                continue
            sign = 1 if self.info.bigger_is_better else -1
            low, high = sorted((sign * beyond.low, sign * beyond.high))
            if low <= 0:
                outcome: Outcome = "NO-GO" if high < 0 else "INCONCLUSIVE"
                return outcome, f" But it is not shown to beat the {baseline}: {beyond}."
        return None

    def _classes_without_rows(self) -> list[str]:
        """Classes of a label metric that no held-out row is of; a slice need not hold all."""
        if self.part.name:
            return []
        return sorted(self.evidence.unmeasured.get(self.gate.metric, ()))

    @property
    def _rows(self) -> int:
        return int(self.evidence.table.mask(self.gate.metric, self.part.where).sum())

    def _why_unmeasured(self) -> tuple[str, str]:
        """Why the gate could not be measured, and what it needs."""
        gate, arms = self.gate, self.evidence.table.arms
        judged = gate.metric in self.evidence.judged
        if gate.metric in self.evidence.rubric and not judged:
            why = "People have not judged any output on this criterion yet."
            return why, self._verdicts_needed()
        if CANDIDATE not in arms:
            why = "There is no candidate: neither a tuned model nor outputs of one."
            return why, "a tuned model (tunewell train), or its outputs (tuned=FILE)"
        if judged:
            return self._why_not_validated()
        if gate.kind != "level" and gate.against not in arms:
            why = f"The arm {gate.against!r} was not evaluated."
            return why, f"outputs of the {gate.against} model on the test rows"
        if gate.metric not in self.evidence.table.metrics:
            return f"{gate.metric} cannot be measured from outputs alone.", "the model itself"
        why = f"Too few test rows{on_slice(self.part.name)} that {gate.metric} can measure."
        return why, "more test rows"

    def _why_not_validated(self) -> tuple[str, str]:
        metric = self.gate.metric
        validation = validation_of(self.evidence.table, metric, level=self.evidence.level)
        standing, verdicts = validation.standing, validation.verdicts
        why = f"The judge of {metric} is not validated: {standing}, {verdicts} verdicts of people."
        return why, validation.needs or "another judge, or a better question"

    @property
    def _waits_for_people(self) -> bool:
        if self.gate.people != "required":
            return False
        return self.evidence.read_by_people < self.evidence.enough_read

    def _verdicts_needed(self) -> str:
        """How many verdicts from whom would let people's word count."""
        rows = max(self.evidence.enough_read, self._verdicts_for_share())
        more = max(1, rows - self.evidence.read_by_people)
        raters = self.evidence.file.spec.people.raters
        outputs = plural(more, "more output", "more outputs")
        return f"about {outputs} judged by {plural(raters, 'person', 'people')} each"

    def _verdicts_for_share(self) -> int:
        """How many verdicts a threshold on a share of yes asks for; 0 for any other gate."""
        scales = {c.name: c.scale for c in self.evidence.file.spec.people.rubric}
        if self.gate.kind != "level" or scales.get(self.gate.metric) != "yes/no":
            return 0
        limit = threshold_of(self.gate)
        if not 0 < limit < 1:
            return 0
        half_way_to_perfect = (1 + limit) / 2
        return math.ceil(sample_size_share_against(half_way_to_perfect, against=limit).value)


def _why(
    estimate: Estimate,
    limit: float,
    outcome: Outcome,
    strict: Estimate,
    claims: int,
    *,
    signed: bool,
) -> str:
    figure = interval_as_read(estimate, signed=signed)
    measured = f"{figure} on {plural(estimate.n, 'independent row')}"
    threshold = f"the threshold of {as_read(limit, estimate.unit, signed=signed)}"
    if outcome == "GO":
        return f"{measured} meets {threshold}."
    if outcome == "NO-GO":
        return f"{measured} misses {threshold}."
    if estimate.low <= limit <= estimate.high:
        return f"{measured} spans {threshold}."
    corrected = interval_as_read(strict, signed=signed)
    return (
        f"{measured} misses {threshold}, "
        f"but not clearly so once corrected for {claims} criteria: then it is {corrected}."
    )
