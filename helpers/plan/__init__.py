"""What was decided before the data was seen: the YAML plan, typed, and the departures from it."""

from helpers.plan.design import ExperimentPlan, Exposure, Margin, Metric, Variant, name_quantile
from helpers.plan.framework import Feature, FrameworkPlan
from helpers.plan.reading import Plan, read
