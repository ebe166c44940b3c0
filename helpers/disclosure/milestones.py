"""Small cells in each table of milestones: rows about few accounts, few kept or few lost are hidden."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.disclosure.cells import blank_rows, count_cells, find_near, find_small
from helpers.disclosure.effects import stop_small_curves, suppress_small_cells

PAIR = ("reached", "not")
DIGITS = 3  # of what could be solved for counts, with all digits
NEXT_STAYS = ["step", "association", "ci_low", "ci_high"]
RANKING_STAYS = ["feature", "category", "hypothesised", "group", "time_order", "flag"]
INPUTS = ("missing", "latest", "days_old", "note")
BINS = ("count_low", "count_high", "open", "mature_categories")
ZERO = 1e15  # a cell that nobody is in, where that is no secret: never small


def _close_cells(frame, counts, named, least, *, within=None):
    """`suppress_small_cells` by counts that are worked out, with the reason filled in."""
    work = frame[[*named]].assign(**{f"count {i}": np.asarray(c, float) for i, c in enumerate(counts)})
    columns = [column for column in work if column not in named]
    hidden = suppress_small_cells(work, count=columns, groups=named, within=within, min_cell=least)["hidden"]
    return blank_rows(frame, hidden, named, least)


def _count_pair(frame):
    """Accounts, kept and lost of those who reached a milestone and of the others, shape (n, 6)."""
    columns = []
    for side in PAIR:
        n, share = frame[f"n_{side}"].to_numpy(float), frame[f"share_{side}"].to_numpy(float)
        columns += [n, np.round(n * share), n - np.round(n * share)]
    return np.column_stack(columns)


def _find_small_sides(frame, least):
    """Rows with a small side; where nothing was estimated, shares that are missing tell nothing."""
    return (_count_pair(frame) < least).any(axis=1)


def _choose_lines(cells, totals, least):
    """Rows between which, and beyond which, nobody lies or at least `least` do: accounts, kept and lost, (n, 3)."""
    shown, last = [], 0.0
    for row in np.argsort(cells[:, 0], kind="stable"):
        more, rest = cells[row] - last, totals[row] - cells[row]
        is_far = (more >= least).all() or (shown and not more.any())
        if is_far and ((rest >= least).all() or not rest.any()):
            shown.append(row)
            last = cells[row]
    return np.isin(np.arange(len(cells)), shown)


def _hide_readings(frame, least):
    """Readings of the same accounts go together; what counts starters goes where it gives away how few left early."""
    small = _find_small_sides(frame, least)
    both = frame["n_reached"].astype(float) + frame["n_not"].astype(float)
    is_naive = (frame["reading"] == "naive").to_numpy()
    is_estimated, is_known = frame["difference"].notna().to_numpy(), (both > 0).to_numpy()
    later = (small & is_estimated)[~is_naive].any()  # what was not estimated hides only itself
    landmark = both[(frame["reading"] == "landmark").to_numpy()]
    before = (both - landmark.iloc[0]).to_numpy() if len(landmark) else np.zeros(len(frame))
    hidden = small | (~is_naive & later & is_estimated) | ((before > 0) & (before < least))
    return blank_rows(frame, hidden & is_known, ["reading"], least)


def _hide_hazards(frame, least):
    """Ratios of few who left, or stayed; that there was no account to read is no secret."""
    n, lost = frame["n"].to_numpy(float), frame["lost"].to_numpy(float)
    return blank_rows(frame, (n > 0) & (np.minimum(lost, n - lost) < least), ["reading"], least)


def _hide_effects(frame, least):
    named = ["milestone", "outcome", "landmark"]
    small = pd.Series(_find_small_sides(frame, least), frame.index)
    hidden = small.groupby([frame[name] for name in named], dropna=False).transform("any")
    both = (frame["n_reached"] + frame["n_not"]).astype(float)
    others = [frame[name] for name in ("milestone", "outcome", "adjustment")]
    hidden |= both.groupby(others, dropna=False).transform(find_near, min_cell=least).astype(bool)
    return blank_rows(frame, hidden, [*named, "adjustment"], least)


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
    return blank_rows(found, few, ["from_state", "to_state"], least)


def _hide_bins(frame, least):
    counts = [frame["n"], frame["kept"], frame["n"] - frame["kept"]]
    return _close_cells(frame, counts, [name for name in BINS if name in frame], least)


def _hide_lines(frame, least):
    """Lines between which at least `least` accounts, kept and lost lie: none gives away another's difference."""
    cells = count_cells(frame)
    if np.isnan(cells).all():
        above, share = frame["n_at_or_above"].to_numpy(float), frame["share_at_or_above"].to_numpy(float)
        cells = np.stack([above, _find_total(above, share) - above], axis=1)[:, :, None]
    shown = _choose_lines(cells[:, 0], cells.sum(axis=1), least)
    return blank_rows(frame, ~shown, ["line", "planned"], least)


def _hide_cuts(frame, least):
    """Raw differences, short enough not to be solved for counts, at cuts between which enough accounts lie."""
    cells = count_cells(frame)
    if not np.isnan(cells).any():
        shown = _choose_lines(cells[:, 0], cells.sum(axis=1), least)
        frame = blank_rows(frame, ~shown, ["cut", "in_set", "chosen"], least)
    return frame.round({"difference": DIGITS, "statistic": DIGITS})


def _hide_curves(frame, _):
    """The step is a share of all accounts on its side: short enough not to be solved for how many were kept."""
    return frame.round({"share_step": DIGITS})


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
    """Rows of what few accounts did, or did not do, or of whom few were kept, or lost."""
    done = frame[count].to_numpy(float)
    total = _find_total(done, frame[share].to_numpy(float))
    small = (done < least) | ((total > 0) & (total - done < least)) | find_small(frame, least)
    return blank_rows(frame, small, [name for name in named if name in frame], least)


def _find_total(part, share):
    """Of how many accounts the parts are shares."""
    return np.nanmax(np.where(share > 0, np.round(part / np.where(share > 0, share, 1)), np.nan), initial=0.0)


def _hide_next(frame, least):
    """Next steps by customers; that nobody is advised to one, as to all that has a reason against it, is no secret."""
    accounts = frame["accounts"].astype(float)
    return _close_cells(frame, [accounts.where(accounts > 0, ZERO)], NEXT_STAYS, least)


def _hide_review(frame, least):
    return _close_cells(frame, [frame["n"], frame["lost"], frame["n"] - frame["lost"]], ["cohort", "choice"], least)


def _hide_threshold(frame, least):
    """What the newest accounts say, where few of them are on a side of the cut, or were kept or lost there."""
    newest = [column for column in frame if column.startswith("newest_") and column != "newest_cohort"]
    few = frame["n_newest"].astype(float) < least
    small = few | find_small(frame, least)
    found = frame.assign(**{c: frame[c].mask(small) for c in newest}, n_newest=frame["n_newest"].mask(few))
    return found.assign(confirmed=found["confirmed"].mask(small, "too imprecise")) if "confirmed" in found else found


def _hide_flow(frame, least):
    """Few who had left, or who lie between two landmarks, with what would give them away: followed is gone + kept."""
    what, accounts = frame["step"].str.extract(r": (.*)$")[0].fillna("followed"), frame["accounts"].astype(float)
    is_gone = ~what.isin(["followed", "kept"])
    hidden = is_gone & (accounts > 0) & (accounts < least)
    for name in ("followed", "kept"):
        hidden |= (what == name) & find_near(accounts.where(what == name), min_cell=least)
    landmark = frame["step"].str.extract(r"^(.*): ")[0].fillna("")
    few = (hidden & is_gone).groupby(landmark).transform("any") & (what == "followed")  # who is kept stands elsewhere
    lost = hidden.groupby(landmark).transform("any") & (what == "lost before it")
    hidden |= few | lost
    return frame.assign(accounts=frame["accounts"].mask(hidden))


def _hide_freshness(frame, least):
    """Inputs with few rows, and the number of an event that nearly every account has once."""
    rows = frame["rows"].astype(float)
    few = (rows > 0) & (rows < least)
    lacking = rows[frame["table"] == "accounts"].max() - rows
    found = frame.assign(**{column: frame[column].mask(few) for column in INPUTS if column in frame})
    return found.assign(rows=frame["rows"].mask(few | ((lacking > 0) & (lacking < least))))


def _hide_model(frame, least):
    """No model of few kept, or lost: its coefficients are theirs."""
    sizes = frame.loc[frame["kind"] == "n"].set_index("name")["value"].astype(float)
    few = "lost" in sizes and min(sizes["lost"], sizes["accounts"] - sizes["lost"]) < least
    return frame.iloc[:0] if few else frame


def _hide_overall(frame, least):
    return stop_small_curves(frame, day="day", at_risk="at_risk", min_cell=least).reset_index(drop=True)


HIDE = {
    "readings": _hide_readings,
    "hazards": _hide_hazards,
    "landmark_effects": _hide_effects,
    "milestone_survival": _hide_survival,
    "states": _hide_states,
    "flows": _hide_flows,
    "activation_counts": _hide_bins,
    "activation_curves": _hide_curves,
    "cuts": _hide_cuts,
    "threshold": _hide_threshold,
    "alive": _hide_threshold,
    "steps": _hide_steps,
    "mature_counts": _hide_bins,
    "maturity_lines": _hide_lines,
    "size_bands": _hide_sizes,
    "ranking": _hide_ranking,
    "next_steps": _hide_next,
    "review": _hide_review,
    "overall": _hide_overall,
    "landmark_flow": _hide_flow,
    "freshness": _hide_freshness,
    "model": _hide_model,
}
