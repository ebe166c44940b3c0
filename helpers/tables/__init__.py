"""What a report shows in words and tables: one call a section, escaped, with the whole table as a download."""

from helpers.tables.effects import claims, estimates, sensitivity
from helpers.tables.masthead import limits, masthead
from helpers.tables.planning import assumptions, posteriors, requirements, sample_sizes, tests, uptake
from helpers.tables.record import checks, design, flow, run_record
from helpers.tables.show import show
from helpers.tables.validation import grid, outside, peers, promises, sizes, sources, verdicts

__all__ = [
    "assumptions",
    "checks",
    "claims",
    "design",
    "estimates",
    "flow",
    "grid",
    "limits",
    "masthead",
    "outside",
    "peers",
    "posteriors",
    "promises",
    "requirements",
    "run_record",
    "sample_sizes",
    "sensitivity",
    "show",
    "sizes",
    "sources",
    "tests",
    "uptake",
    "verdicts",
]
