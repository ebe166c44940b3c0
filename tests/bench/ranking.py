"""How long the ranking of features takes, and how much memory: 100,000 accounts, 50 features, 20 refits."""

import argparse
import resource
import time

import numpy as np
import pandas as pd

from helpers import milestones
from helpers.plan.framework import FrameworkPlan

MOST_SECONDS, MOST_GIGABYTES = 90, 3
PLAN = {"kind": "framework", "title": "t", "question": "q", "unit_id": "account_id", "started_at": "started_at"}


def main(argv=None):
    """Rank with one worker and with two, compare their bits, and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=50)
    parser.add_argument("--refits", type=int, default=20)
    arguments = parser.parse_args(argv)
    frame = make_frame(arguments.accounts, arguments.features)
    milestones.study_ranking(frame.head(2000), make_plan(arguments.features), refits=2, seed=0)  # imports
    print(f"{arguments.accounts:,} accounts, {arguments.features} features, {arguments.refits} refits")
    print(f"{'workers':>8}{'wall s':>9}{'CPU s':>9}")
    found = [time_ranking(frame, arguments, workers) for workers in (1, 2)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GB (at most {MOST_GIGABYTES}); two workers take at most {MOST_SECONDS} s")
    for one, two in zip(*(tables.values() for tables in found), strict=True):
        pd.testing.assert_frame_equal(one, two, check_exact=True)
    print("one worker and two give the same bits")


def time_ranking(frame, arguments, workers):
    """Return the tables of one ranking, and print what it took."""
    begun, spent = time.perf_counter(), time.process_time()
    options = {"refits": arguments.refits, "workers": workers, "seed": 1, "auc_floor": 0.5}
    tables = milestones.study_ranking(frame, make_plan(arguments.features), **options)
    print(f"{workers:>8}{time.perf_counter() - begun:>9.1f}{time.process_time() - spent:>9.1f}")
    return tables


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
