"""The command `studies plan`: a commented plan from a table and its events, which runs once its roles are given.

Every guess stands beside its reason; names, labels and events stay as she wrote them.
"""

import json
import os
import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader

from helpers import schema
from helpers.cli import guessing
from helpers.cli.guessing import METRICS, MOST_LABELS, Guess, find_named, find_start, has_word, is_loss, split_words
from helpers.cli.reporting import EXAMPLES, WORKSPACE
from helpers.records import Refused
from helpers.sources import ask, read_address

MOST_TOLD = 10  # columns that are left out
MOST_EVENTS = 60  # drafted, those of most units
WINDOWS = (365, 180, 90, 60, 28, 14, 7)  # days; the longest that is over for nearly all units, or what is for all
FOLLOWED = ((90, 180), (90, 90), (60, 90), (30, 90), (30, 60), (30, 30), (14, 28), (7, 14))  # landmark, days after it
MOST_OVER, HALF_OVER = 0.9, 0.5  # of the units, and of the accounts, for which these days are over
NEARLY_ALL = 0.99  # of an event's moments, which its window holds
REPEATS = 1.5  # events of each unit that has any, from which on they are counted
FEW_UNITS = 20  # an id with so few values is none
LEAST_NESTED = 10  # clusters, each in one arm, which chance would not do


def draft_plan(arguments):
    """Print a plan that fits the tables, or write it to a new file; tell on the standard error what looks wrong."""
    units, events = guessing.draw(arguments.data, arguments.table), (arguments.events, arguments.events_table)
    if events[0] and (read_address(events[0]), events[1]) == (read_address(arguments.data), arguments.table):
        raise Refused(f"{units.file}: the table and its events are one file; name another in --events, or none")
    wanted = (arguments.unit_id, "--unit-id"), (arguments.variant, "--variant")
    columns = [schema.Column(*column, "text") for column in wanted if column[0]]
    schema.refuse_missing(columns, units.table.columns, file=units.file, typed=True, cure="correct the option")
    unit_id, why = _find_unit(units, arguments.unit_id)
    told = _warn_of_unit(units, unit_id, has_events=bool(arguments.events))
    if told:
        print(f"studies: {units.file}, column {unit_id}: {told}", file=sys.stderr)
    is_experiment = arguments.study == "experiment"
    lists = ("assigned", "started") if is_experiment else ("started",)
    heard = guessing.hear(*events, units, unit_id, find_start(units, *lists)[0]) if arguments.events else None
    named = {"file": units.file, "unit_id": unit_id, "unit_why": why or told, "unit": _name_unit(unit_id)}
    name, make = ("plan.yaml.j2", _plan_experiment) if is_experiment else ("framework.yaml.j2", _plan_framework)
    text = _write(name, named | make(units, heard, unit_id, arguments.variant))
    if arguments.to is None:
        return print(text, end="")
    target = Path(os.path.expanduser(arguments.to)).resolve()
    if not target.parent.is_dir():
        raise Refused(f"{target.parent.name}: no such folder; make it first")
    # an untouched example may go
    ours = [(WORKSPACE / name).read_bytes() for name in EXAMPLES.values()]
    if target.is_dir() or (target.exists() and target.read_bytes() not in ours):
        raise Refused(f"{target.name}: exists already; name a new file")
    target.write_text(text, encoding="utf-8")
    todo = "decide every role" if is_experiment else "read every guess"
    given = {"--table": [arguments.table], "--events": arguments.events, "--events-table": [arguments.events_table]}
    beside = [word for option, values in given.items() for value in values or () if value for word in (option, value)]
    command = shlex.join(["studies", "check", *arguments.data, *beside, "--plan", arguments.to])
    print(f"{arguments.to}: {todo}, then {command}")


def _find_unit(units, given):
    """Return the column of the unit's id, and why where nobody has named it."""
    rows, named = units.rows, [name for name in units.rows if split_words(name)[-1:] in (["id"], ["uuid"], ["key"])]
    likely = [*named, *units.list_kind("other", "labels")]
    unique = [name for name in likely if rows[name].notna().all() and rows[name].is_unique]
    unique.sort(key=lambda name: (name not in named, has_word(name, "unnamed")))  # the row's number comes last
    guess = next(iter(unique or named), None)
    if not (given or guess):
        raise Refused(f"{units.file}: no column looks like the id of a unit; name it with --unit-id")
    why = "" if given else "guessed: a value of its own in every row" if guess in unique else "guessed: its name"
    return given or guess, why


def _warn_of_unit(units, unit_id, *, has_events):
    """Return what speaks against a column as the id of a unit, or nothing."""
    known = units.rows[unit_id].dropna()
    n = known.nunique()
    if len(known) > 2 * n and n <= FEW_UNITS:
        return f"{schema.say(n, 'value')} in {schema.say(len(known), 'row')}, so that it is no id of a unit"
    if len(known) > n:
        rows = schema.say(len(known) - n, "row")
        is_log = units.list_kind("date") and not has_events
        more = "; it looks like events, which --events names beside a table of the units" if is_log else ""
        return f"{rows} with an id that stands in another row too, and a plan needs one row a unit{more}"
    return ""


def _name_unit(unit_id):
    unit_id = re.sub(r"(?<=[a-z])(Ref|Key|Code|Num|No)$", "", unit_id)
    unit_id = re.sub(r"(?i)^(n[.]?[°º]|nr[.]?|n[uú]m[eé]ro de|num[.]?)[_ -]+", "", unit_id)
    unit_id = re.sub(r"(?i)([_ -](no|num|number|key|code|uuid|ref)|[_ -]?(id|nr|nummer))[.]?$", "", unit_id)
    return "user" if unit_id.lower() in ("anonymous", "distinct") else unit_id.rstrip(".") or "unit"


def _map_events(heard, unit_id):
    """Return the plan's line on an event table whose columns are not called as the plan would; else nothing."""
    if heard is None:
        return ""
    usual, wide = {"unit": unit_id, "event": "event", "at": "at", "value": "value"}, heard.columns.get("wide")
    own = {key: quote(name) for key, name in heard.columns.items() if key in usual and name != usual[key]}
    if wide:
        own = {key: name for key, name in own.items() if key == "unit"} | {"wide": f"[{', '.join(map(quote, wide))}]"}
    elif "event" not in heard.columns:
        own["named"] = quote(heard.names["event"].iloc[0])
    why = "a column of times an event" if wide else "how the event table calls these"
    inside = ", ".join(f"{key}: {name}" for key, name in own.items())
    lines = [f"events: {{{inside}}}   # guessed: {why}"] if own else []
    return "\n".join(lines + [_tell_left_out(names, reason) for reason, names in heard.left_out.items()])


def _tell_left_out(names, reason):
    """Return a comment on columns that are not in the plan."""
    more = f" and {len(names) - MOST_TOLD} more" if len(names) > MOST_TOLD else ""
    return f"# left out: {', '.join(map(quote, names[:MOST_TOLD]))}{more}, as {reason}"


def _find_zone(units, heard, start):
    """Return what the plan should say of the time zone, and why; None where no time of day lacks one."""
    if not (heard and start):
        return None
    places = [(start, *guessing.read_clocks(units.rows[start])), (heard.columns["at"], *heard.clocks)]
    if not any(naive for _, _, naive in places):
        return None
    if not any(zoned for _, zoned, _ in places):
        return "# time_zone: Europe/Rome   # left out: UTC"
    named = next((name for name, _, naive in places if naive and has_word(name, "utc")), None)
    if named:
        return f"time_zone: UTC   # guessed: the name of {named}"
    return "time_zone:   # needed, such as Europe/Rome or UTC: some times of day have a zone and others none"


def _find_times(units, heard, unit_id, need, *lists):
    """Return what both templates are told of times, and of the columns of events; events without a start are refused.

    `lists` are those of names.yaml by which the column of the start is found.
    """
    start, why = find_start(units, *lists)
    if heard and not start:
        raise Refused(f"{units.file}: no column holds days such as 2024-04-30, and events need {need}; add it")
    as_of, ends = guessing.find_last(units, heard)
    told = {"start": start, "start_why": why, "as_of": as_of, "ends": ends}
    return told | {"events": _map_events(heard, unit_id), "zone": _find_zone(units, heard, start)}


def _plan_experiment(units, heard, unit_id, variant):
    """Return what the template of an experiment's plan is filled with."""
    rows, why = units.rows, "" if variant else "guessed: its name"
    few = [name for name in rows if name != unit_id and 2 <= rows[name].nunique() <= MOST_LABELS and not variant]
    variant = variant or find_named(few, "variants")[0]
    if variant is None:
        raise Refused(f"{units.file}: no column looks like the arm as assigned; name it with --variant")
    arms = _list_arms(units, variant)
    births = [name for name, guess in units.kinds.items() if guess.reason == guessing.BIRTH]
    twins, cluster = _find_fixed(units, {unit_id, variant, *births}, variant, len(arms))
    times = _find_times(units, heard, unit_id, "the time of assignment", "assigned", "started")
    assigned = times["start"]
    before = [name for name in rows if has_word(name, "before") and units.kinds[name].kind in METRICS]
    used = {unit_id, variant, cluster, *twins, *before}
    numbers = units.list_kind(*METRICS) if heard else []  # of an assignment
    sizes = [name for name in numbers if has_word(name, "sizes") and name not in used]
    listed = [(name, units.kinds[name]) for name in rows if name not in used.union(sizes)]
    metrics = _list_event_metrics(heard, units, unit_id, assigned, times["as_of"]) if heard else []
    metrics += _list_column_metrics(listed, heard, {metric["name"] for metric in metrics})
    if not metrics:
        fault = "no column holds numbers, so there is no metric to plan; name a table with outcomes"
        raise Refused(f"{units.file}: {fault}")
    mixed = [name for name, guess in listed if guess[:2] == ("other", "text")]
    left_out = {"it says the arm once more": twins, "a date of birth is no start": births}
    left_out["some of what stands there is no number, no day and no label"] = mixed
    return times | {
        **{"variant": variant, "variant_why": why, "arms": arms, "cluster": cluster},
        "is_sure": heard is not None or has_word(assigned or "", "assigned"),
        "dates": [name for name in units.list_kind("date") if name != assigned],
        "before": before,
        "sizes": sizes,
        "metrics": metrics,
        "left_out": [_tell_left_out(names, told) for told, names in left_out.items() if names],
        "labels": [name for name, guess in listed if guess.kind == "labels" and len(rows[name].unique()) > 1],
    }


def _find_fixed(units, keys, variant, n_arms):
    """Return the columns that say the arm once more, and the one that may have been randomised; None without.

    Every value of these stands in one arm only.
    """
    rows, (arms, _) = units.rows, pd.factorize(units.rows[variant])
    fixed = {}
    for name in [name for name in rows if name not in keys and units.kinds[name].kind != "date"]:
        codes, values = pd.factorize(rows[name])  # -1 is missing
        if codes.min() >= 0 and len(values) == len(np.unique(codes * (n_arms + 1) + arms)):
            fixed[name] = int((np.bincount(codes) > 1).sum()), len(values) == n_arms
    twins = [name for name, (_, is_twin) in fixed.items() if is_twin]
    return twins, next((name for name, (repeated, _) in fixed.items() if repeated >= LEAST_NESTED), None)


def _list_arms(units, variant):
    """Return the labels of the variant, the one that sounds like a control first; another case is no other label."""
    label = units.table[variant].cast("string").strip().nullif("")
    known = units.table.select(label=label).drop_null().distinct().limit(MOST_LABELS + 1)
    labels = sorted(ask(lambda: known.to_pandas()["label"], units.file))
    where = f"{units.file}, column {variant}"
    if len(labels) > MOST_LABELS:
        raise Refused(f"{where}: more than {MOST_LABELS} labels, so it is no variant; name another column")
    arms = list({text.casefold(): text for text in reversed(labels)}.values())[::-1]
    if len(arms) < 2:
        raise Refused(f"{where}: {len(arms)} label, and an experiment needs two; name another column")
    words = {arm: (arm.casefold(), *(word for word in split_words(arm)[:1] if len(word) > 1)) for arm in arms}
    alone = [arm for word in guessing.WORDS["controls_alone"] for arm in arms if word in words[arm]]
    control = find_named(arms, "controls")[0] or next(iter(alone), arms[0])
    return sorted(arms, key=lambda arm: arm != control)


def _list_event_metrics(heard, units, unit_id, assigned, as_of):
    """Return a metric for each event that could be an outcome: counted, added up, or whether it came."""
    starts = units.find_dates(assigned)
    days = (pd.Timestamp(as_of, tz="UTC") + pd.Timedelta(days=1) - starts).dt.days
    widest = next((window for window in WINDOWS if (days >= window).mean() >= MOST_OVER), WINDOWS[-1])
    if 2 * days.min() >= widest > days.min():  # some days less, and the answer is no interim one
        widest = int(days.min())
    ages = _measure_ages(heard, units, unit_id, assigned)
    reached = ages.groupby("event")["days"].quantile(NEARLY_ALL)
    found = []
    for row in heard.names.head(MOST_EVENTS).itertuples():
        if has_word(row.event, "assigned"):
            continue
        last = reached.get(row.event, widest)
        window = min((window for window in WINDOWS if last <= window <= widest), default=widest)
        over = float((days >= window).mean())
        few = "" if window == widest else ", and few come later"
        few += "" if over == 1 else "; the answer is interim until it is for all"
        within = f"within_days: {window}", f"guessed: over for {over:.0%} of the units by as_of{few}"
        kind = _guess_event(row)
        scale = [(f"scale: {list(kind.scale)}", "guessed: holds all values")] if kind.scale else []
        is_valued = kind.kind in ("amount", "score", "nps") and row.value != heard.columns["value"]
        value = [(f"value: {quote(row.value)}", "the column of its values")] if is_valued else []
        lines = [(f"kind: {kind.kind}", f"guessed: {kind.reason}"), *scale, *value, within]
        found.append({"name": row.event, "lines": lines})
    return found


def _measure_ages(heard, units, unit_id, start):
    """Return events with the days since their unit's start, none before it."""
    begun = heard.rows["unit"].map(guessing.begin_units(units, unit_id, start))
    ages = heard.rows.assign(days=(heard.rows["at"] - begun).dt.total_seconds() / 86400)
    return ages[ages["days"] >= 0]


def _guess_event(row):
    if row.guess.kind in ("score", "nps"):
        return row.guess
    if row.guess.kind in ("amount", "count"):
        return Guess("amount", "such events have values, which are added up")
    often = f"{row.n / row.units:.1f} such events of each unit that has any"
    is_often = row.n / row.units >= REPEATS
    return Guess("count", often) if is_often else Guess("binary", "one such event of most units that have any")


def _list_column_metrics(listed, heard, taken):
    found = []
    for name, (kind, reason, scale) in listed:
        if kind in METRICS:
            own = f"{name}_column" if name in taken else name
            lines = [(f"kind: {kind}", f"guessed: {reason}")]
            lines += [(f"scale: {list(scale)}", "guessed: holds all values")] if scale else []
            lines += [(f"column: {quote(name)}", "of the table, not an event")] if heard or own != name else []
            found.append({"name": own, "lines": lines})
    return found


def _plan_framework(units, heard, unit_id, _variant):
    """Return what the template of a framework's plan is filled with."""
    lists = ("size", "count", "sizes"), ("tier", "labels", "tiers")
    shared = {key: find_named([n for n in units.list_kind(kind) if n != unit_id], of)[0] for key, kind, of in lists}
    if heard is None:
        return shared | _plan_snapshot(units, unit_id)
    shared |= _find_times(units, heard, unit_id, "the start of each account", "started")
    started = shared["start"]
    names = [*heard.names["event"]]
    lost, grown = (list(filter(says, names)) for says in (is_loss, lambda name: has_word(name, "grew")))
    others = [name for name in names if name not in (*lost, *grown)]
    if not others:
        fault = "no event but losses and growth, so there is no milestone to plan; give more events"
        raise Refused(f"{heard.file}: {fault}")
    active = heard.names.set_index("event").loc[others, "n"].idxmax()
    days = (pd.Timestamp(shared["as_of"], tz="UTC") + pd.Timedelta(days=1) - units.find_dates(started)).dt.days
    followed = {pair: float((days >= sum(pair)).mean()) for pair in FOLLOWED}
    pair = next((pair for pair, share in followed.items() if share >= HALF_OVER), FOLLOWED[-1])
    features = [name for name in others if name != active]
    ages = _measure_ages(heard, units, unit_id, started)
    early = ages[(ages["event"] == active) & (ages["days"] < pair[0])]
    usual = early.groupby("unit").size().median()
    return shared | {
        **{"lost": lost, "grown": grown, "active": active, "features": features[:MOST_EVENTS]},
        "lost_at": next((name for name in units.list_kind("date") if is_loss(name)), None),
        "perhaps": _list_ends(units, started),
        "at_least": 1 if pd.isna(usual) else max(1, round(usual)),
        **{"landmark": pair[0], "within": pair[1], "followed": f"{followed[pair]:.0%}"},
        "n_left": max(len(features) - MOST_EVENTS, 0),
    }


def _list_ends(units, started):
    """Return the columns of dates that may say when an account left: some have none, and none is before the start."""
    begun = units.find_dates(started).dt.floor("D")
    dates = [name for name in units.list_kind("date") if name != started and units.rows[name].isna().any()]
    return [name for name in dates if not (units.find_dates(name) < begun).any()]


def _plan_snapshot(units, unit_id):
    """Return what a framework without events is filled with: who has left, after how long, and columns of 0 and 1."""
    gone = next((name for name in units.list_kind("binary") if is_loss(name)), None)
    time = find_named(units.list_kind("count", "amount"), "tenures")[0]
    if not gone or not time:
        told = "a framework needs a column of 0 and 1 called after leaving, such as churned, and a number of days or"
        cure = "months called after it, such as tenure; or give --events"
        raise Refused(f"{units.file}: without events {told} {cure}")
    features = [name for name in units.list_kind("binary") if name not in (unit_id, gone)]
    return {"gone": gone, "time": time, "features": features}


def _write(template, told):
    place = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=place, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True)
    environment.filters["q"] = quote
    environment.filters["qs"] = lambda names: ", ".join(map(quote, names))
    return environment.get_template(template).render(told)


def quote(text):
    """Return text as a YAML scalar that means exactly this text, wherever it stands."""
    plain = r"(?!(?i:null)$)[A-Za-z_][\w -]*(?<! )"
    return text if re.fullmatch(plain, text) else json.dumps(text, ensure_ascii=False)
