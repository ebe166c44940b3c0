"""What a report shows in words and tables: one call a section, escaped, with the whole table as a download."""

from helpers.tables.effects import claims, estimates
from helpers.tables.masthead import limits, masthead
from helpers.tables.planning import assumptions, requirements, sample_sizes, tests, uptake
from helpers.tables.record import checks, design, flow, run_record
from helpers.tables.show import show

__all__ = [
    "assumptions",
    "checks",
    "claims",
    "design",
    "estimates",
    "flow",
    "limits",
    "masthead",
    "requirements",
    "run_record",
    "sample_sizes",
    "show",
    "tests",
    "uptake",
]
