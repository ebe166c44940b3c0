"""Milestones of a customer's way, read at a landmark, and what comes after them: associations, never effects."""

from helpers.milestones.contrasts import adjusted_difference, make_controls
from helpers.milestones.progress import study_maturity, study_next_steps, study_progress, study_size
from helpers.milestones.ranking import study_ranking
from helpers.milestones.review import study_review
from helpers.milestones.study import Choices, move_line, run_framework, study_landmarks, study_setup, study_snapshot
from helpers.milestones.thresholds import study_threshold
