"""The kinds of metric, one file each: what each may say in a plan, how its events fold, how it is estimated and drawn.

Every file of this folder holds one `KIND`; the other rooms ask a metric's kind, `metric.how`, and name none.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from pydantic import Field

COUNTED, VALUED = ("count", "amount"), ("amount", "last")  # totals of which no event is 0; that read an event's value
FIRST = ("binary", "count", "amount", "score", "nps", "time_to_event", "ratio")  # others are listed behind these


def list_keys(metric) -> list[str]:
    """Return in words each key of its own kind that a metric has, such as "line 4"."""
    own = {key: getattr(metric, key) for key in metric.how.keys}
    return [f"{key.replace('_', ' ')} {_tell(value)}" for key, value in own.items() if value not in (None, [])]


def _tell(value):
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_tell, value))
    return f"{value:,.10g}" if isinstance(value, float) else str(value)


def name_quantile(quantile: float) -> str:
    """Return a quantile in words.

    Parameters
    ----------
    quantile : float, 0 to 1

    Returns
    -------
    str: such as "median", "90th percentile", "99.5th percentile".

    Examples
    --------
    >>> [name_quantile(q) for q in (0.5, 0.9, 0.01, 0.22)]
    ['median', '90th percentile', '1st percentile', '22nd percentile']
    >>> [name_quantile(q) for q in (0.33, 0.11, 0.995)]
    ['33rd percentile', '11th percentile', '99.5th percentile']
    """
    if quantile == 0.5:
        return "median"
    percent = f"{100 * quantile:.10g}"
    last = "" if percent.endswith(("11", "12", "13")) else percent[-1]
    ending = "th" if "." in percent else {"1": "st", "2": "nd", "3": "rd"}.get(last, "th")
    return f"{percent}{ending} percentile"


@dataclass(frozen=True)
class Kind:
    """One kind of metric, or a form of it; what is left out is what a plain mean of numbers has.

    Attributes
    ----------
    name : str, the `kind` that a plan writes
    draw : function of a `simulate.Draw`
        Its columns in a dry run, and by estimand the true values of control and treatment.
    keys : dict, key of the plan -> (type, default)
        Keys that this kind brings along; on a metric of another kind they are refused, unless it brings them too.
    lacks : tuple of str, keys of every metric of which this kind makes no use, so that they are refused
    told : function of a Metric, the words that its label takes on where it lacks them; None for none
        Every key of its own that the plan writes, where nothing else is said.
    rules : function of a Metric, yields what must fit together: (whether it is broken, the sentence that says so)
    forms : dict, key of its own (or "key: value") -> what it is where the plan gives that; the first given counts
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
    has_lift : bool
        Whether an effect may be told as a share of the control value: unless it says so, not what `code` makes of
        numbers, such as a logarithm.
    takes_covariates : bool
    absolute : str, why its margin must be absolute, where it must
    extremes : function of a Metric, the lowest and the highest value that a unit can have; None without such ends
    shown : str, how a report writes it: number, share (in per cent) or points
    """

    name: str
    draw: Callable
    keys: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    lacks: tuple[str, ...] = ()
    told: Callable | None = list_keys
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
    has_lift: bool | None = None
    takes_covariates: bool = True
    absolute: str = ""
    extremes: Callable = lambda metric: None
    shown: str = "number"

    def __post_init__(self):
        if self.has_lift is None:
            object.__setattr__(self, "has_lift", self.code is None or self.is_share)
        if not self.keys and self.told is list_keys:
            object.__setattr__(self, "told", None)


QUANTILE = (float | None, Field(None, gt=0, lt=1))  # the key of kinds that have quantiles
SQUARES = (str | None, None)  # the column of the sum of squares, where a row holds many units
OF_QUANTILE = {
    "told": lambda metric: [name_quantile(metric.quantile)],
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
