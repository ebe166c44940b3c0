"""Events and rows become one row a unit, and one row a unit becomes moments and counts, inside the engine."""

from helpers.metrics import milestones, payments
from helpers.metrics.accounts import Accounts, Frames, fold_accounts, read_frames, read_landmarks, read_snapshot
from helpers.metrics.moments import count_units, describe_arms, read_rows, summarise, summarise_covariates, tell_days
from helpers.metrics.tickets import explain_conversations, read_conversations
from helpers.metrics.units import Units, fold
