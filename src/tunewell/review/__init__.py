"""People judge outputs: the panel's size, the blind session, what it found, what they wrote instead."""

from tunewell.review.corrections import Correction, corrections
from tunewell.review.nearest import low_rated, near_rows, nearest
from tunewell.review.panel import Need, PanelPlan, arms_of, plan_panel
from tunewell.review.patterns import Pattern
from tunewell.review.raters import RaterResult
from tunewell.review.results import CriterionResult, ReviewResult, review_result
from tunewell.review.session import CalibrationRow, open_review
from tunewell.review.source import evaluated, newest_evaluation

__all__ = [
    "CalibrationRow",
    "Correction",
    "CriterionResult",
    "Need",
    "PanelPlan",
    "Pattern",
    "RaterResult",
    "ReviewResult",
    "arms_of",
    "corrections",
    "evaluated",
    "low_rated",
    "near_rows",
    "nearest",
    "newest_evaluation",
    "open_review",
    "plan_panel",
    "review_result",
]
