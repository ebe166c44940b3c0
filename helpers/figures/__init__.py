"""What a report shows in pictures: one call a figure, each with uncertainty, a finding as title and its table."""

from helpers.figures.curves import cumulative_incidence, sample_size
from helpers.figures.effects import contrasts, forest, segments
from helpers.figures.money import money
from helpers.figures.payback import cash, tornado
from helpers.figures.replies import hours_effect, reply_times
from helpers.figures.staffing import arrivals, roll_out, staffing
from helpers.figures.times import looking_path, over_time
from helpers.figures.validation import coverage, false_alarms, looking, peers, powers

__all__ = [
    "arrivals",
    "cash",
    "contrasts",
    "coverage",
    "cumulative_incidence",
    "false_alarms",
    "forest",
    "hours_effect",
    "looking",
    "looking_path",
    "money",
    "over_time",
    "peers",
    "powers",
    "reply_times",
    "roll_out",
    "sample_size",
    "segments",
    "staffing",
    "tornado",
]
