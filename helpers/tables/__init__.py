"""What a report shows in words and tables: one call a section, escaped, with the whole table as a download."""

from helpers.tables.effects import claims, estimates, sensitivity
from helpers.tables.masthead import limits, masthead
from helpers.tables.payback import break_even, cash, probability
from helpers.tables.planning import assumptions, posteriors, requirements, sample_sizes, tests, uptake
from helpers.tables.record import checks, design, flow, run_record
from helpers.tables.replies import agents, replies, reply_hours, slower, speed_association
from helpers.tables.show import show
from helpers.tables.staffing import arrivals, roll_out, staffing_check
from helpers.tables.validation import grid, outside, peers, promises, sizes, sources, verdicts

__all__ = [
    "agents",
    "arrivals",
    "assumptions",
    "break_even",
    "cash",
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
    "probability",
    "promises",
    "replies",
    "reply_hours",
    "requirements",
    "roll_out",
    "run_record",
    "sample_sizes",
    "sensitivity",
    "show",
    "sizes",
    "slower",
    "sources",
    "speed_association",
    "staffing_check",
    "tests",
    "uptake",
    "verdicts",
]
