"""What a report shows in words and tables: one call a section, escaped, with the whole table as a download."""

from helpers.tables.daily import definitions, freshness, landmark_flow, next_steps
from helpers.tables.effects import claims, estimates, sensitivity
from helpers.tables.framework import (
    drift,
    framework,
    hypotheses,
    model_quality,
    ranking,
    ranking_gaps,
    review,
    review_words,
)
from helpers.tables.lines import alive, categories, maturity_lines, setup_steps, size, threshold
from helpers.tables.masthead import limits, masthead
from helpers.tables.milestones import hazards, landmark_effects, otherwise, readings
from helpers.tables.payback import break_even, cash, probability
from helpers.tables.planning import assumptions, posteriors, requirements, sample_sizes, tests, uptake
from helpers.tables.record import checks, design, flow, run_record
from helpers.tables.replies import agents, replies, reply_hours, slower, speed_association
from helpers.tables.show import show
from helpers.tables.staffing import arrivals, roll_out, staffing_check
from helpers.tables.validation import grid, outside, peers, promises, sizes, sources, verdicts

__all__ = [
    "agents",
    "alive",
    "arrivals",
    "assumptions",
    "break_even",
    "cash",
    "categories",
    "checks",
    "claims",
    "definitions",
    "design",
    "drift",
    "estimates",
    "flow",
    "framework",
    "freshness",
    "grid",
    "hazards",
    "hypotheses",
    "landmark_effects",
    "landmark_flow",
    "limits",
    "masthead",
    "maturity_lines",
    "model_quality",
    "next_steps",
    "otherwise",
    "outside",
    "peers",
    "posteriors",
    "probability",
    "promises",
    "ranking",
    "ranking_gaps",
    "readings",
    "replies",
    "reply_hours",
    "requirements",
    "review",
    "review_words",
    "roll_out",
    "run_record",
    "sample_sizes",
    "sensitivity",
    "setup_steps",
    "show",
    "size",
    "sizes",
    "slower",
    "sources",
    "speed_association",
    "staffing_check",
    "tests",
    "threshold",
    "uptake",
    "verdicts",
]
