"""What a report shows in pictures: one call a figure, each with uncertainty, a finding as title and its table."""

from helpers.figures.adoption import adoption
from helpers.figures.curves import cumulative_incidence, sample_size
from helpers.figures.effects import contrasts, forest, segments
from helpers.figures.milestones import landmark_effects, milestone_survival, overall, readings
from helpers.figures.money import money
from helpers.figures.payback import cash, tornado
from helpers.figures.progress import flows, progress
from helpers.figures.ranking import ranking
from helpers.figures.replies import hours_effect, reply_times
from helpers.figures.review import review
from helpers.figures.sizes import size_bands
from helpers.figures.staffing import arrivals, roll_out, staffing
from helpers.figures.steps import setup_steps
from helpers.figures.thresholds import cut_scan, maturity, retention_by_count
from helpers.figures.times import looking_path, over_time
from helpers.figures.validation import coverage, false_alarms, looking, peers, powers

__all__ = [
    "adoption",
    "arrivals",
    "cash",
    "contrasts",
    "coverage",
    "cumulative_incidence",
    "cut_scan",
    "false_alarms",
    "flows",
    "forest",
    "hours_effect",
    "landmark_effects",
    "looking",
    "looking_path",
    "maturity",
    "milestone_survival",
    "money",
    "over_time",
    "overall",
    "peers",
    "powers",
    "progress",
    "ranking",
    "readings",
    "reply_times",
    "retention_by_count",
    "review",
    "roll_out",
    "sample_size",
    "segments",
    "setup_steps",
    "size_bands",
    "staffing",
    "tornado",
]
