"""Events and rows become one row a unit, and one row a unit becomes moments and counts, inside the engine."""

from helpers.metrics.accounts import Accounts, fold_accounts, measure_freshness
from helpers.metrics.conversations import explain_conversations, read_conversations
from helpers.metrics.events import Total, name_hours
from helpers.metrics.landmarks import (
    Frames,
    explain_accounts,
    read_frames,
    read_histories,
    read_landmarks,
    read_months,
    read_snapshot,
)
from helpers.metrics.milestones import write_definitions
from helpers.metrics.moments import (
    count_levels,
    count_units,
    leave_covariates,
    summarise,
    summarise_covariates,
    summarise_shares,
    winsorise,
)
from helpers.metrics.reach import Reach
from helpers.metrics.units import Units, describe_arms, fold, read_rows
