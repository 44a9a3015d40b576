"""What an evaluation finds: T05, E01, E03, E06, E07, E08, E09, E10, E11; a file for each."""

from __future__ import annotations

from tunewell.evaluate.findings.incomplete import incomplete
from tunewell.evaluate.findings.no_gain import no_gain
from tunewell.evaluate.findings.outdated import outdated
from tunewell.evaluate.findings.small_sample import small_sample
from tunewell.evaluate.findings.trivial import trivial
from tunewell.evaluate.findings.unclean_test_rows import unclean_test_rows
from tunewell.evaluate.findings.unsupported import unsupported
from tunewell.evaluate.findings.worn_test_set import worn_test_set
from tunewell.evaluate.findings.worse_slices import worse_slices
from tunewell.evaluate.gate_checks import definition_finding
from tunewell.evaluate.gold_labels import gold_outside_labels
from tunewell.evaluate.scored_arms import ScoredArms
from tunewell.store import Store
from tunewell.types import Evaluation, Finding

__all__ = ["evaluation_findings"]


def evaluation_findings(
    evaluation: Evaluation, measured: ScoredArms, store: Store
) -> list[Finding]:
    """Every finding of the stage: found, clear, or unchecked with the reason."""
    return [
        definition_finding(measured.file, evaluation.metrics, store),
        *no_gain(measured),
        *small_sample(measured),
        *worse_slices(evaluation, measured),
        unsupported(measured),
        outdated(measured),
        worn_test_set(evaluation, measured.file),
        *trivial(measured),
        *incomplete(measured),
        *gold_outside_labels(measured.rows, measured.file),
        *unclean_test_rows(measured),
    ]
