"""Whether the data can be trusted, before any effect is looked at: the split, balance, and what is missing."""

from helpers.checks.accounts import check_accounts
from helpers.checks.promises import count_by_tenth
from helpers.checks.resplit import resplit
from helpers.checks.trust import run, withheld
from helpers.checks.validation import (
    Cell,
    compare_looking,
    compare_peers,
    compare_power,
    conclude,
    count_draws,
    judge_cells,
    list_cells,
    measure_cells,
    summarise_guarantees,
)

__all__ = [
    "Cell",
    "check_accounts",
    "compare_looking",
    "compare_peers",
    "compare_power",
    "conclude",
    "count_by_tenth",
    "count_draws",
    "judge_cells",
    "list_cells",
    "measure_cells",
    "resplit",
    "run",
    "summarise_guarantees",
    "withheld",
]
