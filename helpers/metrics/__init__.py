"""Events and rows become one row a unit, and one row a unit becomes moments and counts, inside the engine."""

from helpers.metrics.clock import BLOCKS, name_hours
from helpers.metrics.conversations import explain_conversations, read_conversations
from helpers.metrics.counts import count_levels, count_units, describe_arms, read_rows
from helpers.metrics.moments import leave_covariates, summarise, summarise_covariates, summarise_shares, winsorise
from helpers.metrics.units import Units, fold

__all__ = [
    "BLOCKS",
    "Units",
    "count_levels",
    "count_units",
    "describe_arms",
    "explain_conversations",
    "fold",
    "leave_covariates",
    "name_hours",
    "read_conversations",
    "read_rows",
    "summarise",
    "summarise_covariates",
    "summarise_shares",
    "winsorise",
]
