"""Recorded runs as other tools show them: MLflow, TensorBoard, OpenTelemetry.

Runs are the truth and stay where they are; a tracker gets a copy, and sending twice adds nothing.
"""

from tunewell.tracking.targets import TRACKERS, SentRuns, Tracker, send

__all__ = ["TRACKERS", "SentRuns", "Tracker", "send"]
