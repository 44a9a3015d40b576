"""People judge outputs: how large a panel, blind to the model, what it found, what it corrected."""

from tunewell.review.corrected_answers import Correction, corrections
from tunewell.review.error_patterns import Pattern
from tunewell.review.latest_evaluation import evaluated, newest_evaluation
from tunewell.review.open_batch import CalibrationRow, ReviewPlan, open_review
from tunewell.review.panel_size import Need, PanelPlan, arms_of, plan_panel
from tunewell.review.rater_quality import RaterResult
from tunewell.review.results import CriterionResult, ReviewResult, review_result
from tunewell.review.similar_training_rows import low_rated, near_rows, nearest

__all__ = [
    "CalibrationRow",
    "Correction",
    "CriterionResult",
    "Need",
    "PanelPlan",
    "Pattern",
    "RaterResult",
    "ReviewPlan",
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
