"""Accounts with a known truth for the tests of milestones: leaving, activating, and a plan, in a few numpy lines."""

import numpy as np
import pandas as pd

from helpers.plan import FrameworkPlan

RATES = {"basic": 0.004, "premium": 0.001}  # losses a day
LANDMARK, HORIZON = 90.0, 180.0
PLAN = {"kind": "framework", "title": "Milestones", "question": "Which milestones mark accounts that stay?"}
PLAN |= {"unit_id": "account_id", "started_at": "started_at", "size": "seats", "plan_tier": "plan_tier"}
PLAN |= {"activation": {"event": "asked", "at_least": 5, "landmark_days": [LANDMARK]}}
PLAN |= {"outcomes": {"retained": {"lost": "cancelled", "within_days": HORIZON}}}


def make_framework(**changes):
    """Return a small framework plan, some keys changed."""
    return FrameworkPlan.model_validate(PLAN | changes)


def draw_histories(seed, n, *, factor=1.0, follows=400.0):
    """Return accounts whose premium tier stays longer and activates sooner; activation multiplies the rate of loss."""
    rng = np.random.default_rng(seed)
    tier = np.where(rng.random(n) < 0.3, "premium", "basic")
    day = rng.exponential(np.where(tier == "premium", 60, 120))
    day[day >= LANDMARK] = np.inf
    rate, left = np.where(tier == "premium", RATES["premium"], RATES["basic"]), rng.exponential(1, n)
    # rate x days before activation, rate x factor x days after it, used up at the loss
    early, rest = left / rate, np.maximum(left - rate * np.minimum(day, 1e9), 0)
    lost = np.where(early <= day, early, np.minimum(day, 1e9) + rest / (rate * factor))
    frame = pd.DataFrame({"unit": [f"a{number:06d}" for number in range(n)], "tier": tier})
    frame = frame.assign(size=rng.lognormal(2, 1, n), followed_days=follows)
    frame["lost_day"] = np.where(lost <= follows, lost, np.nan)
    return frame.assign(day_activated=np.where(day < np.minimum(lost, follows), day, np.nan))


def read_frame(histories, landmark=LANDMARK, horizon=HORIZON):
    """Return the accounts alive at the landmark and followed to the horizon, as the metrics room reads them."""
    is_in = ~(histories["lost_day"] <= landmark) & (histories["followed_days"] >= landmark + horizon)
    rows = histories[is_in].reset_index(drop=True)
    return rows[["unit", "tier", "size"]].assign(
        activated=(rows["day_activated"] < landmark).astype(float),
        retained=1.0 - (rows["lost_day"] <= landmark + horizon),
        lost=rows["lost_day"].notna().astype(int),
        lost_days=rows["lost_day"].fillna(rows["followed_days"]) - landmark,
    )
