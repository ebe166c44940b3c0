"""Small worlds with a known truth for the ranking and the next steps."""

import numpy as np
import pandas as pd

from helpers.plan.framework import FrameworkPlan

PLAN = {"kind": "framework", "title": "t", "question": "q", "unit_id": "account_id", "started_at": "started_at"}


def make_plan(*features, **changes) -> FrameworkPlan:
    """Return a plan of features, each a name or a dict; changes replace keys."""
    named = [{"name": f, "event": f} if isinstance(f, str) else f for f in features]
    return FrameworkPlan(**(PLAN | {"features": named, "outcomes": {"retained": {"lost": "cancelled"}}} | changes))


def make_frame(n=3000, seed=1, **changes) -> pd.DataFrame:
    """Return accounts: Premium stays and has `premium`, which does nothing; `good` and its twin help, `bad` harms.

    Size has many values and says nothing; `idle` and `spare` are noise.
    """
    rng = np.random.default_rng(seed)
    tier = rng.choice(["premium", "pro", "starter"], n, p=[0.3, 0.3, 0.4])
    used = {name: (rng.random(n) < share).astype(float) for name, share in SHARES.items()}
    used["premium"] = ((tier == "premium") & (rng.random(n) < 0.9)).astype(float)
    used["twin"] = np.where(rng.random(n) < 0.95, used["good"], 1 - used["good"])
    odds = -0.2 + 1.8 * (tier == "premium") + 1.1 * used["good"] - 1.1 * used["bad"]
    kept = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
    told = {"unit": [f"u{i:05d}" for i in range(n)], "tier": tier, "size": np.exp(rng.normal(2, 1, n)).round(3)}
    features = {f"feature_{name}": used[name] for name in (*SHARES, "premium", "twin")}
    return pd.DataFrame({**told, "retained": kept, **features} | changes)


SHARES = {"good": 0.4, "bad": 0.3, "idle": 0.5, "spare": 0.2, "rare": 0.02, "common": 0.95}
