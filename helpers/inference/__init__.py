"""From moments, counts and small columns to effects: intervals, tests, decisions and designs."""

from helpers.inference.adjustment import adjust_means
from helpers.inference.bayes import Posterior, list_posteriors, read_posterior
from helpers.inference.comparisons import Comparison, label_effect, list_comparisons
from helpers.inference.decisions import decide, decide_all
from helpers.inference.delivery import study_replies
from helpers.inference.design import (
    mde_means,
    mde_proportions,
    power_means,
    power_proportions,
    sample_size_means,
    sample_size_proportions,
)
from helpers.inference.experiment import run_experiment
from helpers.inference.guarantees import GUARANTEES, find_guarantee
from helpers.inference.looks import read_look
from helpers.inference.multiplicity import adjust_families, benjamini_hochberg, holm
from helpers.inference.ordered import win_difference
from helpers.inference.pairs import (
    Pair,
    compare_means,
    compare_ratios,
    difference,
    effective_units,
    relative_lift,
)
from helpers.inference.paths import trace_path
from helpers.inference.permutation import needs_permutation, permutation_difference
from helpers.inference.planning import (
    duration_days,
    mde_events,
    mde_normal,
    power_events,
    power_normal,
    sample_size_events,
    sample_size_normal,
)
from helpers.inference.proportions import relative_lift_risk, risk_difference, score_limits, score_p_value
from helpers.inference.quantiles import quantile_difference
from helpers.inference.rates import rate_ratio
from helpers.inference.requirements import list_sample_sizes
from helpers.inference.sequential import always_valid, at_look, sequential_bounds
from helpers.inference.simulated_power import SimulatedPower, simulate_power
from helpers.inference.uptake import select_contrasts
from helpers.inference.variation import Variation, compare_groups

__all__ = [
    "GUARANTEES",
    "Comparison",
    "Pair",
    "Posterior",
    "SimulatedPower",
    "Variation",
    "adjust_families",
    "adjust_means",
    "always_valid",
    "at_look",
    "benjamini_hochberg",
    "compare_groups",
    "compare_means",
    "compare_ratios",
    "decide",
    "decide_all",
    "difference",
    "duration_days",
    "effective_units",
    "find_guarantee",
    "holm",
    "label_effect",
    "list_comparisons",
    "list_posteriors",
    "list_sample_sizes",
    "mde_events",
    "mde_means",
    "mde_normal",
    "mde_proportions",
    "needs_permutation",
    "permutation_difference",
    "power_events",
    "power_means",
    "power_normal",
    "power_proportions",
    "quantile_difference",
    "rate_ratio",
    "read_look",
    "read_posterior",
    "relative_lift",
    "relative_lift_risk",
    "risk_difference",
    "run_experiment",
    "sample_size_events",
    "sample_size_means",
    "sample_size_normal",
    "sample_size_proportions",
    "score_limits",
    "score_p_value",
    "select_contrasts",
    "sequential_bounds",
    "simulate_power",
    "study_replies",
    "trace_path",
    "win_difference",
]
