"""What a validation found in sentences: the answer, its limits, and the titles of its pictures."""

from __future__ import annotations

import pandas as pd

from helpers.records import Results
from helpers.wording.captions import capitalise, join_words
from helpers.wording.numbers import write_count, write_share

OPENING = "Everything here is simulated: the truth was planted, so that what a method finds can be held against it."
MOST_NAMED = 3
FEWEST = 100  # draws of a cell whose share says anything to one point or two


def explain_validation(results: Results) -> Results:
    """Return results of a validation with the answer and its limits in sentences.

    Parameters
    ----------
    results : Results
        As `checks.conclude` returns them.

    Returns
    -------
    Results: with a table `keys` of at most four key figures, one row a figure: `name`, `figure` and `note` in words.
    """
    answer = (OPENING, _tell_gates(results), *_tell_worst(results), *_tell_peers(results))
    tables = {**results.tables, "keys": _list_keys(results)}
    return results.but(answer=answer, limits=_list_limits(results), tables=tables)


def read_level(results: Results) -> float:
    """Return the confidence level of a validation."""
    return float(results.tables["settings"]["confidence_level"].iloc[0])


def name_claim(claim: str, level: float) -> str:
    """Return what a method promises in words ("within 1 point of 95 %").

    Parameters
    ----------
    claim : str
        nominal, at least, or nominal within .01
    level : float
        Confidence level.

    Examples
    --------
    >>> name_claim("at least", 0.95), name_claim("nominal within .01", 0.9)
    ('at least 95 %', 'within 1 point of 90 %')
    """
    if claim.startswith("nominal within"):
        points = 100 * float(claim.split()[-1])
        return f"within {points:g} point{'' if points == 1 else 's'} of {_level(level)}"
    return f"{'at least' if claim == 'at least' else 'exactly'} {_level(level)}"


def name_cell(cell: pd.Series) -> str:
    """Return where a cell was measured: population and units of both arms."""
    sizes = f"{write_count(cell['n_control'])} and {write_count(cell['n_treatment'])}"
    return f"{cell['population']}, {sizes} units"


def find_worst(cells: pd.DataFrame, measure: str) -> pd.Series | None:
    """Return the cell with the lowest coverage or the largest share of false alarms; None where none has any.

    Parameters
    ----------
    cells : DataFrame
    measure : str, coverage or false_alarm
    """
    known = cells[cells[measure].notna()]
    if known.empty:
        return None
    return known.loc[known[measure].idxmin() if measure == "coverage" else known[measure].idxmax()]


def select_telling(cells: pd.DataFrame) -> pd.DataFrame:
    """Return the cells inside a domain whose shares can be told: enumerated, or drawn often enough.

    Parameters
    ----------
    cells : DataFrame

    Returns
    -------
    DataFrame: cells of at least 100 draws; where no cell has as many, those that have most.
    """
    inside = cells[cells["inside"].astype(bool)]
    exact = inside["exact"].astype(bool)
    least = min(FEWEST, inside.loc[~exact, "replicates"].max()) if (~exact).any() else FEWEST
    return inside[exact | (inside["replicates"] >= least)]


def tell_cells(results: Results, measure: str) -> str:
    """Return the title of a picture of cells: how many methods keep their promise, and the worst cell.

    Parameters
    ----------
    results : Results
    measure : str, coverage or false_alarm
    """
    cells = select_measured(results, measure)
    inside = cells[cells["inside"].astype(bool)]
    worst = find_worst(select_telling(cells), measure)
    if worst is None:
        return "No method was measured inside its domain"
    failing = list(dict.fromkeys(inside.loc[inside["verdict"] == "fails", "guarantee"]))
    count = inside["guarantee"].nunique()
    first = (
        f"{len(failing)} of {count} methods break their promise"
        if failing
        else f"All {count} methods keep their promise"
    )
    what = "lowest coverage" if measure == "coverage" else "largest share of false alarms"
    telling = _name_telling(cells)
    among = f"among cells of at least {telling:g} draws" if telling else "inside the domains"
    return f"{first}; {among} the {what} is {write_share(worst[measure])}"


def select_measured(results: Results, measure: str) -> pd.DataFrame:
    """Return the cells in which a measure is known; coverage is of intervals, not of tests without one.

    Parameters
    ----------
    results : Results
    measure : str, coverage or false_alarm
    """
    cells = results.tables["cells"]
    known = cells[measure].notna()
    return cells[known & cells["has_interval"].astype(bool)] if measure == "coverage" else cells[known]


def tell_looking(results: Results) -> str:
    """Return the title of the picture of daily looks: false alarms by the last day under each rule."""
    frame = results.tables["looking"]
    last = frame[frame["day"] == frame["day"].max()].set_index("rule")["false_alarm"]
    told = [f"{write_share(share)} with {_name_rule(rule)}" for rule, share in last.items()]
    return f"After {frame['day'].max()} daily looks at nothing, an alarm stood in {join_words(told)}"


def tell_peers(results: Results) -> str:
    """Return the title of the picture of peers: the case where another interval falls farthest behind ours."""
    worst, ours = _find_behind(results.tables["peers"])
    what = "over every possible outcome" if worst["exact"] else "on the same draws"
    return (
        f"{capitalise(worst['case'])}: {what} {worst['estimator']} holds the truth in "
        f"{write_share(worst['coverage'])} of experiments, ours in {write_share(ours)}"
    )


def _find_behind(frame):
    """The row of another interval that falls farthest behind ours, and the coverage of ours in its case."""
    mine = frame["ours"].astype(bool)
    ours, others = frame[mine].set_index("case")["coverage"], frame[~mine]
    worst = others.loc[(others["coverage"] - others["case"].map(ours)).idxmin()]
    return worst, ours[worst["case"]]


def tell_powers(results: Results) -> str:
    """Return the title of the picture of power: in how many cases the formula agrees with what came."""
    frame = results.tables["powers"]
    agree, total = int(frame["agrees"].astype(bool).sum()), len(frame)
    if agree == total:
        return f"In all {total} designs the promised power agrees with the power that came"
    missed = join_words(list(frame.loc[~frame["agrees"].astype(bool), "case"])[:MOST_NAMED])
    return f"In {total - agree} of {total} designs the promised power is not the one that came: {missed}"


def _level(level):
    return f"{100 * level:g} %"


def _name_rule(rule):
    return {"test every day": "a fixed test every day", "always-valid": "the always-valid interval"}.get(rule, rule)


def _tell_gates(results):
    table = results.tables["guarantees"]
    failing, total = table[table["verdict"] == "fails"], len(table)
    cells = f"{write_count(table['cells_inside'].sum())} cells of data that they are made for"
    if failing.empty:
        return f"All {total} methods hold what they promise, in {cells}."
    names = join_words([*failing["guarantee"][:MOST_NAMED], *(["others"] if len(failing) > MOST_NAMED else [])])
    told = "does not hold what it promises" if len(failing) == 1 else "do not hold what they promise"
    return f"{len(failing)} of {total} methods {told}: {names} (in {cells})."


def _tell_worst(results):
    """The method whose intervals, over all draws inside its domain, hold the truth least; and the enumerated ones."""
    level, least, told = read_level(results), _find_least(results), []
    if least is not None:
        told.append(
            "Over all draws inside its domain, no method's intervals hold the truth in fewer than "
            f"{write_share(least['pooled_coverage'])} of experiments, of a nominal {_level(level)} "
            f"({least['guarantee']}, {write_count(least['draws'])} draws; {_tell_limit(least)})."
        )
    cells = results.tables["cells"]
    exact = cells.loc[cells["inside"].astype(bool) & cells["exact"].astype(bool), "coverage"]
    if not exact.empty:
        shares = " to ".join(dict.fromkeys([write_share(exact.min()), write_share(exact.max())]))
        told.append(
            "For shares every possible outcome is counted, so chance has no part: their intervals hold the truth in "
            f"{shares} of experiments."
        )
    return told


def _find_least(results):
    """The method with the lowest coverage over all draws; None where none was drawn often enough."""
    table = results.tables["guarantees"]
    known = table[(table["draws"] >= FEWEST) & table["pooled_coverage"].notna()]
    return None if known.empty else known.loc[known["pooled_coverage"].idxmin()]


def _tell_limit(method):
    return f"chance and promise allow {write_share(method['pooled_limit'])}"


def _list_keys(results):
    """The key figures of the first screen: how many hold, in how many cells, the least, and what others do."""
    table, least, peers = results.tables["guarantees"], _find_least(results), results.tables.get("peers")
    hold = f"{(table['verdict'] == 'holds').sum()} of {len(table)}"
    drawn = f"{write_count(table['draws'].sum())} experiments drawn; shares enumerated"
    keys = [
        ("Methods that hold what they promise", hold, "every cell, and all draws together"),
        ("Cells that judge them", write_count(table["cells_inside"].sum()), drawn),
    ]
    if least is not None:
        note = f"{least['guarantee']}; {_tell_limit(least)}"
        keys.append(("Lowest coverage over all draws", write_share(least["pooled_coverage"]), note))
    if peers is not None and not peers["ours"].astype(bool).all():
        worst, ours = _find_behind(peers)
        note = f"{worst['estimator']}, {worst['case']}; ours {write_share(ours)}"
        keys.append(("Coverage of another tool's interval", write_share(worst["coverage"]), note))
    return pd.DataFrame(keys, columns=["name", "figure", "note"])


def _name_telling(cells) -> float:
    """The fewest draws of the cells that are told; 0 where none is left out."""
    telling = select_telling(cells)
    least = min(FEWEST, telling.loc[~telling["exact"].astype(bool), "replicates"].min())
    return least if len(telling) < cells["inside"].sum() else 0


def _tell_peers(results):
    frame = results.tables.get("peers")
    if frame is None or frame["ours"].astype(bool).all():
        return []
    others = frame[~frame["ours"].astype(bool)]
    ours = frame[frame["ours"].astype(bool)]
    if not others["contradictions"].max() > 0:
        return [f"{tell_peers(results)}."]
    worst = others.loc[others["contradictions"].idxmax()]
    mine = ours["contradictions"].max()
    same = "ours never does" if mine == 0 else f"ours in up to {write_share(mine)}"
    return [
        f"{tell_peers(results)}. {capitalise(worst['estimator'])} contradicts the test of its own difference in "
        f"{write_share(worst['contradictions'])} of experiments; {same}."
    ]


def _list_limits(results):
    cells = results.tables["cells"]
    drawn = cells[cells["inside"].astype(bool) & ~cells["exact"].astype(bool) & cells["limit_low"].notna()]
    found = [
        f"Data unlike all of these populations: beyond its domain a method promises nothing{_tell_outside(results)}.",
        "Whether your own data are sound: nothing here was lost, counted twice or assigned wrongly.",
    ]
    if not drawn.empty:
        widest = drawn.loc[drawn["limit_low"].idxmin()]
        gap = 100 * (read_level(results) - widest["limit_low"])
        found.append(
            f"Small defects: where a cell has {write_count(widest['replicates'])} draws ({widest['guarantee']}), "
            f"intervals that hold the truth up to {gap:.0f} points too seldom can pass; all draws together see more."
        )
    return tuple(found)


def _tell_outside(results):
    cells = select_measured(results, "coverage")
    worst = find_worst(cells[~cells["inside"].astype(bool)], "coverage")
    if worst is None:
        return ""
    told = f"{worst['guarantee']} holds the truth in {write_share(worst['coverage'])} of experiments"
    return f" and can fail ({told}: {name_cell(worst)})"
