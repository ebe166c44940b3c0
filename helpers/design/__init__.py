"""Before an experiment: baselines, what each week of enrolment could find, what it is worth, and the plan of it."""

from helpers.design.sizing import Assumed, Setting, assume_baselines, change_design, group_units, measure_baselines
from helpers.design.study import list_effects, list_weeks, plan_experiment, settle, write_plan
