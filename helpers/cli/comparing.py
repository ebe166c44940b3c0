"""The command compare: what moved between two runs of one study, by how much, and what of them differs."""

import json
import re
from math import isclose

from helpers.cli import print_table
from helpers.cli.reporting import find_out
from helpers.records import Refused
from helpers.report.store import read_record, read_results
from helpers.view.numbers import join_words

FIGURES = ("estimate", "p_value", "p_value_adjusted")  # which no confidence level moves
LIMITS = ("ci_low", "ci_high")
SAME = 1e-9  # relative; results.json keeps ten digits
DATA = {"kind": "kind", "source": "source", "rows": "rows", "units": "units", "sha256": "content"}
PLAN = {"file": "file", "content": "sha256"}


def compare_runs(arguments):
    """Print what differs between two runs, then every estimate that moved, what the plan decides first."""
    out = find_out(arguments)
    (before, early), (after, late) = [(name, _read_run(out, name)) for name in arguments.names]
    if before == after:
        raise Refused(f"{before}: named twice; name two runs")
    studies = [run["results"]["study"] for run in (early, late)]
    if len({*studies}) > 1:
        raise Refused(f"{before} is a run of {studies[0]}, {after} one of {studies[1]}; name two runs of one study")
    causes = list_causes(early, late)
    print(f"{before} -> {after}, two runs of {studies[0]}")
    print_table([("what differs", "", ""), *causes] if causes else [("what differs", "", "nothing that a run records")])
    rows, counts = list_moves(early["results"], late["results"])
    lone = f"{counts['gone']:,} only in {before}, {counts['new']:,} only in {after}"
    print(f"{counts['moved']:,} of {counts['both']:,} estimates moved or have another verdict; {lone}")
    if counts["level"]:
        print(f"in {counts['level']:,} only limits and p-values moved, as their level or the kind of look is another")
    if rows:
        print_table([("estimate", before, after, "moved", "of its doubt", "verdict"), *rows], sides="<>>>><", width=200)
        print("of its doubt: the move in half widths of the interval that the estimate had before")
    kinds = list(dict.fromkeys(kind for kind, *_ in causes if kind != "look"))  # which follows from data and plan
    if rows and len(kinds) > 1:
        print(f"{join_words(kinds)} differ: which of them moved a figure, only a run that changes one of them can tell")


def _read_run(out, name):
    """Return the records of a run in the folder of reports."""
    results = read_results(out / name / "results.json")
    if not results:
        fault = f"no report of this name in {out.name}; studies report makes one"
        if (out / name / "results.json").exists():
            fault = "results.json is damaged, or of another version; make the report anew with --force"
        raise Refused(f"{name[:64]}: {fault}")
    return {"results": results, "record": read_record(out / name)}


def list_causes(early, late):
    """Return what could have moved the figures of two runs.

    Parameters
    ----------
    early, late : dict
        `results` and `record`: the contents of results.json and run.json.

    Returns
    -------
    list of (str, str, str): data, look, plan, parameters or code; which part of it; as it was -> as it is.
    """
    was, now = early["results"], late["results"]
    causes = [("data", name, _tell(was["data"].get(key), now["data"].get(key))) for key, name in DATA.items()]
    written = [run["record"].get("plan") for run in (early, late)]
    plans = [{name: run["plan"].get(key) for name, key in PLAN.items()} for run in (was, now)]
    if None not in written:
        is_other = plans[0].pop("content") != plans[1].pop("content")
        plans = [plan | dict(_list_keys(keys)) for plan, keys in zip(plans, written, strict=True)]
        causes += [("plan", "comments", "alone; each key is as it was")] if is_other and plans[0] == plans[1] else []
    planned = [departure for run in (was, now) for departure in run["plan"].get("departures") or ()]
    planned = {one["parameter"]: f"{one['planned']} (as planned)" for one in planned}
    used = [{k: planned.get(k) if v is None else v for k, v in run["parameters"].items()} for run in (was, now)]
    looks = [" and ".join(sorted({e["interval"] for e in run["estimates"]})) for run in (was, now)]
    causes += [("look", "intervals", _tell(*looks))] if all(looks) else []
    codes = [{"commit": run["record"].get("head"), **run["record"].get("versions", {})} for run in (early, late)]
    for kind, sides in {"plan": plans, "parameters": used, "code": codes}.items():
        names = dict.fromkeys([*sides[0], *sides[1]])
        causes += [(kind, name, _tell(sides[0].get(name), sides[1].get(name))) for name in names]
    return [cause for cause in causes if cause[2]]


def _list_keys(content, within=""):
    """Yield the keys of a plan with what stands there, those within others with dots; parts of a list by their name."""
    if isinstance(content, list) and any(isinstance(part, dict) for part in content):
        content = {str(part.get("name", i) if isinstance(part, dict) else part): part for i, part in enumerate(content)}
    if isinstance(content, dict) and content:
        for key, value in content.items():
            yield from _list_keys(value, f"{within}.{key}" if within else key)
    else:
        yield within, content


def _tell(was, now):
    """Return a change in words; nothing when there is none. A checksum is told by its first digits."""
    if was == now:
        return ""
    cut = [text[:10] if re.fullmatch("[0-9a-f]{40}([0-9a-f]{24})?", str(text)) else text for text in (was, now)]
    told = ("none" if value is None else json.dumps(value, ensure_ascii=False).replace('"', "") for value in cut)
    return " -> ".join(told)


def list_moves(was, now):
    """Return the estimates that differ between two results, what the plan decides before what stands beside it.

    Of either first those with another verdict, then who moved most for its doubt.

    Parameters
    ----------
    was, now : dict
        Contents of results.json.

    Returns
    -------
    list of tuple of str: id, before, after, the change, its share of the half width before, the verdict.
    dict of str to int: `both` have it, whatever their intervals, `moved`, `level` (limits and p-values alone, of
        another confidence level or kind of interval), `gone` and `new`.
    """
    early, late = (_index(results["estimates"]) for results in (was, now))
    both = [name for name in early if name in late]
    pairs = [(early[name], late[name]) for name in both]
    differ = [pair for pair in pairs if _differs(*pair, *FIGURES, *LIMITS)]
    moved = [pair for pair in differ if _is_moved(*pair)]
    aside = ("exploratory", "sensitivity")  # of the plan's own metrics there are few, of segments a hundred
    moved.sort(key=lambda p: (p[1]["role"] in aside, p[0]["verdict"] == p[1]["verdict"], -(_measure_move(*p) or 0)))
    counts = {"both": len(both), "moved": len(moved), "level": len(differ) - len(moved)}
    counts |= {"gone": len(early) - len(both), "new": len(late) - len(both)}
    rows = []
    for old, new in moved:
        change = "" if None in (old["estimate"], new["estimate"]) else f"{new['estimate'] - old['estimate']:+.4g}"
        share = _measure_move(old, new)
        verdict = " -> ".join(dict.fromkeys((old["verdict"], new["verdict"])))
        written = (_write_estimate(old), _write_estimate(new), change, "" if share is None else f"{share:.0%}")
        rows.append((old["id"], *written, verdict))
    return rows, counts


def _index(estimates):
    """Return estimates by their ids without the kind of their interval, which is another one at an interim look."""
    short = [e["id"] if e["interval"] == "fixed" else re.sub(f"(:|, ){e['interval']}", "", e["id"]) for e in estimates]
    names = [e["id"] if short.count(name) > 1 else name for name, e in zip(short, estimates, strict=True)]
    return {name: {**e, "id": name} for name, e in zip(names, estimates, strict=True)}


def _differs(was, now, *figures):
    pairs = [(was[key], now[key]) for key in figures if was[key] != now[key]]
    moved = any(None in pair or not isclose(*pair, rel_tol=SAME) for pair in pairs)
    return moved or was["verdict"] != now["verdict"]


def _is_moved(was, now):
    """Whether a figure differs that neither another confidence level nor another kind of interval moves by itself."""
    level = FIGURES if was["confidence_level"] != now["confidence_level"] else FIGURES + LIMITS
    return _differs(was, now, *(FIGURES[:1] if was["interval"] != now["interval"] else level))


def _measure_move(was, now):
    """Return how far an estimate moved in half widths of its interval before; None where one of them has none."""
    if None in (was["estimate"], now["estimate"], was["ci_low"], was["ci_high"]) or was["ci_low"] == was["ci_high"]:
        return None
    return abs(now["estimate"] - was["estimate"]) / (was["ci_high"] - was["ci_low"]) * 2


def _write_estimate(row):
    if row["estimate"] is None:
        return "none"
    limits = [f"{row[end]:.4g}" for end in ("ci_low", "ci_high") if row[end] is not None]
    return f"{row['estimate']:.4g} [{', '.join(limits)}]" if limits else f"{row['estimate']:.4g}"
