"""Events and rows become one row a unit, and one row a unit becomes moments and counts, inside the engine."""

from helpers.metrics.accounts import (
    Accounts,
    Frames,
    explain_accounts,
    fold_accounts,
    measure_freshness,
    read_frames,
    read_histories,
    read_landmarks,
    read_months,
    read_snapshot,
    write_definitions,
)
from helpers.metrics.clock import BLOCKS, name_hours
from helpers.metrics.conversations import explain_conversations, read_conversations
from helpers.metrics.counts import count_levels, count_units, describe_arms, read_rows
from helpers.metrics.moments import leave_covariates, summarise, summarise_covariates, summarise_shares, winsorise
from helpers.metrics.units import Units, fold

__all__ = [
    "BLOCKS",
    "Accounts",
    "Frames",
    "Units",
    "count_levels",
    "count_units",
    "describe_arms",
    "explain_accounts",
    "explain_conversations",
    "fold",
    "fold_accounts",
    "leave_covariates",
    "measure_freshness",
    "name_hours",
    "read_conversations",
    "read_frames",
    "read_histories",
    "read_landmarks",
    "read_months",
    "read_rows",
    "read_snapshot",
    "summarise",
    "summarise_covariates",
    "summarise_shares",
    "winsorise",
    "write_definitions",
]
