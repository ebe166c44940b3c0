"""Milestones of a customer's way, read at a landmark, and what comes after them: associations, never effects."""

from helpers.milestones.adjusted import adjusted_difference, make_controls
from helpers.milestones.landmarks import study_landmarks, study_snapshot
from helpers.milestones.lines import study_maturity, study_setup, study_size
from helpers.milestones.progress import study_next_steps, study_progress
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.study import Choices, run_framework
from helpers.milestones.thresholds import study_threshold
