"""Tests on traffic: what their requests say at any moment, and when they have to be stopped."""

from tunewell.compare.experiment.analyse import read_experiment, result_of
from tunewell.compare.experiment.closing import close_and_settle, stop_for_harm
from tunewell.compare.experiment.effects import Effects
from tunewell.compare.experiment.exposures import Exposures, exposures_of
from tunewell.compare.experiment.result import (
    ArmOfTraffic,
    ExperimentResult,
    GuardReading,
    ValidityCheck,
)

__all__ = [
    "ArmOfTraffic",
    "Effects",
    "ExperimentResult",
    "Exposures",
    "GuardReading",
    "ValidityCheck",
    "close_and_settle",
    "exposures_of",
    "read_experiment",
    "result_of",
    "stop_for_harm",
]
