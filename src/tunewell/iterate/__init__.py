"""The loop over runs: what people said and what came in use, into the next version, and so on."""

from tunewell.iterate.decisions import decide_now, newest_decision
from tunewell.iterate.gather import gather_evidence
from tunewell.iterate.loop import Iteration, iterate
from tunewell.iterate.readings import import_readings, quality_readings
from tunewell.iterate.recurrence import measure_recurrence
from tunewell.iterate.standing_readings import review_readings
from tunewell.iterate.steps import IterationStep

__all__ = [
    "Iteration",
    "IterationStep",
    "decide_now",
    "gather_evidence",
    "import_readings",
    "iterate",
    "measure_recurrence",
    "newest_decision",
    "quality_readings",
    "review_readings",
]
