"""Small cells: what would tell about a few people is hidden, with what would give it away.

One rule for units, events and non-events alike: a count under `min_cell` hides its cell, 0 included, because
"none of these 34" tells as much about each of them as "3 of these 34". Headlines of whole variants stay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from helpers.plan import ExperimentPlan
from helpers.records import Estimate, Results

FIGURES = ("estimate", "std_error", "ci_low", "ci_high", "p_value", "control_value", "treatment_value")
COUNTS = ("n_control", "n_treatment")
OPTIONS = ("df", "ci_set", "p_value_adjusted", "clusters_control", "clusters_treatment", "as_expected")
CELL = ("metric", "comparison", "estimand", "population", "adjustment", "role")
EFFECT_TABLES = (  # gone where withheld
    *("curves", "path", "uptake", "requirements", "bayes", "money", "assumptions"),
    *("break_even", "probability", "tornado", "cash"),
    *("hours_effect", "slower", "speed_association"),
    *("staffing", "staffing_check", "roll_out", "arrivals", "arrivals_bands"),
)
QUANTILE_TABLES = {"requirements", "bayes"}  # one row a metric and comparison, made of its estimate
ASSOCIATED = ("risk_ratio", "e_value", "e_value_limit", "effective_size", "share_outside")


def suppress_small_cells(frame: pd.DataFrame, *, count, groups, within=None, min_cell: int) -> pd.DataFrame:
    """Return a table with its small cells hidden, and as many more that their total does not give them away.

    Within each visible total, the smallest cells are hidden until at least two are, and until together they hold
    `min_cell`. Each count column is closed by itself, so that the same counts beside another outcome hide the
    same cells; a cell that one column hides is hidden whole. Ties go by row order.

    Parameters
    ----------
    frame : DataFrame, one row a cell
    count : str or list of str
        Columns of counts: units, and events and non-events where the figures are shares. Missing counts as small.
    groups : str or list of str
        Columns that name the cell; they stay visible, with `within`; every other column of the cell is hidden.
    within : str or list of str, optional
        Columns that name the total of which the cells are parts; the whole table when left out.
    min_cell : int
        Smallest count that may be seen.

    Returns
    -------
    DataFrame: a copy with hidden figures missing and a column `hidden` (bool).

    References
    ----------
    Hundepool et al. (2012), Statistical disclosure control, chapter 4; ACRO and UK LLC publish no count under 10.
    """
    counts, named, totals = _listed(count), _listed(groups), _listed(within)
    hidden = np.zeros(len(frame), bool)
    for rows in _partition(frame, totals):
        for column in counts:
            hidden[rows] |= _close(frame[column].to_numpy(float)[rows], min_cell)
    figures = [column for column in frame if column not in {*named, *totals}]
    return frame.assign(**{column: frame[column].mask(hidden) for column in figures}, hidden=hidden)


def protect(results: Results, design: ExperimentPlan) -> Results:
    """Return results in which small cells are hidden, before any sentence or picture is made of them.

    Parameters
    ----------
    results : Results
        Estimates as for `suppress_estimates`; table `curves` (one row a `metric`, arm and `day`, with `at_risk`);
        table `path`, which would give a hidden week away and goes with it; table `uptake` (one row a `metric` and
        `comparison`), whose figures go with the takers they are of. Of a withheld answer no table of effects is left,
        of a metric that failed its missingness check no curve.
    design : ExperimentPlan
        Gives `min_cell`.

    Returns
    -------
    Results
    """
    tables = dict(results.tables)
    if results.status == "withheld":
        return results.but(tables={name: table for name, table in tables.items() if name not in EFFECT_TABLES})
    if "curves" in tables:
        options = {"day": "day", "at_risk": "at_risk", "within": "metric", "min_cell": design.min_cell}
        failed = [c.id.removeprefix("missing_") for c in results.checks if c.status == "fail"]
        known = tables["curves"][~tables["curves"]["metric"].isin(failed)]
        tables["curves"] = _skip_few_events(stop_small_curves(known, **options), design.min_cell)
    for name in QUANTILE_TABLES & tables.keys():
        tables[name] = _leave_small_tails(tables[name], results.estimates, design)
    if "uptake" in tables:
        tables["uptake"] = _hide_uptake(tables["uptake"], results.estimates, design)
    estimates = suppress_estimates(results.estimates, design)
    if any(e.at is not None and e.verdict == "not estimable" for e in estimates):
        tables.pop("path", None)
    return results.but(estimates=estimates, tables=tables)


def suppress_estimates(estimates: Sequence[Estimate], design: ExperimentPlan) -> tuple[Estimate, ...]:
    """Return estimates in which small cells below whole variants (segments, weeks) are hidden.

    Parameters
    ----------
    estimates : sequence of Estimate
        A cell is one with a `segment` ("column=level") or an `at` ("week 3"); the cells of one column, or of all
        weeks, are the parts of a total. Takers and others are the parts of an arm: what compares them is hidden
        with them, the effect in compliers where the takers or the others themselves are few. So is a quantile with
        few units beyond it in an arm, as it stands at the value of one of them. The rest are headlines and stay.
    design : ExperimentPlan
        Gives `min_cell` and the metrics' kinds; shares are checked by events and non-events too.

    Returns
    -------
    tuple of Estimate: in the same order; hidden ones have nan figures and counts, and a `reason`.
    """
    estimates = [_blank_tail(e, design.min_cell) if _has_small_tail(e, design) else e for e in estimates]
    thin, few = _find_small_takers(estimates, design)
    gone = {"as_treated": thin, "compliers": few}
    estimates = [_blank(e, design.min_cell) if _name_takers(e) in gone.get(e.population, ()) else e for e in estimates]
    cells = [i for i, e in enumerate(estimates) if e.segment is not None or e.at is not None]
    if not cells:
        return tuple(estimates)
    frame = pd.DataFrame([_describe_cell(estimates[i], design) for i in cells])
    parts = [*COUNTS, "events_c", "others_c", "events_t", "others_t"]
    found = suppress_small_cells(frame, count=parts, groups=[], within=[*CELL, "total"], min_cell=design.min_cell)
    small = {i for i, is_hidden in zip(cells, found["hidden"], strict=True) if is_hidden}
    return tuple(_blank(e, design.min_cell) if i in small else e for i, e in enumerate(estimates))


def stop_small_curves(
    frame: pd.DataFrame, *, day: str, at_risk: str, min_cell: int, within: str | None = None
) -> pd.DataFrame:
    """Return curves up to the day before one of them has fewer than `min_cell` units at risk.

    Parameters
    ----------
    frame : DataFrame, one row a group and day
    day, at_risk : str, columns
    min_cell : int
    within : str, optional
        Column that names the picture: its curves stop together, others go on.

    Returns
    -------
    DataFrame: the rows of earlier days.
    """
    stops = frame[day].where(~(frame[at_risk] >= min_cell))
    ends = stops.groupby(frame[within]).transform("min") if within else stops.min()
    return frame[~(frame[day] >= ends)].copy()


def find_small_cells(
    frame: pd.DataFrame, *, count, min_cell: int, within=None, totals: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Return the cells of a finished table that show or give away a small count: none when it may be shared.

    Parameters
    ----------
    frame : DataFrame, one row a cell, hidden counts missing
    count : str or list of str, columns of counts
    min_cell : int
    within : str or list of str, optional
        Columns that name the total of which the cells are parts.
    totals : DataFrame, optional
        One row a total, with the columns of `within` and `count`: what the reader knows from elsewhere.

    Returns
    -------
    DataFrame: row (position), column, problem ("small count", "given away by the total"); never the count itself.
    """
    counts, parts = _listed(count), _listed(within)
    found = [(int(row), column, "small count") for column in counts for row in np.flatnonzero(frame[column] < min_cell)]
    for rows in _partition(frame, parts) if totals is not None else ():
        known = totals
        for column in parts:
            known = known[known[column] == frame[column].iloc[rows[0]]]
        for column in counts:
            values = frame[column].to_numpy(float)[rows]
            missing = rows[np.isnan(values)]
            rest = float(known[column].sum()) - np.nansum(values)
            if len(missing) == 1 or (len(missing) and rest < min_cell):
                found += [(int(row), column, "given away by the total") for row in missing]
    return pd.DataFrame(found, columns=["row", "column", "problem"])


def _listed(names):
    return [] if names is None else [names] if isinstance(names, str) else list(names)


def _partition(frame, columns):
    if not columns:
        return [np.arange(len(frame))]
    return list(frame.groupby(columns, dropna=False, sort=False).indices.values())


def _close(counts, min_cell):
    """Return which cells of one total to hide: the small ones, then the smallest until they hold enough together.

    One small cell is never enough, so that at least two are hidden.
    """
    counts = np.nan_to_num(counts, nan=0.0)
    order = np.argsort(counts, kind="stable")
    small = int((counts < min_cell).sum())
    while 0 < small < len(order) and counts[order[:small]].sum() < min_cell:
        small += 1
    return np.isin(np.arange(len(counts)), order[:small])


def _skip_few_events(curves, min_cell):
    """Curves without the days on which one of a metric's arms has had some events, but fewer than `min_cell`."""
    if curves.empty:
        return curves
    units = curves.groupby(["metric", "arm"])["at_risk"].transform("max")
    events = (curves["share"] * units).round()
    few = ((events > 0) & (events < min_cell)).groupby([curves["metric"], curves["day"]]).transform("any")
    return curves[~few].copy()


def _has_small_tail(estimate, design):
    """Whether an arm has fewer than `min_cell` units on the short side of the quantile that is compared."""
    quantile = design.metrics[estimate.metric].quantile
    if quantile is None or not math.isfinite(estimate.control_value + estimate.treatment_value):
        return False
    beyond = min(estimate.n_control, estimate.n_treatment) * min(quantile, 1 - quantile)
    return round(beyond, 9) < design.min_cell


def _leave_small_tails(frame, estimates, design):
    small = {(e.metric, e.comparison) for e in estimates if _has_small_tail(e, design)}
    if frame.empty or not small:
        return frame
    keys = zip(frame["metric"], frame["comparison"], strict=True)
    return frame[[key not in small for key in keys]].reset_index(drop=True)


def _name_takers(estimate):
    return estimate.metric, f"{estimate.treatment} - {estimate.control}"


def _find_small_takers(estimates, design):
    """Metric and comparison where takers and others have a small cell, and where they are few themselves."""
    thin, few = set(), set()
    for e in estimates:
        if e.population == "as_treated" and e.role != "sensitivity":
            counts = [n for n in _count_parts(e, design).values() if not n >= design.min_cell]
            thin |= {_name_takers(e)} if counts else set()
            few |= {_name_takers(e)} if 0 < min(e.n_control, e.n_treatment) < design.min_cell else set()
    return thin, few


def _hide_uptake(frame, estimates, design):
    """The table without shares of takers that are few in an arm, and without ratios of small cells."""
    if frame.empty:
        return frame
    thin, few = _find_small_takers(estimates, design)
    names = list(zip(frame["metric"], frame["comparison"], strict=True))
    sizes = {_name_takers(e): (e.n_control, e.n_treatment) for e in estimates if e.population == "compliers"}
    takers = frame[["take_up_control", "take_up_treatment"]].to_numpy(float) * [sizes[name] for name in names]
    rest = np.array([sizes[name] for name in names]) - takers
    rare = (np.minimum(takers, rest) > 0.5) & (np.minimum(takers, rest) < design.min_cell - 0.5)
    rare = rare.any(axis=1) | [name in few for name in names]
    hidden = dict.fromkeys(ASSOCIATED, pd.Series([name in thin for name in names], frame.index))
    hidden |= dict.fromkeys(("take_up_control", "take_up_treatment", "first_stage_f"), pd.Series(rare, frame.index))
    return frame.assign(**{column: frame[column].mask(where) for column, where in hidden.items()})


def _describe_cell(estimate, design):
    total = estimate.segment.split("=")[0] if estimate.segment is not None else estimate.at.split(" ")[0]
    cell = {name: getattr(estimate, name) for name in CELL} | {"total": total}
    return cell | _count_parts(estimate, design)


def _count_parts(estimate, design):
    cell = {name: getattr(estimate, name) for name in COUNTS}
    for side in ("control", "treatment"):
        n, share = cell[f"n_{side}"], getattr(estimate, f"{side}_value")
        is_share = design.metrics[estimate.metric].kind == "binary" and math.isfinite(share)
        events = round(n * share) if is_share else n  # other kinds have units only
        cell |= {f"events_{side[0]}": events, f"others_{side[0]}": n - events if is_share else n}
    return cell


def _blank(estimate, min_cell):
    reason = f"hidden: fewer than {min_cell} units, events or non-events here, or in a group that this one would reveal"
    blanks = dict.fromkeys((*FIGURES, *COUNTS), math.nan) | dict.fromkeys(OPTIONS)
    return estimate.but(**blanks, verdict="not estimable", reason=reason)


def _blank_tail(estimate, min_cell):
    """Its counts are those of whole variants, and stay."""
    reason = f"hidden: fewer than {min_cell} units of an arm lie beyond this quantile"
    blanks = dict.fromkeys(FIGURES, math.nan) | dict.fromkeys(("df", "ci_set", "p_value_adjusted", "as_expected"))
    return estimate.but(**blanks, verdict="not estimable", reason=reason)
