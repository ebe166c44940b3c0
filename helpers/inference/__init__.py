"""From moments, counts and small columns to effects: intervals, tests, decisions and designs."""

from helpers.inference.associations import (
    adjusted_contrast,
    bound_missing,
    measure_overlap,
    naive_contrast,
    weight_responders,
    weighted_contrast,
)
from helpers.inference.bayes import Posterior, list_posteriors, read_posterior
from helpers.inference.decisions import (
    Comparison,
    adjust_families,
    benjamini_hochberg,
    decide,
    decide_all,
    holm,
    label_effect,
    list_comparisons,
)
from helpers.inference.effects import (
    NO_SPREAD,
    Pair,
    build_effect,
    compare_means,
    compare_ratios,
    difference,
    effective_units,
    measure_columns,
    rate_ratio,
    relative_lift,
    satterthwaite,
)
from helpers.inference.experiment import run_experiment, study_times
from helpers.inference.looks import always_valid, at_look, read_look, sequential_bounds
from helpers.inference.means import (
    adjust_means,
    compare_arms,
    compare_groups,
    find_independent,
    lift_arms,
    needs_permutation,
    pair_arms,
    permutation_difference,
    regress,
)
from helpers.inference.methods import (
    GUARANTEES,
    Arm,
    adjust_columns,
    choose_method,
    compare,
    compare_columns,
    find_guarantee,
    lift_columns,
)
from helpers.inference.planning import (
    SimulatedPower,
    duration_days,
    mde_events,
    mde_means,
    mde_normal,
    mde_proportions,
    power_events,
    power_means,
    power_normal,
    power_proportions,
    sample_size_events,
    sample_size_means,
    sample_size_normal,
    sample_size_proportions,
    simulate_power,
)
from helpers.inference.proportions import relative_lift_risk, risk_difference, score_limits, score_p_value
from helpers.inference.ranks import quantile_difference, win_difference
from helpers.inference.reach import list_sample_sizes
from helpers.inference.replies import study_replies
from helpers.inference.splits import trace_path
from helpers.inference.take_up import anderson_rubin, complier_effect, e_value, first_stage, select_contrasts
