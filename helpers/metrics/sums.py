"""Sums about constants become moments that keep their digits: one query, and more only where a group lies far off."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import ibis
import ibis.expr.types as ir
import numpy as np

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
    without `has_gaps` never happens. `has_tail` asks for the skewness, of a ratio about `ratio`, which is near its own.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    known: str
    complete: str | bool | None = None
    has_gaps: bool = True
    has_tail: bool = True
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
    """What stays the same from turn to turn: the groups, the 0/1 columns, the alias of each pair of `Block`."""

    keys: list[str]
    marks: Collection[str]
    aliases: dict[tuple[str, str | None], str]


def measure(table: ir.Table, first: ir.Table, blocks: dict[str, Block], keys, *, marks) -> dict:
    """Return the moments of some blocks in each group of a table, by one query unless groups lie far apart.

    Each column is lowered by a constant of few binary places near the mean of the first rows; then sums, sums of
    products and of cubes are taken. Where a group's mean is so far from the constant that subtracting would lose
    digits, its blocks are measured again about the mean of each group.

    Parameters
    ----------
    table : ibis.Table
    first : ibis.Table
        Some rows of it, or what is like them; only speed hangs on the choice.
    blocks : dict of name to Block
    keys : list of str, columns of the groups
    marks : collection of str, columns that hold 0, 1 or null only

    Returns
    -------
    dict: one tuple of the keys' values a group that occurs -> name of the block -> Moments.

    References
    ----------
    Chan, Golub and LeVeque (1983), Algorithms for computing the sample variance, equations 1.7 and 2.1.
    """
    if not blocks:
        return {}
    constants, gaps, ratios = _look(first, blocks, marks)
    blocks = {name: replace(block, ratio=ratios.get(name, 0.0)) for name, block in blocks.items()}
    hoped = {name: replace(block, has_gaps=block.known in gaps) for name, block in blocks.items()}
    found = _measure(table, hoped, keys, marks, constants)
    return _measure(table, blocks, keys, marks, constants) if found is None else found


def _measure(table, blocks, keys, marks, constants):
    """The moments; None where a block without gaps turns out to have some."""
    pairs = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, block.counted))
    query = _Query(keys, marks, {pair: f"v{i}" for i, pair in enumerate(pairs)})
    table, left, found = _lower(table, blocks, query, constants), blocks, {}
    for _ in range(TURNS):
        far, rows = set(), _ask(table, left, query)
        if any(row["count", b.counted] < row["rows", b.known] for row in rows.values() for b in _list_hoped(left)):
            return None
        for key, row in rows.items():
            cells = {name: _read(row, block, constants, marks) for name, block in left.items()}
            found[key] = found.get(key, {}) | {name: moments for name, (moments, _) in cells.items()}
            far |= {name for name, (_, is_far) in cells.items() if is_far}
        left = {name: block for name, block in left.items() if name in far}
        if not left:
            break
        table = _lower_again(table, left, query, constants)
    return found


def count_none(block: Block) -> Moments:
    """Return the moments of a group without rows: n = 0, everything else nan.

    Parameters
    ----------
    block : Block
    """
    k = len(block.names)
    return Moments(block.names, 0, np.full(k, NAN), np.full((k, k), NAN))


def _look(first, blocks, marks):
    """From the first rows: a constant for each column that needs one, outcomes that have gaps there, and ratios."""
    columns = dict.fromkeys(c for block in blocks.values() for c in (*block.columns, block.known) if c not in marks)
    known = dict.fromkeys(block.known for block in blocks.values())
    asked = {f"m{i}": first[column].mean() for i, column in enumerate(columns)}
    asked |= {f"d{i}": first[column].std(how="sample") for i, column in enumerate(columns)}
    asked |= {f"g{i}": first.count() - first[column].count() for i, column in enumerate(known)}
    row = first.aggregate(**asked).to_pyarrow().to_pylist()[0]
    means = {column: row[f"m{i}"] for i, column in enumerate(columns)}
    constants = {column: _shorten(means[column], row[f"d{i}"]) for i, column in enumerate(columns)}
    ratios = {
        name: means[block.columns[0]] / means[block.columns[1]]
        for name, block in blocks.items()
        if block.names[0] == "num" and means[block.columns[0]] is not None and means[block.columns[1]]
    }
    return constants, {column for i, column in enumerate(known) if row[f"g{i}"]}, ratios


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


def _lower(table, blocks, query, constants):
    """The columns as they are (`raw_`), null where the outcome is, and less their constant."""
    columns = {}
    for (column, beside), alias in query.aliases.items():
        less = table[column] - ibis.literal(constants[column]) if constants.get(column) else table[column]
        for name, value in ((f"raw_{alias}", table[column]), (alias, less)):
            columns[name] = table[beside].notnull().ifelse(value, NO_VALUE) if beside else value
    return table.select(*query.keys, *_list_complete(blocks), **columns)


def _lower_again(table, blocks, query, constants):
    """The same columns less their mean in each group, with these means as columns (`at_`)."""
    needed = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, block.counted))
    moved = {query.aliases[pair]: constants[pair[0]] for pair in needed if pair[0] not in query.marks}
    old = {alias: table[f"at_{alias}"].max() if f"at_{alias}" in table.columns else c for alias, c in moved.items()}
    means = table.group_by(query.keys).aggregate(**{f"at_{a}": table[a].mean() + before for a, before in old.items()})
    both = table.drop(*(name for name in table.columns if name.startswith("at_"))).inner_join(means, query.keys)
    # from the columns as they are: what the constant has taken from small values does not come back
    less = {alias: both[f"raw_{alias}"] - both[f"at_{alias}"] for alias in moved}
    return both.mutate(**less)


def _list_complete(blocks):
    return list(dict.fromkeys(block.complete for block in blocks.values() if isinstance(block.complete, str)))


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
    asked |= {("rows", block.known): table.count() for block in _list_hoped(blocks)}
    for block in blocks.values():
        asked["count", block.counted] = value[block.counted].count()
        if block.complete:
            asked["complete", block.complete] = _count_complete(table, block.complete)
        top = value[block.pairs[0]]
        if block.has_tail and block.names[0] in TAILED and block.columns[0] not in query.marks:
            left = top - block.ratio * value[block.pairs[1]] if block.names[0] == "num" else top
            asked["cube", block.pairs[0]] = (left * left * left).sum()
        for i, pair in enumerate(block.pairs):
            asked["sum", pair] = value[pair].sum()
            others = block.pairs[i + (pair[0] in query.marks) :]  # a mark is its own square
            asked |= {("product", pair, other): (value[pair] * value[other]).sum() for other in others}
    return asked


def _count_complete(table, complete):
    return table.count() if complete is True else table[complete].sum()


def _read(row, block, constants, marks):
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
    centres = [row.get(("at", pair), constants.get(pair[0], 0.0)) for pair in block.pairs]
    mean = np.array([centre + total / n for centre, total in zip(centres, totals, strict=True)])
    remainder = np.array([math.fsum((c, t / n, -m)) for c, t, m in zip(centres, totals, mean, strict=True)])
    skewness = _find_skewness(n, block, totals, cov, row.get(("cube", block.pairs[0]), totals[0]))
    return Moments(block.names, n, mean, cov, missing, skewness, remainder), is_far


def _vary(n, total, square):
    """The variance from the sums of values and squares, and whether it lost digits that a better centre would keep."""
    within = square - total * total / n
    if not total * total / n > FAR * within:
        return within / (n - 1), False
    if all((abs(value) < LARGEST) and (value * FEW_BITS).is_integer() for value in (total, square)):
        return float((Fraction(square) - Fraction(total) ** 2 / n) / (n - 1)), False
    return max(within, 0.0) / (n - 1), True


def _find_skewness(n, block, totals, cov, cubes):
    """Of an outcome, or of what a ratio leaves of its numerator, numerator - ratio x denominator; nan unasked."""
    if not block.has_tail or block.names[0] not in TAILED:
        return NAN
    if block.names[0] == "y":
        return _skew(n, totals[0] / n, float(cov[0, 0]), cubes)
    weights = np.array([1.0, -block.ratio])
    return _skew(n, float(weights @ totals[:2]) / n, float(weights @ cov[:2, :2] @ weights), cubes)


def _skew(n, mean, variance, cubes):
    """g1 = m3 / m2^1.5 from the sum of cubes about the centre; nan when all values are equal."""
    m2 = variance * (n - 1) / n
    if not m2 > 0:
        return NAN
    return (cubes / n - 3 * mean * m2 - mean**3) / math.pow(m2, 1.5)
