"""Time to an event, some of it not yet seen: the share reached by a day, the mean time up to it, and their tests."""

from helpers.survival.groups import incidence_difference, log_rank, rmst_difference
from helpers.survival.guarantees import GUARANTEES
from helpers.survival.life import LifeTable, build_life_table, read_incidence
from helpers.survival.times import compare_times, study_times, trace_curves

__all__ = [
    "GUARANTEES",
    "LifeTable",
    "build_life_table",
    "compare_times",
    "incidence_difference",
    "log_rank",
    "read_incidence",
    "rmst_difference",
    "study_times",
    "trace_curves",
]
