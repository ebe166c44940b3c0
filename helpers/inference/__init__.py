"""From moments, counts and small columns to effects: intervals, tests, decisions and designs."""

from helpers.inference.adjustment import adjust_means
from helpers.inference.comparisons import Comparison, label_effect, list_comparisons
from helpers.inference.decisions import decide, decide_all
from helpers.inference.design import (
    mde_means,
    mde_proportions,
    power_means,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
)
from helpers.inference.experiment import run_experiment
from helpers.inference.looks import read_look
from helpers.inference.multiplicity import adjust_families, benjamini_hochberg, holm
from helpers.inference.pairs import Pair, compare_means, compare_ratios, difference, relative_lift
from helpers.inference.paths import trace_path
from helpers.inference.permutation import needs_permutation, permutation_difference
from helpers.inference.proportions import relative_lift_risk, risk_difference, score_limits, score_p_value
from helpers.inference.requirements import list_sample_sizes
from helpers.inference.sequential import always_valid, at_look, sequential_bounds
from helpers.inference.uptake import select_contrasts

__all__ = [
    "Comparison",
    "Pair",
    "adjust_families",
    "adjust_means",
    "always_valid",
    "at_look",
    "benjamini_hochberg",
    "compare_means",
    "compare_ratios",
    "decide",
    "decide_all",
    "difference",
    "holm",
    "label_effect",
    "list_comparisons",
    "list_sample_sizes",
    "mde_means",
    "mde_proportions",
    "needs_permutation",
    "permutation_difference",
    "power_means",
    "power_proportions",
    "read_look",
    "relative_lift",
    "relative_lift_risk",
    "risk_difference",
    "run_experiment",
    "sample_size_means",
    "sample_size_proportions",
    "score_limits",
    "score_p_value",
    "select_contrasts",
    "sequential_bounds",
    "trace_path",
]
