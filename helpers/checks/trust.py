"""The trust checks of an experiment, each a status, a number and a sentence: are its arms as alike as chance allows."""

from dataclasses import replace

import numpy as np
import scipy

from helpers import metrics, schema
from helpers.checks import rates
from helpers.checks.amounts import check_amounts
from helpers.checks.events import CUT, SHEETS, check_events
from helpers.checks.logs import percent
from helpers.checks.rates import ALERT, compare_rates, count_shares, write_p, write_rates
from helpers.checks.values import check_values
from helpers.kinds import COUNTED
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import GRAVE, NAN, Check, Moments, Refused
from helpers.sources import Source

DOUBT, MISSING_DOUBT = 0.01, 0.05  # below it is unclear: of what is missing hardly anything can be mended afterwards
MOST_SPLIT = 0.01  # the share of units in two variants above which an answer is withheld
LOST = {  # what follows from units that are not in the table
    "pass": "",
    "warn": " Above 5 %, or with p below .05 between the arms, effects are in doubt: they hold for those who stayed.",
    "fail": " The arms lose units at different rates, so their outcomes cannot be compared.",
}
UNCOUNTED = (
    "Attrition not tested: every row has its outcomes, so units that left may not be in the table. Write into the "
    "plan how many were randomised (randomised_units)."
)
EMPTY_IS_ZERO = (
    "Outcomes of {label} are empty at different rates: {rates}; {p}. No 0 is written, and empty ones count as 0, as "
    "planned, so that this is a part of the effect; where they are unknown, write missing: unknown."
)
MAY_BE_ZERO = "Where an empty cell means 0 and no 0 is written, write missing: zero."
FEW_CLUSTERS = 20  # effective ones: below it even a t interval rests on a variance that is hardly known
ALONE = "How far clusters differ by chance shows in two or more an arm, so no effect can be tested; randomise more."
IN_TURN = (
    "The arms were assigned one after the other: hardly {time} of assignment holds both, so that whatever changed with "
    "time looks like an effect, and the arms are not compared. Where times were randomised, write cluster: and their "
    "column into the plan, or a reason under acknowledge."
)
DRIFTS = " Whatever else changed with the weeks looks like an effect; compare the arms within each week."
AFTER = (
    " Adjusted effects, which decide, are taken away by a covariate that was measured after assignment; name what was "
    "measured before."
)
LEAK = 1e-6  # a p-value below which a covariate is taken for one that assignment moved
MOST_LOST = 0.05  # of the randomised units may be missing from the table before it is in doubt
SENTENCES = {  # too little to test, as chance would have it, unclear, and not
    "split": (
        "Too few to test the sample ratio, {sizes}.",
        "The sample ratio is as planned, {sizes}; {p}.",
        "Whether the sample ratio is as planned is unclear, {sizes}; {p}. Below .01 it is in doubt, below .001 the "
        "arms are not compared.",
        "The sample ratio is not as planned, {sizes}; {p}. The arms gain or lose units in different ways, so their "
        "outcomes cannot be compared.",
    ),
    "split by group": (
        "There are not two {place} with enough units to test the sample ratio.",
        "The sample ratio is as planned in {all} {place}; smallest adjusted {p}.",
        "Whether the sample ratio is as planned in all {place} is unclear, most in {worst}; adjusted {p}.",
        "The sample ratio differs{plan} across {place}, most in {worst}; adjusted {p}.{so}",
    ),
    "balance": (
        "There are too few units, or no variation, to test the balance of the covariates.",
        "Covariates: {largest}. Differences like these arise by chance in {chance} of randomisations.",
        "Whether covariates are balanced is unclear: {largest}. Differences like these arise by chance in {chance} of "
        "randomisations, and below 1 % they are in doubt.",
        "Covariates differ more between the arms than chance explains: {largest}. Differences like these arise by "
        "chance in {chance} of randomisations.{so}",
    ),
    "missing": (
        "Too few outcomes of {label} to test whether they are missing alike: {rates}.{asked}",
        "Outcomes of {label} are missing alike in the arms: {rates}; {p}.{asked}",
        "Whether outcomes of {label} are missing alike in the arms is unclear: {rates}; {p}.{asked} Below .05 it is in "
        "doubt, below .001 the effect is not estimated.",
        "Outcomes of {label} are missing at different rates: {rates}; {p}.{asked} Its effect is not estimated.",
    ),
    "take-up": (
        "There are not two weeks with enough units to compare the take-up: {rates}.",
        "Take-up is steady over the weeks of assignment: {rates}; smallest adjusted {p}.",
        "Whether take-up is steady over the weeks of assignment is unclear: {rates}; adjusted {p}.",
        "Take-up changes over the weeks of assignment: {rates} in all; adjusted {p}.",
    ),
}


def run(units: Units, source: Source, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return every trust check of an experiment.

    A failed one of `records.GRAVE` withholds the answer, a failed `missing_<metric>`, `events_fit_<metric>` or
    `events_add_<metric>` makes that metric not estimable, a failed `exposure_fit` what taking up does; the others warn.

    Parameters
    ----------
    units : Units
    source : Source
        Counts the duplicates and the units in two variants that it left out.
    design : ExperimentPlan

    Returns
    -------
    tuple of Check: enough_units (where too few), srm, srm_<segment>, srm_over_time, balance, duplicates, two_variants,
        clusters, missing_<metric>, attrition, exposure_over_time, events_fit, events_fit_<metric>,
        exposure_fit, events_add, events_add_<metric> and units_fit, those that the plan gives cause for. `value` is a
        p-value, a count (duplicates, clusters, events_add) or a share (two_variants, attrition, events_fit and its
        like, units_fit); nan where nothing is tested.

    Raises
    ------
    Refused: the table has more units than the plan says were randomised; values that have two readings.

    References
    ----------
    Fabijan et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments.
    """
    rows, assigned = source.info.rows, check_values(units, design)
    if rows in SHEETS and assigned is None:
        assigned = Check("units_fit", "warn", NAN, ALERT, CUT.format(n=rows, what="rows"))
    found = [*_check_split(units, design)]
    if units.covariates:
        found.append(_check_balance(units, design))
    n, total = source.n_two_variants, source.n_assigned
    said, status = f"No {design.unit} stands in two variants.", "warn" if n else "pass"
    if n:
        said = f"In two variants, left out: {n:,} of {total:,} by {design.unit} ({percent(n / total)})."
    share = max(n / total, (source.n_two_rows - n) / source.info.rows) if n else 0.0  # of units, or of further rows
    if 2 * n < source.n_two_rows:
        said = f"{said[:-1]}, with {source.n_two_rows:,} of {source.info.rows:,} rows."
    if share > MOST_SPLIT:
        said, status = f"{said} Above 1 % the arms are mixed, so their outcomes cannot be compared.", "fail"
    found += [report_duplicates(source.n_duplicates), Check("two_variants", status, share, MOST_SPLIT, said)]
    found += _check_clusters(units, design) if design.cluster else []
    columns = units.table.columns
    outcomes = [_check_missing(units, design, name) for name in design.metrics if f"missing_{name}" in columns]
    found += outcomes
    if source.meeting is not None:
        summed = [n for n, m in design.metrics.items() if m.how.total == "amount" and not m.column and not m.time]
        found += [_check_values(source.meeting, design, name) for name in summed]
    if design.randomised_units is not None:
        found.append(_check_attrition(units, design))
    elif source.events is None and {(check.status, np.isnan(check.value)) for check in outcomes} == {("pass", True)}:
        found.append(Check("attrition", "not tested", NAN, MOST_LOST, UNCOUNTED))
    found += [_check_exposure(units, design)] if design.exposure and design.assigned_at else []
    found += check_events(units, source.meeting, design)
    # there are values to judge
    if units.added or {of for of, _ in metrics.moments.see_values(units)} & design.metrics.keys():
        found += check_amounts(units, design)
    return tuple(check for check in (*found, assigned) if check)


def withheld(trust: tuple[Check, ...], design: ExperimentPlan) -> str | None:
    """Return why the answer is withheld; None when it is not, or when the plan acknowledges every reason."""
    grave = [check for check in trust if check.id in GRAVE and check.status == "fail"]
    return " ".join(check.message for check in grave if check.id not in design.acknowledge) or None


def _report(name, ps, kind, *, alarm="warn", **facts):
    """A check by the smallest of some p-values, times their number (Bonferroni): not tested, pass, unclear, alarm."""
    known = [p for p in ps if not np.isnan(p)]
    p = min(1.0, min(known) * len(known)) if known else NAN
    is_grouped = kind in ("split by group", "take-up")  # more digits than one would tell how many a hidden part has
    doubt = MISSING_DOUBT if kind == "missing" else DOUBT
    place = 0 if not known else 1 if p >= doubt else 2 if p >= ALERT else 3
    p = float(f"{p:.1g}") if is_grouped else p
    told = SENTENCES[kind][place].format(p=write_p(p).rstrip("0") if is_grouped else write_p(p), **facts)
    return Check(name, ("not tested", "pass", "warn", alarm)[place], p, ALERT, told)


def _check_split(units, design):
    """The split of all units, and of those of each segment and week: only a group that is large enough is named.

    Nothing is decided from a handful of units; of clusters `_check_clusters` knows how many it takes. Whether times of
    assignment hold one arm each, or weeks other shares, is asked of an unknown split too.
    """
    found, given, shares = metrics.count_units(units)[None], design.randomised_units, design.variant.shares
    if few := [arm for arm, n in found.items() if n < rates.LEAST_UNITS and not design.cluster]:
        who = f"{schema.say(rates.LEAST_UNITS, design.unit)} in {' and in '.join(few)}"
        said = f"There are fewer than {who}: from so few nothing is decided, as one of them could turn the answer."
        yield Check("enough_units", "fail", NAN, rates.LEAST_UNITS, said)
    planned = [(shares or {name: n / sum(found.values()) for name, n in found.items()})[arm] for arm in found]
    if shares is None:
        said = "The planned split is unknown, so the sample ratio is not tested."
        yield Check("srm", "not tested", NAN, ALERT, said)
    else:
        counts = {arm: given[arm] for arm in found} if isinstance(given, dict) else found
        few = range(1, design.min_cell)  # who is lost is not told by subtraction
        told = {arm: found[arm] if n - found[arm] in few else n for arm, n in counts.items()}
        sizes = ", ".join(f"{arm} {n:,} (planned {percent(shares[arm])})" for arm, n in told.items())
        sizes = f"by {design.cluster or design.unit}: {sizes}"
        p = rates.compare_split([*told.values()], planned)  # of what is told, as its digits tell of what it is of
        yield _report("srm", [p], "split", alarm="fail", sizes=sizes)
    for by in [*(design.segments if shares else ()), *(["week"] if design.assigned_at else ())]:
        groups = [(group, list(counts.values())) for group, counts in metrics.count_units(units, by=by).items()]
        ps = {group: rates.compare_split(n, planned) for group, n in groups if sum(n) >= design.min_cell}
        ps = {group: p for group, p in ps.items() if not np.isnan(p)}
        worst, every = min(ps, key=ps.get, default=0), "both" if len(ps) == 2 else f"all {len(ps)}"
        name, place = f"srm_{by}", f"levels of {design.labels.get(by, by)}"
        if by == "week":
            name, place, worst = "srm_over_time", "weeks of assignment", f"week {worst + 1}"
        ps = ps.values() if len(ps) > 1 else ()
        told = {"plan": " from the plan" if shares else "", "so": DRIFTS if by == "week" else ""}
        check = _report(name, ps, "split by group", place=place, all=every, worst=worst, **told)
        hours = metrics.moments.see_values(units).get(("", ""), {}) if by == "week" and not design.cluster else {}
        time = rates.find_turn([hours[arm]["hours"] for arm in design.variant.arms]) if hours else None
        if time and (time != "a week" or check.value < ALERT):
            yield Check(name, "fail", check.value, ALERT, IN_TURN.format(time=time))
        elif shares or check.value < ALERT:
            yield check


def _check_balance(units, design):
    moments = metrics.summarise_covariates(units)
    arms = [moments[arm] for arm in design.variant.arms]
    p, gaps = rates.compare_covariates(arms), np.nan_to_num(rates.measure_imbalance(arms), posinf=np.inf)
    name = units.covariates[gaps.argmax()].removeprefix("x_").split("=")[0]  # its level could be somebody's
    chance = "over 99.9 %" if p > 0.999 else f"under {percent(ALERT)}" if p < ALERT else percent(p)
    size = f"{gaps.max():.2f}" if np.isfinite(gaps.max()) else "without end, as nothing varies within the arms,"
    largest = f"largest standardised difference {size} ({name})"
    alarm, so = ("fail", AFTER) if design.decides_on == "adjusted" and p < LEAK else ("warn", "")
    return _report("balance", [p], "balance", alarm=alarm, largest=largest, chance=chance, so=so)


def report_duplicates(n: int) -> Check:
    """Return the check of rows that repeat another row exactly, of which n were dropped."""
    said = f"Rows that repeat another row exactly, dropped: {n:,}." if n else "No row repeats another."
    return Check("duplicates", "warn" if n else "pass", float(n), 0.0, said)


def _check_clusters(units, design):
    """How many clusters of one size each arm's count like: for the metric that has the least of them in an arm."""
    found, tested = [], False
    for name, arms in metrics.summarise(units)[None].items():
        counted = [arms[arm] for arm in design.variant.arms]
        if not any(m.n for m in counted):  # no window of it is over yet
            continue
        sizes = [m.effective_units if m.n > 1 else float(m.n) for m in counted]
        tested = tested or min(sizes[0], max(sizes[1:])) >= 2
        told = zip(sizes, counted, design.variant.arms, strict=True)
        found += [(size, m.n, arm, design.label_of(name)) for size, m, arm in told if size == size]  # not without rows
    if not found:
        return []
    effective, n, arm, label = min(found)
    told = f"the {n:,} in {arm} count{'s' if n == 1 else ''} like {effective:.1f} of one size ({label})."
    if not tested:
        said, status = f"Clusters ({design.cluster}) are too few: {told} {ALONE}", "fail"
    elif effective >= FEW_CLUSTERS:
        said = f"In every arm the clusters ({design.cluster}) count like {effective:.0f} of one size or more."
        status = "pass"
    else:
        dfs = max(2 * effective - 2, 1), np.inf
        reach, many = -scipy.special.stdtrit(dfs, design.alpha / 2)
        so = f"with arms like this they reach {reach:.1f} standard errors to each side, with many clusters {many:.1f}."
        so = so if effective >= 2 else "where that is below 2 in an arm, nothing is tested."
        said = f"Clusters ({design.cluster}) are few or of unlike size: {told} Intervals use the degrees of freedom of "
        said, status = f"{said}so many: {so}", "warn"
    return [Check("clusters", status, effective, FEW_CLUSTERS, said)]


def _check_missing(units, design, name):
    """Missing after the window, among those asked; and, where only some are asked, also whether the arms ask alike."""
    label = design.label_of(name)
    id_, columns = f"missing_{name}", [c for c in (f"missing_{name}", f"asked_{name}") if c in units.table.columns]
    found = metrics.moments.summarise_shares(units, columns)[None]
    arms = [[found[column][arm] for arm in design.variant.arms] for column in columns]
    if not any(m.n for m in arms[0]):
        return Check(id_, "not tested", NAN, ALERT, f"No window of {label} is over yet.")
    ps, asked = [*map(compare_rates, arms)], "".join(f" Asked: {write_rates(design, a)}." for a in arms[1:])
    if np.isnan(ps).all() and not any(m.n and m.mean[0] > 0 for m in arms[0]):
        window = " whose window is over" if design.metrics[name].within_days else ""
        return Check(id_, "pass", NAN, ALERT, f"The outcome {label} is known for every {design.unit}{window}.{asked}")
    facts = {"label": label, "rates": write_rates(design, arms[0]), "asked": asked}
    found = _report(id_, ps, "missing", alarm="fail", **facts)
    if found.status in ("warn", "fail") and _are_the_zeros(units, design, name, arms[0]):
        return replace(found, status="warn", message=EMPTY_IS_ZERO.format(p=write_p(found.value), **facts))
    metric = design.metrics[name]
    if found.status == "fail" and metric.missing == "unknown" and (metric.numerator or metric.how.total in COUNTED):
        return replace(found, message=f"{found.message} {MAY_BE_ZERO}")
    return found


def _are_the_zeros(units, design, name, arms):
    """Whether empty cells are the only zeros in every arm, as the plan reads them, so that their rate is an outcome."""
    metric = design.metrics[name]
    reads = (metric.numerator, metric.denominator) if metric.numerator else (metric.column or name,)
    seen = [metrics.moments.see_values(units).get((name, read)) for read in reads]
    if metric.missing != "zero" or not all(seen) or not all(m.mean[0] > 0 for m in arms):
        return False
    return not any(told[arm].get("no", 1) for told in seen for arm in design.variant.arms)


def _check_values(meeting, design, name):
    """Whether the events of an amount lack their values alike in the arms; None where all have one.

    A unit's events are alike in that, so that no arm counts for more events than it has units.
    """
    metric = design.metrics[name]
    rows = meeting[(meeting["day"] >= 0) & meeting["event"].isin(metric.event or [name]) & (meeting["what"] == "age")]
    if not rows["without"].sum():
        return None
    units, found = meeting[meeting["what"] == "start"].groupby("variant")["n"].sum(), []
    for event, told in rows.groupby("event"):
        counts = told.groupby("variant")[["without", "n"]].sum().reindex(design.variant.arms, fill_value=0)
        sizes = units.reindex(design.variant.arms, fill_value=0).tolist()
        arms = count_shares(counts[["without", "n"]].to_numpy().tolist(), sizes)
        p = compare_rates(arms)
        found.append((np.inf if np.isnan(p) else p, -max(m.value for m in arms), event, arms))
    worst = min(found, key=lambda one: one[:2])
    of = "its events" if len(found) == 1 else worst[2]
    facts = {"label": f"{design.label_of(name)} (values of {of})", "rates": write_rates(design, worst[3])}
    ps = [p if np.isfinite(p) else NAN for p, *_ in found]
    return _report(f"missing_{name}", ps, "missing", alarm="fail", asked="", **facts)


def _check_attrition(units, design):
    """How many of the randomised units are not in the table; by arm where the plan counts them so."""
    given, by, found = design.randomised_units, design.cluster or design.unit, metrics.count_units(units)[None]
    sizes = [(" in all", given, sum(found.values()))]
    if isinstance(given, dict):
        sizes = [(f" in {arm}", given[arm], n) for arm, n in found.items()]
    for where, n, present in sizes:
        if present > n:
            said = f"the plan says {n:,} by {by}{where}, and the table holds {present:,}"
            raise Refused(f"randomised_units: {said}; correct the plan, or leave out what was not randomised")
    total = sum(n for _, n, _ in sizes)
    lost = total - sum(present for *_, present in sizes)
    arms = [Moments(("lost",), n, np.array([1 - present / n]), np.zeros((1, 1))) for _, n, present in sizes]
    p = compare_rates(arms)
    told, few = f"All {total:,} that were randomised by {by} are in the table.", f"fewer than {design.min_cell}"
    if lost:
        apart = "their arms are not known" if len(arms) == 1 else write_rates(design, arms)
        said = f"Of {total:,} randomised by {by}, {lost:,} ({percent(lost / total)}) are not in the table: {apart}"
        told = f"{said}." if np.isnan(p) else f"{said}; {write_p(p)}."
        if few in apart:  # what all lost, less the share of the others, is what an arm of few lost
            told = f"Of those randomised by {by} some are not in the table: {apart}."
    if 0 < lost < design.min_cell:  # the share goes where it is published
        told = f"Of those randomised by {by} {few} are not in the table."
    is_doubtful = lost > MOST_LOST * total or p < MISSING_DOUBT
    status = "fail" if p < ALERT else "warn" if is_doubtful else "pass"
    return Check("attrition", status, lost / total, MOST_LOST, told + LOST[status])


def _check_exposure(units, design):
    """Whether take-up is steady over the weeks of assignment."""
    whole = metrics.moments.summarise_shares(units, ["exposed"])[None]["exposed"]
    told = write_rates(design, [whole[arm] for arm in design.variant.arms])
    weeks = metrics.moments.summarise_shares(units, ["exposed"], by="week").values()
    cells = [[week["exposed"][arm] for week in weeks] for arm in design.variant.arms]
    ps = [compare_rates([m for m in arm if m.n >= design.min_cell]) for arm in cells]
    return _report("exposure_over_time", ps, "take-up", rates=told)
