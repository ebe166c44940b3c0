"""The answer of a milestones study: the illusion first, what is left of it, the line, the ranking, the review."""

from __future__ import annotations

import math

import pandas as pd

from helpers.plan import FrameworkPlan
from helpers.records import Results
from helpers.wording.captions import capitalise, join_words
from helpers.wording.milestone_names import list_counts, list_names, name_alike, name_events
from helpers.wording.numbers import Style, count_decimals, write_count, write_number, write_share
from helpers.wording.scales import find_noun, read_scale

SIMULATED = "These data are simulated: the relations were planted, so finding them tests the method and is no evidence."
SHAPES = {
    "step": "There is a line: a step in the number of {events} foretells who {stays} better than a smooth curve does",
    "smooth": "There is no threshold: a smooth curve over the number of {events} foretells who {stays} better than any "
    "step does",
    "none": "No line was found: in these data the number of {events} does not clearly foretell who {stays}",
    "undecided": "Whether there is a line in the number of {events}, or a smooth rise, these data cannot tell",
}
CONFIRMED = {
    "confirmed": "the newest cohort confirms it",
    "not confirmed": "the newest cohort does not confirm it",
}
SNAPSHOT = (
    "This table is a snapshot: it says who left and who did not, but not when anybody began to use anything. So no "
    "milestone can be read before what it should foretell, and the report shows no activation; its ranking of features "
    "says what goes together, and nothing of what came first."
)
CONSTRUCTED = "Part of this gap is made by the counting itself: whoever is gone early had no time to {reach}."
UNCOUNTED = "Nobody can leave here, so the counting itself makes no gap; but most of the others had stopped coming."
LEAST_GAP = 0.01  # from which the reading at the landmark tells another story than the usual count
ASSOCIATION = (
    "It is an association: only an experiment tells whether moving customers past a milestone changes anything."
)
WORDS = {"drop": "drop", "re-set": "re-set", "watch": "watch", "keep": "keep", "too early": "too early to tell for"}


def explain_milestones(results: Results, design: FrameworkPlan) -> Results:
    """Return results with the outcomes as a table, key figures, the answer and its limits in sentences.

    Parameters
    ----------
    results : Results
        After small cells are hidden: sentences name only what may be seen.
    design : FrameworkPlan

    Returns
    -------
    Results
    """
    named = results.but(tables={"metrics": list_names(design), **results.tables})
    named = named.but(tables={**named.tables, "keys": _list_keys(named, design)})
    opening = {"simulated": [SIMULATED], "public": [results.data.note]}.get(results.data.kind, [])
    told = [SNAPSHOT] if design.is_snapshot else [*_tell_gap(named, design), tell_threshold(named, design)]
    told += [_tell_overall(named, design)] if design.is_snapshot else [tell_ranking(named, design), tell_review(named)]
    lacking = [check.message for check in results.checks if check.id == "events_occur" and check.status == "fail"]
    return named.but(answer=(*opening, *lacking, *filter(None, told)), limits=_write_limits(named, design))


def tell_threshold(results: Results, design: FrameworkPlan) -> str:
    """Return whether there is a line in the number of events, which lines fit, and what is left of it elsewhere.

    Parameters
    ----------
    results : Results
        Table `threshold`, as `milestones.study_threshold` makes it.
    design : FrameworkPlan

    Returns
    -------
    str: empty where nothing was looked for, or nothing may be seen.
    """
    row = _first_row(results, "threshold")
    if row is None or row["shape"] not in SHAPES or not math.isfinite(row["naive_difference"]):
        return ""
    told = SHAPES[row["shape"]].format(events=name_events(results), stays=_stays(design))
    if row["shape"] in ("none", "smooth") or not math.isfinite(row["difference"]):
        return f"{told}."
    promised = write_number(row["naive_difference"], Style(100, "", " points", False), decimals=1)
    best = f"the best one goes with {promised} among the {find_noun(results)} that chose it"
    gap = f"and with {_between(row, 'difference', 'ci_low', 'ci_high')}, among those that had no part in choosing it"
    newest = CONFIRMED.get(row["confirmed"], "the newest cohort is too small to settle it")
    newest = f"; {newest}" if row["newest_cohort"] else ""
    return f"{told}. {_tell_lines(row)}; {best}, {gap}{newest}."


def tell_ranking(results: Results, design: FrameworkPlan) -> str:
    """Return whether features foretell who stays, how many differ clearly, and which of these few or all use.

    Parameters
    ----------
    results : Results
        Tables `model_quality` and `ranking`, as `milestones.study_ranking` makes them.
    design : FrameworkPlan

    Returns
    -------
    str: empty without features.
    """
    quality, ranking = _first_row(results, "model_quality"), results.tables.get("ranking")
    if quality is None or ranking is None or ranking.empty or not math.isfinite(quality["auc"]):
        return ""
    if not quality["predicts"]:
        why = f": {quality['reason'].removeprefix('no ranking: ')}" if quality["reason"] else ""
        return f"Features are not ranked{why}."
    clear = ranking[ranking["p_value_adjusted"] <= design.alpha]
    more, fewer = int((clear["difference"] > 0).sum()), int((clear["difference"] < 0).sum())
    order = " What came first is not known." if (ranking["time_order"] == "unknown").all() else ""
    few = int(clear["flag"].isin(["niche", "universal"]).sum())
    if clear.empty:
        return f"Of {len(ranking)} features, none marks clearly who {_stays(design)}, {name_alike(results)}.{order}"
    back = bool(design.outcomes.retained.event)
    ways = ((more, "coming back" if back else "staying"), (fewer, "staying away" if back else "leaving"))
    told = [f"{count} {'goes' if count == 1 else 'go'} with {way}" for count, way in ways if count]
    rare = f"; hardly anybody or nearly everybody uses {few} of these" if few else ""
    return (
        f"Of {len(ranking)} features, {len(clear)} {'marks' if len(clear) == 1 else 'mark'} a clear difference, "
        f"{name_alike(results)}: {join_words(told)}{rare}.{order}"
    )


def tell_review(results: Results) -> str:
    """Return the word of the review for each milestone, in one sentence; empty without a review.

    Parameters
    ----------
    results : Results
        Table `review_words`, as `milestones.study_review` makes it.
    """
    words = results.tables.get("review_words")
    if words is None or words.empty:
        return ""
    groups = {word: [_name_milestone(m) for m in part["milestone"]] for word, part in words.groupby("word", sort=False)}
    told = [f"{WORDS.get(word, word)} {join_words(groups[word])}" for word in sorted(groups, key=_place)]
    return f"The planned review, read on {_name_newest(results)}, says: {'; '.join(told)}."


def _name_newest(results):
    """The cohort of the review: the newest, or the newest that is large enough."""
    review = results.tables.get("review", pd.DataFrame(columns=["cohort", "choice"]))
    large = review.loc[review["choice"] != "too few", "cohort"]
    if large.empty or large.iloc[-1] == review["cohort"].iloc[-1]:
        return "the newest cohort"
    return f"{large.iloc[-1]}, the newest cohort that is large enough"


def _tell_lines(row):
    lines = row["lines"]
    if row["shape"] == "step" and lines == f"{row['cut']:g}":
        return f"It lies at {lines}"
    return f"Lines of {lines} are not told apart"


def _tell_overall(results, design):
    """The last point of a snapshot's curve in a sentence."""
    rows = results.tables.get("overall", pd.DataFrame(columns=["share"])).dropna(subset=["share"])
    if rows.empty:
        return ""
    last = rows.iloc[-1]
    share, low, high = (write_share(last[name], decimals=0) for name in ("share", "ci_low", "ci_high"))
    when = f"{last['day']:g} {(design.outcomes.retained.time or 'time').replace('_', ' ')}"
    return f"Of all {find_noun(results)}, {share} (between {low} and {high}) are still customers at {when}."


def _name_milestone(name):
    return name.replace("_", " ")


def _place(word):
    return list(WORDS).index(word) if word in WORDS else len(WORDS)


def _stays(design):
    return "comes back" if design.outcomes.retained.event else "stays"


def _tell_gap(results, design):
    """The gap as it is usually counted, among those alive at the landmark, and at equal plan and size."""
    readings = _read_readings(results)
    if not {"naive", "landmark", "adjusted"} <= set(readings.index) or design.activation is None:
        return []
    naive, raw, fair = (readings.loc[name] for name in ("naive", "landmark", "adjusted"))
    told = [_tell_naive(naive, raw, results, design)] if math.isfinite(naive["difference"]) else []
    if not math.isfinite(fair["difference"]):
        return [*told, f"At the landmark the gap cannot be estimated: {str(fair['reason']).rstrip('.')}."]
    among = f"Among the {write_count(fair['n_reached'] + fair['n_not'])} {find_noun(results)} {_name_alive(design)}"
    clear = "" if fair["ci_low"] > 0 or fair["ci_high"] < 0 else ", so no clear gap is left"
    gap = f"{_between(fair, 'difference', 'ci_low', 'ci_high')}{clear}"
    if name_alike(results) == "not adjusted":
        return [*told, f"{among} the gap is {gap}. {ASSOCIATION}"]
    return [*told, f"{among} it is {_points(raw['difference'])}, and {name_alike(results)} {gap}. {ASSOCIATION}"]


def _tell_naive(naive, raw, results, design):
    """The usual count, and whether the counting itself makes part of its gap."""
    percents = [100 * naive[name] for name in ("share_reached", "share_not", "difference")]
    decimals = int(round(percents[0]) - round(percents[1]) != round(percents[2]))  # so that the three add up
    shares = [write_share(naive[name], decimals=decimals) for name in ("share_reached", "share_not")]
    gap = write_number(naive["difference"], Style(100, "", " points", False), decimals=decimals)
    told = (
        f"The usual count: {shares[0]} of activated {find_noun(results)} {_name_end(design)}, and {shares[1]} of the "
        f"others, a gap of {gap}."
    )
    if design.alive:
        return f"{told} {UNCOUNTED}"
    line = design.activation.at_least
    reach = f"reach {line:g} {name_events(results)}" if line else "activate"
    return f"{told} {CONSTRUCTED.format(reach=reach)}" if _is_constructed(naive, raw) else told


def _is_constructed(naive, raw):
    """Whether accounts were lost before the landmark and the gap is wider with them."""
    lost = naive["n_reached"] + naive["n_not"] > raw["n_reached"] + raw["n_not"]
    return bool(lost and naive["difference"] - raw["difference"] >= LEAST_GAP)


def _name_end(design):
    day = f"{design.landmarks[0]:g}"
    end = f"{design.landmarks[0] + design.horizon_days:g}"
    return (
        f"come back between day {day} and {end}" if design.outcomes.retained.event else f"are still there on day {end}"
    )


def _name_alive(design):
    day = f"day {design.landmarks[0]:g}"
    return list_counts(design)["alive"] or f"still there on {day}"


def _list_keys(results, design):
    """The first card: what the usual count shows, so that what is left of it at the landmark stands beside it."""
    readings, columns = _read_readings(results), ["name", "figure", "note"]
    if not {"naive", "landmark"} <= set(readings.index) or not math.isfinite(readings.loc["naive", "difference"]):
        return pd.DataFrame(columns=columns)
    naive = readings.loc["naive"]
    shares = [write_share(naive[name]) for name in ("share_reached", "share_not")]
    is_made = not design.alive and _is_constructed(naive, readings.loc["landmark"])
    leavers = ", early leavers among them" if is_made else ""
    row = {
        "name": f"The usual count: {read_scale(results, 'retained').label}, activated",
        "figure": _signed(naive["difference"]),
        "note": f"{shares[0]} in activated, {shares[1]} in all others{leavers}. Beside it: {_name_alive(design)}, "
        f"{name_alike(results)}",
    }
    return pd.DataFrame([row], columns=columns)


def _write_limits(results, design):
    first = {
        "simulated": "Nothing about real customers: the numbers come from a model whose relations were chosen.",
        "public": "Nothing about your product: these are public data of another business.",
    }.get(results.data.kind)
    alike = name_alike(results).removeprefix("at equal ")
    more = "differ in much else, too" if alike == "not adjusted" else f"differ in more than {alike}"
    if design.is_snapshot:
        kept = [f"What a feature does: {find_noun(results)} that have it {more}."]
        return tuple(line for line in (first, "What came first: a snapshot does not know.", *kept) if line)
    gone = "without a sign of life before the landmark" if design.alive else "that left before the landmark"
    kept = [f"What a milestone does: {find_noun(results)} that reach it {more}."]
    kept += [f"{capitalise(find_noun(results))} {gone}: they are counted, and not compared."]
    if "dormant" in design.outcome_names and set(design.activity_events) & _list_milestone_events(design):
        kept.append(
            "Dormancy by itself: it is read in the same events as activation, so part of it holds by definition."
        )
    if results.data.kind == "yours" and name_alike(results) != "not adjusted":
        kept.append(f"Whether {alike} are those of the start: a table of accounts has no time for them.")
    end = f"Anything later than {design.horizon_days:g} days after the landmark."
    return tuple(line for line in (first, *kept, end) if line)


def _list_milestone_events(design):
    return {event for part in (design.activation, design.usage) if part for event in part.event}


def _read_readings(results):
    frame = results.tables.get("readings")
    return pd.DataFrame() if frame is None or frame.empty else frame.set_index("reading")


def _first_row(results, name):
    frame = results.tables.get(name)
    return None if results.status == "withheld" or frame is None or frame.empty else frame.iloc[0]


def _points(value):
    return write_number(value, Style(100, "", " points", False), decimals=0)


def _signed(value):
    return write_number(value, Style(100, "", " points", True), decimals=0)


def _between(row, name, low, high):
    decimals = count_decimals(row[low], row[high], factor=100)
    decimals = 1 if decimals is None else max(0, min(1, decimals))
    ends = [write_number(row[end], Style(100), decimals=decimals) for end in (low, high)]
    value = write_number(row[name], Style(100, "", " points"), decimals=decimals)
    return f"{value}, between {ends[0]} and {ends[1]}"
