"""Sums of columns, their products and cubes about constants near their means, become the moments of each group.

Sums about a constant keep their digits and add up; only a group that lies far off is summed once more, about its mean.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace
from fractions import Fraction

import ibis
import numpy as np

from helpers.metrics.events import ask
from helpers.records import NAN, Moments

FAR = 25.0  # a mean's squared distance from the constant, in variances, from which on sums lose digits
NEAR = 2.0  # deviations of whole numbers from 0, up to which that is their constant, as their sums lose no digit
FRACTION = 1.5 * 2.0**52  # a number to which it is added, and taken from again, has lost its fraction
TURNS = 3  # about the constant; about each group's mean, which is rounded itself; about what that left
FEW_BITS, LARGEST = 1024.0, 2.0**36  # sums of whole numbers and of few binary places, below it, are exact
NO_VALUE = ibis.null("float64")
TAILED = ("y", "num")  # what a block begins with whose skewness is known


@dataclass(frozen=True)
class Block:
    """Columns whose moments are taken together, over the rows where `known` is not null.

    `pairs` holds each column, and beside it the outcome where the column must be made null with it. `complete` names
    the 0/1 column that tells where an outcome should be known; True is each row; None leaves `missing` at 0.
    """

    names: tuple[str, ...]
    pairs: tuple[tuple[str, str | None], ...]
    known: str
    complete: str | bool | None = None


@dataclass(frozen=True)
class Look:
    """What is known before sums are asked for: constants near the columns' means, ratios, columns of 0, 1 or null.

    `ratios`, by numerator, are near those about which skewness is taken. `full` columns are known for every unit; of
    the 0/1 columns in `void`, full too, none is 1. `is_split` tells whether the first segment has few levels.
    """

    constants: dict[str, float]
    ratios: dict[str, float]
    marks: Collection[str]
    full: Collection[str] = ()
    void: Collection[str] = ()
    is_split: bool = False


@dataclass(frozen=True)
class Query:
    """What stays from turn to turn: groups, what was looked at, the columns whose skewness is asked, all columns."""

    keys: list[str]
    look: Look
    tails: Collection[tuple[str, str | None]]
    aliases: dict[tuple[str, str | None], str]


def join_sums(parts):
    """Return the sums of some groups together, by what they are of, from those of each; null without any."""
    joined = {}
    for what in parts[0]:
        known = [sums[what] for sums in parts if sums[what] is not None]
        add = sum if known and isinstance(known[0], int) else math.fsum
        joined[what] = {"largest": max, "smallest": min}.get(what[0], add)(known) if known else None
    return joined


def join_groups(found, places):
    """Return key and sums of the groups that some places of their keys tell apart, from those of finer groups."""
    parts = {}
    for key, sums in found:
        parts.setdefault(tuple(key[place] for place in places), []).append(sums)
    return [(key, join_sums(of) if len(of) > 1 else of[0]) for key, of in parts.items()]


def find_constants(first, blocks, marks, facts=None):
    """Return from some first rows a constant near each column's mean, and ratios; and all that was asked, at once."""
    asked = dict.fromkeys(c for b in blocks.values() for c, _ in (*b.pairs, (b.known, None)) if c not in marks)
    facts = (facts or {}) | {("mean", column): first[column].mean() for column in asked}
    facts |= {("whole", column): (first[column] + FRACTION - FRACTION == first[column]).all() for column in asked}
    row = ask(first, facts | {("std", c): first[c].std(how="sample") for c in asked})
    constants, ratios = dict.fromkeys(asked, 0.0), {}
    told = {c: [math.nan if row[of, c] is None else row[of, c] for of in ("mean", "std")] for c in asked}
    near = {c for c, (mean, spread) in told.items() if row["whole", c] and abs(mean) <= NEAR * spread}
    parts = {c for b in blocks.values() if b.names[0] == "num" for c, _ in b.pairs[:2]} & told.keys()
    near -= parts if parts - near else set()  # numerator - ratio x denominator is near 0 where both are lowered alike
    for column, (mean, spread) in told.items():
        # a mean to a tenth of the deviation in binary places: so short that sums of an arm of zeros stay exact
        if math.isfinite(mean) and column not in near:
            step = max(math.frexp(spread if math.isfinite(spread) else 0.0)[1] - 4, math.frexp(mean)[1] - 40)
            constants[column] = math.ldexp(round(math.ldexp(mean, -step)), step)
    for block in blocks.values():
        if block.names[0] == "num":
            above, below = (row["mean", column] for column, _ in block.pairs[:2])
            ratios |= {block.pairs[0][0]: above / below} if above is not None and below else {}
    return Look(constants, ratios, marks), row


def sum_up(lowered, blocks, query, given=None):
    """Return the moments of some blocks in each group of a table, by one query unless groups lie far apart.

    Each column is lowered by a constant of few binary places near the mean of the first rows; then sums, sums of
    products and of cubes are taken, or were `given`. Where a group's mean is so far from the constant that subtracting
    would lose digits, its blocks are measured again about the mean of each group (Chan, Golub and LeVeque, 1983,
    Algorithms for computing the sample variance, equations 1.7 and 2.1). The query holds what `find_constants`
    gave of some rows of the table, or of what is like them: only speed hangs on the choice. Table and query are as
    `lower` gives them.
    """
    left, found = blocks, {}
    for _ in range(TURNS):
        far = set()
        for key, sums in given or ask_sums(lowered, left, query):
            cell = found.setdefault(key, {"rows": sums["rows"]})
            for name, block in left.items():
                cell[name], is_far = _read(sums, block, query)
                far |= {name} if is_far else set()
        left, given = {name: block for name, block in left.items() if name in far}, None
        if not left:
            break
        lowered = _lower_again(lowered, left, query)
    return found


def lower(table, blocks, look, keys, has_tails):
    """Return columns as they are (`raw_`), null where the outcome is, and less their constant; what stays of a query.

    Parameters
    ----------
    table : ibis.Table
    blocks : dict of Block, all that is asked for
    look : Look
    keys : list of str, columns that make the groups
    has_tails : bool, whether skewness is asked for

    Returns
    -------
    (ibis.Table, Query)
    """
    pairs = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, (block.known, None)))
    aliases, columns = {pair: f"v{i}" for i, pair in enumerate(pairs)}, {}
    complete = sorted({block.complete for block in blocks.values() if isinstance(block.complete, str)})
    tails = {b.pairs[0] for b in blocks.values() if b.names[0] in TAILED}
    for (column, beside), alias in aliases.items():
        less = table[column] - ibis.literal(look.constants[column]) if look.constants.get(column) else table[column]
        for name, value in ((f"raw_{alias}", table[column]), (alias, less)):
            columns[name] = table[beside].notnull().ifelse(value, NO_VALUE) if beside else value
    return table.select(*keys, *complete, **columns), Query(keys, look, tails if has_tails else (), aliases)


def ask_sums(table, blocks, query):
    """Return the key of each group and its sums, by what they are of."""
    value = {pair: table[alias] for pair, alias in query.aliases.items() if alias in table.columns}
    asked = {("at", p): table[f"at_{a}"].max() for p, a in query.aliases.items() if f"at_{a}" in table.columns}
    asked["rows"] = table.count()
    for block in blocks.values():
        if block.known not in query.look.full:
            asked["count", block.known] = value[block.known, None].count()
        if isinstance(block.complete, str):
            asked["complete", block.complete] = table[block.complete].sum()
        top = value[block.pairs[0]]
        if block.pairs[0] in query.tails and block.pairs[0][0] not in query.look.marks:
            ratio = query.look.ratios.get(block.pairs[0][0], 0.0)
            left = top - ratio * value[block.pairs[1]] if block.names[0] == "num" else top
            asked["cube", block.pairs[0]] = (left * left * left).sum()
            ends = left if block.names[0] == "num" else table[f"raw_{query.aliases[block.pairs[0]]}"]
            asked |= {("largest", block.pairs[0]): ends.max(), ("smallest", block.pairs[0]): ends.min()}
        for i, pair in enumerate(block.pairs if block.known not in query.look.void else ()):
            asked["sum", pair] = value[pair].sum()
            others = block.pairs[i + (pair[0] in query.look.marks) :]  # a mark is its own square
            asked |= {("product", pair, other): (value[pair] * value[other]).sum() for other in others}
    summed = table.group_by(query.keys).aggregate(**{f"a{i}": value for i, value in enumerate(asked.values())})
    rows = summed.to_pyarrow().to_pylist()
    return [
        (tuple(row[key] for key in query.keys), {what: row[f"a{i}"] for i, what in enumerate(asked)}) for row in rows
    ]


def _lower_again(table, blocks, query):
    """The same columns less their mean in each group, with these means as columns (`at_`)."""
    needed = dict.fromkeys(pair for block in blocks.values() for pair in (*block.pairs, (block.known, None)))
    moved = {query.aliases[pair]: query.look.constants[pair[0]] for pair in needed if pair[0] not in query.look.marks}
    old = {alias: table[f"at_{alias}"].max() if f"at_{alias}" in table.columns else c for alias, c in moved.items()}
    means = table.group_by(query.keys).aggregate(**{f"at_{a}": table[a].mean() + before for a, before in old.items()})
    both = table.drop(*(name for name in table.columns if name.startswith("at_"))).inner_join(means, query.keys)
    # from the columns as they are: what the constant has taken from small values does not come back
    less = {alias: both[f"raw_{alias}"] - both[f"at_{alias}"] for alias in moved}
    return both.mutate(**less)


def count_none(block):
    """Return the moments of a group without rows: n = 0, everything else nan."""
    k = len(block.names)
    return Moments(block.names, 0, np.full(k, NAN), np.full((k, k), NAN))


def _read(row, block, query):
    """The moments of one block in one group, and whether a column lies too far from its centre for them."""
    n, k = row.get(("count", block.known), row["rows"]), len(block.pairs)
    missing = int((row.get(("complete", block.complete), row["rows"]) or 0) - n) if block.complete else 0
    if not n:
        return replace(count_none(block), missing=missing), False
    totals, cov, is_far = [row.get(("sum", pair), 0.0) for pair in block.pairs], np.full((k, k), NAN), False
    for i, pair in enumerate(block.pairs if n > 1 else ()):
        total, square = totals[i], row.get(("product", pair, pair), totals[i])
        within = square - total * total / n
        cov[i, i] = within / (n - 1)
        if total * total / n > FAR * within:  # which a better centre would tell with more digits, unless sums are exact
            is_exact = all(abs(value) < LARGEST and (value * FEW_BITS).is_integer() for value in (total, square))
            exact = Fraction(square) - Fraction(total) ** 2 / n if is_exact else max(within, 0.0)
            cov[i, i], is_far = float(exact / (n - 1)), is_far or not is_exact
        for j, other in enumerate(block.pairs[i + 1 :], start=i + 1):
            cov[i, j] = cov[j, i] = (row["product", pair, other] - totals[i] * totals[j] / n) / (n - 1)
    centres = [row.get(("at", pair), query.look.constants.get(pair[0], 0.0)) for pair in block.pairs]
    mean = np.array([centre + total / n for centre, total in zip(centres, totals, strict=True)])
    remainder = np.array([math.fsum((c, t / n, -m)) for c, t, m in zip(centres, totals, mean, strict=True)])
    skewness = top_share = apart = NAN
    if block.pairs[0] in query.tails:  # of an outcome, or of numerator - ratio x denominator
        weights = np.array([1.0] if block.names[0] == "y" else [1.0, -query.look.ratios.get(block.pairs[0][0], 0.0)])
        k = len(weights)
        variance = float(weights @ cov[:k, :k] @ weights)
        mean_left, m2 = float(weights @ totals[:k]) / n, variance * (n - 1) / n
        cubes = row.get(("cube", block.pairs[0]), totals[0])  # g1 = m3 / m2^1.5; nan when all values are equal
        skewness = (cubes / n - 3 * mean_left * m2 - mean_left**3) / math.pow(m2, 1.5) if m2 > 0 else NAN
        less = centres[0] if k == 1 else 0.0
        ends = [row[end, block.pairs[0]] - less for end in ("largest", "smallest") if (end, block.pairs[0]) in row]
        if ends and m2 > 0:
            top_share = max((end - mean_left) ** 2 for end in ends) / (n * m2)
        if ends and len(weights) == 1:  # by Cauchy and Schwarz, of the distances from an end
            near = min((end - mean_left) ** 2 for end in ends)
            apart = near / (near + m2) if m2 > 0 else 0.0
    return Moments(block.names, n, mean, cov, missing, skewness, top_share, apart, remainder), is_far
