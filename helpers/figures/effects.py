"""Pictures of effects: a forest by role, contrasts side by side, segments, and the effect over time."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator

from helpers.figures.forest import measure_forest, paint_forest
from helpers.figures.rows import Block, Row, tell_rows
from helpers.figures.theme import BAND, INK, MUTED, draw, measure_width, place_axes
from helpers.records import Estimate, Results, to_frame
from helpers.wording import (
    BETTER,
    ROLES,
    WITHHELD,
    Display,
    Scale,
    capitalise,
    describe_effects,
    find_margin,
    is_lift,
    is_ratio,
    join_words,
    lower_first,
    name_method,
    name_row,
    read_scale,
    show_sentence,
    style_effect,
    tell_finding,
    tell_findings,
    write_count,
    write_effect,
)

MOST_ROWS = 24
NO_WEEK = "No effect by week: the plan names no time of assignment, or too few units fall into a week."
BEHIND = ["metric", "segment", "at", "treatment", "estimate", "ci_low", "ci_high", "p_value", "verdict"]


def forest(
    results: Results,
    *,
    role: str | Sequence[str] = ("primary", "secondary", "guardrail", "exploratory"),
    estimates: Sequence[Estimate] | None = None,
    title: str | None = None,
) -> Display:
    """Return effects as a forest: one row an effect, one block a role, sensitivity rows thinner and below.

    Parameters
    ----------
    results : Results
    role : str or sequence of str
        Whose rows to draw. Lifts stand as text beside their difference. With one role its sensitivity rows follow
        when "sensitivity" is named too.
    estimates : sequence of Estimate, optional
        These effects instead, whatever their role.
    title : str, optional
        The finding; computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none. At most 24 rows are drawn.
    """
    if results.status == "withheld":
        return show_sentence(WITHHELD)
    roles = [role] if isinstance(role, str) else list(role)
    found = results.select(role=roles, segment=None, at=None) if estimates is None else estimates
    chosen = [e for e in found if estimates is not None or not is_lift(e)][:MOST_ROWS]
    if not chosen:
        return show_sentence(f"The plan names no {join_words(roles)} metric.")
    several = len({e.treatment for e in chosen}) > 1
    blocks = [Block(ROLES[r], _rows(results, chosen, r, several)) for r in ROLES if any(e.role == r for e in chosen)]
    return _draw_blocks(
        results, blocks, title=title, name=f"{results.study}_{'_'.join(roles) if estimates is None else 'effects'}"
    )


def _rows(results: Results, chosen, role: str, several: bool) -> tuple[Row, ...]:
    rows = []
    order = list(dict.fromkeys(e.metric for e in chosen))
    for e in sorted((e for e in chosen if e.role == role), key=lambda e: order.index(e.metric)):
        scale = read_scale(results, e.metric)
        if role == "sensitivity":
            how = ", ".join(part for part in (name_row(e), name_method(e.method)) if part)
            rows.append(Row(e, scale, f"{capitalise(scale.label)}: {how}", thin=True))
            continue
        note = f"{e.treatment}, {BETTER[scale.better]}" if several else BETTER[scale.better]
        rows.append(Row(e, scale, capitalise(scale.label), note, _below(results, e)))
    return tuple(rows)


def _below(results: Results, e: Estimate) -> str:
    if math.isnan(e.estimate):
        return e.reason or ""
    same = {"metric": e.metric, "treatment": e.treatment, "population": e.population, "segment": e.segment, "at": e.at}
    lifts = [x for x in results.select(estimand="relative_lift", role=e.role, **same) if not math.isnan(x.estimate)]
    lift = f", lift {write_effect(lifts[0], read_scale(results, e.metric))}" if lifts and not is_ratio(e) else ""
    return f"{e.verdict}{', not as expected' if e.as_expected is False else ''}{lift}"


def _draw_blocks(results: Results, blocks, *, title, name, headers=None, reference=None, subtitle="") -> Display:
    rows = [row for block in blocks for row in block.rows]
    main = [row for row in rows if not row.thin] or rows
    effects = [row.effect for row in rows]
    headers = headers or (_name_side(effects, "control"), _name_side(effects, "treatment"))
    return draw(
        lambda figure: paint_forest(figure, blocks, headers=headers, reference=reference),
        height=measure_forest(blocks),
        narrow_height=measure_forest(blocks, narrow=True),
        title=title or tell_findings([r.effect for r in main], [r.scale for r in main]),
        subtitle=subtitle + _subtitle(rows),
        alternative=describe_effects(effects, results, what="Forest plot of effects with intervals."),
        results=results,
        table=to_frame(effects)[BEHIND].dropna(axis=1, how="all"),
        shown=tell_rows(effects, results),
        name=name,
    )


def _name_side(effects: Sequence[Estimate], side: str) -> str:
    names = {getattr(e, side) for e in effects}
    return names.pop() if len(names) == 1 else side


def _subtitle(rows: Sequence[Row]) -> str:
    e = rows[0].effect
    kinds = sorted({r.effect.interval for r in rows} - {"fixed"})
    parts = [f"{e.confidence_level * 100:g} % intervals{', dashed ones ' + join_words(kinds) if kinds else ''}."]
    banded = {r.scale.role == "guardrail" for r in rows if find_margin(r.effect, r.scale) is not None}
    said = {False: "smaller than the plan calls worthwhile", True: "what the plan tolerates of a guardrail"}
    if banded:
        parts.append(f"Shaded: {join_words([said[b] for b in sorted(banded)])}.")
    return " ".join(parts)


def contrasts(results: Results, estimates: Sequence[Estimate], *, title: str | None = None) -> Display:
    """Return several answers to one question on one scale: naive, adjusted, weighted, as assigned, in compliers.

    Parameters
    ----------
    results : Results
    estimates : sequence of Estimate
        In the order to be drawn, all of one metric.
    title : str, optional
        The finding; computed from the first and the last row when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or there are none.
    """
    if results.status == "withheld" or not estimates:
        none = "The plan names no exposure, and no group beside the randomised ones."
        return show_sentence(WITHHELD if results.status == "withheld" else none)
    scale = read_scale(results, estimates[0].metric)
    rows = [Row(e, scale, name_row(e.but(adjustment="none")), _sizes(e), _judge(e)) for e in estimates]
    told = [f"{lower_first(name_row(e))} {write_effect(e, scale)}" for e in (estimates[0], estimates[-1])]
    found = f"{capitalise(scale.label)}: {told[0]}; {told[1]} ({estimates[-1].verdict})"
    title = title or (found if len(rows) > 1 else tell_finding(estimates[0], scale))
    taken = any(e.population in ("as_treated", "compliers") for e in estimates)
    headers = ("without", "with") if taken else None
    if any(e.population == "observational" for e in estimates):
        headers = ("others", _name_side(estimates, "treatment"))
    return _draw_blocks(
        results, [Block("", tuple(rows))], title=title, name=f"{scale.metric}_contrasts", headers=headers
    )


def _judge(e: Estimate) -> str:
    return e.reason or ("association, not an effect" if e.estimand == "naive" else e.verdict)


def _sizes(e: Estimate) -> str:
    how = name_row(e).removeprefix(name_row(e.but(adjustment="none"))).strip(", ")
    parts = (how or name_method(e.method), f"n {write_count(e.n_control)} and {write_count(e.n_treatment)}")
    return ", ".join(part for part in parts if part)


def segments(results: Results, *, metric: str, title: str | None = None) -> Display:
    """Return one metric's effect in every segment, beside the effect over all of a single treatment; exploratory.

    Parameters
    ----------
    results : Results
        Effects whose `segment` is written "column=level"; a block a column and treatment.
    metric : str
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or the metric has no segment.
    """
    found = [e for e in results.estimates if e.metric == metric and e.segment is not None and not is_lift(e)][
        :MOST_ROWS
    ]
    if results.status == "withheld" or not found:
        return show_sentence(WITHHELD if results.status == "withheld" else "The plan names no segment.")
    scale = read_scale(results, metric)
    several = len({e.treatment for e in found}) > 1
    rows: dict[str, list[Row]] = {}
    for e in found:
        column = capitalise(e.segment.partition("=")[0].replace("_", " "))
        heading = f"{column}: {e.treatment}" if several else column
        rows.setdefault(heading, []).append(_segment_row(e, scale))
    overall = () if several else _overall(results, found[0])
    clear = sum(e.verdict.startswith("clear") for e in found)
    what = "segments" if not several else "comparisons in segments"
    said = f"{clear or 'none'} of {len(found)} {what} {'shows' if clear < 2 else 'show'} a clear difference"
    return _draw_blocks(
        results,
        [Block(heading, tuple(inside)) for heading, inside in rows.items()],
        title=title or f"{capitalise(scale.label)}: {said}",
        name=f"{metric}_segments",
        reference=overall[0].estimate if overall else None,
        subtitle="Exploratory. Dashed line: the effect over all. " if overall else "Exploratory. ",
    )


def _segment_row(e: Estimate, scale: Scale) -> Row:
    below = (e.reason or "") if math.isnan(e.estimate) else e.verdict
    name = e.segment.partition("=")[2] or e.segment
    return Row(e, scale, name, f"n {write_count(e.n_control)} and {write_count(e.n_treatment)}", below)


def over_time(results: Results, *, metric: str, treatment: str | None = None, title: str | None = None) -> Display:
    """Return one metric's effect by period with intervals and n, beside the effect over all periods as a band.

    Parameters
    ----------
    results : Results
        Effects whose `at` names the period ("week 1"), in order.
    metric : str
    treatment : str, optional
        The first one when left out.
    title : str, optional
        Computed when left out.

    Returns
    -------
    Display: one sentence when the effects are withheld or the metric has no period.
    """
    found = [e for e in results.estimates if e.metric == metric and e.at is not None and not is_lift(e)]
    found = [e for e in found if e.treatment == (treatment or found[0].treatment)]
    if results.status == "withheld" or not found:
        return show_sentence(WITHHELD if results.status == "withheld" else NO_WEEK)
    scale = read_scale(results, metric)
    overall = _overall(results, found[0])
    known = [e for e in found if math.isfinite(e.estimate)]
    ends = "no period can be estimated"
    if known:
        ends = ", ".join(f"{write_effect(e, scale)} in {e.at}" for e in (known[0], known[-1]))
    return draw(
        lambda figure: _paint_periods(figure, found, overall, scale),
        height=300,
        title=title or f"{capitalise(scale.label)}: {ends}",
        subtitle=f"{found[0].treatment} minus {found[0].control} by period, with intervals. Band: all periods.",
        alternative=describe_effects(found, results, what=f"Effect on {scale.label} by period, with intervals."),
        results=results,
        table=to_frame(found)[BEHIND].dropna(axis=1, how="all"),
        shown=tell_rows(found, results),
        name=f"{metric}_over_time",
    )


def _overall(results: Results, like: Estimate) -> tuple[Estimate, ...]:
    same = {"metric": like.metric, "estimand": like.estimand, "treatment": like.treatment}
    return tuple(e for e in results.select(segment=None, at=None, **same) if math.isfinite(e.estimate))


def _paint_periods(figure, found, overall, scale: Scale):
    axes = place_axes(figure, 52, 24, measure_width(figure) - 60, 226)
    style = style_effect(found[0], scale)
    for e in overall[:1]:
        axes.axhspan(e.ci_low * style.factor, e.ci_high * style.factor, color=BAND, linewidth=0, zorder=0)
        axes.axhline(e.estimate * style.factor, color=MUTED, linewidth=0.9, linestyle=(0, (3, 3)))
    axes.axhline(0, color=INK, linewidth=0.8)
    for place, e in enumerate(found):
        low, middle, high = (v * style.factor for v in (e.ci_low, e.estimate, e.ci_high))
        axes.plot((place, place), (low, high), color=INK, linewidth=2.2)
        axes.plot(place, middle, "o", color=INK, markersize=7)
        told = write_effect(e, scale).removesuffix(style.suffix)
        label = axes.annotate(told, (place, middle), xytext=(9, 0), textcoords="offset points", va="center")
        label.set_path_effects([withStroke(linewidth=4, foreground="white")])
    axes.set_xticks(range(len(found)), [_period(e) for e in found])
    axes.set_xlim(-0.4, len(found) - 0.4)
    axes.set_title(style.suffix.strip() or style.prefix or scale.label, loc="left", fontsize=8.6, color=MUTED)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:+,g}" if v else "0"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.grid(axis="y")
    axes.spines["bottom"].set_visible(False)


def _period(e: Estimate) -> str:
    return f"{e.at}\nn {write_count(e.n_control + e.n_treatment)}"
