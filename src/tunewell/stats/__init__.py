"""Pure functions on arrays: every figure with an interval that covers what it says."""

from tunewell.stats.agreement import cohen_kappa, fleiss_kappa, gwet_ac1, krippendorff_alpha, pabak
from tunewell.stats.corrected import corrected_mean, corrected_rate
from tunewell.stats.corrected_pairs import corrected_difference, corrected_win_rate, subtract
from tunewell.stats.icc import icc, raters_needed
from tunewell.stats.means import bootstrap, difference, mean
from tunewell.stats.multiple import Equivalence, benjamini_hochberg, equivalence, holm
from tunewell.stats.plan import (
    detectable_difference,
    sample_size_difference,
    sample_size_proportion,
    sample_size_share_against,
)
from tunewell.stats.proportions import Tested, mcnemar, proportion

__all__ = [
    "Equivalence",
    "Tested",
    "benjamini_hochberg",
    "bootstrap",
    "cohen_kappa",
    "corrected_difference",
    "corrected_mean",
    "corrected_rate",
    "corrected_win_rate",
    "detectable_difference",
    "difference",
    "equivalence",
    "fleiss_kappa",
    "gwet_ac1",
    "holm",
    "icc",
    "krippendorff_alpha",
    "mcnemar",
    "mean",
    "pabak",
    "proportion",
    "raters_needed",
    "sample_size_difference",
    "sample_size_proportion",
    "sample_size_share_against",
    "subtract",
]
