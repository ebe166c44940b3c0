"""Certified values of NIST's Statistical Reference Datasets, from a file through the engine to the statistic.

Digits asked for: 13 where NIST calls a set of lower difficulty, 9 of average, 4 of higher. Certified values have 15.
The sets are public domain: www.itl.nist.gov/div898/strd.
"""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_sources import make_design

from helpers import metrics, sources
from helpers.inference.means import adjust_means, find_independent, regress
from helpers.records import Moments

REFERENCE = Path(__file__).parents[1] / "reference"
UNIVARIATE, ANOVA, LINEAR = (
    json.loads((REFERENCE / f"nist_{name}.json").read_text()) for name in ("univariate", "anova", "linear")
)
LOWER, AVERAGE, HIGHER = 13, 9, 4
OF_UNIVARIATE = {"NumAcc2": AVERAGE, "NumAcc3": AVERAGE, "NumAcc4": HIGHER}
OF_ANOVA = {"SiRstv": LOWER, "AtmWtAg": AVERAGE} | {
    f"SmLs0{k}": digits for k, digits in enumerate([LOWER] * 3 + [AVERAGE] * 3 + [HIGHER] * 3, start=1)
}


def count_digits(found, certified):
    found, certified = np.atleast_1d(np.asarray(found, float)), np.atleast_1d(np.asarray(certified, float))
    return -math.log10(max(float(np.max(abs(found - certified) / abs(certified))), 1e-15))


def summarise(groups, tmp_path):
    """Return the moments of some groups of values: a Parquet file, the arms of a plan, one query."""
    arms = [f"g{k:02d}" for k in range(max(len(groups), 2))]
    values = np.concatenate([np.asarray(g, float) for g in groups])
    labels = np.repeat(arms[: len(groups)], [len(g) for g in groups])
    frame = pd.DataFrame({"id": [f"u{k}" for k in range(len(values))], "variant": labels, "y": values})
    if len(groups) == 1:  # a plan needs two arms
        extra = frame.head(3).assign(id=["v0", "v1", "v2"], variant="g01")
        frame = pd.concat([frame, extra], ignore_index=True)
    frame.to_parquet(tmp_path / "u.parquet")
    variant = {"control": arms[0], "treatments": arms[1:], "split": "unknown"}
    design = make_design({"y": {"kind": "amount"}}, variant=variant)
    found = metrics.summarise(metrics.fold(sources.load(design, str(tmp_path / "u.parquet")), design))[None]["y"]
    return [found[arm] for arm in arms[: len(groups)]]


def read_anova(name):
    case = ANOVA[name]
    if "groups" in case:
        return case["groups"]
    # NIST made these sets by rule: a first value, then two values in turn
    return [[float(first)] + [float(low), float(high)] * (case["n"] // 2) for first, low, high in case["patterns"]]


@pytest.mark.parametrize("name", list(UNIVARIATE))
def test_summarise_nist_univariate(name, tmp_path):
    case, digits = UNIVARIATE[name], OF_UNIVARIATE.get(name, LOWER)
    (found,) = summarise([case["y"]], tmp_path)
    assert count_digits(found.value, case["mean"]) >= digits
    assert count_digits(math.sqrt(found.variance), case["sd"]) >= digits


def divide_variances(groups):
    """Return the F of the classic analysis of variance from moments."""
    sizes = np.array([m.n for m in groups])
    rests = np.array([0.0 if m.remainder is None else m.remainder[0] for m in groups])
    gaps = np.array([m.value - groups[0].value for m in groups]) + (rests - rests[0])
    between = sizes @ (gaps - sizes @ gaps / sizes.sum()) ** 2 / (len(groups) - 1)
    return between / (sum((m.n - 1) * m.variance for m in groups) / (sizes.sum() - len(groups)))


@pytest.mark.parametrize("name", list(OF_ANOVA))
def test_summarise_nist_anova(name, tmp_path):
    found = divide_variances(summarise(read_anova(name), tmp_path))
    assert count_digits(found, ANOVA[name]["F"]) >= OF_ANOVA[name]


def test_means_of_nist_anova_need_what_rounding_took(tmp_path):
    # without the remainder of the means the difference of 0.1 between groups at 1e12 has three digits
    groups = summarise(read_anova("SmLs07"), tmp_path)
    bare = [Moments(m.names, m.n, m.mean, m.cov) for m in groups]
    assert count_digits(divide_variances(bare), ANOVA["SmLs07"]["F"]) < HIGHER


@pytest.mark.parametrize("name", [name for name in LINEAR if name != "Filip"])
def test_regress_nist_linear(name, moments):
    case = LINEAR[name]
    digits = {"lower": LOWER, "higher": HIGHER}[case["difficulty"]]
    x = np.array(case["x"], float)
    columns = [x**power for power in range(1, case["poly"] + 1)] if case["poly"] else list(x.T)
    measured = moments(case["y"], *columns)
    kept = find_independent(measured.cov[1:, 1:])
    slopes, residual = regress(measured.cov, measured.n)
    assert kept == list(range(len(columns)))
    # a parabola's covariances, rounded to doubles, hold 13.1 digits of Pontius under exact arithmetic
    assert count_digits(slopes, case["beta"][1:]) >= (12 if name == "Pontius" else digits)
    if case["resid_sd"]:  # what moments can say of it shrinks with the share that is left: 1e-9 in Pontius
        lost = -math.log10(1 - case["r2"])
        assert count_digits(math.sqrt(residual), case["resid_sd"]) >= min(digits, 15 - lost)


def test_adjust_means_names_what_nist_filip_cannot_tell_apart(moments):
    # ten powers of one x: in double precision some of them repeat the others, and the user reads which
    x = np.array(LINEAR["Filip"]["x"], float)
    arm = moments(LINEAR["Filip"]["y"], *(x**power for power in range(1, 11)))
    pair = adjust_means(arm, arm)
    assert "c10" in pair.left_out and len(pair.left_out) <= 4
