"""An effect as money: what it is worth a year, and whether it pays for what it costs."""

from helpers.value.payback import agent_cost, cash_by_month, find_break_even, list_tornado, study_payback
from helpers.value.yearly import Assumptions, list_assumptions, probability_pays, value_headline, yearly_value
