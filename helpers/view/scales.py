"""How effects are read: a metric's name, unit and margins, the contrast as displayed, effects as figures and rows."""

import math
import re
from dataclasses import dataclass, fields, replace

import pandas as pd

from helpers import disclosure, schema
from helpers.kinds import KINDS
from helpers.plan import ExperimentPlan
from helpers.plan.design import say_name
from helpers.records import Estimate, Results
from helpers.view import numbers
from helpers.view.html import Row

LISTED = r"(?:^|(?<=[(:,;] )|(?<=\()|(?<= in )|(?<= and )|(?<= come ))"  # what stands before an arm in a list of them
CODE = r"(?<!\w)\w+_\w+(?:=\w+)?(?!\w)"
HIDDEN = "hidden for privacy"
DRAWN = ("estimate", "ci_low", "ci_high", "ci_set")


@dataclass(frozen=True)
class Scale:
    """One metric as a reader meets it; the columns of the results table `metrics`.

    `worthwhile` and the margins are in the metric's own unit (a share for a binary metric, a share of all pairs for an
    ordered score); `noun` is the unit of analysis in words; `quantile` is which one is compared instead of the mean;
    `time_at_risk` what a rate is counted by; None is "not planned". `is_yours` says that the data is the reader's own:
    labels stay as she wrote them, and amounts have no more digits than are shared.
    """

    metric: str
    label: str
    kind: str = "score"
    role: str = "exploratory"
    unit: str | None = None
    better: str = "neither"
    expected: str | None = None
    worthwhile: float | None = None
    margin_absolute: float | None = None
    margin_relative: float | None = None
    within_days: float | None = None
    noun: str = "unit"
    quantile: float | None = None
    ordered: bool = False
    time_at_risk: str | None = None
    is_yours: bool = False

    @property
    def is_own(self) -> bool:
        """Whether values are amounts of the reader's own."""
        return self.is_yours and disclosure.is_amount(self.kind)

    @property
    def head(self) -> str:
        """The label at the begin of a line."""
        return self.label if self.is_yours else numbers.capitalise(self.label)

    @property
    def is_share(self) -> bool:
        """Whether values are shares, printed in per cent and their differences in points."""
        return KINDS[self.kind].shown == "share" or self.ordered


def list_metrics(design: ExperimentPlan) -> pd.DataFrame:
    """Return the planned metrics, one row a metric, in the plan's order.

    Parameters
    ----------
    design : ExperimentPlan

    Returns
    -------
    DataFrame: the fields of `Scale`; what is not planned is None. It stands in `Results.tables["metrics"]`, from
    which every table and figure reads labels, kinds and units.
    """
    rows, names = [], [field.name for field in fields(Scale) if field.name != "is_yours"]
    for name, metric in design.metrics.items():
        margin, time = metric.margin, say_name(metric.time_at_risk or "")
        time, *risk = re.split(r"( at .*| active)", time, maxsplit=1)  # per day at risk
        rate = f"per {schema.singularise(time)}{''.join(risk)}" if time else None
        row = {key: getattr(metric, key, None) for key in names}
        row |= {"metric": name, "label": design.label_of(name), "noun": design.unit, "unit": metric.unit or rate}
        row |= {"margin_absolute": margin and margin.absolute, "margin_relative": margin and margin.relative}
        rows.append(row | {"ordered": metric.scale == "ordered", "within_days": metric.window})
    return pd.DataFrame(rows, columns=names, dtype=object)


def read_scale(results: Results, metric: str) -> Scale:
    """Return how one metric is read, from the results table `metrics`.

    Parameters
    ----------
    results : Results
    metric : str
        A name that the table lacks is read as a plain number under its own name.

    Returns
    -------
    Scale
    """
    frame, own = results.tables.get("metrics"), {"is_yours": results.data.kind == "yours"}
    names = [] if frame is None or frame.empty else frame["metric"].tolist()
    if metric not in names:
        return Scale(metric, say_name(metric), **own)
    row = frame.iloc[names.index(metric)]
    return Scale(**{f.name: row[f.name] for f in fields(Scale) if not pd.isna(row.get(f.name))} | own)


def begin(results: Results, label: str) -> str:
    """Return a label at the begin of a line: of the reader's own data as she wrote it."""
    return label if results.data.kind == "yours" else numbers.capitalise(label)


def find_noun(results: Results, *, singular: bool = False) -> str:
    """Return the unit of analysis in words, plural ("workspaces") or singular; "units" when no plan names it."""
    frame = results.tables.get("metrics")
    noun = "unit" if frame is None or frame.empty or "noun" not in frame else str(frame["noun"].iloc[0])
    return noun if singular else schema.pluralise(noun)


def name_label(results: Results, name: str) -> str:
    """Return a code of the plan or the data as its reader says it.

    The plan's `labels` come first, then the label of a metric, step or feature; a level is written "column=level".
    Whatever has no label is said without underscores.
    """
    labels = results.plan.get("labels") or {}
    if name in labels:
        return labels[name]
    column, equals, level = str(name).partition("=")
    if equals:
        return f"{name_label(results, column)}: {labels.get(level) or say_name(level)}"
    return read_scale(results, name).label


def name_arm(results: Results, arm: str) -> str:
    """Return an arm as it stands in a sentence: its label ("without links"), else "with" and its name."""
    labels, name = results.plan.get("labels") or {}, say_name(arm)
    return labels.get(arm) or f"with {'the ' if name in ('control', 'treatment') else ''}{name}"


def name_other(results: Results, told: str, arm: str) -> str:
    """Return an arm behind another one, which is told already: by its own name without a second "with"."""
    is_own = arm not in (results.plan.get("labels") or {})
    return name_arm(results, arm).removeprefix("with " if is_own and told.startswith("with ") else "")


def list_dates(results: Results) -> list[str]:
    """Return in words when units were assigned, and when the data ends, as far as that is known."""
    days = results.assigned
    found = [f"assigned {days[0]} to {days[1]}" if days else "", f"data to {results.as_of}" if results.as_of else ""]
    return [told for told in found if told]


def name_contrast(results: Results, comparison: str = "") -> str:
    """Return what a difference is, in words: the plan's own, else one arm minus the other.

    Parameters
    ----------
    results : Results
    comparison : str, "treatment - control" as results have it; that of the first headline when left out
    """
    words = (results.plan.get("shown_as") or {}).get("words")
    comparisons = [comparison] if comparison else list(dict.fromkeys(e.comparison for e in results.headline()))
    if words or not comparisons:
        return words or "difference"
    treatments, _, controls = zip(*(told.partition(" - ") for told in comparisons), strict=True)
    if len(set(controls)) > 1:
        return "first minus second"
    first = name_arm(results, treatments[0]) if len(comparisons) == 1 else "with the treatment"
    return f"{first} minus {name_other(results, first, controls[0])}"


def name_pair(results: Results, estimate: Estimate) -> str:
    """Return which of several treatments an effect is of, and against which other one where it is not the control."""
    told, treatments = name_arm(results, estimate.treatment), {e.treatment for e in results.headline()}
    return f"{told} against {name_other(results, told, estimate.control)}" if estimate.control in treatments else told


def is_turned(results: Results) -> bool:
    """Return whether the report shows control minus treatment, which results never hold."""
    return (results.plan.get("shown_as") or {}).get("contrast") == "control - treatment"


def say_codes(results: Results, text: str) -> str:
    """Return a sentence in which codes of the plan or the data stand as their reader says them.

    Codes are comparisons, arms before a figure where arms are listed ("by unit: no_links 2,003"), and whatever has an
    underscore: an arm may be called by a word of the sentence, such as "before".
    """
    for comparison in {e.comparison for e in results.headline()}:
        text = text.replace(comparison, name_contrast(results, comparison))
    labels = results.plan.get("labels") or {}
    arms = sorted(set(results.data.units_by_variant) & set(labels), key=len, reverse=True)
    either = "|".join(map(re.escape, arms)) or "(?!)"
    text = re.sub(rf"{LISTED}(?:{either})(?= \d)(?! \d{{4}}-\d\d)", lambda found: labels[found[0]], text)
    words = (  # the name of a file stays
        word if numbers.is_file(word) else re.sub(CODE, lambda found: name_label(results, found[0]), word)
        for word in text.split(" ")
    )
    return " ".join(words)


def name_way(estimate: Estimate, scale: "Scale") -> str:
    """Return which way an association goes: more or less often of a share, else higher or lower; never good or bad."""
    words = ("less often", "more often") if scale.is_share and not scale.ordered else ("lower", "higher")
    return words[estimate.estimate > is_ratio(estimate)]


def is_lift(estimate: Estimate) -> bool:
    """Return whether the estimate is a share of the control value."""
    return estimate.estimand.endswith("lift")


def is_ratio(estimate: Estimate) -> bool:
    """Return whether the estimate is a ratio, for which 1 is no effect."""
    return estimate.estimand == "ratio" or estimate.estimand.endswith("_ratio")


def orient(results: Results, estimate: Estimate) -> Estimate:
    """Return an effect as the plan displays it: with `contrast: control - treatment` a difference changes its sign.

    Results keep treatment minus control. Only differences of all assigned, or of all who answered, are turned; what
    compares takers with others reads takers minus others already.

    Returns
    -------
    Estimate: of a turned one `treatment` is what stands first in the contrast, and benefit and harm change places.
    """
    turned = estimate.estimand in ("difference", "rmst_difference") and estimate.population in ("itt", "responders")
    return estimate.turn() if turned and is_turned(results) else estimate


def find_margin(estimate: Estimate, scale: Scale) -> float | None:
    """Return the half-width of the band that matters, in the unit of a difference.

    A guardrail's margin, else the worthwhile difference; None where none was planned, where a relative margin meets
    an unknown control value, or for lifts and ratios (margins are planned for differences).
    """
    if is_lift(estimate) or is_ratio(estimate):
        return None
    if scale.margin_absolute is not None or scale.margin_relative is None:
        return scale.worthwhile if scale.margin_absolute is None else scale.margin_absolute
    band = abs(scale.margin_relative * estimate.control_value)
    return band if band == band else None


def style_effect(estimate: Estimate, scale: Scale) -> numbers.Style:
    """Return how an effect is printed: points, money, times, per cent or the metric's own unit."""
    if is_lift(estimate):
        return numbers.Style(100, "", " %", True)
    if is_ratio(estimate):
        return numbers.Style(1, "", " times")
    if estimate.estimand.startswith("rmst"):
        return numbers.Style(1, "", " days", True)
    return style_gap(scale, signed=True)


def style_value(scale: Scale, *, estimand: str = "difference") -> numbers.Style:
    """Return how an arm's own value is printed (`14.2 %`, `$1,240`, `3.21`, `41.0 % of pairs`)."""
    if estimand.startswith("rmst"):
        return numbers.Style(1, "", " days")
    if scale.is_share:
        return numbers.Style(100, "", " % of pairs" if scale.ordered else " %")
    if KINDS[scale.kind].shown == "points":
        return numbers.Style(1, "", "", True)
    if scale.unit in numbers.CURRENCIES:
        return numbers.Style(1, numbers.CURRENCIES[scale.unit], cents=not scale.is_own)
    return numbers.Style(1, "", f" {scale.unit}" if scale.unit else "")


def style_gap(scale: Scale, *, signed: bool = False) -> numbers.Style:
    """Return how the size of a difference is printed (`2.0 points`, `$500`)."""
    value = style_value(scale)
    points = scale.is_share or KINDS[scale.kind].shown == "points"
    return replace(value, suffix=" points" if points else value.suffix, signed=signed)


def is_coarse(estimate: Estimate, scale: Scale) -> bool:
    """Return whether figures have no more digits than are shared: amounts, and shares that tell who is unknown."""
    return scale.is_own or (scale.is_yours and estimate.population == "responders")


def effect_decimals(estimate: Estimate, scale: Scale) -> int | None:
    """Return the decimals of an effect and of what stands beside it: what its interval deserves.

    One more where both arms, rounded so, would not subtract to the difference as printed; of adjusted shares at a
    landmark, and of amounts that may have no more digits, the nearest that do are printed instead.
    """
    factor, margin = style_effect(estimate, scale).factor, find_margin(estimate, scale) or 0.0
    lines, ends = (1.0,) if is_ratio(estimate) else (0.0, margin, -margin), (estimate.ci_low, estimate.ci_high)
    decimals = numbers.count_decimals(*ends, factor=factor, lines=lines)
    if is_coarse(estimate, scale):
        most = disclosure.count_digits(estimate, factor, is_rank=scale.quantile is not None)
        if most is not None:  # an end that is not 0 is not printed as 0, for one more
            most += any(end != 0 and round(end * factor, most) == 0 for end in ends if math.isfinite(end))
            return most if decimals is None else min(most, decimals)
    if decimals is None or estimate.population == "landmark":
        return decimals
    return decimals if _round_arms(estimate, factor, decimals) is None else decimals + 1


def round_effect(estimate: Estimate, scale: Scale) -> Estimate:
    """Return an effect as a picture draws it: amounts of one's own data as they are printed."""
    decimals = effect_decimals(estimate, scale) if is_coarse(estimate, scale) else None
    if decimals is None:
        return estimate
    unit = 10.0**-decimals / style_effect(estimate, scale).factor
    return estimate.but(**{name: disclosure.cut(getattr(estimate, name), unit) for name in DRAWN})


def _round_arms(estimate: Estimate, factor: float, decimals: int) -> tuple[float, float] | None:
    """Both arms so rounded that they subtract to the rounded difference; None where plain rounding does that.

    Of the neighbours of both values those are chosen that lie nearest. What is no plain difference of the arms, such
    as an adjusted one, is left alone.
    """
    first, second = estimate.treatment_value * factor, estimate.control_value * factor
    gap, unit = estimate.estimate * factor, 10.0**-decimals
    is_plain = estimate.estimand == "difference" and math.isclose(first - second, gap, rel_tol=1e-6)
    wanted = round(gap, decimals) if is_plain else math.nan
    if not abs(round(first, decimals) - round(second, decimals) - wanted) > unit / 2:
        return None
    near = [[round(arm, decimals) + step * unit for step in (-1, 0, 1)] for arm in (first, second)]
    pairs = [(a, b) for a in near[0] for b in near[1] if abs(a - b - wanted) < unit / 2]
    return min(pairs, key=lambda pair: abs(pair[0] - first) + abs(pair[1] - second))


def write_effect(estimate: Estimate, scale: Scale) -> str:
    """Return an effect with its unit ("+9.0 points"), or "not estimable"."""
    if math.isnan(estimate.estimate):
        return "not estimable"
    decimals = effect_decimals(estimate, scale)
    return numbers.write_number(estimate.estimate, style_effect(estimate, scale), decimals=decimals)


def write_value(value: float, scale: Scale, *, beside: Estimate | None = None) -> str:
    """Return an arm's own value with its unit.

    Parameters
    ----------
    value : float
    scale : Scale
    beside : Estimate, optional
        The effect it stands beside, which fixes the digits; three significant digits when left out.
    """
    if beside is None or is_lift(beside) or is_ratio(beside):
        return numbers.write_number(value, style_value(scale))
    style, decimals = style_value(scale, estimand=beside.estimand), effect_decimals(beside, scale)
    pair = None if decimals is None else _round_arms(beside, style.factor, decimals)
    if pair and value in (beside.treatment_value, beside.control_value):
        value = pair[bool(value == beside.control_value)] / style.factor
    return numbers.write_number(value, style, decimals=decimals)


def write_bounds(estimate: Estimate, scale: Scale) -> str:
    """Return the interval for a table: "[+7.1, +10.9]", its set where it is not one interval, or "not known"."""
    pieces, style = list_pieces(estimate), replace(style_effect(estimate, scale), suffix="")
    if not pieces:
        return "empty" if estimate.ci_set is not None else numbers.UNKNOWN
    decimals = effect_decimals(estimate, scale)
    write = lambda end: numbers.write_number(math.inf if end is None else end, style, decimals=decimals)  # noqa: E731
    return " or ".join(f"[{write(low)}, {write(high)}]" for low, high in pieces)


def write_interval(estimate: Estimate, scale: Scale) -> str:
    """Return the interval for a sentence: "between +7.1 and +10.9 points"; rays and empty sets are said."""
    pieces, decimals = list_pieces(estimate), effect_decimals(estimate, scale)
    if not pieces:
        return "at no value" if estimate.ci_set is not None else "with no interval"
    return " or ".join(numbers.write_range(low, high, style_effect(estimate, scale), decimals) for low, high in pieces)


def list_pieces(estimate: Estimate) -> list[tuple[float | None, float | None]]:
    """Return the pieces of the confidence set, most often one; none where there is no interval."""
    if estimate.ci_set is not None:
        return list(estimate.ci_set)
    low, high = estimate.ci_low, estimate.ci_high
    return [] if math.isnan(low) or math.isnan(high) else [(low, high)]


def make_row(e: Estimate, scale: Scale, **own) -> Row:
    """Return an effect as a row, with its arms' values, first what the contrast puts first.

    Parameters
    ----------
    e : Estimate, as it is displayed (`orient`)
    scale : Scale
    own : fields of Row that stand for those of the effect
    """
    style, shown, ratio = style_effect(e, scale), round_effect(e, scale), is_ratio(e)
    values = () if is_lift(e) or math.isnan(e.control_value) else (e.treatment_value, e.control_value)
    shared = is_lift(e) or ratio or style.prefix or style.suffix in (" points", " days")
    reason = HIDDEN if (e.reason or "").startswith("hidden") else e.reason or ""
    told = (write_effect(e, scale), write_bounds(e, scale)) if not math.isnan(e.estimate) else ("", reason)
    made = {"name": scale.head, "effect": told[0], "interval": told[1], "verdict": e.verdict}
    made |= {"values": tuple(write_value(v, scale, beside=e) for v in values), "band": find_band(e, scale)}
    made |= {"pieces": tuple((_place(low, ratio), _place(high, ratio)) for low, high in list_pieces(shown))}
    middle = math.nan if e.verdict == "not estimable" else shown.estimate  # a count of nothing looks like no effect
    made |= {"middle": _place(middle, ratio), "dashed": e.interval != "fixed"}
    return Row(**made | {"unit": (ratio, style.prefix, style.suffix, style.factor, "" if shared else e.metric)} | own)


def _place(value: float | None, is_ratio: bool) -> float | None:
    """The place of an end on its axis, which is logarithmic for a ratio; an open one has none."""
    if value is None or math.isinf(value):
        return None
    if is_ratio:
        return -math.inf if value <= 0 else math.log(value)
    return float(value)


def find_band(e: Estimate, scale: Scale) -> tuple[float, float] | None:
    """Return what the plan calls too small, on both sides of zero; of a guardrail what it tolerates, on harm's side."""
    margin = find_margin(e, scale)
    if margin is None:
        return None
    if scale.role != "guardrail":
        return (-margin, margin)
    return (0.0, margin) if scale.better == "lower" else (-margin, 0.0)
