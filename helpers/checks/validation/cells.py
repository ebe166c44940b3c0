"""Which cells are measured: a guarantee, a population, two arms' sizes, and how many draws."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from helpers.simulate.populations import POPULATIONS

DEPTHS = ("quick", "deep")
TREATMENT_SHARES = (0.5, 0.1)
SIZES = (50, 200, 1_000, 5_000, 20_000)  # units an arm on average
EXACT_SIZES = (50, 100, 200, 500, 1_000, 2_000, 5_000, 20_000)
QUICK_ARM = 200  # units in the smaller arm, or as many as the domain begins with
REPLICATES = {"quick": 200, "deep": 10_000}
QUICK_SLOW = 60  # draws of a slow method in the quick grid


@dataclass(frozen=True)
class Cell:
    """One point of the grid: `replicates` draws (0: enumerated) of two arms from one population, by one method."""

    guarantee: str
    population: str
    n_control: int
    n_treatment: int
    replicates: int

    def seed(self) -> int:
        """Return a number that depends on guarantee, population and sizes alone, on every machine."""
        text = "|".join(map(str, (self.guarantee, self.population, self.n_control, self.n_treatment)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def list_cells(guarantees, depth="quick", *, replicates=None) -> list[Cell]:
    """Return the grid of cells: every population of a guarantee's families, balanced and 90/10, small to large.

    Parameters
    ----------
    guarantees : iterable of Guarantee
    depth : str
        "quick" (one size balanced and one 90/10; of each family the first population without an effect and, of the
        first family, the first with one) or "deep".
    replicates : int, optional
        Draws a cell instead of 200 or 10,000; the limit of a slow method still holds.

    Returns
    -------
    list of Cell: in the guarantees' order. A test without interval is tried only where there is no effect.

    Raises
    ------
    ValueError: another depth.
    """
    if depth not in DEPTHS:
        raise ValueError(f"depth {depth}: give {' or '.join(DEPTHS)}")
    asked = replicates or REPLICATES[depth]
    return [
        Cell(g.name, population.name, *sizes, _count_draws(g, asked, depth))
        for g in guarantees
        for population in _choose_populations(g, depth)
        for sizes in _list_sizes(g, depth)
    ]


def _choose_populations(guarantee, depth):
    fitting = [p for p in POPULATIONS.values() if p.family in guarantee.families]
    if not guarantee.has_interval:
        fitting = [p for p in fitting if not p.has_effect(guarantee.estimand)]
    if depth == "deep":
        return fitting
    plain = [p for p in fitting if not p.has_effect(guarantee.estimand)]
    planted = [p for p in fitting if p not in plain][:1]
    if guarantee.limits:
        return [*plain, *planted]
    first = {population.family: population for population in reversed(plain)}
    return [*reversed(first.values()), *planted]


def _list_sizes(guarantee, depth):
    if depth == "quick":
        small = max(QUICK_ARM, guarantee.least_arm)
        return [(round(small * (1 - share) / share), small) for share in TREATMENT_SHARES]
    sizes = EXACT_SIZES if guarantee.limits else SIZES
    pairs = [(round(2 * n * (1 - share)), round(2 * n * share)) for n in sizes for share in TREATMENT_SHARES]
    return [pair for pair in pairs if min(pair) <= (guarantee.most_units or min(pair))]


def _count_draws(guarantee, asked, depth):
    if guarantee.limits:
        return 0
    if depth == "quick" and guarantee.is_slow:
        asked = min(asked, QUICK_SLOW)
    return min(asked, guarantee.most_replicates or asked)
