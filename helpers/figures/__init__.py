"""What a report shows in pictures: one call a figure, each with uncertainty, a finding as title and its table."""

from helpers.figures.curves import cumulative_incidence, looking_path, sample_size
from helpers.figures.effects import contrasts, forest, over_time, segments
from helpers.figures.money import money

__all__ = [
    "contrasts",
    "cumulative_incidence",
    "forest",
    "looking_path",
    "money",
    "over_time",
    "sample_size",
    "segments",
]
