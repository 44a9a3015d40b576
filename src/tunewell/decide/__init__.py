"""What to do next, from the evidence: promote, hold, collect, retrain or roll back, and when."""

from tunewell.decide.decay import Decay, QualityReading, measure_decay
from tunewell.decide.evidence import (
    AlarmInUse,
    CandidateState,
    DecisionEvidence,
    EarlierVersion,
    Prices,
    TrialState,
    Waiting,
)
from tunewell.decide.outdated import outdated
from tunewell.decide.overdue import overdue
from tunewell.decide.policy import decide_next
from tunewell.decide.record import (
    RecordedDecision,
    decisions,
    record_decision,
    sign_decision,
    signatures,
)
from tunewell.decide.schedule import ScheduleOptions, plan_schedule

__all__ = [
    "AlarmInUse",
    "CandidateState",
    "Decay",
    "DecisionEvidence",
    "EarlierVersion",
    "Prices",
    "QualityReading",
    "RecordedDecision",
    "ScheduleOptions",
    "TrialState",
    "Waiting",
    "decide_next",
    "decisions",
    "measure_decay",
    "outdated",
    "overdue",
    "plan_schedule",
    "record_decision",
    "sign_decision",
    "signatures",
]
