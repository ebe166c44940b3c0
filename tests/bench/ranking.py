"""How long the ranking of features takes, and how much memory: 100,000 accounts, 50 features, 20 refits."""

import argparse
import resource
import time

import numpy as np
import pandas as pd

from helpers import milestones
from helpers.plan.framework import FrameworkPlan

MOST_SECONDS, MOST_GIGABYTES = 90, 3
FEW, FEW_REFITS = 10_000, 4  # on which the bits of one worker and two are compared
PLAN = {"kind": "framework", "title": "t", "question": "q", "unit_id": "account_id", "started_at": "started_at"}


def main(argv=None):
    """Rank few accounts with one worker and with two and compare their bits; time two workers on all accounts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--refits", type=int, default=20)
    arguments = parser.parse_args(argv)
    frame = make_frame(arguments.accounts, arguments.features)
    print(f"{arguments.accounts:,} accounts, {arguments.features} features, {arguments.refits} refits")
    one, two = (rank(frame.head(FEW), arguments.features, FEW_REFITS, workers)[0] for workers in (1, 2))  # and imports
    _, wall, spent = rank(frame, arguments.features, arguments.refits, 2)
    print(f"two workers take {wall:.1f} s (at most {MOST_SECONDS}), {spent:.1f} s of processors")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GB (at most {MOST_GIGABYTES})")
    for table, other in zip(one.values(), two.values(), strict=True):
        pd.testing.assert_frame_equal(table, other, check_exact=True)
    print(f"one worker and two give the same bits on {min(FEW, len(frame)):,} accounts")


def rank(frame, n_features, refits, workers):
    """Return the tables of one ranking, and what it took: wall seconds, and seconds of all processors."""
    begun, spent = time.perf_counter(), time.process_time()
    options = {"refits": refits, "workers": workers, "seed": 1, "auc_floor": 0.5}
    tables = milestones.study_ranking(frame, make_plan(n_features), **options)
    return tables, time.perf_counter() - begun, time.process_time() - spent


def make_plan(n_features):
    """Return a plan of so many features."""
    features = [{"name": f"f{place}", "event": f"f{place}"} for place in range(n_features)]
    return FrameworkPlan(**PLAN, features=features, outcomes={"retained": {"lost": "cancelled"}})


def make_frame(n_accounts, n_features, seed=1):
    """Return accounts of three plans, of which every fourth feature goes with staying."""
    rng = np.random.default_rng(seed)
    tier, size = rng.integers(0, 3, n_accounts), np.exp(rng.normal(2, 1, n_accounts))
    used = rng.random((n_accounts, n_features)) < rng.beta(1, 2, n_features) * (0.6 + 0.2 * tier[:, None])
    weight = np.where(np.arange(n_features) % 4 == 0, rng.normal(0, 0.6, n_features), 0)
    odds = (used - used.mean(axis=0)) @ weight + 0.3 * tier + 0.2 * np.log(size)
    kept = rng.random(n_accounts) < 1 / (1 + np.exp(-odds))
    told = {"unit": np.arange(n_accounts).astype(str), "tier": tier.astype(str), "size": size}
    features = {f"feature_f{place}": used[:, place].astype(float) for place in range(n_features)}
    return pd.DataFrame({**told, "retained": kept.astype(float), **features})


if __name__ == "__main__":
    main()
