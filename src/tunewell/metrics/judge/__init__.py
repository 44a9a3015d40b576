"""Model judges: one criterion of the rubric, a reason and a verdict in a fixed form."""

from tunewell.metrics.judge.judge import Judge, JudgeVerdict, Preferences

__all__ = ["Judge", "JudgeVerdict", "Preferences"]
