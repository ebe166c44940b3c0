"""What each week of enrolment could find by the plan's rule, what makes it longer, and whether a week is worth it."""

import datetime as dt
import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import yaml
from scipy.special import ndtri

from helpers import checks
from helpers.design.sizing import Setting, tells_shares
from helpers.inference.credibility import find_promise, tell_departure
from helpers.inference.looks import price_looks
from helpers.inference.planning import draw_decisions, value_sample
from helpers.metrics import tell_days
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Check, DataInfo, Results

YEAR = 365.25 / 7  # weeks
SCHEMES = {"at the end only": (1.0,), "half way and at the end": (0.5, 1.0), "at each quarter": (0.25, 0.5, 0.75, 1.0)}
SHARES_TREATED = (0.3, 0.1)
GROUPS = ((5, 0.05), (20, 0.05))
EXPLAINED = (0.25, 0.5)
ASSUMED = DataInfo("simulated", "Baselines are assumed; nothing was measured.", "parameters", None, 0, 0)
BASELINES = (0.1, 0.2, 0.3, 0.5)
MONEY = ["by_rule", "cost", "net"]
UNSURE = "its interval may promise more than it keeps"


def plan_experiment(setting: Setting, decided, *, source=None, units=None, n_splits=500) -> Results:
    """Return everything that is told of an experiment before it begins.

    Parameters
    ----------
    setting : Setting
    decided : plan.Plan
    source : sources.Source, optional
        The history.
    units : metrics.Units, optional
        Its units, which are split at random again and again (A/A).
    n_splits : int, 100 or more

    Returns
    -------
    Results: tables `baselines`, `by_week`, `by_effect`, `steps`, `rule`, `levers`, `looks`, `worth` (and
        `worth_by_week`, one row an amount), `sample_sizes`, `settled` and, of a history, `splits`; no estimates.
    """
    design, worth = setting.design, list_worth(setting)
    splits = pd.DataFrame() if units is None else split_history(units, n_splits=n_splits, seed=setting.assumed.seed)
    tables = {
        "settled": settle(setting),
        "baselines": list_baselines(setting),
        "by_week": list_weeks(setting),
        "by_effect": list_effects(setting),
        "steps": list_steps(setting),
        "rule": list_outcomes(setting),
        "levers": list_levers(setting),
        "looks": list_looks(setting),
        "worth": worth,
        "worth_by_week": worth if worth.empty else worth.melt(["week", "unit"], MONEY, "what", "amount"),
        "sample_sizes": list_sizes(setting),
        "splits": splits,
    }
    told = {"checks": tuple(check_design(setting, splits)), "tables": tables}
    info = replace(ASSUMED, units_by_variant=dict.fromkeys(design.variant.arms, 0))
    if source is not None:
        info = replace(source.info, messages=(*source.info.messages, *units.messages))
        told |= {"as_of": units.as_of.isoformat() if units.as_of else None, "assigned": tell_days(units)}
    return Results("experiment_design", design.title, design.question, "answered", info, decided.record, **told)


def list_baselines(setting) -> pd.DataFrame:
    """Return what is known of each metric beforehand, one row a metric, with the reason where nothing is."""
    rows = [vars(setting.known.baselines[name]) | {"role": m.role} for name, m in setting.design.metrics.items()]
    frame = pd.DataFrame(rows)
    units = frame["n"].mask(frame["cluster_size"] > 1, frame["n"] * frame["cluster_size"])
    shares = [tells_shares(metric) for metric in setting.design.metrics.values()]
    return frame.assign(with_event=units * frame["mean"].where(shares))


def list_weeks(setting) -> pd.DataFrame:
    """Return what so many weeks of enrolment find: one row a week and metric with an effect that matters.

    Returns
    -------
    DataFrame: `week`, `metric`, `units` (all arms), `power` by the first step of the rule, `smallest` (the effect that
        is found with the asked power), `effect` (taken as true), `exaggeration` (how much a clear result overstates
        it) and `answer_week`, when the last window is over.
    """
    rows, assumed = [], setting.assumed
    sought = [m for m in setting.metrics.values() if m.effect == m.effect and m.role != "guardrail"]
    for week, m in product(range(1, max(assumed.most_weeks, setting.weeks) + 1), sought):
        n, window = setting.count(week), setting.design.metrics[m.name].window or 0
        row = {"week": week, "metric": m.name, "units": setting.units_per_week * week, "power": m.find_power(n)}
        row |= {"smallest": m.find_smallest(n, assumed.power), "effect": abs(m.effect)}
        row |= {"exaggeration": m.find_exaggeration(n), "answer_week": week + math.ceil(window / 7)}
        rows.append(row)
    return pd.DataFrame(rows)


def list_effects(setting) -> pd.DataFrame:
    """Return the chance to find half the effect, the effect and twice the effect in the first metric, week by week.

    Returns
    -------
    DataFrame: `week`, `times` (half, once, twice), `metric`, `effect`, `power`.
    """
    first, weeks = setting.first, range(1, max(setting.assumed.most_weeks, setting.weeks) + 1)
    sized = {"twice": _double(first), "once": first, "half": replace(first, effect=first.effect / 2)}
    rows = [
        {"week": week, "times": times, "metric": first.name, "effect": abs(m.effect)}
        | {"power": m.find_power(setting.count(week))}
        for (times, m), week in product(sized.items(), weeks)
    ]
    return pd.DataFrame(rows)


def _draw(setting, sign):
    """Imagined experiments of the planned size: whether a metric is clear, or held as a guardrail, and estimates."""
    design, chosen = setting.design, [m for m in setting.metrics.values() if m.effect == m.effect]
    n, names, arms = setting.count(setting.weeks), [m.name for m in chosen], design.variant.arms
    effects = [0.0 if m.role == "guardrail" else sign * m.effect for m in chosen]
    stretch = [m.find_stretch(x) if m.role != "guardrail" else 1.0 for m, x in zip(chosen, effects, strict=True)]
    errors = [m.find_error(n / m.price, effect) for m, effect in zip(chosen, effects, strict=True)]
    distances = np.array(effects) / errors * stretch  # in the standard errors of each test, as the draws are
    # how the differences of the compared pairs go together, as they share arms
    contrasts = np.array([[(arm == second) - (arm == first) for arm in arms] for first, second in design.pairs])
    contrasts = contrasts / np.sqrt([setting.shares[arm] for arm in arms])
    contrasts /= np.linalg.norm(contrasts, axis=1, keepdims=True)
    outcomes = setting.known.together.loc[names, names].to_numpy() * np.outer(stretch, stretch)
    together = np.kron(contrasts @ contrasts.T, outcomes)
    families = ["" if m.role == "guardrail" else m.role for m in chosen] * len(design.pairs)
    rng = np.random.default_rng([setting.assumed.seed, 7])
    options = {"alpha": design.alpha, "draws": setting.assumed.draws, "rng": rng}
    # of two treatments with the same effect none is better
    distances = np.concatenate([distances * (first == design.variant.control) for first, _ in design.pairs])
    clear, z = draw_decisions(distances, families, together, **options)
    clear, z = clear[:, : len(chosen)], z[:, : len(chosen)]
    for i, m in enumerate(chosen):  # an interval within the worthwhile effect is "no worthwhile difference"
        worthwhile, error = design.metrics[m.name].worthwhile or 0.0, m.find_error(n / m.price, 0.0)
        clear[:, i] &= abs(z[:, i]) - ndtri(design.alpha / 2) >= worthwhile / error
        if m.role == "guardrail":
            clear[:, i] = z[:, i] * np.sign(-m.effect) > -ndtri(m.find_power(n))
    return chosen, clear, z


def list_steps(setting) -> pd.DataFrame:
    """Return how each metric is decided: its p, its chance alone and among all, and the units that it takes.

    Returns
    -------
    DataFrame: one row a metric with a baseline: `role`, `effect`, `level` (the first step of Holm), `alone` (chance to
        be clear where nothing else has an effect, of a guardrail to hold where nothing changes), `among` (where every
        metric has its effect), `exaggeration`, `units` and `weeks` for the asked power.
    """
    n, power = setting.count(setting.weeks), setting.assumed.power
    (chosen, clear, z), rows, among = _draw(setting, 1), [], {}
    for i, m in enumerate(chosen):
        among[m.name] = float((clear[:, i] & (True if m.role == "guardrail" else z[:, i] * m.effect > 0)).mean())
    for m in setting.metrics.values():
        known, size = m.effect == m.effect, m.find_size(power) if m.effect == m.effect else NAN
        row = {"metric": m.name, "role": m.role, "control_value": m.baseline.mean, "effect": abs(m.effect)}
        row |= {"assumed": m.is_assumed, "level": m.level, "alone": m.find_power(n) if known else NAN}
        row |= {"among": among.get(m.name, NAN)}
        row |= {"exaggeration": m.find_exaggeration(n) if known and m.role != "guardrail" else NAN}
        rows.append(row | {"units": _round_up(size / setting.fraction), "weeks": setting.find_weeks(size)})
    return pd.DataFrame(rows)


def _round_up(units):
    return float(math.ceil(units)) if math.isfinite(units) else NAN


def list_outcomes(setting) -> pd.DataFrame:
    """Return what the plan's rule will say of the first metric and the guardrails, one row a truth.

    Returns
    -------
    DataFrame: `truth` (expected: every effect as the plan expects it; none; opposite), `benefit`, `harm` and `open`,
        the chances of a clear benefit with all guardrails held, of a clear harm, and of neither.
    """
    rows = []
    for truth, sign in (("expected", 1), ("none", 0), ("opposite", -1)):
        chosen, clear, z = _draw(setting, sign)
        place = [m.name for m in chosen].index(setting.first.name)
        held = clear[:, [m.role == "guardrail" for m in chosen]].all(axis=1)
        better = setting.design.metrics[setting.first.name].better
        good = z[:, place] * (-1 if better == "lower" else 1) > 0
        row = {"truth": truth, "benefit": float((clear[:, place] & good & held).mean())}
        row["harm"] = float((clear[:, place] & ~good).mean())
        rows.append(row | {"open": 1 - row["benefit"] - row["harm"]})
    return pd.DataFrame(rows)


def list_levers(setting) -> pd.DataFrame:
    """Return what makes the experiment longer or shorter, one row a choice: all else stays as planned.

    Returns
    -------
    DataFrame: `group`, `choice`, `amount`, `units` (all arms), `weeks`, `times` the units of the plan.
    """
    first, power, part = setting.first, setting.assumed.power, setting.fraction
    base, more = first.find_size(power) / part, 1 - (1 - power) / 2
    rows = [("plan", "as planned", NAN, base), ("power", "power", more, first.find_size(more) / part)]
    rows.append(("effect", "half the effect", NAN, replace(first, effect=first.effect / 2).find_size(power) / part))
    for share in SHARES_TREATED if len(setting.design.variant.treatments) == 1 else ():
        rows.append(("split", "treated", share, replace(first, share=share).find_size(power)))
    for share in EXPLAINED if not first.baseline.explained else (first.baseline.explained,):
        told = replace(first, baseline=replace(first.baseline, explained=share), is_adjusted=True)
        rows.append(("covariates", "explained", share, told.find_size(power) / part))
    for size, correlation in GROUPS if first.baseline.cluster_size == 1 else ():
        told = replace(first.baseline, cluster_size=float(size), design_effect=1 + (size - 1) * correlation)
        units = replace(first, baseline=told).find_size(power) / part
        rows.append(("groups", f"groups of {size}, correlation {correlation:g}", NAN, units))
    for choice, looks in list(SCHEMES.items())[2:]:
        price = price_looks(looks, power=power, alpha=first.level)["most"]
        rows.append(("looks", choice, NAN, base / first.price * price))
    frame = pd.DataFrame(rows, columns=["group", "choice", "amount", "units"])
    weeks, times = [setting.find_weeks(units * part) for units in frame["units"]], frame["units"] / (base or NAN)
    return frame.assign(units=frame["units"].map(_round_up), weeks=weeks, times=times)


def _double(sized):
    """Twice the effect, as far as a share can go."""
    room = (1 - sized.baseline.mean if sized.effect > 0 else sized.baseline.mean) * 0.999
    twice = min(2 * abs(sized.effect), room) if sized.baseline.is_of_shares else 2 * abs(sized.effect)
    return replace(sized, effect=math.copysign(twice, sized.effect))


def list_looks(setting) -> pd.DataFrame:
    """Return what looking early costs in units, and where the experiment stops on average, one row a scheme."""
    first, power = setting.first, setting.assumed.power
    base = first.find_size(power) / setting.fraction / first.price
    planned = {"as planned": tuple(setting.design.looks)} if setting.design.looks else {}
    rows = []
    for choice, looks in (SCHEMES | planned).items():
        price = price_looks(looks, power=power, alpha=first.level)
        row = {"choice": choice, "looks": len(looks), "units": _round_up(base * price["most"]), "times": price["most"]}
        row |= {"early": price["first"], "with_effect": base * price["with_effect"]}
        rows.append(row | {"without_effect": base * price["without_effect"]})
    return pd.DataFrame(rows)


def list_worth(setting) -> pd.DataFrame:
    """Return whether another week is worth its cost, by what the answer is worth for the first metric.

    Returns
    -------
    DataFrame: one row a week from 0: `week`, `units`, `by_rule`, `at_best` (money that choosing by the plan's rule, or
        by what is then believed, is expected to bring until the horizon, above choosing now), `cost` so far, `net` (by
        rule, less cost) and `another` (what the week has added to `by_rule`).
    """
    first, assumed, rows = setting.first, setting.assumed, []
    spread = assumed.past_effects * abs(first.baseline.mean)
    if not assumed.worth_per_year or not spread > 0:
        return pd.DataFrame()
    a_unit = assumed.worth_per_year / abs(first.effect)  # money a year for an effect of 1
    window, before = (setting.design.metrics[first.name].window or 0) / 7, 0.0
    options = {"prior_sd": spread, "threshold": assumed.cost_per_year / a_unit, "critical": first.critical}
    for week in range(max(assumed.most_weeks, setting.weeks) + 1):
        left = max(0.0, assumed.horizon_years - (week + window * (week > 0)) / YEAR) * a_unit
        error = first.find_error(setting.count(week), 0.0)
        by_rule, at_best = (left * gain for gain in value_sample(error, **options)) if week else (0.0, 0.0)
        row = {"week": week, "units": setting.units_per_week * week, "by_rule": by_rule, "at_best": at_best}
        row |= {"cost": assumed.cost_per_week * week, "net": by_rule - assumed.cost_per_week * week}
        rows.append(row | {"another": by_rule - before if week else NAN, "unit": "USD"})
        before = by_rule
    return pd.DataFrame(rows)


def list_sizes(setting) -> pd.DataFrame:
    """Return how many units find differences of two shares from several baselines, by the rule of the first of them.

    Returns
    -------
    DataFrame: `metric`, `baseline`, `difference` (treatment minus control, in the direction of the plan), `units` (all
        arms; nan where no share is left), `level`. Empty without a metric of shares.
    """
    shares = [m for m in (setting.first, *setting.metrics.values()) if m.is_share and m.role != "guardrail"]
    rows = []
    for m in shares[:1]:
        for mean in sorted({*BASELINES, round(m.baseline.mean, 3)}):
            told = replace(m, baseline=replace(m.baseline, mean=mean, sd=math.sqrt(mean * (1 - mean))))
            for points in range(1, 11):
                changed = replace(told, effect=math.copysign(points / 100, m.effect))
                row = {"metric": m.name, "baseline": mean, "difference": changed.effect, "level": m.level}
                units = _round_up(changed.find_size(setting.assumed.power) / setting.fraction)
                rows.append(row | {"power": setting.assumed.power, "units": units})
    return pd.DataFrame(rows)


def settle(setting) -> pd.DataFrame:
    """Return what the plan is written for, one row: weeks, units, power, and what a clear result would overstate."""
    first, weeks, worth, metrics = setting.first, setting.weeks, list_worth(setting), setting.design.metrics
    n, power = setting.count(weeks), setting.assumed.power
    needed = first.find_size(power)
    best = worth.loc[worth["net"].idxmax()] if len(worth) else {"week": NAN, "net": NAN}
    window = max(m.window or 0 for m in metrics.values())
    row = {"metric": first.name, "weeks": weeks, "units": _round_up(setting.units_per_week * weeks), "target": power}
    row |= {"units_per_week": setting.units_per_week, "needed": _round_up(needed / setting.fraction)}
    row |= {"weeks_needed": setting.find_weeks(needed), "effect": abs(first.effect), "assumed": first.is_assumed}
    row |= {"power": first.find_power(n), "smallest": first.find_smallest(n, power), "level": first.level}
    row |= {"exaggeration": first.find_exaggeration(n), "control_value": first.baseline.mean}
    row |= {"best_week": best["week"], "best_net": best["net"]}
    row |= {"answer_week": weeks + math.ceil((metrics[first.name].window or 0) / 7)}
    return pd.DataFrame([row | {"last_week": weeks + math.ceil(window / 7), "unit": "USD"}])


def split_history(units, *, n_splits, seed) -> pd.DataFrame:
    """Return how often the plan's own tests call clear what is chance alone, on the units of the history (A/A)."""
    rows = []
    for found in checks.resplit(units, n_splits=n_splits, seed=seed):
        row = {"metric": found.metric, "treatment": found.treatment, "test": found.method, "splits": n_splits}
        row |= {name: getattr(found.judgement, name, NAN) for name in ("clear", "band_low", "band_high")}
        says = found.judgement.verdict if found.judgement else found.reason
        rows.append(row | {"smallest_cell": found.smallest_cell, "says": says})
    return pd.DataFrame(rows)


def check_design(setting, splits):
    """Yield what a reader must know of how far the plan can be relied on, as checks."""
    design = setting.design
    lacking = [name for name in design.by_role("primary", "secondary", "guardrail") if name not in setting.metrics]
    named = ", ".join(design.label_of(name) for name in lacking)
    said = f"No size for: {named}." if lacking else "Every metric that is decided has a baseline."
    yield Check("baselines", "warn" if lacking else "pass", float(len(lacking)), 0.0, said)
    power, target = setting.first.find_power(setting.count(setting.weeks)), setting.assumed.power
    said = f"The planned weeks give {100 * power:.0f} % power, {100 * target:.0f} % is asked for."
    yield Check("power", "pass" if power >= target - 1e-9 else "warn", power, target, said)
    yield from _check_tails(setting)
    if splits.empty:
        yield Check("random splits", "not tested", NAN, NAN, "Without a history no random split of it can be tried.")
        return
    wrong = splits[(splits["clear"] > splits["band_high"]) & (splits["smallest_cell"] >= design.min_cell)]
    labels = ", ".join(dict.fromkeys(design.label_of(name) for name in wrong["metric"]))
    share = float(splits["clear"].max())
    said = f"Random splits of the history: no test calls more of them clear than chance allows, at most {share:.1%}."
    if labels:
        said = f"Too many random splits of the history are called clear: {labels}."
    yield Check("random splits", "warn" if labels else "pass", share, design.alpha, said.replace("%.", " %."))


def _check_tails(setting):
    """Yield the metrics whose tail is too heavy for the planned units, so that their intervals may promise too much."""
    n, promise = setting.count(setting.weeks), find_promise("welch", "difference")
    for m in setting.metrics.values():
        if m.is_share or m.baseline.skewness != m.baseline.skewness or m.baseline.cluster_size > 1:
            continue
        sizes = {"n_control": n * (1 - m.share), "n_treatment": n * m.share}
        departure = promise.domain.find_departure(**sizes, skewness=m.baseline.skewness)
        if departure:
            said = tell_departure(setting.design.label_of(m.name), departure, UNSURE)
            yield Check(f"domain_{m.name}", "warn", m.baseline.skewness, NAN, said)


DROPPED = ("as_of", "randomised_units", "acknowledge", "registered")  # of another experiment than the one to come
COMMENT = "# Settled by the study experiment_design, from {} (SHA-256 {}). Commit it before the first assignment.\n"
FIRST = ("kind", "title", "question", "unit", "unit_id", "variant", "assigned_at")


def write_plan(design: ExperimentPlan, settled: pd.DataFrame, decided, *, starts_on=None) -> pd.DataFrame:
    """Return the plan of the experiment to come, in YAML, with its size and length settled.

    Parameters
    ----------
    design : ExperimentPlan
        As it was sized: its split, looks and confidence level are written as they stand in it.
    settled : DataFrame, one row
        Of `plan_experiment`: `weeks` of enrolment and `units` to be assigned, all arms together.
    decided : plan.Plan
        The one that was sized: its name and checksum stand in a comment on top.
    starts_on : str, a day (YYYY-MM-DD), optional
        The first day of enrolment: the last day of the data follows from it; left open without.

    Returns
    -------
    DataFrame: one row, `file` and `text`. What stood in the plan of an earlier experiment alone (its dates, what was
        acknowledged) is left out.
    """
    weeks, units = (int(settled[name].iloc[0]) for name in ("weeks", "units"))
    content = design.model_dump(mode="json", exclude_defaults=True, exclude_unset=True)
    content = {name: value for name, value in content.items() if name not in DROPPED}
    content |= {"registered": "before", "enrolment_days": 7 * weeks, "planned_units": units}
    if starts_on:
        longest = max(metric.window or 0 for metric in design.metrics.values())
        days = 7 * weeks - 1 + math.ceil(longest)  # the last unit is assigned on the last day of enrolment
        content["as_of"] = (dt.date.fromisoformat(starts_on) + dt.timedelta(days=days)).isoformat()
    content |= {name: getattr(design, name) for name in ("confidence_level", "decides_on", "min_cell")}
    content = {name: content.pop(name) for name in FIRST if name in content} | content
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110, default_flow_style=None)
    file, checksum = decided.record["file"], decided.record["sha256"]
    return pd.DataFrame([{"file": file, "text": COMMENT.format(file, checksum[:12]) + text}])
