"""What each week of enrolment could find by the plan's rule, what makes it longer, and whether a week is worth it."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.stats import norm

from helpers import checks
from helpers.design.baselines import tells_shares
from helpers.design.sizing import Setting
from helpers.inference.credibility import find_exaggeration, find_promise
from helpers.inference.planning import draw_decisions, price_looks, value_sample
from helpers.metrics import tell_days
from helpers.records import DETAIL, NAN, Check, DataInfo, Results

YEAR = 365.25 / 7  # weeks
SCHEMES = {"at the end only": (1.0,), "half way and at the end": (0.5, 1.0), "at each quarter": (0.25, 0.5, 0.75, 1.0)}
SHARES_TREATED = (0.3, 0.1)
GROUPS = ((5, 0.05), (20, 0.05))
EXPLAINED = (0.25, 0.5)
ASSUMED = DataInfo("simulated", "Baselines are assumed; nothing was measured.", "parameters", None, 0, 0)
BASELINES = (0.1, 0.2, 0.3, 0.5)
MONEY = ["by_rule", "cost", "net"]


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
    design = setting.design
    splits = pd.DataFrame() if units is None else split_history(units, n_splits=n_splits, seed=setting.assumed.seed)
    worth = list_worth(setting)
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
    nobody = dict.fromkeys(design.variant.arms, 0)
    info = replace(ASSUMED, units_by_variant=nobody)
    if source is not None:
        info = replace(source.info, messages=(*source.info.messages, *units.messages))
    found = Results("experiment_design", design.title, design.question, "answered", info, decided.record, tables=tables)
    as_of = units and units.as_of and units.as_of.isoformat()
    return found.but(
        checks=tuple(check_design(setting, splits)),
        as_of=as_of or None,
        assigned=tell_days(units) if units else None,
    )


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
    for week in range(1, max(assumed.most_weeks, setting.weeks) + 1):
        n = setting.count(week)
        for m in setting.metrics.values():
            if m.effect != m.effect or m.role == "guardrail":
                continue
            error, window = m.find_error(n), setting.design.metrics[m.name].window or 0
            row = {"week": week, "metric": m.name, "units": setting.units_per_week * week, "power": m.find_power(n)}
            row |= {"smallest": m.find_smallest(n, assumed.power), "effect": abs(m.effect)}
            row |= {"exaggeration": find_exaggeration(m.effect, error, norm.isf(m.level / 2))}
            rows.append(row | {"answer_week": week + math.ceil(window / 7)})
    return pd.DataFrame(rows)


def list_effects(setting) -> pd.DataFrame:
    """Return the chance to find half the effect, the effect and twice the effect in the first metric, week by week.

    Returns
    -------
    DataFrame: `week`, `times` (half, once, twice), `metric`, `effect`, `power`.
    """
    first = setting.first
    sized = {"twice": _double(first), "once": first, "half": replace(first, effect=first.effect / 2)}
    return pd.DataFrame(
        [
            {"week": week, "times": times, "metric": first.name, "effect": abs(m.effect)}
            | {"power": m.find_power(setting.count(week))}
            for times, m in sized.items()
            for week in range(1, max(setting.assumed.most_weeks, setting.weeks) + 1)
        ]
    )


def _draw(setting, sign):
    """Imagined experiments of the planned size: whether a metric is clear, or held as a guardrail, and estimates."""
    chosen = [m for m in setting.metrics.values() if m.effect == m.effect]
    n, pairs = setting.count(setting.weeks), setting.design.pairs
    effects = [0.0 if m.role == "guardrail" else sign * m.effect for m in chosen]
    distances = [effect / m.find_error(n / m.price, effect) for m, effect in zip(chosen, effects, strict=True)]
    names = [m.name for m in chosen]
    between = setting.known.together.loc[names, names].to_numpy()
    design = setting.design  # how the differences of the compared pairs go together, as they share arms
    one = {arm: np.eye(len(design.variant.arms))[i] for i, arm in enumerate(design.variant.arms)}
    shares = [setting.shares[arm] for arm in design.variant.arms]
    contrasts = np.array([one[treatment] - one[control] for control, treatment in design.pairs]) / np.sqrt(shares)
    contrasts /= np.linalg.norm(contrasts, axis=1, keepdims=True)
    shared = contrasts @ contrasts.T
    families = ["" if m.role == "guardrail" else m.role for m in chosen] * len(pairs)
    rng = np.random.default_rng([setting.assumed.seed, 7])
    options = {"alpha": setting.design.alpha, "draws": setting.assumed.draws, "rng": rng}
    with_control = np.repeat([control == setting.design.variant.control for control, _ in pairs], len(chosen))
    distances = np.tile(distances, len(pairs)) * with_control  # of two treatments with the same effect none is better
    clear, z = draw_decisions(distances, families, np.kron(shared, between), **options)
    clear, z = clear[:, : len(chosen)], z[:, : len(chosen)]
    for i, m in enumerate(chosen):  # an interval within the worthwhile effect is "no worthwhile difference"
        worthwhile, error = setting.design.metrics[m.name].worthwhile or 0.0, m.find_error(n / m.price, 0.0)
        clear[:, i] &= abs(z[:, i]) + norm.isf(setting.design.alpha / 2) >= worthwhile / error
        if m.role == "guardrail":
            clear[:, i] = z[:, i] * np.sign(-m.effect) > norm.isf(m.level / 2) - abs(m.effect) / error
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
    (chosen, clear, z), rows = _draw(setting, 1), []
    right = [np.full(len(z), True) if m.role == "guardrail" else z[:, i] * m.effect > 0 for i, m in enumerate(chosen)]
    among = {m.name: float((clear[:, i] & right[i]).mean()) for i, m in enumerate(chosen)}
    for m in setting.metrics.values():
        known, size = m.effect == m.effect, m.find_size(power) if m.effect == m.effect else NAN
        row = {"metric": m.name, "role": m.role, "control_value": m.baseline.mean, "effect": abs(m.effect)}
        row |= {"assumed": m.is_assumed, "level": m.level, "alone": m.find_power(n) if known else NAN}
        row |= {"among": among.get(m.name, NAN), "exaggeration": NAN}
        if known and m.role != "guardrail":
            row["exaggeration"] = find_exaggeration(m.effect, m.find_error(n), norm.isf(m.level / 2))
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
    first, power = setting.first, setting.assumed.power
    base, rows = first.find_size(power) / setting.fraction, []

    def add(group, choice, units, amount=NAN):
        row = {"group": group, "choice": choice, "amount": amount, "units": _round_up(units)}
        weeks = setting.find_weeks(units * setting.fraction)
        rows.append(row | {"weeks": weeks, "times": units / base if base > 0 else NAN})

    add("plan", "as planned", base)
    more = 1 - (1 - power) / 2
    add("power", "power", first.find_size(more) / setting.fraction, more)
    add("effect", "half the effect", replace(first, effect=first.effect / 2).find_size(power) / setting.fraction)
    for share in SHARES_TREATED if len(setting.design.variant.treatments) == 1 else ():
        add("split", "treated", replace(first, share=share).find_size(power), share)
    for share in EXPLAINED if not first.baseline.explained else (first.baseline.explained,):
        told = replace(first.baseline, explained=share)
        add(
            "covariates",
            "explained",
            replace(first, baseline=told, is_adjusted=True).find_size(power) / setting.fraction,
            share,
        )
    for size, correlation in GROUPS if first.baseline.cluster_size == 1 else ():
        told = replace(first.baseline, cluster_size=float(size), design_effect=1 + (size - 1) * correlation)
        choice = f"groups of {size}, correlation {correlation:g}"
        add("groups", choice, replace(first, baseline=told).find_size(power) / setting.fraction)
    for choice, looks in list(SCHEMES.items())[2:]:
        add("looks", choice, base / first.price * price_looks(looks, power=power, alpha=first.level)["most"])
    return pd.DataFrame(rows)


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
    options = {"prior_sd": spread, "threshold": assumed.cost_per_year / a_unit, "critical": norm.isf(first.level / 2)}
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
    first, weeks, worth = setting.first, setting.weeks, list_worth(setting)
    n, power = setting.count(weeks), setting.assumed.power
    needed = first.find_size(power)
    best = worth.loc[worth["net"].idxmax()] if len(worth) else {"week": NAN, "net": NAN}
    window = max([m.window or 0 for m in setting.design.metrics.values()])
    row = {"metric": first.name, "weeks": weeks, "units": _round_up(setting.units_per_week * weeks), "target": power}
    row |= {"units_per_week": setting.units_per_week, "needed": _round_up(needed / setting.fraction)}
    row |= {"weeks_needed": setting.find_weeks(needed), "effect": abs(first.effect), "assumed": first.is_assumed}
    row |= {"power": first.find_power(n), "smallest": first.find_smallest(n, power), "level": first.level}
    row |= {"exaggeration": find_exaggeration(first.effect, first.find_error(n), norm.isf(first.level / 2))}
    row |= {"control_value": first.baseline.mean, "best_week": best["week"], "best_net": best["net"]}
    row |= {"answer_week": weeks + math.ceil((setting.design.metrics[first.name].window or 0) / 7)}
    return pd.DataFrame([row | {"last_week": weeks + math.ceil(window / 7), "unit": "USD"}])


def split_history(units, *, n_splits, seed) -> pd.DataFrame:
    """Return how often the plan's own tests call clear what is chance alone, on the units of the history (A/A)."""
    rows = []
    for found in checks.resplit(units, n_splits=n_splits, seed=seed):
        told = found.judgement
        row = {"metric": found.metric, "treatment": found.treatment, "test": found.method, "splits": n_splits}
        row |= {"clear": told.clear if told else NAN, "band_low": told.band_low if told else NAN}
        row |= {"band_high": told.band_high if told else NAN, "smallest_cell": found.smallest_cell}
        rows.append(row | {"says": told.verdict if told else found.reason})
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
    said = f"Too many random splits of the history are called clear: {labels}."
    if not labels:
        said = (
            f"Random splits of the history: no test calls more of them clear than chance allows, at most {share:.1%}."
        )
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
            plain, _, needed = departure.partition(": ")
            label = setting.design.label_of(m.name)
            said = f"{label}: {plain}, so its interval may promise more than it keeps.{DETAIL}{needed}."
            yield Check(f"domain_{m.name}", "warn", m.baseline.skewness, NAN, said)
