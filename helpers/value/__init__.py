"""An effect as money: what it is worth a year, and whether it pays for what it costs."""

from helpers.value.cash import cash_by_month
from helpers.value.doubts import list_tornado, probability_pays
from helpers.value.payback import agent_cost, find_break_even, study_payback
from helpers.value.yearly import Assumptions, list_assumptions, value_headline, yearly_value

__all__ = [
    "Assumptions",
    "agent_cost",
    "cash_by_month",
    "find_break_even",
    "list_assumptions",
    "list_tornado",
    "probability_pays",
    "study_payback",
    "value_headline",
    "yearly_value",
]
