"""What a help desk does for its customers: its scorecard, its topics, and what goes with renewing: associations."""

import math
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from scipy import stats

from helpers.checks.desk import check_desk, find_codes
from helpers.checks.trust import withheld
from helpers.inference.decisions import adjust_families, decide, make_estimate
from helpers.inference.planning import sample_size_proportions
from helpers.inference.replies import GROUPS, bound_answers, jackknife
from helpers.metrics.tickets import METRICS, judge_tickets, serve_renewals
from helpers.milestones import contrasts
from helpers.records import Effect, Estimate, Refused, Results
from helpers.survival import build_life_table, estimate_incidence

FEW, DAY, QUARTER, MATCHED = 100, pd.Timedelta(days=1), 91.25, "matched event study, jackknife"
RATIO = {"ratio": "value", "low": "ci_low", "high": "ci_high"}
NAIVE = {"estimand": "naive", "population": "observational", "role": "exploratory", "family": ""}
ANSWERED = ["solved in one reply", "replied in time"]
SURVEYED = 600  # almost: the article's survey of support leaders
SPAN = 3  # customers within this factor of the line in seats are compared


def _follow(tickets, event, competing=False):
    """When one event came to each ticket, and its code: merging and leaving compete with it, or end what is seen."""
    known = tickets["replied in time" if event == "replied" else event]  # what never stands is not written down
    tickets = tickets if known.notna().any() else tickets.head(0)
    at, merged, left, end = tickets[[event, "merged", "left", "end"]].to_numpy(float).T
    ends = np.fmin(merged, left)
    days = np.fmin(np.fmin(at, ends), end)
    code = np.where(at <= days, 1, 2 * ((ends <= days) & competing))
    return pd.DataFrame({"unit": tickets["unit"].to_numpy(), "days": np.maximum(days, 0), "code": code})


def _build_life(rows):
    return build_life_table(rows["days"].to_numpy(), rows["code"].to_numpy())


def _share_by(day):
    return lambda rows: float(estimate_incidence(_build_life(rows), np.array([day]))[0][0])


def _limit_median(rows, times, **level):
    """The median, times a factor, with Woodruff's interval: where the curve meets the limits of its share there."""
    life = _build_life(rows)
    shares = estimate_incidence(life, life.days)[0]

    def read(share):
        reached = life.days[shares >= share]
        return float(reached[0]) if len(reached) else math.nan

    told = jackknife(rows, _share_by(read(0.5)), **level)
    places = (0.5, 0.5 - told["value"] + told["ci_low"], 0.5 - told["value"] + told["ci_high"])
    found = dict(zip(("value", "ci_low", "ci_high"), (times * read(place) for place in places), strict=True))
    return found | {"reason": "not half of them, as far as followed" if math.isnan(found["ci_low"]) else None}


def _weigh(rows):
    """Share satisfied, each kind of ticket weighted to all solved ones, whoever rated it."""
    cells = rows.groupby(ANSWERED)["satisfied"].agg(["size", "mean"]).dropna()
    return float(np.average(cells["mean"], weights=cells["size"])) if len(cells) else math.nan


def measure_desk(tickets: pd.DataFrame, rules, *, confidence_level=0.95) -> pd.DataFrame:
    """Return the scorecard of a desk, one row a measure: value (medians in hours to the first reply, in days to
    the solution), ci_low, ci_high, n (tickets).

    First replies by Kaplan-Meier (who is still waiting counts until then), solutions by Aalen-Johansen (leaving and
    merging compete), satisfaction as answered, weighted to all solved tickets, and bounded by nothing but who answered.
    Customers are clusters. A measure of what no ticket has, such as a reply, is left out.

    Parameters
    ----------
    tickets : DataFrame, from `judge_tickets`
    rules : dict, as there

    References
    ----------
    Woodruff 1952, Journal of the American Statistical Association 47: 635-646 (medians).
    """
    had, solved = tickets["bought"] <= 0, tickets.loc[tickets["solved"].notna(), ["unit", "satisfied", *ANSWERED]]
    asked = [
        ("replied in time", _follow(tickets[~had], "replied"), _share_by(rules["promise_hours"] / 24)),
        ("premium replied in time", _follow(tickets[had], "replied"), _share_by(rules["premium_hours"] / 24)),
        ("median reply", _follow(tickets, "replied"), 24),
        ("solved soon", _follow(tickets, "solved", True), _share_by(rules["soon_days"])),
        ("median solution", _follow(tickets, "solved", True), 1),
    ]
    if tickets[single := ANSWERED[0]].notna().any():
        asked.append((single, tickets[["unit", *ANSWERED]], lambda rows: rows[single].mean()))
    if rated := int(solved["satisfied"].notna().sum()):
        asked += [("satisfied", solved, lambda rows: rows["satisfied"].mean()), ("satisfied, weighted", solved, _weigh)]
    found = []
    for name, rows, measure in asked:
        if len(rows) >= FEW:
            limit = partial(jackknife, is_share=True) if callable(measure) else _limit_median
            told = limit(rows, measure, confidence_level=confidence_level)
            found.append({"measure": name, "n": rated if name == "satisfied" else len(rows), **told})
    if rated:
        low, high = bound_answers(float(solved["satisfied"].mean()), rated / len(solved))
        ends = {"value": (low + high) / 2, "ci_low": low, "ci_high": high}
        found.append({"measure": "satisfied, bounded", "n": len(solved), **ends})
    return pd.DataFrame(found)


def rank_topics(tickets: pd.DataFrame, *, confidence_level, seed, n_resamples) -> pd.DataFrame:
    """Return topics by the number of customers that they touch, with the range of each rank over resampled customers.

    Parameters
    ----------
    tickets : DataFrame: unit, topic

    Returns
    -------
    DataFrame: topic, customers, tickets, share (of customers in contact), reached (by it and all before it),
        rank_customers with rank_low and rank_high, first (share of resamples in which it leads), rank_tickets.

    References
    ----------
    Goldstein & Spiegelhalter 1996, JRSS A 159: 385-443, for intervals of ranks; Efron 1979 for the bootstrap.
    """
    known = tickets.dropna(subset=["topic"])
    touched = pd.crosstab(known["unit"], known["topic"]).clip(upper=1)
    touched = touched[touched.sum().sort_values(ascending=False, kind="stable").index]
    values, rng, tail = touched.to_numpy(), np.random.default_rng(seed), (1 - confidence_level) / 2
    weights = rng.multinomial(len(values), np.full(len(values), 1 / len(values)), n_resamples)
    ranks = stats.rankdata(-(weights.astype(float) @ values), method="min", axis=1)  # whole numbers multiply slowly
    low, high = np.quantile(ranks, [tail, 1 - tail], axis=0, method="nearest")
    count = known["topic"].value_counts().reindex(touched.columns)
    found = {"topic": touched.columns, "customers": values.sum(axis=0), "tickets": count.to_numpy()}
    found |= {"share": values.mean(axis=0), "reached": (np.cumsum(values, axis=1) > 0).mean(axis=0)}
    found |= {"rank_customers": np.arange(1, len(count) + 1), "rank_low": low, "rank_high": high}
    found |= {"first": (ranks == 1).mean(axis=0)}
    return pd.DataFrame(found | {"rank_tickets": count.rank(ascending=False, method="min").to_numpy()})


def study_fixes(tickets, fixes, *, days, confidence_level) -> dict[str, pd.DataFrame]:
    """Return how contacts of each topic changed with its fix, against topics that were not fixed, and both by month.

    Parameters
    ----------
    tickets : DataFrame: unit, topic, opened
    fixes : list of str, a topic and a day each, such as "login 2021-07-01"; a topic that does not occur is left out
    days : float, before and after a fix that are compared

    Returns
    -------
    dict: tables `fixes` (a row a fix and window: `ratio`, after to before, over that of the other topics; at the fix,
        and a window earlier, where nothing was fixed) and `topic_months`; empty without a fixed and another topic.

    Raises
    ------
    Refused: a fix that is no topic and day.

    References
    ----------
    Bernal, Cummins & Gasparrini 2018, International Journal of Epidemiology 47: 2082-2093, interrupted series with
    controls; clustered by customer by the jackknife.
    """
    split = [line.rpartition(" ") for line in fixes]
    dated = {topic: pd.to_datetime(day, format="%Y-%m-%d", errors="coerce", utc=True) for topic, _, day in split}
    if "" in dated or pd.isna(list(dated.values())).any():
        raise Refused("fixes: give each as a topic and a day, such as login 2021-07-01")
    topics = tickets["topic"].dropna().unique()
    is_fixed, rows = tickets["topic"].isin(list(dated)), []
    for topic, fixed_on in dated.items():
        for window, middle in (("fix", fixed_on), ("before", fixed_on - days * DAY)):
            age = (tickets["opened"] - middle) / DAY
            near = tickets[(age.abs() <= days) & ((tickets["topic"] == topic) | ~is_fixed & tickets["topic"].notna())]
            near = near.assign(cell=2 * (near["topic"] == topic) + (age[near.index] >= 0))
            counts = np.bincount(near["cell"], minlength=4)
            if topic not in topics or min(counts) == 0:
                continue
            found = jackknife(near[["unit", "cell"]], _compare_changes, confidence_level=confidence_level)
            ends = {name: math.exp(found[key]) for name, key in RATIO.items()}
            named = dict(zip(("others_before", "others_after", "n_before", "n_after"), counts.tolist(), strict=True))
            rows.append({"topic": topic, "window": window, **ends, **named})
    if not rows:
        return {}
    month = (tickets["opened"] - tickets["opened"].min()) / DAY // 30
    told = tickets.assign(month=month, side=np.where(is_fixed, "fixed", "not fixed"))[month < month.max()]
    told = told.groupby(["side", "month"]).agg(tickets=("ticket", "size"), customers=("unit", "nunique")).reset_index()
    level = told["tickets"] / told.groupby("side")["tickets"].transform("mean")
    return {"fixes": pd.DataFrame(rows), "topic_months": told.assign(index=level)}


def _compare_changes(rows):
    """The logarithm of the ratio of two ratios of counts: of a fixed topic after and before, and of the others."""
    return float(np.log(np.maximum(np.bincount(rows["cell"], minlength=4), 0.5)) @ [1, -1, -1, 1])


def read_frame(customers, renewals, tickets, rules) -> pd.DataFrame:
    """Return one row a customer whose renewal came due in the last window: how it was served, who it is, left or not.

    Parameters
    ----------
    customers, renewals, tickets : DataFrame, as `metrics.tickets` has them, tickets judged
    rules : dict: window_days, lead_days

    Returns
    -------
    DataFrame: unit, left, tier, size, tenure (years), a column each of `METRICS`, and `before NAME`, the same a window
        earlier (nan where nobody was a customer).
    """
    window = {"window": rules["window_days"], "lead": rules["lead_days"]}
    end = (customers["started_at"] + customers["end"] * DAY).max()
    due = renewals[renewals["at"] > end - rules["window_days"] * DAY].drop_duplicates("unit")
    due = due.drop(columns="amount").merge(customers.drop(columns=["left"]), on="unit")
    due = due.assign(tenure=(due["at"] - due["started_at"]) / DAY / 365.25)
    earlier = serve_renewals(due, tickets, shift=rules["window_days"], **window)
    earlier = earlier[(due["tenure"] * 365.25 >= 2 * rules["window_days"] - 1)].reindex(due.index)
    return pd.concat([due, serve_renewals(due, tickets, **window), earlier.add_prefix("before ")], axis=1)


def compare_within(now, before, left, *, confidence_level=0.95) -> dict[str, float]:
    """Return the odds of leaving after good service against poor, each leaver compared with its own window before.

    Parameters
    ----------
    now, before : array of 0/1, nan unknown, service in the last window and in the one before it
    left : array of 0/1

    Returns
    -------
    dict: within, within_low, within_high: leavers' ratio of switches, over that of those who stayed, which takes out
        what changed for everybody by the same odds; what stays the same in a customer cannot move it. Where many leave
        it lies between the ratio of risks and that of odds. nan without a switch. switched: customers who did.

    References
    ----------
    Maclure 1991, American Journal of Epidemiology 133: 144-153; Suissa 1995, Epidemiology 6: 248-253.
    """
    sums = [np.sum((left == side) & (now == good) & (before == 1 - good)) for side in (1, 0) for good in (1, 0)]
    if min(sums) == 0:
        return dict.fromkeys(("within", "within_low", "within_high"), math.nan) | {"switched": int(sum(sums))}
    log = math.log(sums[0] / sums[1]) - math.log(sums[2] / sums[3])
    reach = stats.norm.isf((1 - confidence_level) / 2) * math.sqrt(sum(1 / n for n in sums))
    ends = {"within": math.exp(log), "within_low": math.exp(log - reach), "within_high": math.exp(log + reach)}
    return ends | {"switched": int(sum(sums))}


def study_movers(frame: pd.DataFrame, design) -> tuple[list[Estimate], pd.DataFrame]:
    """Return how renewing differs by each metric of the year before: crude, at equal plan, size and tenure, within.

    Returns
    -------
    list of Estimate: the adjusted differences are primary (Holm), crude ones exploratory.
    DataFrame: table `movers`, a row a metric, with what could explain the adjusted one away (`measure_tipping`, of
        leaving), what `compare_within` finds, and the counts of each side.
    """
    level, estimates, rows = {"confidence_level": design.confidence_level}, [], []
    for name in METRICS:
        part = frame[frame[name].notna()]
        good, kept = part[name].to_numpy(float), 1 - part["left"].to_numpy(float)
        controls = np.column_stack([contrasts.make_controls(part), part["tenure"] - part["tenure"].mean()])
        sides, fair = contrasts.count_sides(good, kept), contrasts.adjusted_difference(good, kept, controls, **level)
        crude = contrasts.adjusted_difference(good, kept, controls[:, :0], **level)
        crude = crude if fair.reason is None else replace(fair, method=crude.method)  # of few, nothing is told
        estimates += [_label(name, fair, sides, design), _label(name, crude, sides, design, **NAIVE)]
        row = {"metric": name, "even": 1.0, **sides, **contrasts.tell_effect(crude, "crude")}
        row |= contrasts.tell_effect(fair)
        tipping = contrasts.measure_tipping(fair, contrasts.adjusted_ratio(good, 1 - kept, controls, **level))
        row["needed"] = sample_size_proportions(fair.control_value, fair.estimate / 2, alpha=design.alpha)
        row |= {"e_value": tipping["e_value"], "e_limit": tipping["e_value_limit"]}
        rows.append(row | compare_within(good, part[f"before {name}"].to_numpy(float), 1 - kept, **level))
    decided = [decide(e, None, alpha=design.alpha) for e in adjust_families(estimates)]  # of associations alone
    fair = [e for e in decided if e.role == "primary"]
    told = {"p_adjusted": [e.decision_p for e in fair], "verdict": [e.verdict for e in fair]}
    return decided, pd.DataFrame(rows).assign(**told)


def _label(name, effect, sides, design, **labels):
    labels = {"estimand": "difference", "population": "landmark", "role": "primary", "family": "primary"} | labels
    is_fair, level = labels["role"] == "primary", {"confidence_level": design.confidence_level}
    labels |= {"id": f"renewed:{name}" if is_fair else f"renewed:{name}:naive", "metric": "renewed"}
    labels |= {"adjustment": "covariates" if is_fair else "none", "n_control": sides["n_without"]}
    named = {"control": f"not {name}", "treatment": name, "n_treatment": sides["n_with"]}
    return make_estimate(effect, **named, **labels, **level)


def _match(rows, by):
    """Leave rate of the eligible minus that of others, at each level of a column, others brought to their mix."""
    cells = rows.pivot_table("left", [by, "cell"], "eligible", ["mean", "size"]).dropna()
    gap, weight = cells["mean"][True] - cells["mean"][False], cells["size"][True]
    return (gap * weight).groupby(level=0).sum() / weight.groupby(level=0).sum()


def study_premium(customers, renewals, *, line, launched_on, design) -> tuple[list[Estimate], dict[str, pd.DataFrame]]:
    """Return what became of leaving where premium support could be bought, against customers just too small for it.

    Customers within a third and three times of the line in seats; at the same plan, number of renewals and quarter.
    What differs between both at all times is taken out by the years before the launch; what began to differ with it
    for another reason is not.

    Parameters
    ----------
    customers, renewals : DataFrame, as `metrics.tickets` reads them
    line, launched_on : float, str; seats from which premium support can be bought, and the day of its launch
    design : FrameworkPlan

    Returns
    -------
    list of Estimate: the change a buyer; empty without buyers or on one side of the line.
    dict: tables `premium` (readings from naive to fair) and `premium_quarters`.

    References
    ----------
    Iacus, King & Porro 2012, Political Analysis 20: 1-24 (exact matching in cells); Callaway & Sant'Anna 2021, Journal
    of Econometrics 225: 200-230 (event studies against those not yet treated); Wald 1940 for the change a buyer.
    """
    rows = renewals.assign(nth=np.minimum(renewals.groupby("unit").cumcount(), 3))
    rows = rows.merge(customers.drop(columns=["left", "amount"]), on="unit")
    rows = rows[(rows["size"] >= line / SPAN) & (rows["size"] < line * SPAN)]
    bought = rows["started_at"] + pd.to_timedelta(rows["bought"], unit="D") <= rows["at"]
    quarter = np.floor((rows["at"] - pd.Timestamp(launched_on, tz="UTC")) / DAY / QUARTER).astype(int)
    rows = rows.assign(eligible=rows["size"] >= line, quarter=quarter, after=quarter >= 0, buyer=bought)
    rows = rows.assign(cell=rows.groupby(["tier", "nth"]).ngroup())
    rows = rows.loc[rows["cell"] >= 0, ["unit", "left", "eligible", "quarter", "after", "buyer", "cell"]]
    late = rows[rows["after"] & rows["eligible"]]
    if rows.groupby(["after", "eligible"]).ngroups < 4 or min(late["buyer"].sum(), late["left"].sum()) < GROUPS:
        return [], {}
    level, counts = {"confidence_level": design.confidence_level}, {"n": len(late), "lost": int(late["left"].sum())}
    counts["buyers"] = int(late["buyer"].sum())
    readings = {
        "buyers": (late, lambda part: float(part[part["buyer"]]["left"].mean() - part[~part["buyer"]]["left"].mean())),
        "line": (rows, _change),
        "buyer": (rows, lambda part: _change(part) / part.loc[part["after"] & part["eligible"], "buyer"].mean()),
    }
    told = {name: jackknife(part, measure, **level) for name, (part, measure) in readings.items()}
    found = {name: told["buyer"][name] for name in ("std_error", "ci_low", "ci_high")}
    p = float(2 * stats.t.sf(abs(told["buyer"]["value"] / found["std_error"]), GROUPS - 1))
    effect = Effect(told["buyer"]["value"], **found, df=GROUPS - 1.0, p_value=p, method=MATCHED)
    labels = {"id": "left:premium", "metric": "left", "control": "not eligible", "treatment": "premium"}
    labels |= {"estimand": "difference", "population": "observational", "role": "secondary", **level}
    labels |= {"n_control": len(rows) - len(late), "n_treatment": len(late)}
    estimate = decide(make_estimate(effect, **labels), None, alpha=design.alpha)
    by_quarter = rows[rows["eligible"]].groupby("quarter")["left"].agg(n="size", lost="sum")
    known = by_quarter.index[(by_quarter["n"] >= GROUPS) & (by_quarter.index >= -8)]
    gaps = jackknife(rows, lambda part: _match(part, "quarter").reindex(known).to_numpy(), **level)
    quarters = by_quarter.loc[known].reset_index().assign(**gaps)
    found = pd.DataFrame([{"reading": name, **counts, **row} for name, row in told.items()])
    return [estimate], {"premium": found, "premium_quarters": quarters}


def _change(rows):
    gaps = _match(rows, "after")
    return float(gaps.get(True, math.nan) - gaps.get(False, math.nan))


def size_survey(n: int | None, kind: str) -> int:
    """Return how many answered the survey that is told of: as given, else of simulated data the article's, or none."""
    return SURVEYED * (kind == "simulated") if n is None else n


def read_published(baselines, *, churn=0.04, retention=0.1, net=1.0, gaps=(0.2, 0.4), power=0.8, alpha=0.05) -> dict:
    """Return both readings of two published figures: less churn by 4, and net retention higher by 10.

    Parameters
    ----------
    baselines : sequence of float, yearly churn without premium support; the article gives none
    churn, retention : float, published; points, or parts of the baseline
    net : float, net retention of companies without success management
    gaps : sequence of float, by which a hidden trait, such as size or stage, may raise net retention
    power, alpha : float, of an experiment that would see the change

    Returns
    -------
    dict: tables `churn_readings` (a row a baseline and reading: churn after it, customers needed in both arms) and
        `success_shift` (a row a reading and gap: how much more common the trait must be among companies with success
        management, to make the difference alone).

    References
    ----------
    Lin, Psaty & Kronmal 1998, Biometrics 54: 948-963: a trait's gap times how unevenly it is spread.
    """
    rows, shifts = [], []
    for base in baselines:
        for reading, part in (("points", churn), ("percent", churn * base)):
            needed = sample_size_proportions(base, -min(part, 0.99 * base), power=power, alpha=alpha)
            rows.append({"baseline": base, "reading": reading, "after": max(base - part, 0.0), "needed": needed})
    for reading, part in (("points", retention), ("percent", retention * net)) if rows else ():
        both = {"reading": reading, "net": net, "both": math.sqrt(part)}
        shifts += [{**both, "gap": gap, "shift": part / gap} for gap in gaps]
    return {"churn_readings": pd.DataFrame(rows), "success_shift": pd.DataFrame(shifts)}


def study_desk(decided, source, customers, renewals, tickets, rules) -> Results:
    """Return what tickets and renewals say, before small cells are hidden and sentences written.

    Parameters
    ----------
    decided : Plan, of a framework
    source : sources.AccountSource
    customers, renewals, tickets : DataFrame, as `metrics.tickets` reads them
    rules : dict: those of `judge_tickets` and `read_frame`; fixes, fix_days, premium_line, premium_from, seed,
        n_resamples

    Returns
    -------
    Results: estimates, checks and tables; without tickets those of contracts alone have a place beside them.
    """
    design, plan = decided.design, decided.record
    level, estimates, tables = {"confidence_level": design.confidence_level}, [], {}
    tickets = judge_tickets(tickets, rules)
    if find_codes(tickets["score"]):
        tickets = tickets.assign(satisfied=np.nan)
    frame = read_frame(customers, renewals, tickets, rules)
    if len(tickets) and len(frame):
        estimates, movers = study_movers(frame, design)
        tables = {"movers": movers, "desk": measure_desk(tickets, rules, **level)}
        if tickets["topic"].notna().any():
            tables["topics"] = rank_topics(tickets, seed=rules["seed"], n_resamples=rules["n_resamples"], **level)
        tables |= study_fixes(tickets, rules["fixes"], days=rules["fix_days"], **level)
        asked = {"line": rules["premium_line"], "launched_on": rules["premium_from"], "design": design}
        more, found = study_premium(customers, renewals, **asked)
        estimates, tables = [*estimates, *more], tables | found
    names = {"metric": ["renewed", "left"], "label": ["renewed", "left"], "better": ["higher", "lower"]}
    tables["metrics"] = pd.DataFrame(names, dtype=object).assign(kind="binary", noun=design.unit)
    planted = (source.truth or {}).get("causal", {}).items()
    tables |= {"planted": pd.DataFrame(planted, columns=["metric", "effect"])} if planted else {}
    checks = check_desk(source, customers, renewals, tickets, frame, design, window=rules["window_days"])
    found = {"tables": tables, "checks": checks}
    broken = withheld(checks, design)
    found |= {"answer": (broken,)} if broken else {"estimates": tuple(estimates)}
    status = "withheld" if broken else "answered"
    return Results("support_metrics", design.title, design.question, status, source.info, plan, **found)
