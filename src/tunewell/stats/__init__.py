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
from tunewell.stats.change import (
    Budget,
    Cusum,
    JudgedCusum,
    cusum_run_length,
)
from tunewell.stats.corrected import (
    corrected_mean,
    corrected_rate,
)
from tunewell.stats.corrected_pairs import (
    corrected_difference,
    corrected_win_rate,
    subtract,
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
from tunewell.stats.macro_f1 import macro_f1
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
    "Budget",
    "ConfidenceSequence",
    "Cusum",
    "Equivalence",
    "Interruption",
    "JudgedCusum",
    "LearningCurve",
    "Look",
    "PositionBias",
    "Ranking",
    "SeriesCusum",
    "Tested",
    "benjamini_hochberg",
    "bootstrap",
    "bradley_terry",
    "cohen_kappa",
    "confidence_sequence",
    "corrected_difference",
    "corrected_mean",
    "corrected_rate",
    "corrected_win_rate",
    "cusum_run_length",
    "detectable_difference",
    "difference",
    "equivalence",
    "fleiss_kappa",
    "group_boundaries",
    "gwet_ac1",
    "holm",
    "icc",
    "interrupted_series",
    "krippendorff_alpha",
    "learning_curve",
    "macro_f1",
    "mcnemar",
    "mean",
    "pabak",
    "position_bias",
    "proportion",
    "raters_needed",
    "sample_size_ab",
    "sample_size_corrected",
    "sample_size_difference",
    "sample_size_equivalence",
    "sample_size_mcnemar",
    "sample_size_proportion",
    "sample_size_share_against",
    "sequential_ab",
    "spending_boundaries",
    "subtract",
    "two_sample",
    "win_rate",
]
