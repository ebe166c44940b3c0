"""From moments, counts and small columns to effects: intervals, tests, decisions and designs."""

from helpers.inference.experiment import explain_gaps, run_experiment
from helpers.inference.methods import METHODS
from helpers.inference.replies import list_levels, study_replies
from helpers.inference.take_up import select_contrasts
