"""What a report shows in words and tables: one call a section, escaped, with the whole table as a download."""

from helpers.tables.effects import claims, estimates, sensitivity
from helpers.tables.framework import (
    definitions,
    drift,
    framework,
    freshness,
    hypotheses,
    landmark_flow,
    model_quality,
    next_steps,
    ranking,
    ranking_gaps,
    review,
    review_words,
)
from helpers.tables.masthead import limits, masthead
from helpers.tables.milestones import (
    alive,
    categories,
    hazards,
    landmark_effects,
    maturity_lines,
    readings,
    setup_steps,
    size,
    threshold,
)
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
