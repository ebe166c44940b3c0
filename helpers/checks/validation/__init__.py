"""Whether the methods keep their promises: measured coverage, false alarms and power, and gates that judge them."""

from helpers.checks.validation.cells import Cell, list_cells
from helpers.checks.validation.conclusions import conclude, count_draws
from helpers.checks.validation.coverage import measure_cells
from helpers.checks.validation.gates import judge_cells, summarise_guarantees
from helpers.checks.validation.looking import compare_looking
from helpers.checks.validation.peers import compare_peers
from helpers.checks.validation.promised_power import compare_power

__all__ = [
    "Cell",
    "compare_looking",
    "compare_peers",
    "compare_power",
    "conclude",
    "count_draws",
    "judge_cells",
    "list_cells",
    "measure_cells",
    "summarise_guarantees",
]
