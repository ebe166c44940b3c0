"""What the methods for times to an event promise, and for which data, declared before it is measured."""

from __future__ import annotations

from functools import partial

from helpers.records import Effect, Guarantee
from helpers.simulate.populations import HORIZON_DAYS
from helpers.survival.groups import incidence_difference, rmst_difference
from helpers.survival.life import build_life_table

WITHIN = "nominal within .01"


def compare_days(control, treatment, *, confidence_level, rng, compare) -> Effect:
    """Return a contrast of times to an event at the populations' horizon; columns days and event code.

    Parameters
    ----------
    control, treatment : array, shape (n, 2)
    confidence_level : float, 0 to 1
    rng : not read
    compare : function of two life tables, `horizon` and `confidence_level`
    """
    tables = (build_life_table(*arm.T) for arm in (control, treatment))
    return compare(*tables, horizon=HORIZON_DAYS, confidence_level=confidence_level)


def _promise(name, method, estimand, family, compare, reference, *, least_events):
    domain = {"least_arm": 50, "least_events": least_events}
    compute = partial(compare_days, compare=compare)
    return Guarantee(name, method, estimand, WITHIN, (family,), compute, reference, **domain)


GUARANTEES = (
    _promise("incidence difference", "cumulative incidence, square-and-add", "difference", "times to an event",
             incidence_difference, "Newcombe 1998, method 10; Rothman 1978", least_events=10),
    _promise("incidence difference, competing events", "cumulative incidence, square-and-add", "difference",
             "competing events", incidence_difference, "Newcombe 1998, method 10; Aalen & Johansen 1978",
             least_events=10),
    _promise("restricted mean difference", "restricted mean time", "rmst_difference", "times to an event",
             rmst_difference, "Royston & Parmar 2013", least_events=20),
    _promise("restricted mean difference, competing events", "restricted mean time", "rmst_difference",
             "competing events", rmst_difference, "Andersen 2013", least_events=20),
)  # fmt: skip
