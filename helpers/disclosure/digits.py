"""Amounts so rounded that two runs that differ in one unit do not tell what that one paid."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from helpers.kinds import KINDS
from helpers.plan.views import find_view
from helpers.records import Estimate, Results

PLACE = ("metric", "comparison", "population", "segment", "at")
AMOUNTS = ("effect", "gap", "value", "money", "cost")  # formats of columns
ENDS = ("ci_low", "ci_high")
STEPS = (1, 2, 5, 10)
OF_RANKS = 16  # a quantile is what one unit has: a quarter of its standard error
FEW = 2  # significant digits of what is no amount: p-values, degrees of freedom, chances
WIDE = 2 * 1.96  # standard errors in an interval

Rows = Iterable[Mapping[str, Any]]


def is_amount(kind: str | None) -> bool:
    """Return whether a metric of a kind adds up what each unit has; shares and times to an event count units."""
    return kind in KINDS and not KINDS[kind].is_share and KINDS[kind].outcome != "time"


def find_unit(std_error: float | None, *sizes: float | None) -> float | None:
    """Return what figures of an effect are rounded to multiples of: 1, 2 or 5 times a power of ten.

    At least std_error / sqrt(n), so that a total of n units is known to no better than half a standard deviation of
    what one has, either way, and what one more of them adds to no better than a whole one.

    Parameters
    ----------
    std_error : float, of the difference
    sizes : float, units in each arm; what is not known is passed over

    Returns
    -------
    float; None where nothing is known.

    Examples
    --------
    >>> find_unit(2.5, 200, 190), find_unit(2.5, 20_000, 20_000), find_unit(0.0, 200)
    (0.2, 0.02, None)
    """
    known = [n for n in sizes if n and n > 0]
    if not known or not std_error or not 0 < std_error < math.inf:
        return None
    least = std_error / math.sqrt(min(known))
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in STEPS if step * power >= least)


def cut(value: Any, unit: float | None = None, *, is_end: bool = False) -> Any:
    """Return a figure as a multiple of a unit, with two significant digits without one; what is no figure as it is.

    The end of an interval stays on its side of no effect.
    """
    if isinstance(value, (list, tuple)):
        return type(value)(cut(item, unit, is_end=is_end) for item in value)
    if not isinstance(value, float) or not math.isfinite(value) or value == 0:
        return value
    if unit is None:
        return value if value == round(value) else float(f"{value:.{FEW}g}")
    steps = round(value / unit) or (math.copysign(1, value) if is_end else 0)
    return float(f"{steps * unit:.10g}") + 0.0


class Coarse:
    """What rounds the figures of one run: which metrics are amounts, and the unit of each one's values."""

    def __init__(self, study: str, metrics: Rows, estimates: Rows):
        self.study = study
        ranks = {row["metric"]: (row.get("quantile") or 0) > 0 for row in metrics if is_amount(row.get("kind"))}
        self.amounts, self.ranks = ranks.keys(), {name for name, is_rank in ranks.items() if is_rank}
        self.units, self.sizes, self.coarse = {}, {}, {*ranks}  # of whose rows all tables have few digits
        for row in estimates:
            self.coarse |= {row["metric"]} if row.get("population") == "responders" else set()
            unit = self._find_unit(row, *(row[end] for end in ENDS)) if self._is_coarse(row) else None
            if unit is not None and row["estimand"] == "difference":
                place = _name_place(row)
                self.units[place] = max(unit, self.units.get(place, 0.0))
                if row["metric"] in self.coarse:
                    self.sizes.setdefault(row["metric"], min(row["n_control"], row["n_treatment"]))

    def _is_coarse(self, row):
        """Whether a row is of an amount, or of counts that are not told: all others the audit sees."""
        is_told = row.get("adjustment", "none") == "none" and row.get("population") != "responders"
        return row["metric"] in self.amounts or not is_told

    def round_estimate(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """Return an estimate in which arms still subtract to their difference."""
        if not self._is_coarse(row):
            return dict(row)
        values, own = self.units.get(_name_place(row)), self._find_unit(row, *(row[end] for end in ENDS))
        is_gap = row["estimand"] == "difference"
        own = max(own or 0.0, values or 0.0) or None if is_gap else own
        units = {"estimate": own, "std_error": own, "control_value": values, "treatment_value": values}
        found = {name: cut(value, units.get(name)) for name, value in row.items()}
        found |= {name: cut(row[name], own, is_end=True) for name in (*ENDS, "ci_set")}
        control, treatment, gap = (row[name] or math.nan for name in ("control_value", "treatment_value", "estimate"))
        if is_gap and math.isclose(treatment - control, gap, rel_tol=1e-6):
            found["treatment_value"] = cut(found["control_value"] + found["estimate"], own)
        return found

    def round_rows(self, name: str, rows: Rows) -> list[dict[str, Any]]:
        """Return the rows of a table, or of the estimates, with fewer digits of what one unit could be solved from."""
        if name == "estimates":
            return [self.round_estimate(row) for row in rows]
        view, is_plain, found = find_view(self.study, name), name in ("tests", "checks"), []
        columns = {} if is_plain else view.columns
        sums = {c for c, column in columns.items() if column.format in AMOUNTS} | (set() if is_plain else view.ends)
        is_money = bool(self.amounts) and any(column.format == "money" for column in columns.values())
        for row in rows:
            mine = is_plain or (row["metric"] in self.coarse if "metric" in row else is_money)
            if name == "metrics" or not mine:  # what was planned, and shares
                found.append(dict(row))
                continue
            widths = (self._find_unit(row, *map(row.get, column.ends)) for column in columns.values() if column.ends)
            unit = next((width for width in widths if width is not None), None)
            found.append({c: cut(v, unit or _find_step(v)) if c in sums else cut(v) for c, v in row.items()})
        return found

    def _find_unit(self, row, low, high):
        """The unit of a row, by its standard error or an interval of it."""
        known = isinstance(row.get("n"), (int, float))
        sizes = [row.get("n_control"), row.get("n_treatment"), row["n"] / 2 if known else None]  # of both arms
        sizes = sizes if any(sizes) else [self.sizes.get(row.get("metric"), min(self.sizes.values(), default=None))]
        return _measure(row.get("std_error"), low, high, [OF_RANKS] if row.get("metric") in self.ranks else sizes)


def _measure(error, low, high, sizes):
    is_known = isinstance(low, (int, float)) and isinstance(high, (int, float))
    error = error if error and math.isfinite(error) else (high - low) / WIDE if is_known else None
    return find_unit(error, *sizes)


def _find_step(value):
    """The unit of two significant digits, which whole sums have too."""
    known = isinstance(value, float) and math.isfinite(value) and value != 0
    return 10.0 ** (math.floor(math.log10(abs(value))) + 1 - FEW) if known else None


def _name_place(row):
    return tuple(row[name] if isinstance(row[name], str) else None for name in PLACE)  # a table has nan for None


def coarsen(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the content of results.json as it is shared: of data of one's own, amounts are rounded."""
    if results["data"]["kind"] != "yours" or not results["estimates"]:
        return results
    coarse = Coarse(results["study"], results["tables"].get("metrics", ()), results["estimates"])
    lists = {name: coarse.round_rows(name, results[name]) for name in ("estimates", "tests", "checks")}
    return {**results, **lists, "tables": {n: coarse.round_rows(n, rows) for n, rows in results["tables"].items()}}


def coarsen_frame(results: Results, name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a results table, or one of estimates, as a report shows and hands it out: as it is shared."""
    if results.data.kind != "yours" or frame.empty or "metrics" not in results.tables:
        return frame
    coarse = Coarse(results.study, results.tables["metrics"].to_dict("records"), map(vars, results.estimates))
    return pd.DataFrame(coarse.round_rows(name, frame.to_dict("records")), frame.index, frame.columns).astype(
        frame.dtypes
    )


def count_digits(estimate: Estimate, factor: float = 1.0, *, is_rank: bool = False) -> int | None:
    """Return the decimals that a report prints of an amount at most, as `find_unit` says; None where any may be."""
    sizes = [OF_RANKS] if is_rank else [estimate.n_control, estimate.n_treatment]
    unit = _measure(estimate.std_error, estimate.ci_low, estimate.ci_high, sizes)
    return None if unit is None else math.floor(1e-9 - math.log10(unit * factor))
