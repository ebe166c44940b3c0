"""Who renews: counted, in money, and projected beyond the data by the shifted beta-geometric distribution."""

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import optimize, stats
from scipy.special import betaln, expit, logit
from statsmodels.tools.numdiff import approx_fprime, approx_hess

from helpers.checks.desk import MOST_JUMPS, MOST_OVERDUE, measure_jumps, measure_overdue
from helpers.inference.replies import jackknife
from helpers.records import Refused
from helpers.survival import build_life_table, read_incidence

MONTH_DAYS = 365.25 / 12
LEAST_LOST = 10


@dataclass(frozen=True)
class Fit:
    """The distribution as fitted: alpha and beta, the covariance of their logs, the log-likelihood, why there is none.

    A customer leaves at each renewal with a chance of its own, which is spread among customers as a beta(alpha, beta).
    """

    alpha: float = math.nan
    beta: float = math.nan
    cov: np.ndarray | None = None
    log_likelihood: float = math.nan
    reason: str | None = None


def survive(alpha, beta, renewals):
    """Return the share kept after so many renewals t: B(alpha, beta + t) / B(alpha, beta)."""
    return np.exp(betaln(alpha, beta + np.asarray(renewals, float)) - betaln(alpha, beta))


def fit_contracts(lost, kept) -> Fit:
    """Return the shifted beta-geometric distribution of the renewal at which customers leave, by maximum likelihood.

    Parameters
    ----------
    lost : array, shape (k,), customers who left at renewal 1, 2, ..., k
    kept : array, shape (k + 1,), customers last known after 0, 1, ..., k renewals, still there

    Returns
    -------
    Fit: nan with a reason where fewer than ten left, or all at one renewal, or chances do not differ.

    References
    ----------
    Fader & Hardie 2007, How to project customer retention, Journal of Interactive Marketing 21: 76-90.
    """
    lost, kept = np.asarray(lost, float), np.asarray(kept, float)
    if lost.sum() < LEAST_LOST or np.count_nonzero(lost) < 2:
        return Fit(reason="fewer than ten left, or all at one renewal")
    times = np.arange(len(kept))

    def cost(logs):
        alive = survive(*np.exp(logs), times)
        return -(lost @ np.log(np.maximum(-np.diff(alive), 1e-300)) + kept @ np.log(np.maximum(alive, 1e-300)))

    tight = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 4000}
    found = optimize.minimize(cost, np.zeros(2), method="Nelder-Mead", options=tight)
    if np.abs(found.x).max() > 8:
        return Fit(reason="chances of leaving hardly differ between customers, so that nothing tells them apart")
    return Fit(*np.exp(found.x).tolist(), np.linalg.inv(approx_hess(found.x, cost)), -float(found.fun))


def project(fit: Fit, renewals: float, *, confidence_level: float = 0.95) -> tuple[float, float, float]:
    """Return the share kept after so many renewals, and its interval by the delta method on the logit scale."""
    if fit.reason or renewals <= 0:
        return (math.nan if fit.reason else 1.0,) * 3
    logs = np.log([fit.alpha, fit.beta])

    def read(at):
        return logit(float(survive(*np.exp(at), renewals)))

    slope = approx_fprime(logs, read, centered=True)
    reach = stats.norm.isf((1 - confidence_level) / 2) * math.sqrt(slope @ fit.cov @ slope)
    return tuple(float(expit(read(logs) + side * reach)) for side in (0, -1, 1))


def count_renewals(customers: pd.DataFrame, renewals: pd.DataFrame, most=None) -> tuple[np.ndarray, np.ndarray]:
    """Return who left at which renewal, and who is still there after how many, as `fit_contracts` takes them.

    Parameters
    ----------
    customers : DataFrame, one row a customer: unit
    renewals : DataFrame, one row a renewal that came due: unit, at, left
    most : int, optional, renewals that count; whatever comes later is not looked at
    """
    due = renewals[renewals["unit"].isin(customers["unit"])].sort_values(["unit", "at", "left"])
    due = due.assign(nth=due.groupby("unit").cumcount() + 1)
    last = int(due["nth"].max()) if len(due) else 0
    last = min(last, most) if most else last
    due = due[due["nth"] <= last]
    lost = np.bincount(due.loc[due["left"] == 1, "nth"], minlength=last + 1)[1:]
    stays = due[due["left"] == 0].groupby("unit").size().reindex(customers["unit"]).fillna(0).astype(int)
    gone = customers["unit"].isin(due.loc[due["left"] == 1, "unit"]).to_numpy()
    return lost, np.bincount(stays.to_numpy()[~gone], minlength=last + 1)


def study_contracts(customers, renewals, *, months, term_days, fit_renewals=None, confidence_level=0.95) -> dict:
    """Return retention as counted and as projected, at some months and year by year.

    Parameters
    ----------
    customers, renewals : DataFrame, as `metrics.tickets` reads them
    months : sequence of float, after the start
    term_days : float, between renewals
    fit_renewals : int, optional, renewals that the projection is made from; all when left out
    confidence_level : float

    Returns
    -------
    dict: tables `contracts` (a row a plan; all customers together where there are more than three plans), `retention`
        (a row a plan and month, `basis` counted or projection; `held` is what came, where a projection lies within the
        data, `constant` what one chance of leaving for all would say) and `retention_curve`. None without any renewal
        or loss: nobody knows whether all stay.
    """
    if renewals.empty:
        return {}
    tiers, level = sorted(customers["tier"].unique()), {"confidence_level": confidence_level}
    parts = {tier: customers[customers["tier"] == tier] for tier in tiers if len(tiers) < 4} or {"all": customers}
    plans, marks, curve = [], [], []
    for name, part in parts.items():
        lost, kept = count_renewals(part, renewals, fit_renewals)
        fit, end = fit_contracts(lost, kept), float(part["end"].max())
        plan = {"plan": name, "n": len(part), "lost": int(lost.sum())}
        plan |= {"log_likelihood": fit.log_likelihood, "reason": fit.reason}
        errors = np.full(2, np.nan) if fit.cov is None else np.sqrt(np.diag(fit.cov))
        reach = stats.norm.isf((1 - confidence_level) / 2) * errors
        for key, value, wide in zip(("alpha", "beta"), (fit.alpha, fit.beta), reach, strict=True):
            plan |= {key: value, f"{key}_low": value * math.exp(-wide), f"{key}_high": value * math.exp(wide)}
        plans.append(plan)
        rate = lost.sum() / max(lost @ np.arange(1, len(kept)) + kept @ np.arange(len(kept)), 1)  # one chance for all
        days = part[["left", "end"]].min(axis=1)
        life = build_life_table(days, (part["left"] <= part["end"]).astype(int))
        for month in months:
            day = month * MONTH_DAYS
            held, told = _count_kept(life, day, level), _project_kept(fit, day // term_days, level)
            row = {"plan": name, "months": month, "basis": "counted", "held": math.nan, "constant": math.nan, **held}
            if day >= (len(lost) + 1) * term_days or math.isnan(held["share"]):
                beyond = {"held": held["share"], "constant": (1 - rate) ** (day // term_days), "at_risk": math.nan}
                row |= {"basis": "projection", **told, **beyond, "reason": fit.reason}
            marks.append(row)
        for year in range(int(max(*months, 12) * MONTH_DAYS // term_days) + 1):
            seen = _count_kept(life, year * term_days, level) if year * term_days <= end else {}
            curve += [{"line": f"{name}, counted", "year": year, **seen}] if seen else []
            curve.append({"line": f"{name}, projected", "year": year, **_project_kept(fit, year, level)})
    return {"contracts": pd.DataFrame(plans), "retention": pd.DataFrame(marks), "retention_curve": pd.DataFrame(curve)}


def _count_kept(life, day, level):
    row = read_incidence(life, np.array([day], float), **level).iloc[0]
    ends = {"ci_low": 1 - row["ci_high"], "ci_high": 1 - row["ci_low"]}
    return {"share": 1 - row["incidence"], **ends, "at_risk": row["at_risk"]}


def _project_kept(fit, renewals, level):
    return dict(zip(("share", "ci_low", "ci_high"), project(fit, renewals, **level), strict=True))


def measure_revenue(customers, renewals, *, days, confidence_level=0.95) -> pd.DataFrame:
    """Return renewal rate, gross and net revenue retention of those who were customers some days before the end.

    Parameters
    ----------
    customers, renewals : DataFrame, as `metrics.tickets` reads them; `amount` is what a year costs
    days : float, length of the window that ends with the data

    Returns
    -------
    DataFrame: measure, value, ci_low, ci_high, n; then starting, expansion, contraction and churn in money. A ratio of
        sums, clustered by customer. Empty without customers at the beginning, or any renewal or loss; no money where an
        amount is unknown, and where what `checks.desk` doubts would move it: amounts that jump, and lacking renewals.

    Raises
    ------
    Refused: an amount at the beginning that is not above 0.

    References
    ----------
    Cochran 1977, Sampling Techniques, 6.4, for a ratio of sums; Wolter 2007, chapter 4, for its jackknife.
    """
    there = customers[(customers["end"] > days) & ~(customers["left"] <= customers["end"] - days)].set_index("unit")
    since = there["started_at"] + pd.to_timedelta(there["end"] - days, unit="D")
    paid = renewals.merge(since.rename("since").reset_index(), on="unit")
    is_late = paid["at"] > paid["since"]
    due = paid[is_late].drop_duplicates("unit").assign(part=lambda rows: 1 - rows["left"], whole=1)
    known = paid["amount"].notna()
    early, late = (paid[side & known].groupby("unit")["amount"].last() for side in (~is_late, is_late))
    first = early.reindex(there.index).fillna(there["amount"])
    last = late.reindex(there.index).fillna(first)
    last = last.mask(there["left"] <= there["end"], 0.0)
    if wrong := int((first <= 0).sum()):
        fault = f"{wrong} of {len(first)} customers with an amount of 0 or below; give what a year costs"
        raise Refused(f"accounts, column amount: {fault}")
    money = pd.DataFrame({"unit": there.index, "whole": first.to_numpy()})
    asked = {"renewal_rate": due, "gross": money.assign(part=np.minimum(first, last).to_numpy())}
    asked["net"] = money.assign(part=last.to_numpy())
    ratio, rows = lambda part: part["part"].sum() / part["whole"].sum(), []
    is_told = first.notna().all() and measure_jumps(customers, renewals) <= MOST_JUMPS
    is_told &= len(renewals) > 0 and measure_overdue(customers, renewals) <= MOST_OVERDUE
    for name, table in asked.items():
        if len(table) and (name == "renewal_rate" or is_told):
            of = table[["unit", "part", "whole"]]
            found = jackknife(of, ratio, confidence_level=confidence_level, is_share=name != "net")
            rows.append({"measure": name, "n": len(table), **found})
    change = last - first
    parts = {"starting": first, "expansion": change.clip(lower=0), "churn": first[last == 0]}
    parts["contraction"] = -change.clip(upper=0)[last > 0]
    told = parts.items() if len(first) and is_told else ()
    return pd.DataFrame(rows + [{"measure": name, "n": len(first), "value": part.sum()} for name, part in told])
