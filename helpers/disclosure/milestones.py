"""Small cells of the tables and estimates of milestones: few accounts, few kept or few lost are hidden."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.disclosure.effects import _blank, stop_small_curves, suppress_small_cells
from helpers.plan import FrameworkPlan
from helpers.records import Estimate, Results

REASON = "hidden: fewer than {} accounts, kept or lost here, or in a group that this one would reveal"
PAIR = ("reached", "not")
NEXT_STAYS = ["step", "association", "ci_low", "ci_high"]
RANKING_STAYS = ["feature", "category", "hypothesised", "group", "time_order", "flag"]
ZERO = 1e15  # a cell that nobody is in, where that is no secret: never small


def protect_framework(results: Results, design: FrameworkPlan) -> Results:
    """Return results of a framework in which small cells are hidden, before any sentence or picture is made of them.

    Parameters
    ----------
    results : Results, as `milestones.run_framework` gives it
    design : FrameworkPlan
        Gives `min_cell`.

    Returns
    -------
    Results
    """
    tables = protect_milestones(results.tables, design)
    return results.but(estimates=protect_landmarks(results.estimates, design), tables=tables)


def protect_milestones(tables: dict[str, pd.DataFrame], design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return the tables of milestones with small cells hidden; what is left of a table without a row is left out.

    Counts of accounts, of accounts kept and of accounts lost are held to `min_cell` alike, with as many further cells
    hidden that totals do not give them away. Curves stop where few are at risk, and show a day only where nobody or
    at least `min_cell` more were lost since the day before it. Cells of states and flows in which nobody is are no
    secret and stay. Tables about whole groups (freshness, definitions, quality, the model, the threshold) stay.

    Parameters
    ----------
    tables : dict of DataFrame, any of those of a study of milestones; others pass
    design : FrameworkPlan
        Gives `min_cell`.

    Returns
    -------
    dict: copies; hidden figures are missing, with a `reason` where the table has that column.
    """
    found = dict(tables)
    for name, hide in HIDE.items():
        if name in found and not found[name].empty:
            found[name] = hide(found[name], design.min_cell)
    if "categories" in found:
        found["categories"] = _hide_categories(found["categories"], design)
    if "drift" in found and "review" in found:
        found["drift"] = _hide_drift(found["drift"], found["review"])
    return {name: table for name, table in found.items() if not table.empty}


def protect_landmarks(estimates, design: FrameworkPlan) -> tuple[Estimate, ...]:
    """Return estimates of milestones in which small cells are hidden.

    Parameters
    ----------
    estimates : sequence of Estimate
        A cell is a side, reached or not. All estimates of one outcome, pair and landmark go together, as they are of
        the same accounts.
    design : FrameworkPlan
        Gives `min_cell`; shares are checked by accounts kept and lost too.

    Returns
    -------
    tuple of Estimate: in the same order; hidden ones have nan figures and counts, are not estimable and say why.
    """
    estimates, least = list(estimates), design.min_cell
    small = {_key(e) for e in estimates if _is_small(e, least)}
    reason = REASON.format(least)
    return tuple(_blank(e, least).but(reason=reason) if _key(e) in small else e for e in estimates)


def _key(estimate):
    return estimate.metric, estimate.control, estimate.treatment, estimate.at, estimate.population


def _is_small(estimate, least):
    if not math.isfinite(estimate.estimate) and estimate.verdict == "not estimable":
        return estimate.n_control + estimate.n_treatment > 0 and min(estimate.n_control, estimate.n_treatment) < least
    for n, share in zip(*_sides(estimate), strict=True):
        events = [round(n * share), n - round(n * share)] if 0 <= share <= 1 else []
        if any(not count >= least for count in (n, *events)):
            return True
    return False


def _sides(estimate):
    is_share = estimate.estimand != "hazard_ratio"
    shares = (estimate.control_value, estimate.treatment_value) if is_share else (math.nan, math.nan)
    return (estimate.n_control, estimate.n_treatment), shares


def _blank_rows(frame, hidden, named, least):
    """A copy whose hidden rows lose all but the columns that name them; the reason is filled in."""
    hidden = pd.Series(np.asarray(hidden, bool), frame.index)
    figures = [column for column in frame if column not in {*named, "reason"}]
    found = frame.assign(**{column: frame[column].mask(hidden) for column in figures})
    if "reason" in frame:
        found["reason"] = frame["reason"].astype(object).mask(hidden, REASON.format(least))
    return found


def _close_cells(frame, counts, named, least, *, within=None):
    """`suppress_small_cells` by counts that are worked out, with the reason filled in."""
    work = frame[[*named]].assign(**{f"count {i}": np.asarray(c, float) for i, c in enumerate(counts)})
    columns = [column for column in work if column not in named]
    hidden = suppress_small_cells(work, count=columns, groups=named, within=within, min_cell=least)["hidden"]
    return _blank_rows(frame, hidden, named, least)


def _count_sides(frame):
    """Accounts, kept and lost of those who reached a milestone and of the others, shape (n, 6)."""
    columns = []
    for side in PAIR:
        n, share = frame[f"n_{side}"].to_numpy(float), frame[f"share_{side}"].to_numpy(float)
        columns += [n, np.round(n * share), n - np.round(n * share)]
    return np.column_stack(columns)


def _find_small_sides(frame, least):
    """Rows with a small side; where nothing was estimated, shares that are missing tell nothing."""
    counts = _count_sides(frame)
    return (counts < least).any(axis=1)


def _hide_readings(frame, least):
    """Readings of the same accounts go together, and the naive one where it gives away how few left before."""
    small = _find_small_sides(frame, least)
    both = frame["n_reached"].astype(float) + frame["n_not"].astype(float)
    is_naive = (frame["reading"] == "naive").to_numpy()
    is_known = frame["difference"].notna().to_numpy()  # what was not estimated tells nothing and hides nothing
    small &= is_known
    later = small[~is_naive].any()
    landmark = both[(frame["reading"] == "landmark").to_numpy()]
    before = (both - landmark.iloc[0]).to_numpy() if len(landmark) else np.zeros(len(frame))
    hidden = np.where(is_naive, small | ((before > 0) & (before < least)), small | later) & is_known
    return _blank_rows(frame, hidden, ["reading"], least)


def _hide_hazards(frame, least):
    lost = frame["lost"].to_numpy(float)
    hidden = (np.minimum(lost, frame["n"].to_numpy(float) - lost) < least) & frame["hazard_ratio"].notna().to_numpy()
    return _blank_rows(frame, hidden, ["reading"], least)


def _hide_effects(frame, least):
    named = ["milestone", "outcome", "landmark"]
    small = pd.Series(_find_small_sides(frame, least), frame.index)
    hidden = small.groupby([frame[name] for name in named], dropna=False).transform("any")
    return _blank_rows(frame, hidden, [*named, "adjustment"], least)


def _hide_survival(frame, least):
    options = {"day": "day", "at_risk": "at_risk", "within": "milestone", "min_cell": least}
    curves = stop_small_curves(frame, **options)
    kept = [rows[rows["day"].isin(_choose_days(rows, least))] for _, rows in curves.groupby("milestone", sort=False)]
    return pd.concat(kept).reset_index(drop=True) if kept else curves


def _choose_days(rows, least):
    """Days between which each curve loses nobody or at least `least` accounts; 0 stands before the first."""
    lost = rows.pivot_table(index="day", columns="reached", values="lost").sort_index().ffill().fillna(0)
    days, last = [], np.zeros(lost.shape[1])
    for day, now in zip(lost.index, lost.to_numpy(float), strict=True):
        gone = now - last
        if ((gone == 0) | (gone >= least)).all():
            days.append(day)
            last = now
    return days


def _hide_states(frame, least):
    frame = stop_small_curves(frame, day="month", at_risk="at_risk", min_cell=least)
    people = (frame["share"] * frame["at_risk"]).round().astype(float)
    return _close_cells(frame, [people.where(people > 0, ZERO)], ["month", "state"], least, within="month")


def _hide_flows(frame, least):
    moves = frame["moves"].astype(float)
    found = _close_cells(frame, [moves.where(moves > 0, ZERO)], ["from_state", "to_state"], least, within="from_state")
    few = frame["months"].astype(float) < least
    return _blank_rows(found, few, ["from_state", "to_state"], least)


def _count_kept(frame, named):
    return [frame["n"], frame["kept"], frame["n"] - frame["kept"]], named


def _hide_activation(frame, least):
    return _close_cells(frame, *_count_kept(frame, ["count_low", "count_high", "open"]), least)


def _hide_mature(frame, least):
    return _close_cells(frame, *_count_kept(frame, ["mature_categories"]), least)


def _hide_lines(frame, least):
    """Lines between which at least `least` accounts lie, so that no line gives away another's difference."""
    above, share = frame["n_at_or_above"].to_numpy(float), frame["share_at_or_above"].to_numpy(float)
    shown, last = [], 0.0
    for row in np.argsort(above, kind="stable"):
        if (above[row] == last and shown) or above[row] - last >= least:
            shown.append(row)
            last = above[row]
    total = np.nanmax(np.where(share > 0, np.round(above / np.where(share > 0, share, 1)), np.nan), initial=0.0)
    shown = [row for row in shown if above[row] == total or total - above[row] >= least]
    return _blank_rows(frame, ~np.isin(np.arange(len(frame)), shown), ["line", "planned"], least)


def _hide_sizes(frame, least):
    passed = (frame["n"] * frame["pass_rate"]).round()
    counts = [frame["n"], passed, frame["n"] - passed]
    for n, share in ((passed, frame["share_pass"]), (frame["n"] - passed, frame["share_fail"])):
        kept = (n * share).round()
        counts += [kept, n - kept]
    return _close_cells(frame, counts, ["band", "line"], least, within="line")


def _hide_steps(frame, least):
    return _hide_users(frame, "n_done", "share_done", ["step", "flag"], least)


def _hide_ranking(frame, least):
    found = _hide_users(frame, "n_used", "prevalence", RANKING_STAYS, least)
    if "supported" in frame:
        found["supported"] = found["supported"].fillna("")
    return found


def _hide_users(frame, count, share, named, least):
    """Rows of what few accounts did, or few did not do."""
    done, part = frame[count].to_numpy(float), frame[share].to_numpy(float)
    total = np.nanmax(np.where(part > 0, np.round(done / np.where(part > 0, part, 1)), np.nan), initial=0.0)
    small = (done < least) | ((total > 0) & (total - done < least))
    return _blank_rows(frame, small, [name for name in named if name in frame], least)


def _hide_categories(frame, design):
    """Rows with a small level; that nobody is basic where the plan names no basic feature is no secret."""
    counts = np.round(frame[["none", "basic", "mature"]].to_numpy(float) * frame["n"].to_numpy(float)[:, None])
    plain = [name in design.categories and not design.categories[name].basic for name in frame["category"]]
    counts[plain, 1] = ZERO
    small = (counts < design.min_cell).any(axis=1)
    return _blank_rows(frame, small, ["category", "success_metric"], design.min_cell)


def _hide_next(frame, least):
    """Next steps by customers; that nobody is advised to what has a reason against it is the rule, so no secret."""
    ruled_out = (frame["accounts"] == 0) & frame["reason"].notna() & (frame["step"] != "none")
    shown = _close_cells(frame[~ruled_out], [frame.loc[~ruled_out, "accounts"]], NEXT_STAYS, least)
    return pd.concat([shown, frame[ruled_out]]).sort_index()


def _hide_review(frame, least):
    return _close_cells(frame, [frame["n"], frame["lost"], frame["n"] - frame["lost"]], ["cohort", "choice"], least)


def _hide_drift(frame, review):
    gone = frame["cohort"].isin(review["cohort"][review["n"].isna()])
    return frame[~gone].reset_index(drop=True)


def _hide_threshold(frame, least):
    newest = [column for column in frame if column.startswith("newest_") and column != "newest_cohort"]
    small = frame["n_newest"].to_numpy(float) < least
    return frame.assign(**{c: frame[c].mask(small) for c in [*newest, "n_newest"]})


def _hide_overall(frame, least):
    return stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=least).reset_index(drop=True)


HIDE = {
    "readings": _hide_readings,
    "hazards": _hide_hazards,
    "landmark_effects": _hide_effects,
    "milestone_survival": _hide_survival,
    "states": _hide_states,
    "flows": _hide_flows,
    "activation_counts": _hide_activation,
    "threshold": _hide_threshold,
    "steps": _hide_steps,
    "mature_counts": _hide_mature,
    "maturity_lines": _hide_lines,
    "size_bands": _hide_sizes,
    "ranking": _hide_ranking,
    "next_steps": _hide_next,
    "review": _hide_review,
    "overall": _hide_overall,
}
