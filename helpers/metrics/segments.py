"""Levels: of segments those that are large enough to be named, where two overlap, who pays in each; of covariates."""

import ibis

from helpers.kinds import COUNTED
from helpers.metrics.events import ask, mark
from helpers.records import Refused

MOST_LEVELS, OTHER = 20, "other"
TELLING = (
    "plan, segments: the column {} tells who a unit is, not what it has in common: {:,} of {:,} units have a level of "
    "their own; leave it out, or group its levels"
)


def ask_levels(units, design):
    """What to ask of the levels of segments: those of at least `min_cell` units, how many others, and units alone."""
    parts = [units.select(name=ibis.literal(name), level=_read_level(units, name)) for name in design.segments]
    table, asked = ibis.union(*parts) if len(parts) > 1 else parts[0], {}
    counts = table.group_by("name", "level").aggregate(n=table.count())
    for name in design.segments:
        mine, is_large = counts.name == name, counts.n >= design.min_cell
        asked["levels", name] = counts.level.collect(where=mine & is_large)
        asked["small", name] = (mine & ~is_large & (counts.level != "unknown")).sum()
        asked["alone", name] = (mine & (counts.n == 1)).sum()
    return counts, asked


def read_levels(found, design):
    """The levels of each segment that are large enough to be named, "unknown" one of them; None where all others are.

    Raises
    ------
    Refused: most units have a level of their own, so that it tells who they are.
    """
    for name in design.segments:
        if (alone := found["alone", name]) > max(found["units"] / 2, MOST_LEVELS):
            raise Refused(TELLING.format(name, alone, found["units"]))
    return {name: sorted(found["levels", name] or ()) if found["small", name] else None for name in design.segments}


def _read_level(table, name):
    return table[name].cast("string").fill_null("unknown")


def name_levels(table, levels):
    """The columns of segments: levels that are too small to be named are one; without any, a column is as it is."""
    found = {}
    for name, large in levels.items():
        level = _read_level(table, name)
        found[f"s_{name}"] = level if large is None else level.isin([*large, "unknown"]).ifelse(level, OTHER)
    return found


def count_overlap(units):
    """Return how many units stand in each combination of the levels of all segments, by variant.

    Parameters
    ----------
    units : Units

    Returns
    -------
    DataFrame: `variant`, one column a segment, `n`; None with fewer than two segments.
    """
    segments = units.design.segments
    if len(segments) < 2:
        return None
    named = units.table.select("variant", **{name: units.table[f"s_{name}"] for name in segments})
    return named.group_by("variant", *segments).aggregate(n=named.count()).to_pandas()


def count_payers(units) -> dict[tuple[str, str, str | None], int]:
    """Return how many units there are in each arm and part of it, and how many of them have any of what a metric sums.

    Parameters
    ----------
    units : Units

    Returns
    -------
    dict: (metric, arm, part) to units with an outcome other than 0; 1 where one of them holds more than half of all;
        the metric "" to all units. Of shares and times to an event there are none. A part is "column=level" of a
        segment, "week 1", "takers" or "others", or None, the whole arm. Of takers and others (metric, arm, "n takers")
        and "n others" are how many units they are. (metric, arm, "guard") is how many guard the whole arm, and is left
        out of counts and their ratios of which none holds most: as of events, who is in an arm drawn by lot is unknown.
    """
    design, table = units.design, units.table
    summed = [n for n, m in design.metrics.items() if m.numerator or (m.how.total in COUNTED and not m.how.is_share)]
    paid = {n: column for n in summed for column in (f"y_{n}", f"num_{n}") if column in table.columns}
    names, counts = list(paid), {n for n, m in design.metrics.items() if m.how.total == "count"}
    counts |= {n for n, m in design.metrics.items() if {m.numerator, m.denominator} <= counts}
    if design.units_in_row:  # nobody knows whose the sums are
        return {}
    parts = [ibis.null("string"), *(ibis.literal(f"{s}=").concat(table[f"s_{s}"]) for s in design.segments)]
    if design.assigned_at:
        parts.append(ibis.literal("week ").concat((table["week"] + 1).cast("string")))
    if "exposed" in table.columns:
        parts.append((table["exposed"] == 1).ifelse("takers", "others").fill_null("take-up unknown"))
    asked = []
    for part in parts:
        rows = table.select("variant", *(paid[name] for name in names), part=part)
        sums = {"all": rows.count()}
        for name in names:
            size = rows[paid[name]].abs()
            sums |= {f"n{name}": (size > 0).sum(), f"most{name}": size.max(), f"all{name}": size.sum()}
            sums |= {f"of{name}": size.count()}
        asked.append(rows.group_by("variant", "part").aggregate(**sums))
    found = {}
    for row in ibis.union(*asked).to_pyarrow().to_pylist() if len(asked) > 1 else asked[0].to_pyarrow().to_pylist():
        found["", row["variant"], row["part"]] = row["all"]
        for name in names:
            is_held = 2 * (row[f"most{name}"] or 0) > (row[f"all{name}"] or 0)
            found[name, row["variant"], row["part"]] = 1 if is_held else int(row[f"n{name}"] or 0)
            if row["part"] is None and (is_held or name not in counts):
                found[name, row["variant"], "guard"] = found[name, row["variant"], None]
            if row["part"] in ("takers", "others"):
                found[name, row["variant"], f"n {row['part']}"] = row[f"of{name}"]
    return found


def make_covariates(table, units, design, holed):
    """The columns of covariates, never null: `x_<name>`, `x_<name>=<level>`, `x_<name>:missing`.

    Numbers are filled with 0 where they are missing, beside an indicator of it; under an adjustment that holds the
    indicator, the value that fills changes nothing. Other columns become an indicator a level, compared after
    trimming and case folding: the most frequent level is the reference, levels beyond the 20 most frequent are
    pooled as "other", missing ones have an indicator of their own. Only units of the randomised arms decide which
    levels there are and whether any value is missing (Zhao and Ding, 2024, To adjust or not to adjust?); `holed` are
    those that any unit lacks, as arms are looked up only where one is: text is slow. `units` are those of the table
    before they are joined with what events say of them.
    """
    columns, gaps, of_arms = {}, {}, units["variant"].isin(design.variant.arms)
    if holed:
        some = units.filter(ibis.or_(*(units[name].isnull() for name in holed))).filter(of_arms)
        gaps = ask(some, {name: some.count() - some[name].count() for name in holed})
    numbers = [n for n in design.covariates if table[n].type().is_numeric() or table[n].type().is_boolean()]
    texts = {n: table[n].cast("string").strip().lower() for n in design.covariates if n not in numbers}
    counted = []  # the most frequent levels of each, one more than are kept
    for name in texts:
        known = units.filter(of_arms).select(level=units[name].cast("string").strip().lower()).drop_null("level")
        known = known.group_by("level")
        most = known.aggregate(units=ibis._.count()).order_by(ibis.desc("units"), "level").limit(MOST_LEVELS + 1)
        counted.append(most.mutate(name=ibis.literal(name)))
    rows = ibis.union(*counted).order_by(ibis.desc("units"), "level").to_pyarrow().to_pylist() if texts else []
    for name in design.covariates:
        if name in numbers:
            number = mark(table[name]) if table[name].type().is_boolean() else table[name].cast("float64")
            columns[f"x_{name}"] = number.fill_null(0.0)
        else:
            level, kept = texts[name], [row["level"] for row in rows if row["name"] == name]
            if is_pooled := len(kept) > MOST_LEVELS:
                kept = [value for value in kept[:MOST_LEVELS] if value != OTHER]
            facts = {value: level == value for value in kept[1:]} | ({OTHER: ~level.isin(kept)} if is_pooled else {})
            columns |= {f"x_{name}={value}": mark(fact.fill_null(False)) for value, fact in facts.items()}
        if gaps.get(name):
            columns[f"x_{name}:missing"] = mark(table[name].isnull())
    return columns
