"""The answer in two to four sentences, and what it cannot show: computed from the results, never typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from helpers.plan import ExperimentPlan
from helpers.records import DETAIL, Estimate, Results
from helpers.wording.numbers import (
    Style,
    style_effect,
    write_count,
    write_effect,
    write_interval,
    write_number,
    write_value,
)
from helpers.wording.scales import find_margin, find_noun, list_metrics, read_scale

SIMULATED = "These data are simulated: the effect was planted, so finding it tests the method and is no evidence."
NO_PRIMARY = "The plan names no primary metric."
UNKNOWN_SPLIT = "The planned split is unknown, so whether units were assigned as planned is not tested."
VERDICTS = {
    "clear benefit": "By the plan's rule this is a clear benefit",
    "clear harm": "By the plan's rule this is a clear harm",
    "clear difference": "By the plan's rule this is a clear difference",
    "no clear difference": "No clear difference: anything {interval} fits",
    "no worthwhile difference": "Any difference is smaller than the {margin} that the plan calls worthwhile",
    "not inferior": "It is not worse by more than the {margin} that the plan tolerates",
    "inferior": "It is worse by more than the {margin} that the plan tolerates",
    "non-inferiority not shown": "A worsening beyond the {margin} that the plan tolerates is not ruled out",
    "not estimable": "cannot be estimated: {reason}",
}


def explain(results: Results, design: ExperimentPlan, *, first: Sequence[str] = ()) -> Results:
    """Return results with the planned metrics as a table, the answer and its limits in sentences.

    Parameters
    ----------
    results : Results
        After small cells are hidden: sentences name only what may be seen.
    design : ExperimentPlan
    first : sequence of str
        What the study itself answers: told behind the data kind, and then one effect instead of two. Empty sentences,
        and all of them where the answer is withheld, are left out.

    Returns
    -------
    Results
    """
    named = results.but(tables={"metrics": list_metrics(design), **results.tables})
    return named.but(answer=write_answer(named, design, first=first), limits=write_limits(named, design))


def write_answer(results: Results, design: ExperimentPlan, *, first: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the answer: data kind where simulated, status, the weightiest effects, what the guardrails say.

    Parameters
    ----------
    results : Results
        A withheld result carries its reason as its answer.
    design : ExperimentPlan
        Gives the reasons for which a failed check is acknowledged; they stand above the effects.
    first : sequence of str
        As for `explain`.

    Returns
    -------
    tuple of str, one sentence group each
    """
    opening = [SIMULATED] if results.data.kind == "simulated" else []
    if results.status == "withheld":
        return (*opening, *results.answer)
    more = (*_warnings(results), *_illusion(results), *_guardrails(results), *_untested(results, design))
    told = [sentence for sentence in first if sentence]
    effects = _effects(results, most=1 if told else 2)
    return (*opening, *_acknowledged(results, design), *_status(results), *told, *effects, *more)


def describe_effect(estimate: Estimate, results: Results) -> str:
    """Return one effect as a sentence with both arms' values, the interval, n and the verdict.

    Parameters
    ----------
    estimate : Estimate
    results : Results
        For the metric's unit and the unit of analysis.

    Returns
    -------
    str
    """
    scale = read_scale(results, estimate.metric)
    label = f"{scale.label[:1].upper()}{scale.label[1:]}"
    if estimate.verdict == "not estimable":
        return f"{label}, {estimate.comparison}, {_verdict(estimate, scale)}."
    n = f"{write_count(estimate.n_control + estimate.n_treatment)} {find_noun(results)}"
    if estimate.clusters_control is not None:
        n = f"{n} in {write_count(estimate.clusters_control + estimate.clusters_treatment)} clusters"
    told = f", {write_interval(estimate, scale)}"
    if estimate.verdict == "no clear difference" and not _is_crowded(estimate):
        told = ""
    found = f"{label}: {_arms(estimate, scale)}; {write_effect(estimate, scale)}{told} ({n})."
    return f"{found} {_verdict(estimate, scale)}{_surprise(estimate)}."


def _arms(estimate, scale):
    """Both arms' values: of an ordered score, in how many pairs of a treated and a control unit each is higher."""
    arms, values = (estimate.treatment, estimate.control), (estimate.treatment_value, estimate.control_value)
    if scale.ordered:
        shares = [write_number(v, Style(100), decimals=0) for v in values]
        return f"of 100 pairs, {shares[0]} are higher with {arms[0]} and {shares[1]} with {arms[1]}"
    told = [write_value(v, scale, beside=estimate) for v in values]
    return f"{told[0]} with {arms[0]}, {told[1]} with {arms[1]}"


def write_limits(results: Results, design: ExperimentPlan) -> tuple[str, ...]:
    """Return what the answer cannot show, two to four sentences, the weightiest first.

    Parameters
    ----------
    results : Results
    design : ExperimentPlan

    Returns
    -------
    tuple of str
    """
    if results.status == "withheld":
        return ("Any effect: what went wrong with the assignment has to be understood first.",)
    found = [_kind_limit(results), _missing_limit(results), _offer_limit(design), _horizon_limit(design)]
    exploratory = "Weeks and segments are exploratory: they suggest the next experiment and decide nothing."
    splits = [exploratory] if design.segments or design.assigned_at else []
    return tuple([limit for limit in found if limit] + splits)[:4]


def _effects(results, *, most):
    """At most so many effects in full, primary and clear ones first; the verdicts of the other primary ones counted."""
    primary = results.headline(role="primary")
    if not primary:
        shown = _notable(results) or [e for e in results.headline() if e.role != "guardrail"][:1]
        return [NO_PRIMARY, *(describe_effect(e, results) for e in shown)]
    if len(primary) > most:
        primary = sorted(primary, key=lambda e: not e.verdict.startswith("clear "))
    shown, rest = [*primary[:most], *_notable(results)][:most], Counter(e.verdict for e in primary[most:])
    counted = ", ".join(f"{n} {verdict}" for verdict, n in rest.items())
    others = f"The other primary comparison{'s' if rest.total() > 1 else ''}: {counted}."
    return [*(describe_effect(e, results) for e in shown), *([others] if rest else [])]


def _acknowledged(results, design):
    failed = [c for c in results.checks if c.status == "fail" and c.id in design.acknowledge]
    released = "The plan releases the answer all the same, for this reason"
    return [f"{c.message} {released}: {design.acknowledge[c.id].rstrip('. ')}." for c in failed]


def _warnings(results):
    """Why a primary effect's interval may not hold what it promises; what it needs stands in the table of checks."""
    primary = dict.fromkeys(f"domain_{e.metric}" for e in results.headline(role="primary"))
    return [c.message.partition(DETAIL)[0] for c in results.checks if c.id in primary and c.status == "warn"]


def _notable(results):
    clear = [e for e in results.headline(role="secondary") if e.verdict.startswith("clear ")]
    return sorted(clear, key=lambda e: e.verdict == "clear difference")[:2]


def _illusion(results):
    """The association of a primary metric, where it would have told another story than the experiment."""
    for e in results.select(role="exploratory", estimand="naive", segment=None, at=None):
        fair = results.headline(e.metric, role="primary", treatment=e.treatment)
        if fair and e.verdict.startswith("clear ") and (e.verdict != fair[0].verdict):
            scale = read_scale(results, e.metric)
            label = f"{scale.label[:1].upper()}{scale.label[1:]}"
            sides = "those who took it up against those who did not"
            if e.population == "observational":
                sides = f"{e.treatment} against {e.control}, who were not randomised"
            told = f"{write_effect(e, scale)}, {write_interval(e, scale)}"
            return [f"{label}, {sides}: {told}. That is an association, not an effect."]
    return []


def _status(results):
    if results.status != "interim":
        return []
    if all(e.verdict == "not estimable" for e in results.headline()):
        return ["The planned end is not reached, and nothing can be estimated yet."]
    return ["The planned end is not reached, so intervals are wider than they will be: they allow for looking early."]


def _guardrails(results):
    rows = results.headline(role="guardrail")
    if not rows:
        return []
    failing = sorted((e for e in rows if e.verdict != "not inferior"), key=lambda e: e.verdict != "inferior")
    if not failing:
        several = f"{'Both' if len(rows) == 2 else f'All {len(rows)}'} guardrail comparisons hold"
        held = "The guardrail holds" if len(rows) == 1 else several
        return [f"{held}."]
    names = ", ".join(dict.fromkeys(read_scale(results, e.metric).label for e in failing))
    several = [f"{len(failing)} of {len(rows)} guardrail comparisons are not shown to hold ({names})."]
    return [*(several if len(failing) > 1 else []), describe_effect(failing[0], results)]


def _untested(results, design):
    untested = [c for c in results.checks if c.id == "srm" and c.status == "not tested"]
    return [UNKNOWN_SPLIT if design.variant.shares is None else c.message for c in untested]


def _is_crowded(estimate):
    """Whether an effect would be clear alone and is not among the others of its family."""
    return estimate.p_value <= 1 - estimate.confidence_level < estimate.decision_p


def _verdict(estimate, scale):
    if estimate.verdict == "no clear difference" and _is_crowded(estimate):
        return f"No clear difference: alone it would be one, but not among all {estimate.family} comparisons"
    margin = find_margin(estimate, scale)
    written = "margin" if margin is None else write_number(margin, _unsigned(style_effect(estimate, scale)))
    words = {
        "interval": write_interval(estimate, scale),
        "margin": written,
        "reason": estimate.reason or "too few units",
    }
    return VERDICTS[estimate.verdict].format(**words)


def _unsigned(style):
    return type(style)(style.factor, style.prefix, style.suffix, False)


def _surprise(estimate):
    return ", and the opposite of what the plan expected" if estimate.as_expected is False else ""


def _kind_limit(results):
    if results.data.kind == "simulated":
        return "Nothing about real customers: the numbers come from a model whose effects were chosen beforehand."
    if results.data.kind == "public":
        return "Nothing about your product: this is a public experiment from another field."
    return None


def _missing_limit(results):
    names = dict.fromkeys(e.metric for e in results.select(population="responders"))
    if not names:
        return None
    labels = ", ".join(read_scale(results, name).label for name in names)
    return f"What the units without a known outcome did ({labels}): the headline is among those whose outcome is known."


def _offer_limit(design):
    if design.exposure is None:
        return None
    return "The effect of using it: the arms differ in what was offered, and not everybody took it up."


def _horizon_limit(design):
    days = [m.horizon_days or m.within_days for m in design.metrics.values() if m.horizon_days or m.within_days]
    if not days:
        return "Anything after the last measurement: an effect may grow, fade or turn."
    return f"Anything later than {max(days):g} days after assignment: an effect may grow, fade or turn."
