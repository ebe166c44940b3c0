"""Small experiments for tests: a table and a few lines of plan become units, trust checks and results."""

import made_sources
import numpy as np
import pandas as pd

from helpers import checks, inference, metrics
from helpers.plan import Plan

ARMS = {"control": "c", "treatments": ["t"]}
METRICS = {"y": {"kind": "binary", "role": "primary", "better": "higher"}}


def make_design(*, metrics=METRICS, variant=ARMS, **changes):
    """Return a plan of two arms, c and t, with one binary primary metric y, some keys changed."""
    return made_sources.make_design(metrics, variant=variant, **changes)


def make_source(frame, *, n_two_variants=0):
    """Return a source of a table that has the column variant; units are numbered where it does not name them."""
    units = frame.get("unit", pd.Series(range(len(frame)), index=frame.index)).astype(str).str.zfill(6)
    n_assigned = len(frame) + n_two_variants
    return made_sources.make_source(frame.assign(unit=units), n_assigned=n_assigned, n_two_variants=n_two_variants)


def run_experiment(
    frame, design, *, n_two_variants=0, seed=1, n_resamples=999, prior_units=1.0, past_effects=None, found=()
):
    """Return the results of an experiment, by the same calls as a notebook, with some checks beside its own."""
    source = make_source(frame, n_two_variants=n_two_variants)
    units = metrics.fold(source, design)
    trust = (*checks.run(units, source, design), *found)
    options = {"withheld": checks.withheld(trust, design)}
    plan = Plan(design, {"file": "plan.yaml", "sha256": "0" * 64, "departures": []})
    options |= {"seed": seed, "n_resamples": n_resamples, "prior_units": prior_units, "past_effects": past_effects}
    return inference.run_experiment(plan, source, units, trust, study="experiment", **options)


def draw_frame(n=400, *, effect=0.3, seed=1, **columns):
    """Return n units in two arms with a normal outcome y and a covariate x that explains half of it."""
    rng = np.random.default_rng(seed)
    x, treated = rng.normal(size=n), rng.permutation(np.arange(n) % 2)
    y = x + rng.normal(size=n) + effect * treated
    return pd.DataFrame({"variant": np.where(treated == 1, "t", "c"), "y": y, "x": x, **columns})
