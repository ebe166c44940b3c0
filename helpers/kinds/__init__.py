"""The kinds of metric, one file each: what each may say in a plan, how its events fold, how it is estimated and drawn.

Every file of this folder holds one `KIND`; the other rooms ask a metric's kind, `metric.how`, and name none.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

COUNTED, VALUED = ("count", "amount"), ("amount", "last")  # totals of which no event is 0; that read an event's value
FIRST = ("binary", "count", "amount", "score", "nps", "time_to_event", "ratio")  # others are listed behind these


@dataclass(frozen=True)
class Kind:
    """One kind of metric, or a form of it; what is left out is what a plain mean of numbers has.

    Attributes
    ----------
    name : str, the `kind` that a plan writes
    draw : function of a `simulate.dry_run.Draw`
        Its columns in a dry run, and by estimand the true values of control and treatment.
    keys : dict, key of the plan -> (type, default)
        Keys that this kind brings along.
    rules : function of a Metric, yields what must fit together: (whether it is broken, the sentence that says so)
    forms : dict, what it is as a "quantile", a "rate" by its time at risk, "ordered" levels; others are refused
    column : str, what its column holds: a type of `schema.Column`
    total : str or None
        What is taken of its events within the window: their count, the amount (sum of values), the last value or the
        first moment; None where it has no events of its own.
    code : function of (expression, Metric), or None
        Makes the outcome of what was read.
    outcome : str, where units hold it: y, num (beside den), or time (beside observed)
    is_mean : bool, whether moments estimate it: of y, or of num and den
    is_share : bool, whether each unit's outcome is 0 or 1
    method : str
        By which arms are compared where nothing calls for another: clusters and ratios take the delta method,
        covariates that decide Lin's, heavy tails in unlike arms a permutation test.
    has_tail : bool, whether its values have no upper end, so that a few may hold the mean
    has_lift : bool, whether an effect may be told as a share of the control value
    takes_covariates : bool
    absolute : str, why its margin must be absolute, where it must
    extremes : (float, float) or None, the lowest and the highest value that a unit can have
    shown : str, how a report writes it: number, share (in per cent) or points
    """

    name: str
    draw: Callable
    keys: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    rules: Callable = lambda metric: ()
    forms: dict[str, "Kind"] = field(default_factory=dict)
    column: str = "number"
    total: str | None = "last"
    code: Callable | None = None
    outcome: str = "y"
    is_mean: bool = True
    is_share: bool = False
    method: str = "welch"
    has_tail: bool = False
    has_lift: bool = True
    takes_covariates: bool = True
    absolute: str = ""
    extremes: tuple[float, float] | None = None
    shown: str = "number"


OF_QUANTILE = {
    "is_mean": False,
    "method": "order statistics",
    "has_tail": False,
    "has_lift": False,
    "takes_covariates": False,
    "absolute": "a margin for a quantile must be absolute, as a quantile has no lift",
}
OF_TOTALS = {"outcome": "num", "method": "delta", "has_tail": False, "takes_covariates": False}

_names = dict.fromkeys((*FIRST, *(module.name for module in pkgutil.iter_modules(__path__))))
KINDS: dict[str, Kind] = {name: importlib.import_module(f"{__name__}.{name}").KIND for name in _names}
