"""Small cells of a framework: its tables and estimates together, so that what is hidden in one stands in no other."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from helpers.disclosure.cells import REASON, blank_rows, count_cells, find_near, find_small
from helpers.disclosure.effects import _blank
from helpers.disclosure.milestones import HIDE, ZERO
from helpers.milestones.counts import SIDES
from helpers.plan import FrameworkPlan
from helpers.records import Estimate, Results

LINE = ("naive_difference", "difference", "ci_low", "ci_high", "planned_difference", "planned_low", "planned_high")
TOO_FEW = "Too few customers to say."


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
    hidden = _list_hidden_readings(tables, design.min_cell)
    estimates = protect_landmarks(results.estimates, design, hidden=hidden)
    pairs = {e.comparison for e in estimates if e.at is None and e.reason == REASON.format(design.min_cell)}
    tests = tuple(test for test in results.tests if not _is_hidden(test, pairs))
    return results.but(estimates=estimates, tables=tables, tests=tests)


def _is_hidden(test, pairs):
    """Whether a test compares what is hidden; those of the best line compare activated accounts with the others."""
    pair = "activated - not activated" if test.id.startswith("best_cut:") else test.id.split(":")[1]
    return pair in pairs


def protect_milestones(tables: dict[str, pd.DataFrame], design: FrameworkPlan) -> dict[str, pd.DataFrame]:
    """Return the tables of milestones with small cells hidden; what is left of a table without a row is left out.

    Counts of accounts, of accounts kept and of accounts lost are held to `min_cell` alike, with as many further cells
    hidden that totals do not give them away; counts that a table carries only to be checked are dropped. Curves stop
    where few are at risk, and show a day only where nobody or at least `min_cell` more were lost since the day before
    it. Where a milestone's difference in who is kept is hidden at the main landmark, it is hidden wherever else it
    stands. Cells of states, flows and next steps in which nobody is are no secret and stay.

    Parameters
    ----------
    tables : dict of DataFrame, any of those of a study of milestones; others pass
    design : FrameworkPlan
        Gives `min_cell`, the main landmark and the areas without a basic level.

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
    found = _hide_small_line(found, tables.get("cuts"), design.min_cell)
    found = _hide_headlines(found, _list_gone(found, design), design.min_cell)
    found = _hide_cohorts(found)
    return {name: table.drop(columns=[*SIDES], errors="ignore") for name, table in found.items() if not table.empty}


def protect_landmarks(estimates, design: FrameworkPlan, *, hidden=()) -> tuple[Estimate, ...]:
    """Return estimates of milestones in which small cells are hidden.

    Parameters
    ----------
    estimates : sequence of Estimate
        A cell is a side, reached or not. All estimates of one outcome, pair and landmark go together, as they are of
        the same accounts; so do those of a landmark whose accounts are those of an earlier one but for a few.
    design : FrameworkPlan
        Gives `min_cell`; shares are checked by accounts kept and lost too.
    hidden : collection of str
        Readings of all starters that the tables hide ("naive", "clone-censor-weight", "hazards"), whose estimates go
        with them.

    Returns
    -------
    tuple of Estimate: in the same order; hidden ones have nan figures and counts, are not estimable and say why.
    """
    estimates, least = list(estimates), design.min_cell
    small = {_key(e) for e in estimates if _is_small(e, least)} | _list_near(estimates, least)
    reason = REASON.format(least)
    gone = [_key(e) in small or _name_reading(e) in hidden for e in estimates]
    return tuple(_blank(e, least).but(reason=reason) if g else e for e, g in zip(estimates, gone, strict=True))


def _list_near(estimates, least):
    """Keys of landmarks at which all but a few of another's accounts are compared."""
    rows = [(_key(e), e.adjustment, e.n_control + e.n_treatment) for e in estimates if e.population == "landmark"]
    frame = pd.DataFrame(rows, columns=["key", "adjustment", "n"])
    parts = frame.groupby([frame["key"].map(lambda key: key[:3]), "adjustment"], sort=False) if rows else ()
    return {key for _, part in parts for key in part["key"][find_near(part["n"], min_cell=least)]}


def _name_reading(estimate):
    """The row of `readings` in which an estimate of all starters stands, or the table `hazards`."""
    if estimate.population != "observational":
        return None
    return {"naive": "naive", "hazard_ratio": "hazards"}.get(estimate.estimand, "clone-censor-weight")


def _list_hidden_readings(tables, least):
    nothing, reason = pd.DataFrame(columns=["reading", "reason"]), REASON.format(least)
    readings, hazards = (tables.get(name, nothing) for name in ("readings", "hazards"))
    told = set(readings.loc[readings["reason"] == reason, "reading"])
    return told | ({"hazards"} if (hazards["reason"] == reason).any() else set())


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


def _hide_categories(frame, design):
    """Rows with a small level, few kept or few lost; that nobody is basic where none can be is no secret."""
    counts = np.round(frame[["none", "basic", "mature"]].to_numpy(float) * frame["n"].to_numpy(float)[:, None])
    plain = [name in design.categories and not design.categories[name].basic for name in frame["category"]]
    counts[plain, 1] = ZERO
    small = (counts < design.min_cell).any(axis=1) | find_small(frame, design.min_cell)
    return blank_rows(frame, small, ["category", "success_metric"], design.min_cell)


def _hide_small_line(tables, cuts, least):
    """Tables without what is said at the best cut alone, where few are on a side of it, or were kept or lost there."""
    if cuts is None or cuts.empty or np.isnan(count_cells(cuts)).any():
        return tables
    best = cuts.iloc[[int(cuts["statistic"].abs().to_numpy().argmax())]]
    if not find_small(best, least).any():
        return tables
    line = {name: tables[name].assign(naive_difference=math.nan) for name in ("threshold", "alive") if name in tables}
    return {name: table for name, table in (tables | line).items() if name != "activation_curves"}


def _list_gone(tables, design):
    """Milestones whose difference in who is kept is hidden at the main landmark."""
    effects = tables.get("landmark_effects", pd.DataFrame())
    if effects.empty:
        return set()
    is_main = (effects["outcome"] == "retained") & (effects["landmark"] == design.landmarks[0])
    return set(effects.loc[is_main & (effects["reason"] == REASON.format(design.min_cell)), "milestone"])


def _hide_headlines(tables, gone, least):
    """The same differences wherever else they stand."""
    found = dict(tables)
    for name in ("threshold", "alive"):
        if name in found and "activated" in gone:
            found[name] = found[name].assign(**{column: math.nan for column in LINE if column in found[name]})
    if "hazards" in found and "activated" in gone:
        hazards = found["hazards"]
        found["hazards"] = blank_rows(hazards, hazards["n"].notna() & (hazards["n"] != 0), ["reading"], least)
    if "next_steps" in found:
        steps = found["next_steps"]
        found["next_steps"] = blank_rows(steps, steps["step"].isin(gone), ["step", "accounts", "share_now"], least)
    if "maturity_lines" in found and "mature" in gone:
        lines = found["maturity_lines"]
        found["maturity_lines"] = blank_rows(lines, lines["planned"].astype(bool), ["line", "planned"], least)
    if "model" in found:
        model = found["model"]
        found["model"] = model[~((model["kind"] == "difference") & model["name"].isin(gone))].reset_index(drop=True)
    if "review_words" in found:
        found["review_words"] = _say_too_few(found["review_words"], found["review_words"]["milestone"].isin(gone))
    return found


def _hide_cohorts(tables):
    """What drift and the review's words say of cohorts whose row of the review is hidden."""
    if "review" not in tables:
        return tables
    found, review = dict(tables), tables["review"]
    hidden = review.loc[review["n"].isna(), "cohort"]
    if "drift" in found:
        found["drift"] = found["drift"][~found["drift"]["cohort"].isin(hidden)].reset_index(drop=True)
    if "review_words" in found and len(hidden):
        of = tuple(f"The difference in {cohort} " for cohort in hidden)
        found["review_words"] = _say_too_few(found["review_words"], found["review_words"]["why"].str.startswith(of))
    return found


def _say_too_few(words, where):
    return words.assign(word=words["word"].mask(where, "too early"), why=words["why"].mask(where, TOO_FEW))
