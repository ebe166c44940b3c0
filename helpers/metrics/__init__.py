"""Events and rows become one row a unit, and one row a unit becomes moments and counts, inside the engine."""

from helpers.metrics.accounts import (
    Accounts,
    Frames,
    explain_accounts,
    fold_accounts,
    measure_freshness,
    read_frames,
    read_landmarks,
    read_snapshot,
)
from helpers.metrics.events import Total, explain_conversations, read_conversations
from helpers.metrics.milestones import write_definitions
from helpers.metrics.moments import (
    count_levels,
    count_units,
    describe_arms,
    read_rows,
    summarise,
    summarise_covariates,
    summarise_shares,
    winsorise,
)
from helpers.metrics.reach import Reach
from helpers.metrics.segments import count_overlap, count_payers
from helpers.metrics.units import Units, fold
