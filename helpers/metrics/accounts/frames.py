"""All that a framework study reads of its accounts, brought into memory once."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from helpers.metrics.accounts.folding import Accounts
from helpers.metrics.accounts.landmarks import read_landmarks
from helpers.metrics.accounts.tenure import read_histories, read_months, read_snapshot


@dataclass(frozen=True)
class Frames:
    """Accounts as the study reads them.

    `landmarks` by days after the start, the main one first; of a snapshot the one frame under 0. `histories` has one
    row an account that started, `months` one an account and month; both are None for a snapshot.
    """

    landmarks: dict[float, pd.DataFrame] = field(repr=False)
    histories: pd.DataFrame | None = field(default=None, repr=False)
    months: pd.DataFrame | None = field(default=None, repr=False)

    @property
    def main(self) -> pd.DataFrame:
        """The accounts at the main landmark, or of the snapshot."""
        return next(iter(self.landmarks.values()))


def read_frames(accounts: Accounts) -> Frames:
    """Return the accounts at each landmark, their histories and their months.

    Parameters
    ----------
    accounts : Accounts

    Returns
    -------
    Frames: as `read_landmarks`, `read_histories`, `read_months` and `read_snapshot` describe them.
    """
    if accounts.design.is_snapshot:
        return Frames({0.0: read_snapshot(accounts)})
    return Frames(read_landmarks(accounts), read_histories(accounts), read_months(accounts))
