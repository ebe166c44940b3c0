"""Sums about constants become moments that keep their digits: one query, and more only where a group lies far off."""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import numpy as np

from helpers.metrics.events import ask
from helpers.records import NAN, Moments

FIRST_ROWS = 10_000  # a column's constant is near their mean
FAR = 25.0  # a mean's squared distance from the constant, in variances, from which on sums lose digits
TURNS = 3  # about the constant; about each group's mean, which is rounded itself; about what that left
FEW_BITS, LARGEST = 1024.0, 2.0**36  # sums of whole numbers and of few binary places, below it, are exact
NO_VALUE = ibis.null("float64")
TAILED = ("y", "num")  # what a block begins with whose skewness is known


@dataclass(frozen=True)
class Block:
    """Columns whose moments are taken together, over the rows where `known` is not null.

    `complete` names the 0/1 column that tells where an outcome should be known; True is each row; None leaves
    `missing` at 0. Columns that begin with `x_` are never null; any other is null exactly where `known` is, which
    without `has_gaps` never happens. The skewness of a ratio is taken about `ratio`, which is near its own.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    known: str
    complete: str | bool | None = None
    has_gaps: bool = True
    ratio: float = 0.0

    @property
    def pairs(self) -> tuple[tuple[str, str | None], ...]:
        """Each column, and the outcome where the column must be made null with it."""
        beside = self.known if self.has_gaps and not self.known.startswith("x_") else None
        return tuple((column, beside if column.startswith("x_") else None) for column in self.columns)

    @property
    def counted(self) -> tuple[str, None]:
        """The pair whose values are counted."""
        return self.known, None


@dataclass(frozen=True)
class _Query:
    """What stays from turn to turn: groups, 0/1 columns, constants, whether skewness is asked, aliases of the pairs."""

    keys: list[str]
    marks: Collection[str]
    constants: dict[str, float]
    has_tails: bool
    aliases: dict[tuple[str, str | None], str]


def measure(table: ir.Table, looked, blocks: dict[str, Block], keys, *, marks, has_tails) -> dict:
    """Return the moments of some blocks in each group of a table, by one query unless groups lie far apart.

    Each column is lowered by a constant of few binary places near the mean of the first rows; then sums, sums of
    products and of cubes are taken. Where a group's mean is so far from the constant that subtracting would lose
    digits, its blocks are measured again about the mean of each group.

    Parameters
    ----------
    table : ibis.Table
    looked : what `look` gave of some rows of it, or of what is like them; only speed hangs on the choice
    blocks : dict of name to Block
    keys : list of str, columns of the groups
    marks : collection of str, columns that hold 0, 1 or null only
    has_tails : bool, whether skewness is asked for

    Returns
    -------
    dict: one tuple of the keys' values a group that occurs -> name of the block -> Moments; and "rows", their number.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, equations 1.7 and 2.1.
    """
    constants, gaps, ratios = looked
    blocks = {name: replace(block, ratio=ratios.get(name, 0.0)) for name, block in blocks.items()}
    hoped = {name: replace(block, has_gaps=block.known in gaps) for name, block in blocks.items()}
    options = {"keys": keys, "marks": marks, "constants": constants, "has_tails": has_tails}
    found = _measure(table, hoped, options)
    return _measure(table, blocks, options) if found is None else found


def _measure(table, blocks, options):
    """The moments; None where a block without gaps turns out to have some."""
    pairs = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, block.counted))
    query = _Query(**options, aliases={pair: f"v{i}" for i, pair in enumerate(pairs)})
    table, left, found = _lower(table, blocks, query), blocks, {}
    for _ in range(TURNS):
        far, rows = set(), _ask(table, left, query)
        if any(row["count", b.counted] < row["rows"] for row in rows.values() for b in _list_hoped(left)):
            return None
        for key, row in rows.items():
            cells = {name: _read(row, block, query) for name, block in left.items()}
            found[key] = found.get(key, {}) | {name: moments for name, (moments, _) in cells.items()}
            found[key]["rows"] = row["rows"]
            far |= {name for name, (_, is_far) in cells.items() if is_far}
        left = {name: block for name, block in left.items() if name in far}
        if not left:
            break
        table = _lower_again(table, left, query)
    return found


def count_none(block: Block) -> Moments:
    """Return the moments of a group without rows: n = 0, everything else nan.

    Parameters
    ----------
    block : Block
    """
    k = len(block.names)
    return Moments(block.names, 0, np.full(k, NAN), np.full((k, k), NAN))


def look(first: ir.Table, blocks: dict[str, Block], marks) -> tuple:
    """Return from some first rows: a constant near each column's mean, outcomes that have gaps, ratios; by one query.

    Parameters
    ----------
    first, blocks, marks : as `measure` takes them
    """
    columns = dict.fromkeys(c for block in blocks.values() for c in (*block.columns, block.known) if c not in marks)
    facts = {("mean", column): first[column].mean() for column in columns}
    facts |= {("spread", column): first[column].std(how="sample") for column in columns}
    known = {block.known for block in blocks.values()}
    facts |= {("gaps", column): first.count() - first[column].count() for column in sorted(known)}
    row, ratios = ask(first, facts), {}
    constants = {column: _shorten(row["mean", column], row["spread", column]) for column in columns}
    for name, block in blocks.items():
        if block.names[0] == "num":
            above, below = (row["mean", column] for column in block.columns[:2])
            ratios |= {name: above / below} if above is not None and below else {}
    return constants, {column for column in known if row["gaps", column]}, ratios


def _list_hoped(blocks):
    """The blocks whose covariates were not made null with the outcome, as it seemed to have no gaps."""
    return [b for b in blocks.values() if not b.has_gaps and any(c.startswith("x_") for c in b.columns)]


def _shorten(mean, deviation):
    """A mean to a tenth of the deviation in binary places: so short that sums of an arm of zeros stay exact."""
    if mean is None or not math.isfinite(mean):
        return 0.0
    spread = deviation if deviation is not None and math.isfinite(deviation) else 0.0
    step = max(math.frexp(spread)[1] - 4, math.frexp(mean)[1] - 40)
    return math.ldexp(round(math.ldexp(mean, -step)), step)


def _lower(table, blocks, query):
    """The columns as they are (`raw_`), null where the outcome is, and less their constant."""
    columns = {}
    for (column, beside), alias in query.aliases.items():
        less = table[column] - ibis.literal(query.constants[column]) if query.constants.get(column) else table[column]
        for name, value in ((f"raw_{alias}", table[column]), (alias, less)):
            columns[name] = table[beside].notnull().ifelse(value, NO_VALUE) if beside else value
    complete = {block.complete for block in blocks.values() if isinstance(block.complete, str)}
    return table.select(*query.keys, *sorted(complete), **columns)


def _lower_again(table, blocks, query):
    """The same columns less their mean in each group, with these means as columns (`at_`)."""
    needed = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, block.counted))
    moved = {query.aliases[pair]: query.constants[pair[0]] for pair in needed if pair[0] not in query.marks}
    old = {alias: table[f"at_{alias}"].max() if f"at_{alias}" in table.columns else c for alias, c in moved.items()}
    means = table.group_by(query.keys).aggregate(**{f"at_{a}": table[a].mean() + before for a, before in old.items()})
    both = table.drop(*(name for name in table.columns if name.startswith("at_"))).inner_join(means, query.keys)
    # from the columns as they are: what the constant has taken from small values does not come back
    less = {alias: both[f"raw_{alias}"] - both[f"at_{alias}"] for alias in moved}
    return both.mutate(**less)


def _ask(table, blocks, query):
    """Answer by group all that the blocks need: a tuple of the keys' values -> what was asked -> its value."""
    asked = _list_sums(table, blocks, query)
    found = table.group_by(query.keys).aggregate(**{f"a{i}": value for i, value in enumerate(asked.values())})
    rows = found.to_pyarrow().to_pylist()
    return {tuple(row[k] for k in query.keys): {what: row[f"a{i}"] for i, what in enumerate(asked)} for row in rows}


def _list_sums(table, blocks, query):
    """Return each sum once, by its name: what, and of which pairs."""
    value = {pair: table[alias] for pair, alias in query.aliases.items() if alias in table.columns}
    asked = {("at", p): table[f"at_{a}"].max() for p, a in query.aliases.items() if f"at_{a}" in table.columns}
    asked["rows"] = table.count()
    for block in blocks.values():
        asked["count", block.counted] = value[block.counted].count()
        if block.complete:
            complete = table.count() if block.complete is True else table[block.complete].sum()
            asked["complete", block.complete] = complete
        top = value[block.pairs[0]]
        if query.has_tails and block.names[0] in TAILED and block.columns[0] not in query.marks:
            left = top - block.ratio * value[block.pairs[1]] if block.names[0] == "num" else top
            asked["cube", block.pairs[0]] = (left * left * left).sum()
        for i, pair in enumerate(block.pairs):
            asked["sum", pair] = value[pair].sum()
            others = block.pairs[i + (pair[0] in query.marks) :]  # a mark is its own square
            asked |= {("product", pair, other): (value[pair] * value[other]).sum() for other in others}
    return asked


def _read(row, block, query):
    """The moments of one block in one group, and whether a column lies too far from its centre for them."""
    n, k = row["count", block.counted], len(block.pairs)
    missing = int((row["complete", block.complete] or 0) - n) if block.complete else 0
    if not n:
        return replace(count_none(block), missing=missing), False
    totals, cov, is_far = [row["sum", pair] for pair in block.pairs], np.full((k, k), NAN), False
    for i, pair in enumerate(block.pairs if n > 1 else ()):
        cov[i, i], is_lost = _vary(n, totals[i], row.get(("product", pair, pair), totals[i]))
        is_far = is_far or is_lost
        for j, other in enumerate(block.pairs[i + 1 :], start=i + 1):
            cov[i, j] = cov[j, i] = (row["product", pair, other] - totals[i] * totals[j] / n) / (n - 1)
    centres = [row.get(("at", pair), query.constants.get(pair[0], 0.0)) for pair in block.pairs]
    mean = np.array([centre + total / n for centre, total in zip(centres, totals, strict=True)])
    remainder = np.array([math.fsum((c, t / n, -m)) for c, t, m in zip(centres, totals, mean, strict=True)])
    skewness = NAN
    if query.has_tails and block.names[0] in TAILED:  # of an outcome, or of numerator - ratio x denominator
        weights = np.array([1.0] if block.names[0] == "y" else [1.0, -block.ratio])
        k = len(weights)
        variance = float(weights @ cov[:k, :k] @ weights)
        skewness = _skew(n, float(weights @ totals[:k]) / n, variance, row.get(("cube", block.pairs[0]), totals[0]))
    return Moments(block.names, n, mean, cov, missing, skewness, remainder), is_far


def _vary(n, total, square):
    """The variance from the sums of values and squares, and whether it lost digits that a better centre would keep."""
    within = square - total * total / n
    if not total * total / n > FAR * within:
        return within / (n - 1), False
    if all((abs(value) < LARGEST) and (value * FEW_BITS).is_integer() for value in (total, square)):
        return float((Fraction(square) - Fraction(total) ** 2 / n) / (n - 1)), False
    return max(within, 0.0) / (n - 1), True


def _skew(n, mean, variance, cubes):
    """g1 = m3 / m2^1.5 from the sum of cubes about the centre; nan when all values are equal."""
    m2 = variance * (n - 1) / n
    if not m2 > 0:
        return NAN
    return (cubes / n - 3 * mean * m2 - mean**3) / math.pow(m2, 1.5)
