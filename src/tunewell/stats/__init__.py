"""Pure functions on arrays: every figure with an interval that covers what it says."""

from tunewell.stats.agreement import (
    cohen_kappa,
    fleiss_kappa,
    gwet_ac1,
    krippendorff_alpha,
    pabak,
)
from tunewell.stats.boundaries import (
    group_boundaries,
    spending_boundaries,
)
from tunewell.stats.calibration import (
    Bin,
    Reliability,
    reliability_curve,
)
from tunewell.stats.change import (
    Budget,
    Cusum,
    JudgedCusum,
    JudgedPeriod,
    cusum_run_length,
)
from tunewell.stats.classification import (
    balanced_accuracy,
    f1_of_overlap,
)
from tunewell.stats.corrected import (
    corrected_mean,
    corrected_rate,
)
from tunewell.stats.corrected_pairs import (
    JudgedArm,
    corrected_difference,
    corrected_win_rate,
    subtract,
)
from tunewell.stats.counterfactual import (
    Counterfactual,
)
from tunewell.stats.curves import (
    LearningCurve,
    learning_curve,
)
from tunewell.stats.drift import (
    two_sample,
)
from tunewell.stats.icc import (
    icc,
    raters_needed,
)
from tunewell.stats.interval_power import (
    detectable_by,
    rows_to_show,
)
from tunewell.stats.loss_curve import (
    gap_to_training,
    rise_since_lowest,
)
from tunewell.stats.macro_f1 import macro_f1
from tunewell.stats.many_claims import (
    bonferroni_level,
    holm_adjusted,
)
from tunewell.stats.means import (
    bootstrap,
    difference,
    mean,
)
from tunewell.stats.multiple import (
    Equivalence,
    benjamini_hochberg,
    equivalence,
    holm,
)
from tunewell.stats.one_sided import (
    strict_ends,
)
from tunewell.stats.p_value import (
    interval_p_value,
)
from tunewell.stats.pairs import (
    PositionBias,
    Ranking,
    bradley_terry,
    position_bias,
    win_rate,
)
from tunewell.stats.plan import (
    detectable_difference,
    sample_size_corrected,
    sample_size_difference,
    sample_size_equivalence,
    sample_size_mcnemar,
    sample_size_proportion,
    sample_size_share_against,
)
from tunewell.stats.proportions import (
    Tested,
    mcnemar,
    proportion,
)
from tunewell.stats.rank_correlation import (
    rank_correlation,
)
from tunewell.stats.sequential import (
    ConfidenceSequence,
    Look,
    confidence_sequence,
    sample_size_ab,
    sequential_ab,
)
from tunewell.stats.series import (
    Interruption,
    SeriesCusum,
    interrupted_series,
)

__all__ = [
    "Bin",
    "Budget",
    "ConfidenceSequence",
    "Counterfactual",
    "Cusum",
    "Equivalence",
    "Interruption",
    "JudgedArm",
    "JudgedCusum",
    "JudgedPeriod",
    "LearningCurve",
    "Look",
    "PositionBias",
    "Ranking",
    "Reliability",
    "SeriesCusum",
    "Tested",
    "balanced_accuracy",
    "benjamini_hochberg",
    "bonferroni_level",
    "bootstrap",
    "bradley_terry",
    "cohen_kappa",
    "confidence_sequence",
    "corrected_difference",
    "corrected_mean",
    "corrected_rate",
    "corrected_win_rate",
    "cusum_run_length",
    "detectable_by",
    "detectable_difference",
    "difference",
    "equivalence",
    "f1_of_overlap",
    "fleiss_kappa",
    "gap_to_training",
    "group_boundaries",
    "gwet_ac1",
    "holm",
    "holm_adjusted",
    "icc",
    "interrupted_series",
    "interval_p_value",
    "krippendorff_alpha",
    "learning_curve",
    "macro_f1",
    "mcnemar",
    "mean",
    "pabak",
    "position_bias",
    "proportion",
    "rank_correlation",
    "raters_needed",
    "reliability_curve",
    "rise_since_lowest",
    "rows_to_show",
    "sample_size_ab",
    "sample_size_corrected",
    "sample_size_difference",
    "sample_size_equivalence",
    "sample_size_mcnemar",
    "sample_size_proportion",
    "sample_size_share_against",
    "sequential_ab",
    "spending_boundaries",
    "strict_ends",
    "subtract",
    "two_sample",
    "win_rate",
]
