"""Before an experiment: baselines, what each week of enrolment could find, what it is worth, and the plan of it."""

from helpers.design.baselines import assume_baselines, group_units, measure_baselines
from helpers.design.sizing import Assumed, Setting
from helpers.design.study import list_effects, list_weeks, plan_experiment, settle
from helpers.design.written import change_design, write_plan
