"""What every method promises and for which data, declared before it is measured (notebooks/validation.ipynb)."""

from __future__ import annotations

from functools import partial

import numpy as np

from helpers.inference import on_columns as on
from helpers.inference.proportions import score_limits, score_p_value
from helpers.records import Guarantee

WITHIN = "nominal within .01"
TAIL_FACTOR = 355  # Kohavi et al. 2014: from so many times the squared skewness a mean is normal enough
_TAIL = {"skewness_factor": TAIL_FACTOR, "balanced_factor": 5, "least_arm": 50}
WELCH = "Welch 1947; Kohavi et al. 2014, rule 7"
FIELLER = "Fieller 1954; Kohavi et al. 2014, rule 7"
DELTA = "Deng, Knoblich & Lu 2018"
CLUSTERS = f"{DELTA}; Carter, Schnepel & Steigerwald 2017"
LIN = "Lin 2013; Negi & Wooldridge 2021"
QUANTILE = "Zou & Donner 2008; Woodruff 1952"


def find_guarantee(method: str, estimand: str, *, unit: str = "units") -> Guarantee | None:
    """Return what is promised of an estimate; None where nothing is, or nothing of its own.

    Parameters
    ----------
    method, estimand : str, as in an `Estimate`
    unit : str
        "clusters" where clusters are randomised.
    """
    found = (g for g in GUARANTEES if (g.method, g.estimand, g.unit) == (method, estimand, unit))
    return next(found, None)


def limit_difference(x1, n1, x0, n0, *, confidence_level):
    """Return limits and p-values of the differences of arrays of tables: treatment x1 of n1, control x0 of n0."""
    return *score_limits(x1, n1, x0, n0, confidence_level=confidence_level), score_p_value(x1, n1, x0, n0)


def limit_lift(x1, n1, x0, n0, *, confidence_level):
    """Return limits and p-values of the relative lifts of arrays of tables: treatment x1 of n1, control x0 of n0.

    Without an event in the control the lift is undefined and has no p-value, only a set without an upper end.
    """
    low, high = score_limits(x1, n1, x0, n0, confidence_level=confidence_level, ratio=True)
    return low - 1, high - 1, np.where(np.asarray(x0) > 0, score_p_value(x1, n1, x0, n0), np.nan)


def _promise(name, method, estimand, families, compute, reference, *, claim=WITHIN, **domain):
    return Guarantee(name, method, estimand, claim, families, compute, reference, **domain)


_MEANS = (
    _promise("Welch difference", "welch", "difference", ("counts", "money", "scores"), on.compare_columns, WELCH,
             **_TAIL),
    _promise("Fieller lift", "fieller", "relative_lift", ("counts", "money"), on.lift_columns, FIELLER, **_TAIL),
    _promise(
        "permutation difference", "permutation", "difference", ("money",), on.permute_columns,
        "Janssen 1997; Chung & Romano 2013", least_arm=200, most_units=2_000, most_replicates=2_000,
        is_slow=True,
    ),
    _promise("NPS difference", "welch", "difference", ("NPS",), on.compare_columns, "Welch 1947", **_TAIL),
    _promise("win difference", "brunner-munzel", "difference", ("ordered scores",), on.win_columns,
             "Brunner & Munzel 2000", most_effect=0.8, **_TAIL),
    _promise("median difference", "order statistics", "difference", ("medians",),
             partial(on.compare_quantiles, probability=0.5), QUANTILE, claim="at least", least_arm=50, least_events=10),
    _promise("90th percentile difference", "order statistics", "difference", ("90th percentiles",),
             partial(on.compare_quantiles, probability=0.9), QUANTILE, claim="at least", least_arm=50, least_events=10),
)  # fmt: skip

_SHARES = (
    _promise("Miettinen-Nurminen difference", "miettinen-nurminen", "difference", ("shares",), on.compare_shares,
             "Miettinen & Nurminen 1985", least_arm=20, least_events=10, limits=limit_difference),
    _promise("score ratio", "score-ratio", "relative_lift", ("shares",), on.lift_shares,
             "Miettinen & Nurminen 1985; Koopman 1984", least_arm=20, least_events=10, limits=limit_lift),
)  # fmt: skip

_RATIOS = (
    _promise("delta difference of ratios", "delta", "difference", ("ratios", "rates"), on.compare_sums, DELTA, **_TAIL),
    _promise("Fieller lift of ratios", "fieller", "relative_lift", ("ratios", "rates"), on.lift_sums, DELTA, **_TAIL),
    _promise("log rate ratio", "log rate ratio", "rate_ratio", ("rates",), on.divide_rates,
             "Lin, Wei, Yang & Ying 2000", **{**_TAIL, "least_arm": 100}),
    _promise("delta difference of clusters", "delta", "difference", ("clusters",), on.compare_sums, CLUSTERS,
             unit="clusters", **{**_TAIL, "least_arm": 20}),
    _promise("Fieller lift of clusters", "fieller", "relative_lift", ("clusters",), on.lift_sums, CLUSTERS,
             unit="clusters", **{**_TAIL, "least_arm": 20}),
)  # fmt: skip

_ADJUSTED = (
    _promise("Lin's adjusted difference", "lin", "difference", ("covariates",), on.adjust_columns, LIN,
             **{**_TAIL, "least_arm": 100}),
    _promise("Lin, covariates missing", "lin", "difference", ("missing covariates",), on.adjust_columns,
             f"{LIN}; Zhao & Ding 2024", **{**_TAIL, "least_arm": 100}),
    _promise("difference among responders", "welch", "difference", ("outcomes missing at random",),
             on.compare_columns, "Welch 1947", **_TAIL),
    _promise("weighted responders", "inverse probability of response weights", "difference",
             ("outcomes missing at random", "outcomes missing by arm"), on.weight_columns, "Seaman & White 2013",
             claim="at least", is_slow=True, **{**_TAIL, "least_arm": 200}),
    _promise("worst-case bounds", "worst-case bounds", "difference", ("outcomes unknown in one arm",),
             on.bound_shares, "Manski 1990; Horowitz & Manski 2000", claim="at least", least_arm=50, is_slow=True),
)  # fmt: skip

_TAKE_UP = (
    _promise("Anderson-Rubin set", "anderson-rubin", "cace", ("take-up", "weak take-up"), on.comply_anderson_rubin,
             "Anderson & Rubin 1949", **_TAIL),
    _promise("complier effect, delta", "wald ratio, delta", "cace", ("take-up", "weak take-up"), on.comply_delta,
             "Imbens & Angrist 1994", claim="at least", **{**_TAIL, "least_arm": 200}),
)  # fmt: skip

_LOOKS = (
    _promise("always-valid over daily looks", "welch, always-valid", "difference", ("daily looks",), on.look_daily,
             "Waudby-Smith et al. 2024", claim="at least", is_slow=True, **{**_TAIL, "least_arm": 200}),
    _promise("planned looks", "welch, repeated", "difference", ("planned looks",), on.look_as_planned,
             "Lan & DeMets 1983; Jennison & Turnbull 1989", is_slow=True,
             **{**_TAIL, "least_arm": 100}),
)  # fmt: skip

_TESTS = (
    _promise("Holm over three metrics", "holm", "any_difference", ("several metrics",), on.combine_metrics,
             "Holm 1979", claim="at least", has_interval=False, is_dual=False, **_TAIL),
    _promise("interaction across segments", "interaction", "interaction", ("segments",), on.compare_segments,
             "Cochran 1954", has_interval=False, is_dual=False, **{**_TAIL, "least_arm": 500}),
    _promise("trend over weeks", "trend over weeks", "trend", ("weeks",), on.trend_weeks,
             "Cochran 1954", has_interval=False, is_dual=False, **{**_TAIL, "least_arm": 200}),
)  # fmt: skip

GUARANTEES = (*_MEANS, *_SHARES, *_RATIOS, *_ADJUSTED, *_TAKE_UP, *_LOOKS, *_TESTS)
