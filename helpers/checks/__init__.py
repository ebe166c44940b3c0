"""Whether the data can be trusted, before any effect is looked at: the split, balance, and what is missing."""

from helpers.checks.accounts import check_accounts
from helpers.checks.gates import conclude, count_draws, judge_cells, read_deep, record_deep, summarise_guarantees
from helpers.checks.peers import compare_looking, compare_peers, compare_power
from helpers.checks.splits import count_by_tenth, resplit
from helpers.checks.trust import run, withheld
from helpers.checks.validation import Cell, draw_arms, find_departure, list_cells, measure_cells
