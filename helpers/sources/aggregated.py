"""Rows that hold several become one row each: sums over units a unit, and columns of times an event.

The units of a row of sums, such as one an arm and day, are made so that its counts, sums, squares and products come out
exactly; what these do not tell, such as ranks, quantiles and tails, is not in them.
"""

from dataclasses import dataclass, replace

import ibis
import ibis.expr.types as ir

from helpers import schema
from helpers.records import Refused
from helpers.schema import UNITS
from helpers.sources.numerals import MISSING, fill
from helpers.sources.opening import ask, count_all, put_table

MOST_ROWS, LEAST_DAYS, STEEP = 10_000, 7, 4  # rows looked at, from which on a rise is odd, but of a steeper one
ROUNDED = 1e-9  # of squares and products, which were summed in another order
MADE = "sums over units, one a row; ranks, quantiles and tails within a row are not known"


@dataclass(frozen=True)
class _Sums:
    """What rows tell of a metric: units, sum, sum of squares, and how many units stand in the higher half."""

    n: ir.FloatingValue
    total: ir.FloatingValue
    squares: ir.FloatingValue
    first: ir.FloatingValue

    @property
    def mean(self):
        return self.total / self.n.nullif(0.0)

    @property
    def variance(self):
        return ibis.greatest(self.squares / self.n.nullif(0.0) - self.mean**2, 0.0)


def _read_sums(table, design, name):
    metric, n = design.metrics[name], table[UNITS].cast("float64")
    total = table[metric.column or name].cast("float64")
    rest = (total, total) if metric.how.is_share else (table[metric.squares].cast("float64"), (n / 2).floor())
    return _Sums(n, total, *rest)


def number_rows(given, name):
    """Return what was given, each row of its units with a number, in an order of all columns.

    Parameters
    ----------
    given : opening.Given
    name : str, of the column of numbers

    Raises
    ------
    Refused: events too; rows that repeat another in every column.
    """
    if given.events is not None:
        raise Refused("events: given beside rows that hold many units, which no event can name; leave them out")
    raw = given.units
    table, once = raw.table, raw.table.distinct()
    counts = count_all(table, {"rows": table.count()}, raw.name, once.aggregate(once=once.count()))
    fault = "that repeats another in every column, so that its units would count twice; export each once"
    schema.refuse_some(counts["rows"] - counts["once"], "row", raw.name, fault)
    numbers = ibis.row_number().over(order_by=[table[column] for column in table.columns])
    return replace(given, units=put_table(given.backend, raw, table.mutate(**{name: numbers})))


def part_events(given, design):
    """Return the raw events of a table with a column of times an event, one row an event.

    Times stay as they came, so that they are read as the one column of times of a log is.

    Parameters
    ----------
    given : opening.Given
    design : plan whose `events.wide` names the columns

    Raises
    ------
    Refused: a column that is absent; times of several types; no event at all.
    """
    raw, own, unit = given.events, design.events, design.events.unit or design.unit_id
    asked = [column for column in schema.list_event_columns(design) if column.target not in ("event", "at")]
    asked += [schema.Column(name, "an event of events.wide", "timestamp") for name in own.wide]
    schema.refuse_missing(asked, raw.table.columns, file=raw.name, typed=raw.parsed)
    known = count_all(raw.table, {name: _is_known(raw.table[name]).sum() for name in own.wide}, raw.name)
    if not any(known.values()):
        raise Refused(f"{raw.name}: no event, as every column of events.wide is empty; export it again")
    times = {name: _make_alike(raw.table[name]) for name in own.wide if known[name]}
    kinds = {str(time.type()): name for name, time in times.items()}
    if len(kinds) > 1:
        found = " and ".join(f"{kind} in column {schema.cut(name)}" for kind, name in sorted(kinds.items()))
        raise Refused(f"{raw.name}: times are of type {found}; give all events.wide one type")
    return put_table(given.backend, raw, lengthen(raw.table.mutate(**times), own, unit, [*times]))


def _is_known(time):
    """Whether a cell holds anything: no event is one that is empty, or a word for nothing."""
    if time.type().is_string():
        text = fill(time)
        return text.notnull() & ~text.lower().isin(MISSING)
    return time.notnull() & ~time.isnan() if time.type().is_floating() else time.notnull()


def _make_alike(time):
    """Return times of one type where they came as dates or moments of several precisions, or numbers of several."""
    kind = time.type()
    if kind.is_date() or kind.is_timestamp():
        return time.cast("timestamp('UTC')" if getattr(kind, "timezone", None) else "timestamp")
    return time.cast("float64") if kind.is_numeric() else time


def lengthen(table, own, unit, columns=None) -> ibis.Table:
    """Return one row an event of a table with a column of times an event, as its plan calls the columns of a log.

    Other columns are repeated, but for those that are called as one of a log. No engine is asked for lists or objects.

    Parameters
    ----------
    table : Ibis table
    own : plan.Events
    unit : str, the column of the id
    columns : list of str, optional, those of `own.wide` that hold any
    """
    times = ", ".join(own.wide)
    taken = {name.lower() for name in (own.event, own.at, "event_id", *own.wide)}
    others = [name for name in table.columns if name != unit and name.lower() not in taken]
    parts = []
    for name in columns or own.wide:
        told = {unit: table[unit], own.event: ibis.literal(name), times: table[name]}
        parts.append(table.filter(_is_known(table[name])).select(*others, **told))
    return ibis.union(*parts) if len(parts) > 1 else parts[0]


def spread_rows(shaped, design):
    """Return one row a unit of a typed table of sums; its units share every column that is no sum.

    Of a binary metric the first units of each row are those with it. An amount, a count or a score takes two values a
    row. The numerator of a ratio lies beside its denominator as their products say.

    Parameters
    ----------
    shaped : tables.Shaped
        `unit` is the number of a row; UNITS and the plan's sums are numbers.
    design : ExperimentPlan with `units_in_row`

    Returns
    -------
    ibis.Table: lazy, so that no more than a few units are held at a time.

    Raises
    ------
    Refused: sums that no units can have.
    """
    _refuse_impossible(shaped, design)
    _refuse_running(shaped, design)
    table = shaped.table.mutate(place=ibis.range(shaped.table[UNITS].cast("int64")).unnest())
    place, values = table["place"].cast("float64"), {}
    for name in (name for name, metric in design.metrics.items() if metric.how.outcome == "y"):
        sums, metric = _read_sums(table, design, name), design.metrics[name]
        other, products = design.beside.get(name, (name, None))
        below, both = _read_sums(table, design, other), table[products].cast("float64") if products else sums.total
        if metric.how.is_share:  # so many of those that have the other, and the rest of those that have not
            rest = (place >= below.total) & (place < below.total + sums.total - both)
            value = ((place < both) | rest).cast("float64")
        elif products:
            value = _place_beside(place, sums, below, both)
        else:
            value = sums.mean + sums.variance.sqrt() * _alternate(place, sums.n)
        values[metric.column or name] = value
    unit = table["place"].cast("string").concat(" of row ", table["unit"])  # no word that a report could hold
    return table.mutate(unit=unit, **values).drop("place", UNITS)


def _alternate(place, n, first=None):
    """Two values of mean 0 and mean square 1 over n places, the higher one in the first of them, by default in half."""
    first = (n / 2).floor() if first is None else first
    rest = n - first
    return (place < first).ifelse((rest / first.nullif(0.0)).sqrt(), -(first / rest.nullif(0.0)).sqrt())


def _place_beside(place, above, below, products):
    """Numbers beside others: their mean at each of the two values, and what is left, in the larger part of the rows."""
    covariance = _find_covariance(above, below, products)
    varies = below.variance > 0
    slope = varies.ifelse(covariance / below.variance.sqrt().nullif(0.0), 0.0)
    first = varies.ifelse(below.first, 0.0)
    at = varies.ifelse(_alternate(place, below.n, first), 0.0)
    is_late = 2 * first <= below.n
    start, size = is_late.ifelse(first, 0.0), is_late.ifelse(below.n - first, first)
    is_within = (place >= start) & (place < start + size)
    left = ibis.greatest(above.variance - slope**2, 0.0) * above.n / size.nullif(0.0)
    return above.mean + slope * at + is_within.ifelse(left.sqrt() * _alternate(place - start, size), 0.0)


def _find_covariance(above, below, products):
    return products / above.n.nullif(0.0) - above.mean * below.mean


def _refuse_impossible(shaped, design):
    """Refuse sums that no units can have, by the column that says too much or too little."""
    faults = {}
    for name, metric in design.metrics.items():
        if metric.how.outcome == "y":
            sums, column = _read_sums(shaped.table, design, name), metric.column or name
            if metric.how.is_share:
                faults[column] = sums.total > sums.n, "with more units that have it than units"
            else:
                least = sums.total**2 / sums.n.nullif(0.0)
                odd = sums.squares.isnull() != sums.total.isnull()
                odd |= (sums.squares < least * (1 - ROUNDED)).fill_null(False)
                faults[metric.squares] = odd, f"whose squares are fewer than its {column} allows"
                faults[column] = (sums.n == 0) & (sums.total != 0), "with a sum of no units"
    for name, (other, products) in design.beside.items():
        above, below = (_read_sums(shaped.table, design, one) for one in (name, other))
        covariance = _find_covariance(above, below, shaped.table[products].cast("float64"))
        limit = (above.variance * below.variance).sqrt()
        limit += ROUNDED * (above.squares * below.squares).sqrt() / above.n.nullif(0.0)
        faults[products] = covariance.abs() > limit, "with products that these sums and squares do not allow"
    counts = count_all(shaped.table, {column: fault.sum() for column, (fault, _) in faults.items()}, shaped.name)
    for column, (_, fault) in faults.items():
        told = f"{fault}; correct them, or leave those rows out"
        schema.refuse_some(counts[column], "row", f"{shaped.name}, column {column}", told)


def _refuse_running(shaped, design):
    """Refuse a row that is the total of all others of its arm, and rows each of which holds those before it too."""
    named = [(metric.column or name, metric.squares) for name, metric in design.metrics.items() if metric.how.total]
    sums = [name for name in dict.fromkeys((UNITS, *sum(named, ()))) if name in shaped.table.columns]
    others = [name for name in shaped.table.columns if name not in (*sums, "unit", "variant")]
    table = shaped.table.select("variant", *sums, *others).limit(MOST_ROWS)
    rows = ask(lambda: table.to_pyarrow().to_pandas(), shaped.name)
    arms = [arm for _, arm in rows.astype(dict.fromkeys(sums, float)).groupby("variant") if len(arm) > 2]
    largest = [(arm.loc[arm[UNITS].idxmax(), sums], arm[sums].sum()) for arm in arms]
    n = sum(bool(((2 * top - whole).abs() <= ROUNDED * top.abs()).all()) for top, whole in largest)
    fault = "with the sum of all others of their arm, so that units would count twice; leave totals out"
    schema.refuse_some(n, "row", shaped.name, fault)
    for by in (name for name in others if arms and all(arm[name].is_unique for arm in arms)):
        if all(_is_running(arm.sort_values(by)[sums]) for arm in arms):
            told = f"every row holds at least what that before it by {by} does, as where each counts all up to its day"
            raise Refused(f"{shaped.name}: {told}; give each day its own sums")


def _is_running(rows):
    """Whether all sums rise from row to row, and no steeper than what adds up by equal parts."""
    is_rising = bool((rows.diff().iloc[1:] >= 0).all(axis=None)) and bool((rows[UNITS].diff().iloc[1:] > 0).all())
    return len(rows) >= LEAST_DAYS and is_rising and rows[UNITS].iloc[-1] < STEEP * len(rows) * rows[UNITS].iloc[0]
