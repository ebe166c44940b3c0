"""Milestones of a customer's way, read at a landmark, and what comes after them: associations, never effects."""

from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.curves import study_snapshot
from helpers.milestones.landmark_study import study_landmarks
from helpers.milestones.maturity import study_maturity
from helpers.milestones.next_steps import study_next_steps
from helpers.milestones.progress import study_progress
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.setup import study_setup
from helpers.milestones.size import study_size
from helpers.milestones.study import run_framework
from helpers.milestones.thresholds import study_threshold

__all__ = [
    "adjusted_difference",
    "make_controls",
    "run_framework",
    "study_landmarks",
    "study_maturity",
    "study_next_steps",
    "study_progress",
    "study_ranking",
    "study_review",
    "study_setup",
    "study_size",
    "study_snapshot",
    "study_threshold",
]
