"""What a run publishes as statements about disjoint groups of people, and what can be solved of them.

A statement says how many are in a union of disjoint cells. A leak is a cell of which the visible statements prove, by
linear arithmetic over counts that are not negative, that it holds fewer than `least`: whether it is told, is a
difference, or lies below a sum. Statements are hidden until there is none. Where nobody at all is no secret (between
two lines, between two days), an empty cell is none.

References
----------
Hundepool et al. (2012), Statistical disclosure control, chapter 4; ACRO and UK LLC publish no count under 10.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

NEAR = 1e-6
Row = tuple[str, int]  # a table and the place of a row in it


@dataclass(frozen=True, eq=False)
class Said:
    """One published count: of which cells of a space, and which rows tell it (none: it is known without any).

    Attributes
    ----------
    space : what the cells divide; statements of different spaces have nothing to do with each other
    part : the names of cells, or a pair (low, high) of an axis, of which `low` is in and `high` is not
    count : how many
    rows : the rows that tell it
    order : of two rows that tell as much, the later goes
    is_open : whether it is no secret that nobody is in a cell
    """

    space: tuple
    part: frozenset | tuple[float, float]
    count: float
    rows: frozenset[Row] = frozenset()
    order: tuple = ()
    is_open: bool = False


def close(said: Iterable[Said], least: int, together: Mapping[Row, Iterable[Row]]) -> set[Row]:
    """Return the rows to hide so that no cell of fewer than `least` can be solved for.

    Parameters
    ----------
    said : iterable of Said
    least : int
    together : mapping, a row -> all rows that go with it
    """
    spaces, of_row, hidden = defaultdict(list), defaultdict(set), set()
    for statement in unite(said):
        spaces[statement.space].append(statement)
        for row in statement.rows:
            of_row[row].add(statement.space)
    waiting = dict.fromkeys(spaces)
    while waiting:
        space = next(iter(waiting))
        visible = [one for one in spaces[space] if not one.rows or one.rows - hidden]
        goes = find_leak(visible, least)
        if goes is None:
            del waiting[space]
            continue
        gone = {other for row in goes.rows for other in (row, *together.get(row, ()))}
        waiting |= dict.fromkeys(other for row in gone - hidden for other in of_row[row])
        hidden |= gone
    return hidden


def unite(said: Iterable[Said]) -> list[Said]:
    """Return statements of which those that say the same of the same cells are one, told by all their rows."""
    found: dict[tuple, Said] = {}
    for one in said:
        key = (one.space, one.part, one.count, bool(one.rows))
        same = found.setdefault(key, one)
        if same is not one:
            open_to_all = same.is_open and one.is_open
            found[key] = Said(*key[:3], same.rows | one.rows, min(same.order, one.order), open_to_all)
    return list(found.values())


def find_leak(visible: Sequence[Said], least: int) -> Said | None:
    """Return the statement of one space to hide next, the smallest that some leak needs; None without a leak.

    A leak that rests only on what is known without any row is passed over: nothing that is hidden would stop it.
    """
    needed = ([one for one in leak if one.rows] for leak in _list_leaks(visible, least))
    return next((told[0] for told in needed if told), None)


def is_small(count: float, least: int, is_open: bool) -> bool:
    """Return whether so many are too few to be told; nobody is none where that is no secret."""
    return count < least - NEAR and not (is_open and count < 0.5)


def _list_leaks(visible, least) -> Iterator[list[Said]]:
    """For each leak the statements that it needs, those to hide before others first."""
    for one in visible:
        if one.rows and is_small(one.count, least, one.is_open):
            yield [one]
    if not visible:
        return
    is_open, parts = all(one.is_open for one in visible), _cut(visible)
    order = sorted(range(len(visible)), key=lambda i: len(parts[i]))
    if all(parts[a] <= parts[b] for a, b in pairwise(order)):
        chain = [visible[i] for i in order]
        for inner, outer in pairwise(chain):
            if is_small(outer.count - inner.count, least, True if inner.part == outer.part else is_open):
                yield sorted((inner, outer), key=lambda one: one.order, reverse=True)
    else:
        yield from _solve(visible, parts, least, is_open)


def _cut(visible) -> list[frozenset]:
    """The cells of each statement: pairs of an axis are cut at all their ends."""
    ends = sorted({end for one in visible if isinstance(one.part, tuple) for end in one.part})
    place = {end: i for i, end in enumerate(ends)}
    return [
        frozenset(range(place[one.part[0]], place[one.part[1]])) if isinstance(one.part, tuple) else one.part
        for one in visible
    ]


def _solve(visible, parts, least, is_open) -> Iterator[list[Said]]:
    """Leaks of any set of statements: cells that follow by row reduction, then those with too low a greatest count."""
    cells = sorted(frozenset().union(*parts), key=repr)
    sets = np.array([[cell in part for cell in cells] for part in parts], float)
    sets = np.unique(sets, axis=1)  # cells that no statement tells apart are one
    counts = np.array([one.count for one in visible])
    inverse = np.linalg.pinv(sets)
    found, follows = inverse @ counts, np.diag(inverse @ sets) > 1 - NEAR
    leaks = [(i, np.abs(inverse[i]) > NEAR) for i in np.flatnonzero(follows)]
    leaks = [(i, needed) for i, needed in leaks if is_small(round(found[i], 3), least, is_open)]
    is_free = follows | ((found > -NEAR).all() & (found >= least))  # a solution, so that nobody can know less of them
    for cell, needed in [*leaks, *_bound(sets, counts, np.flatnonzero(~is_free), least, is_open)]:
        told = [i for i in np.flatnonzero(needed) if visible[i].rows]
        told.sort(key=lambda i: (visible[i].count, visible[i].order))
        kept = ((np.delete(sets, i, axis=0), np.delete(counts, i)) for i in told)
        alone = next((i for i, rest in zip(told, kept, strict=True) if find_most(*rest, cell)[0] >= least - NEAR), None)
        yield [visible[i] for i in ([alone] if alone is not None else told)]  # one that ends it alone, if there is one


def find_most(sets: np.ndarray, counts: np.ndarray, cell: int) -> tuple[float, np.ndarray]:
    """Return the greatest count that a cell can have, and which statements hold it down.

    Parameters
    ----------
    sets : array of 0 and 1, shape (statements, cells)
    counts : array, shape (statements,)
    cell : int

    Returns
    -------
    tuple: inf where nothing does, or where counts contradict each other.

    Examples
    --------
    >>> find_most(np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]]), np.array([100.0, 93.0]), 1)[0]
    7.0
    """
    from scipy.optimize import linprog  # here: most runs need none

    found = linprog(-np.eye(sets.shape[1])[cell], A_eq=sets, b_eq=counts, bounds=(0, None))
    if found.status != 0:
        return np.inf, np.zeros(len(counts), bool)
    return -found.fun, np.abs(found.eqlin.marginals) > NEAR


def _bound(sets, counts, cells, least, is_open) -> Iterator[tuple[int, np.ndarray]]:
    """Cells whose greatest possible count is below `least`, with the statements that hold it down."""
    cells = set(cells.tolist())
    while cells:  # all at once as far as it goes: the sum of what each can have, none counted above `least`
        order = sorted(cells)
        reached = _reach(sets, counts, order, least)
        if reached is None:  # counts that contradict each other prove nothing
            return
        cells -= reached
        if not reached:
            most, needed = find_most(sets, counts, order[0])
            cells.discard(order[0])
            if is_small(most, least, is_open):
                yield order[0], needed


def _reach(sets, counts, order, least) -> set[int] | None:
    """Cells that have `least` where as many as possible of some have as much as possible; None without any solution."""
    from scipy.optimize import linprog

    n, size = len(order), sets.shape[1]
    below = np.hstack([-np.eye(size)[order], np.eye(n)])
    found = linprog(
        np.r_[np.zeros(size), -np.ones(n)],
        A_ub=below,
        b_ub=np.zeros(n),
        A_eq=np.hstack([sets, np.zeros((len(sets), n))]),
        b_eq=counts,
        bounds=[(0, None)] * size + [(0, least)] * n,
    )
    return None if found.x is None else {cell for cell in order if found.x[cell] >= least - NEAR}
