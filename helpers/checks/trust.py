"""The trust checks of an experiment, each a status, a number and a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from helpers import metrics
from helpers.checks.chance import compare_covariates, compare_rates, compare_split, measure_imbalance, read_rate
from helpers.metrics import Units
from helpers.plan import ExperimentPlan
from helpers.records import NAN, Check

if TYPE_CHECKING:
    from helpers.sources import Source

ALERT = 0.001  # a check that runs on every study must hardly ever alarm in vain
MOST_SPLIT = 0.01  # the share of units in two variants above which an answer is withheld


def run(units: Units, source: Source, design: ExperimentPlan) -> tuple[Check, ...]:
    """Return every trust check of an experiment.

    A failed `srm` or `two_variants` withholds the answer, a failed `missing_<metric>` makes that metric not
    estimable; the others warn.

    Parameters
    ----------
    units : Units
    source : Source
        Counts the duplicates and the units in two variants that it left out.
    design : ExperimentPlan

    Returns
    -------
    tuple of Check: srm, srm_<segment>, srm_over_time, balance, duplicates, two_variants, missing_<metric> and
        exposure_over_time, those that the plan gives cause for. `value` is a p-value, a count (duplicates) or a
        share (two_variants); nan where nothing is tested.

    References
    ----------
    Fabijan et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments.
    """
    found = [_check_split(units, design)]
    if design.variant.shares:
        found += [_check_split_by(units, design, name) for name in design.segments]
        found += [_check_split_by(units, design, "week")] if design.assigned_at else []
    if units.covariates:
        found.append(_check_balance(units, design))
    found += [_check_duplicates(source), _check_two_variants(source, design)]
    found += [
        _check_missing(units, design, name) for name in design.metrics if f"missing_{name}" in units.table.columns
    ]
    if design.exposure and design.assigned_at:
        found.append(_check_exposure(units, design))
    return tuple(found)


def withheld(trust: tuple[Check, ...], design: ExperimentPlan) -> str | None:
    """Return why the answer is withheld; None when it is not, or when the plan acknowledges every reason."""
    grave = [check for check in trust if check.id in ("srm", "two_variants") and check.status == "fail"]
    return " ".join(check.message for check in grave if check.id not in design.acknowledge) or None


def _check_split(units, design):
    shares = design.variant.shares
    if shares is None:
        return _report("srm", NAN, "The planned split is unknown, so the sample ratio is not tested.")
    counts = metrics.count_units(units)[None]
    p = compare_split(list(counts.values()), [shares[arm] for arm in counts])
    sizes = ", ".join(f"{arm} {n:,} (planned {_percent(shares[arm])})" for arm, n in counts.items())
    sizes = f"by {design.cluster or design.unit}: {sizes}"
    if np.isnan(p):
        return _report("srm", p, f"Too few to test the sample ratio, {sizes}.")
    if p >= ALERT:
        return _report("srm", p, f"The sample ratio is as planned, {sizes}; {_write_p(p)}.")
    cause = "The arms gain or lose units in different ways, so their outcomes cannot be compared"
    return _report("srm", p, f"The sample ratio is not as planned, {sizes}; {_write_p(p)}. {cause}.", alarm="fail")


def _check_split_by(units, design, by):
    """Bonferroni over the groups that are large enough; only such a group is named."""
    name, place = ("srm_over_time", "weeks of assignment") if by == "week" else (f"srm_{by}", f"levels of {by}")
    shares, found = design.variant.shares, {}
    for group, counts in metrics.count_units(units, by=by).items():
        p = compare_split(list(counts.values()), [shares[arm] for arm in counts])
        if sum(counts.values()) >= design.min_cell and not np.isnan(p):
            found[group] = p
    if len(found) < 2:
        return _report(name, NAN, f"There are not two {place} with enough units to test the sample ratio.")
    worst, p = min(found, key=found.get), _combine(found.values())
    if p >= ALERT:
        said = f"The sample ratio is as planned in all {len(found)} {place}; smallest adjusted {_write_p(p)}."
        return _report(name, p, said)
    where = f"week {worst + 1}" if by == "week" else worst
    said = f"The sample ratio differs from the plan across {place}, most in {where}; adjusted {_write_p(p)}."
    return _report(name, p, said)


def _check_balance(units, design):
    moments = metrics.summarise_covariates(units)
    arms = [moments[arm] for arm in design.variant.arms]
    p = compare_covariates(arms)
    if np.isnan(p):
        return _report("balance", p, "There are too few units, or no variation, to test the balance of the covariates.")
    gaps = measure_imbalance(arms)
    widest = int(np.nanargmax(gaps))
    name = units.covariates[widest].removeprefix("x_").split("=")[0]  # a level could be somebody's
    largest = f"largest standardised difference {gaps[widest]:.2f} ({name})"
    often = f"arise by chance in {_write_chance(p)} of randomisations"
    if p >= ALERT:
        said = f"Covariates: {largest}. Differences like these {often}; below {_write_chance(ALERT)} this check warns."
        return _report("balance", p, said)
    said = f"Covariates differ more between the arms than chance explains: {largest}. Differences like these {often}."
    return _report("balance", p, said)


def _check_duplicates(source):
    n = source.n_duplicates
    said = f"Rows that repeat another row exactly, dropped: {n:,}." if n else "No row repeats another."
    return Check("duplicates", "warn" if n else "pass", float(n), 0.0, said)


def _check_two_variants(source, design):
    n, total = source.n_two_variants, source.n_assigned
    said = f"In two variants, left out: {n:,} of {total:,} by {design.unit} ({_percent(n / total)})."
    if not n:
        return Check("two_variants", "pass", 0.0, MOST_SPLIT, f"No {design.unit} stands in two variants.")
    if n <= MOST_SPLIT * total:
        return Check("two_variants", "warn", n / total, MOST_SPLIT, said)
    cause = "Above 1 % the arms are mixed, so their outcomes cannot be compared"
    return Check("two_variants", "fail", n / total, MOST_SPLIT, f"{said} {cause}.")


def _check_missing(units, design, name):
    """Missing after the window, among those asked; and, where only some are asked, also whether the arms ask alike."""
    label = design.label_of(name)
    id_, columns = f"missing_{name}", [c for c in (f"missing_{name}", f"asked_{name}") if c in units.table.columns]
    found = metrics.summarise_shares(units, columns)[None]
    arms = {column: [found[column][arm] for arm in design.variant.arms] for column in columns}
    p, rates = _combine(compare_rates(a) for a in arms.values()), _write_rates(design, arms[id_])
    asked = f" Asked: {_write_rates(design, arms[columns[1]])}." if len(columns) > 1 else ""
    if not any(m.n for m in arms[id_]):
        return _report(id_, NAN, f"No window of {label} is over yet.")
    if np.isnan(p) and not any(m.n and m.mean[0] > 0 for m in arms[id_]):
        window = " whose window is over" if design.metrics[name].within_days else ""
        return Check(id_, "pass", NAN, ALERT, f"The outcome {label} is known for every {design.unit}{window}.{asked}")
    if np.isnan(p):
        return _report(id_, p, f"Too few outcomes of {label} to test whether they are missing alike: {rates}.{asked}")
    if p >= ALERT:
        return _report(id_, p, f"Outcomes of {label} are missing alike in the arms: {rates}; {_write_p(p)}.{asked}")
    unlike = f"Outcomes of {label} are missing at different rates: {rates}; {_write_p(p)}.{asked}"
    return _report(id_, p, f"{unlike} Its effect is not estimated.", alarm="fail")


def _check_exposure(units, design):
    weeks = metrics.summarise_shares(units, ["exposed"], by="week")
    cells = {arm: [week["exposed"][arm] for week in weeks.values()] for arm in design.variant.arms}
    p = _combine(compare_rates([m for m in arm if m.n >= design.min_cell]) for arm in cells.values())
    whole = metrics.summarise_shares(units, ["exposed"])[None]["exposed"]
    rates = _write_rates(design, [whole[arm] for arm in design.variant.arms])
    if np.isnan(p):
        said = f"There are not two weeks with enough units to compare the take-up: {rates}."
    elif p >= ALERT:
        said = f"Take-up is steady over the weeks of assignment: {rates}; smallest adjusted {_write_p(p)}."
    else:
        said = f"Take-up changes over the weeks of assignment: {rates} in all; adjusted {_write_p(p)}."
    return _report("exposure_over_time", p, said)


def _report(name, p, message, *, alarm="warn"):
    """A check by p-value: what cannot be computed is not tested, what is below the threshold alarms."""
    status = "not tested" if np.isnan(p) else "pass" if p >= ALERT else alarm
    return Check(name, status, p, ALERT, message)


def _combine(ps):
    """The smallest of some p-values, times their number (Bonferroni); nan where there is none."""
    known = [p for p in ps if not np.isnan(p)]
    return min(1.0, min(known) * len(known)) if known else NAN


def _write_rates(design, arms):
    return ", ".join(
        f"{arm} {_write_rate(m, design.min_cell)}" for arm, m in zip(design.variant.arms, arms, strict=True)
    )


def _write_rate(moments, min_cell):
    """A share, unless it would show a cell of fewer than `min_cell` units."""
    if not moments.n:
        return "none observed"
    rate = read_rate(moments)
    units = moments.n if len(moments.names) == 1 else moments.n * moments.mean[1]
    small, rest = round(rate * units), round((1 - rate) * units)
    if 0 < small < min_cell:
        return f"fewer than {min_cell} units"
    return f"all but fewer than {min_cell} units" if small and 0 < rest < min_cell else _percent(rate)


def _percent(share):
    return f"{100 * share:.1f} %"


def _write_chance(p):
    """A p-value as a share of randomisations."""
    if p > 0.999:
        return "over 99.9 %"
    return f"under {100 * ALERT:g} %" if p < ALERT else f"{100 * p:.1f} %"


def _write_p(p):
    if p > 0.999:
        return "p > .999"
    return "p < .001" if p < 0.001 else f"p = {p:.3f}".replace("0.", ".", 1)
