"""Whether the methods keep their promises: measured coverage, false alarms and power, and gates that judge them."""

from helpers.checks.validation.cells import Cell, list_cells
from helpers.checks.validation.coverage import measure_cells
from helpers.checks.validation.gates import judge_cells, summarise_guarantees
from helpers.checks.validation.peers import compare_peers

__all__ = ["Cell", "compare_peers", "judge_cells", "list_cells", "measure_cells", "summarise_guarantees"]
