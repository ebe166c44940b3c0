"""Effects of an experiment as a report shows them: the first screen, the scorecard, the ladder, segments and weeks."""

import math
import re
from collections.abc import Sequence

import pandas as pd

from helpers import disclosure
from helpers.kinds import KINDS
from helpers.plan.design import say_name
from helpers.plan.views import find_view
from helpers.records import GRAVE, Estimate, Results, to_frame
from helpers.view import html, scales
from helpers.view.html import Display, Row, draw_rows, show_sentence, split_sizes
from helpers.view.numbers import capitalise, join_words, write_count, write_p
from helpers.view.scales import find_band, make_row
from helpers.view.show import WITHHELD, draw_table, find_title, frame_part, show, tell_kind

THOUSANDS = r"(?<=\d)[,.' \u2019\u202f\xa0](?=\d{3}(?!\d))"  # what sets them apart
BETTER = {"higher": "higher is better", "lower": "lower is better", "neither": "neither way is better"}
BOXES = {"withheld": "Withheld: no effect is shown", "interim": "Interim: the study is not complete"}
BOXES["released"] = "Released by the plan although a check failed"
CARD = "The metrics of this study, one row each: both arms, the difference, and what the plan's rule says"
ROLES = {"primary": "decides", "secondary": "", "guardrail": "must not worsen"}
METHODS = ("miettinen-nurminen", "welch", "lin", "fieller", "anderson-rubin", "brunner-munzel")
METHODS = {**{name: name.title() for name in METHODS}, "delta": "delta method", "wald ratio, delta": "Wald ratio"}
ESTIMANDS = {"difference": "as assigned", "rmst_difference": "mean time to the horizon"}
ESTIMANDS |= {"cace": "those who use it because it is offered"}
TIMES = {"difference": "share with the event", "rmst_difference": "mean days without it"}
NOTHING = pd.DataFrame(columns=["metric"])
RUNGS = {"as_treated": "Users against others", "compliers": "Those who use it because it is offered"}
ADJUSTMENTS = {"covariates": "adjusted for covariates", "weights": "weighted"}
ADJUSTMENTS |= {"winsorised": "without the largest values"}
ASSOCIATIONS = {"covariates": "by least squares", "weights": "others weighted to be like them"}
TAKERS = {"control": "others", "treatment": "takers"}


def masthead(results: Results) -> Display:
    """Return the first screen of a report: data kind, question, answer, what to do next, and the scorecard.

    Parameters
    ----------
    results : Results, after `words.explain`

    Returns
    -------
    Display: a withheld or interim answer stands in a ruled box that says so first; withheld shows no figure.
    """
    kind, headline, bullets, following = split_answer(results)
    failed = [check for check in results.checks if check.id in GRAVE and check.status == "fail"]
    state, card = "released" if results.status == "answered" and failed else results.status, scorecard(results)
    words = {"kind": kind, "question": results.question, "box": BOXES.get(state, ""), "headline": headline}
    told = [*words.values(), *bullets, following and f"Next: {following}", card.text]
    words |= {"dates": tell_dates(results), "bullets": bullets, "following": following, "state": state}
    return Display(html.draw("masthead", card=card.html, **words), "\n".join(filter(None, told)))


def split_answer(results: Results) -> tuple[str, str, list[str], str]:
    """Return the answer's parts: the kind of data, the sentence that answers, more sentences, and what is next."""
    kind = results.words.get("kind", ())[:1]
    told = list(results.answer[len(kind) :])
    following = told.pop().removeprefix("Next: ") if told and told[-1].startswith("Next: ") else ""
    spoken = kind[0] if kind else f"{tell_kind(results)}: {results.data.source}"
    return spoken, told[0] if told else "", told[1:], following


def tell_dates(results: Results) -> str:
    """Return when units were assigned and when the data ends, for the line under the title.

    Of a run that asks something else than its plan there is nothing to tell.
    """
    return "" if results.words.get("card only") else capitalise("; ".join(scales.list_dates(results)))


def list_headlines(results: Results) -> list[Estimate]:
    """Return the effects of the scorecard as displayed: what answers first, then by role; none where withheld."""
    if results.status == "withheld":
        return []
    answers = list(results.plan.get("answers") or [])
    found = [e for role in ROLES for e in results.headline(role=role)] or list(results.headline())
    if not found:  # of a framework the main outcome by every milestone, other outcomes by the first of them
        found = results.select(estimand="difference", population="landmark", at=None, role=["primary", "secondary"])
        found = [e for e in found if e.role == "primary" or e.treatment == found[0].treatment]
    found = [*(e for e in results.headline(*answers) if answers and e not in found), *found]
    found.sort(key=lambda e: answers.index(e.metric) if e.metric in answers else len(answers))
    return [scales.orient(results, e) for e in found]


def _name_arms(results: Results, effects: Sequence[Estimate]) -> tuple[str, ...]:
    """Heads of the two columns of values, first what the contrast puts first."""
    if _is_landmark(effects):
        return "reached it", "others"
    sides = [{getattr(e, side) for e in effects} for side in ("treatment", "control")]
    many = ("with the treatment", "with the control")[:: -1 if scales.is_turned(results) else 1]
    told = zip(sides, ("first", "second") if min(map(len, sides)) > 1 else many, strict=True)
    return tuple(scales.name_arm(results, arms.pop()) if len(arms) == 1 else side for arms, side in told)


def scorecard(results: Results) -> Display:
    """Return one row a metric: its name and good direction, both arms, effect and interval, a mark, the verdict.

    Rows of words that a study tells stand first: its part `card`, written "name | figure | note | verdict"; `card note`
    says of whom all rows are, `card contrast` what their differences are, `card heads` and `card what` how columns are
    called. The part `card only` stands for all rows of a
    run that asks something else than its plan.
    """
    told, effects = list_card(results)
    if not told:
        return Display("", "")
    heads, contrast = name_columns(results, effects)
    what = "What" if not effects else "Milestone" if _is_landmark(effects) else "Metric"
    words = {"what": (results.words.get("card what") or (what,))[0], "contrast": contrast, "caption": CARD}
    words |= {} if any(row.numbers for row in told) else {"effect": "Found"}
    drawn, text, _ = draw_rows(told, heads=heads, **words)
    levels = join_words(f"{level * 100:g} %" for level in sorted({e.confidence_level for e in effects}))
    note = " ".join([*results.words.get("card note", ()), f"Brackets and lines: {levels} intervals" if effects else ""])
    note += "; dashed ones allow for looking early" * any(row.dashed for row in told)
    note += "; shaded: too small to matter, or tolerated" * any(row.band for row in told)
    note = f"{note.strip().rstrip('.')}." if note else ""
    return Display(html.draw("scorecard", rows=drawn, note=note), text)


def name_columns(results: Results, effects: Sequence[Estimate]) -> tuple[tuple[str, ...], str]:
    """Return the heads of the scorecard's columns of values, none without effects, and what its differences are."""
    heads = (results.words.get("card heads") or _name_arms(results, effects)) if effects else ()
    told = " minus ".join(heads) if _is_landmark(effects) else scales.name_contrast(results)
    return heads, (results.words.get("card contrast") or (told,))[0]


def _is_landmark(effects: Sequence[Estimate]) -> bool:
    return any(e.population == "landmark" for e in effects)


def list_card(results: Results) -> tuple[list[Row], list[Estimate]]:
    """Return the rows of the scorecard, those of words first, and the effects among them; milestones share a scale."""
    if results.status == "withheld":
        return [], []
    only, rows = results.words.get("card only", ()), []
    words = [_read_row(line) for line in only or results.words.get("card", ())]
    effects = [] if only else list_headlines(results)
    several, roles = len({e.comparison for e in effects}) > 1, len({e.role for e in effects}) > 1
    for e in effects:
        scale, planned = scales.read_scale(results, e.metric), scales.orient(results, e)
        if e.population == "landmark":  # an association, since nobody was assigned to it
            verdict, note = e.verdict.replace("difference", "association"), f"{scale.label}, {tell_rule(e, scale)}"
            name = capitalise(scales.name_label(results, e.treatment))
            rows.append(make_row(e, scale, name=name, note=note, verdict=verdict))
            continue
        notes = [scales.name_pair(results, planned) if several else "", ROLES.get(e.role, "") if roles else ""]
        notes += ["share of pairs" if scale.ordered else "", tell_rule(e, scale)]
        band = find_band(planned, scale)
        band = (-band[1], -band[0]) if band and scales.is_turned(results) else band
        rows.append(make_row(e, scale, note=", ".join(note for note in notes if note), band=band))
    return words + (rows if _is_landmark(effects) else split_sizes(rows)), effects


def tell_rule(e: Estimate, scale) -> str:
    """Return which way is better, and why an effect whose interval leaves out none is not clear."""
    is_clear_alone = e.verdict.startswith("no clear") and e.p_value <= 1 - e.confidence_level < e.decision_p
    return BETTER[scale.better] + ", clear alone but not among all tested" * is_clear_alone


def _read_row(line: str | Row) -> Row:
    """A row of words; one that a study has made itself as it is."""
    if isinstance(line, Row):
        return line
    name, figure, note, verdict, *_ = [part.strip() for part in f"{line}|||".split("|")]
    return Row(name, figure, note=note, verdict=verdict)


def ladder(results: Results, estimates: Sequence[Estimate]) -> Display:
    """Return several answers to one question on one scale: naive, adjusted, as assigned, in compliers.

    Parameters
    ----------
    results : Results
    estimates : sequence of Estimate
        In the order and direction to be drawn; those of one metric stand together. A second interval of the compliers
        is left to `sensitivity`.
    """
    estimates = [e for e in estimates if (e.population, e.role) != ("compliers", "sensitivity")]
    if results.status == "withheld" or not estimates:
        return _show_nothing(results, "The plan names no exposure, and no group beside the randomised ones.")
    found, told = [], []
    metrics = list(dict.fromkeys(e.metric for e in estimates))
    for metric in metrics:
        scale, chosen = scales.read_scale(results, metric), [e for e in estimates if e.metric == metric]
        group = scale.head if len(metrics) > 1 else ""
        found += [_rung(results, e, scale, group, chosen) for e in chosen]
        told.append(find_title(results, "ladder", metric) or _tell_ladder(chosen, scale))
    told, mixed = list(filter(None, told)), any(row.muted for row in found)
    words = {"heads": ("first", "second"), "contrast": "first minus second", "what": "Compared"}
    words |= {"title": capitalise("; ".join(told)) or "Not estimable"}
    words |= {"note": "An association mixes the effect with who is compared." if mixed else ""}
    estimates = [e.but(**TAKERS) if e.population == "as_treated" else e for e in estimates]
    return _frame(results, found, estimates, name=f"{metrics[0]} ladder", **words)


def _show_nothing(results, none) -> Display:
    return show_sentence(WITHHELD if results.status == "withheld" else none, absent=True)


def _frame(results, rows, effects, *, name, title, note, **words) -> Display:
    """Return rows of effects as a part of the report; `words` are those of `draw_rows`."""
    told, frame = draw_rows(rows, caption=title, **words), _list_effects(results, effects)
    return frame_part(results, told, title=title, note=note, name=name, frame=frame)


def _list_effects(results, effects):
    return disclosure.coarsen_frame(results, "estimates", to_frame(effects))


def _rung(results, e: Estimate, scale, group: str, beside) -> Row:
    told, is_arm = scales.name_arm(results, e.treatment), e.population != "observational"
    other = scales.name_other(results, told, e.control) if is_arm else scales.name_label(results, e.control)
    sides = f"{capitalise(told)} against {other}"
    how = [ASSOCIATIONS.get(e.adjustment), name_method(e.method) if e.estimand == "cace" else ""]
    how += ["" if is_arm else "not randomised", ESTIMANDS[e.estimand] if e.estimand == "difference" else ""]
    sizes = [write_count(e.n_treatment), write_count(e.n_control)]
    turned = e.estimand == "cace" and e.control in {other.treatment for other in beside}  # first who has the offer
    how += [" and ".join(reversed(sizes) if turned else sizes)]
    is_effect, verdict = e.population in ("itt", "compliers", "responders"), e.verdict
    if not is_effect and verdict != "not estimable":
        verdict = scales.name_way(e, scale) if verdict.startswith("clear") else "no clear association"
    name, note = RUNGS.get(e.population, sides), ", ".join(filter(None, how))
    return make_row(e, scale, name=name, note=note, verdict=verdict, muted=not is_effect, group=group)


def _tell_ladder(chosen, scale) -> str:
    """The naive reading and the fair one in one line; empty where the fair one is not estimable."""
    fair = next((e for e in chosen if e.population in ("itt", "responders")), chosen[-1])
    if fair.verdict == "not estimable":
        return ""
    told, naive = (scales.write_effect(e, scale) for e in (fair, chosen[0]))
    first = "" if chosen[0] is fair else f"{naive} by association, "
    return f"{scale.label}: {first}{told} as assigned"


def segments(results: Results, *, metric: str) -> Display:
    """Return one metric's effect in every segment, titled by the test of whether it differs; exploratory."""
    chosen = [e for e in results.estimates if e.metric == metric and e.segment is not None and not scales.is_lift(e)]
    columns = list(dict.fromkeys(e.segment.partition("=")[0] for e in chosen))

    def place(e):  # levels that begin with a number stand by it: 11-50 before 101-500
        column, _, level = e.segment.partition("=")
        number = re.match(r"[^\w-]*(-?[0-9]+)", re.sub(THOUSANDS, "", level))
        return columns.index(column), int(number[1]) if number else math.inf, level[:1] not in ("<", "\u2264")

    chosen.sort(key=place)
    return _parts(results, chosen, metric, kind="interaction", name="segments")


def weeks(results: Results, *, metric: str) -> Display:
    """Return one metric's effect in every week of assignment, titled by the test of a trend; exploratory."""
    chosen = [e for e in results.estimates if e.metric == metric and e.at is not None and not scales.is_lift(e)]
    return _parts(results, chosen, metric, kind="trend", name="weeks")


def _parts(results, chosen, metric, *, kind, name) -> Display:
    if results.status == "withheld" or not chosen:
        return _show_nothing(results, f"There is no effect by {name} to show.")
    scale, several = scales.read_scale(results, metric), len({e.treatment for e in chosen}) > 1
    chosen = [e for e in chosen if e.estimand == "difference"]
    shown = [scales.orient(results, e) for e in chosen]
    found, labels = [], results.plan.get("labels") or {}
    for e, first in zip(shown, chosen, strict=True):
        column, _, level = (e.segment or "").partition("=")
        told = labels.get(e.segment) or labels.get(level) or say_name(level) or capitalise(e.at)
        counts = [scales.name_arm(results, first.treatment)] * several
        counts += [] if math.isnan(e.n_control) else [write_count(e.n_treatment + e.n_control)]
        group = scales.begin(results, scales.name_label(results, column)) if e.segment else ""
        words = {"name": scales.begin(results, str(told)), "note": ", ".join(counts), "group": group}
        found.append(make_row(e, scale, verdict="", **words))
    title = find_title(results, name, metric) or _tell_parts(results, metric, scale, kind)
    heads, what = _name_arms(results, shown), "Of whom" if kind == "interaction" else "Assigned in"
    same = len({e.control for e in chosen}) == 1 < len({e.control for e in results.headline()})
    control, (first, second) = shown[0].control, heads
    second = scales.name_other(results, first, control) if second == scales.name_arm(results, control) else second
    contrast = f"{first} minus {second}" if same else scales.name_contrast(results)
    words = {"heads": heads, "contrast": contrast, "what": what, "note": "Exploratory: it decides nothing."}
    return _frame(results, found, chosen, name=f"{metric} {name}", title=title, **words)


def _tell_parts(results, metric, scale, kind) -> str:
    """Whether the effect differs from part to part, by the tests; and by which of them it does."""
    tests = {t: t.p_value if t.p_value_adjusted is None else t.p_value_adjusted for t in results.tests}
    found = {t: p for t, p in tests.items() if t.metric == metric and kind in t.name and p == p}
    if not found:
        return f"{scale.head}, part by part"
    alpha = 1 - (results.estimates[0].confidence_level if results.estimates else 0.95)
    columns = {t.name.rpartition(" with ")[2]: None for t, p in found.items() if p <= alpha}
    parts = "weeks" if kind == "trend" else "segments"
    test = f"{kind} {write_p(min(found.values()))}"
    if not columns:
        return f"{scale.head}, the effect by {parts}: no sign that it differs ({test})"
    where = "from week to week" if kind == "trend" else ""
    where = where or f"by {join_words(scales.name_label(results, column) for column in columns)}"
    return f"{scale.head}: the effect differs {where} ({test})"


def sensitivity(results: Results) -> Display:
    """Return the headline effects under other fair choices, one row an effect, with how each was made."""
    chosen = results.select(role="sensitivity", population=["itt", "responders", "compliers"])
    if results.status == "withheld" or not chosen:
        return _show_nothing(results, "There is no such effect.")
    several, written = len({(e.treatment, e.control) for e in chosen}) > 1, []
    shown = [scales.orient(results, e) for e in chosen]
    for e, first in zip(shown, chosen, strict=True):
        parts = [ESTIMANDS.get(e.estimand, e.estimand.replace("_", " ")), ADJUSTMENTS.get(e.adjustment)]
        parts += [name_method(e.method), scales.name_pair(results, first) if several else None]
        written.append(_write_effect(e, scales.read_scale(results, e.metric), ", ".join(filter(None, parts))))
    return _tabulate(results, written, chosen, name="sensitivity")


def _write_effect(e: Estimate, scale, how) -> dict:
    """A row of the view `effects`: an effect in words, and how it was made."""
    row = {"metric": e.metric, "how": how, "effect": "", "interval": e.reason, "p": e.decision_p, "verdict": e.verdict}
    if scales.list_pieces(e):
        row |= {"effect": "no single one", "interval": scales.write_bounds(e, scale)}  # where outcomes are unknown
    return row | ({"effect": scales.write_effect(e, scale)} if math.isfinite(e.estimate) else {})


def _tabulate(results, written, chosen, *, name, note="") -> Display:
    drawn = draw_table(pd.DataFrame(written), find_view(results.study, "effects"), results)
    note = f"Differences: {scales.name_contrast(results)}.{note}"
    return frame_part(results, drawn, note=note, name=name, frame=_list_effects(results, chosen))


def times(results: Results) -> Display:
    """Return how soon each planned event comes: the share reached by each day, and three measures up to the horizon.

    Absent, so that its section leaves the page, where the plan names no time to an event.
    """
    tables = {name: results.tables.get(name, NOTHING) for name in ("metrics", "curves")}
    scaled = [scales.read_scale(results, name) for name in tables["metrics"]["metric"]]
    timed = {scale.metric: scale for scale in scaled if KINDS[scale.kind].outcome == "time"}
    if results.status == "withheld" or not timed:
        return _show_nothing(results, "The plan names no time to an event.")
    whole = {"metric": list(timed), "segment": None, "at": None, "estimand": list(TIMES)}
    chosen, written = sorted(results.select(**whole), key=lambda e: (e.metric, e.comparison, e.estimand)), []
    several = len({e.comparison for e in chosen}) > 1
    for first in chosen:
        e, scale = scales.orient(results, first), timed[first.metric]
        until, last = f"up to day {scale.within_days:g}", e.estimand == "rmst_difference"
        until += f", {scales.name_pair(results, first)}" if several else ""
        written.append(_write_effect(e, scale, f"{TIMES[e.estimand]}, {until}"))
        for test in results.tests if last else ():
            if (test.metric, test.id.split(":")[1:]) == (e.metric, [first.comparison, "log-rank"]):
                written.append({"metric": e.metric, "how": f"log-rank test, {until}", "p": test.p_value})
    note = " Who was not seen to the end counts for as long as seen."
    table = _tabulate(results, written, chosen, name="times", note=note)
    drawn = [name for name in timed if name in set(tables["curves"]["metric"])]
    places = {name: f"curves {name}" if len(drawn) > 1 else "curves" for name in drawn}
    parts = [*(show(results, "curves", metric=name, place=place) for name, place in places.items()), table]
    return Display("".join(part.html for part in parts), "\n".join(part.text for part in parts))


def name_method(method: str) -> str:
    """Return the name of a method as the literature writes it, and what stands behind a comma ("Welch, repeated")."""
    known = max((name for name in METHODS if f"{method}, ".startswith(f"{name}, ")), key=len, default="")
    return METHODS.get(known, "") + method.removeprefix(known).replace("_", " ")
