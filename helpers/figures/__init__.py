"""What a report shows in pictures: one call a figure, each with uncertainty, a finding as title and its table."""

from helpers.figures.curves import cumulative_incidence, sample_size
from helpers.figures.effects import contrasts, forest, segments
from helpers.figures.money import money
from helpers.figures.times import looking_path, over_time
from helpers.figures.validation import coverage, false_alarms, looking, peers, powers

__all__ = [
    "contrasts",
    "coverage",
    "cumulative_incidence",
    "false_alarms",
    "forest",
    "looking",
    "looking_path",
    "money",
    "over_time",
    "peers",
    "powers",
    "sample_size",
    "segments",
]
