"""Accounts folded at landmarks: milestones, outcomes and histories, one row an account, in the engine."""

from helpers.metrics.accounts.definitions import write_definitions
from helpers.metrics.accounts.folding import Accounts, fold_accounts
from helpers.metrics.accounts.frames import Frames, read_frames
from helpers.metrics.accounts.freshness import measure_freshness
from helpers.metrics.accounts.landmarks import explain_accounts, read_landmarks
from helpers.metrics.accounts.tenure import read_histories, read_months, read_snapshot

__all__ = [
    "Accounts",
    "Frames",
    "explain_accounts",
    "fold_accounts",
    "measure_freshness",
    "read_frames",
    "read_histories",
    "read_landmarks",
    "read_months",
    "read_snapshot",
    "write_definitions",
]
