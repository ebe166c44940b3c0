"""The A/A test of `studies check --aa`: the plan's tests on random splits of the user's own units, as a table."""

import sys

from helpers import checks, survival

HEADS = ("metric", "method", "clear", "chance", "smallest", "p-values by tenth, % of the splits", "")
SIDES = "<<>>><"


def print_resplits(units, *, n_splits, seed):
    """Print what each metric's test says of splits without any real difference, one line a metric and treatment.

    Parameters
    ----------
    units : metrics.Units
    n_splits, seed : int
        As `checks.resplit` takes them; while it runs, a terminal sees how far it is on the standard error.
    """
    found = checks.resplit(units, n_splits=n_splits, seed=seed, compare_times=_compare_times, progress=_find_teller())
    print(_introduce(units.design, n_splits, seed))
    lines = [HEADS, *(_write_row(row, units.design) for row in found)]
    widths = [max(map(len, column)) for column in list(zip(*lines, strict=True))[:-1]]
    for *cells, verdict in lines:
        padded = [_pad(text, width, side) for text, width, side in zip(cells, widths, SIDES, strict=True)]
        print("  ".join([*padded, verdict]).rstrip())


def _pad(text, width, side):
    return f"{text:{side}{width}}"


def _compare_times(control, treatment, *, horizon, confidence_level):
    tables = (survival.build_life_table(*side.T) for side in (control, treatment))
    return survival.incidence_difference(*tables, horizon=horizon, confidence_level=confidence_level)


def _introduce(design, n_splits, seed):
    shares = design.variant.shares
    how = ", ".join(f"{arm} {100 * share:g} %" for arm, share in shares.items()) if shares else "as found"
    unit = design.cluster or design.unit
    return (
        f"A/A test: {n_splits:,} times every {unit} of all arms is put into an arm at random ({how}; seed {seed}), so "
        f"no difference can be real. A test that keeps its promise calls {100 * design.alpha:g} % of these splits "
        "clear, give or take chance, and its p-values fill every tenth alike."
    )


def _write_row(row, design):
    several = len(design.variant.treatments) > 1
    name = f"{row.metric} ({row.treatment})" if several else row.metric
    if row.judgement is None:
        return name, row.method, "", "", "", "", f"not resplit: {row.reason}"
    clear, low, high = row.judgement.clear, row.judgement.band_low, row.judgement.band_high
    cell = f"under {design.min_cell}" if row.smallest_cell < design.min_cell else f"{row.smallest_cell:,}"
    if clear != clear:
        return name, row.method, "none", "", cell, "", row.judgement.verdict
    tenths = " ".join(f"{round(100 * share):>2}" for share in checks.count_by_tenth(row.p_values))
    chance = f"{100 * low:.1f} to {100 * high:.1f} %"
    return name, row.method, f"{100 * clear:.1f} %", chance, cell, tenths, row.judgement.verdict


def _find_teller():
    return _tell if sys.stderr.isatty() else None


def _tell(done, of):
    sys.stderr.write(f"\r{done:,} of {of:,} splits" + ("\r\x1b[2K" if done == of else ""))
    sys.stderr.flush()
