"""From moments, counts and small columns to effects: intervals, tests, decisions and designs."""

from helpers.inference.associations import fit_logit
from helpers.inference.contrasts import (
    e_value,
    quantile_difference,
    relative_lift_risk,
    risk_difference,
    score_p_value,
    share_ratio,
    win_difference,
)
from helpers.inference.decisions import adjust_families, benjamini_hochberg, decide, holm, make_estimate
from helpers.inference.experiment import explain_gaps, run_experiment
from helpers.inference.levels import list_levels
from helpers.inference.looks import always_valid, sequential_bounds
from helpers.inference.means import (
    NO_SPREAD,
    adjust_means,
    build_effect,
    compare_means,
    compare_ratios,
    difference,
    exponentiate,
    find_independent,
    measure_columns,
    rate_ratio,
    relative_lift,
    satterthwaite,
)
from helpers.inference.methods import METHODS, Arm, choose_method, compare, compare_arms, demand_method, find_method
from helpers.inference.planning import (
    mde_means,
    mde_normal,
    mde_proportions,
    power_means,
    power_normal,
    power_proportions,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
    simulate_power,
)
from helpers.inference.replies import study_replies
from helpers.inference.take_up import select_contrasts
