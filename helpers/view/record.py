"""How the answer came about: trust in one line, limits, the design as planned, claims, and the run's record."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import yaml

from helpers import paths
from helpers.plan import ExperimentPlan
from helpers.records import DETAIL, Results, to_frame
from helpers.view import scales
from helpers.view.html import Display, escape, fold, list_facts, show_sentence
from helpers.view.numbers import (
    capitalise,
    count_decimals,
    join_words,
    lower_first,
    write_count,
    write_number,
    write_share,
)
from helpers.view.show import KINDS, draw_table, frame_part
from helpers.view.views import find_view

STATUSES = {"pass": ("passes", "pass"), "warn": ("warns", "warn"), "fail": ("fails", "fail")}


def limits(results: Results) -> Display:
    """Return "What this cannot show": the limits of the design and the data, one line each."""
    items = "".join(f"<li>{escape(line)}</li>" for line in results.limits)
    return Display(f'<ul class="limits">{items}</ul>', "\n".join(results.limits))


def trust_line(results: Results) -> Display:
    """Return the trust checks in one line, with what does not pass, and their table behind it."""
    if not results.checks:
        return show_sentence("No trust check applies to this run.")
    counts = Counter(check.status for check in results.checks)
    told = [f"{n} {STATUSES[s][n > 1] if s in STATUSES else s}" for s, n in counts.most_common()]
    open_ = [c for c in results.checks if c.status in ("fail", "warn")]
    spoken = "; ".join(lower_first(c.message.partition(DETAIL)[0].rstrip(".")) for c in open_[:3])
    spoken = f": {scales.say_codes(results, spoken)}" if spoken else ""
    line = f"{len(results.checks)} check{'s' * (len(results.checks) > 1)}: {', '.join(told)}{spoken}."
    told_names = [_name_check(results, check.id) for check in results.checks]
    frame = to_frame(results.checks).assign(check=told_names)
    said = frame.assign(message=[scales.say_codes(results, message) for message in frame["message"]])
    drawn = draw_table(said, find_view(results, "checks"), results, most=len(said))
    part = frame_part(results, drawn, title="", note="", name="checks", frame=frame)
    steps = list_facts(_list_steps(results))
    told = [scales.say_codes(results, capitalise(message)) for message in results.data.messages]
    noticed = "".join(f"<li>{escape(message)}</li>" for message in told)
    inside = part.html + steps.html + (f"<ul>{noticed}</ul>" if noticed else "")
    return Display(
        f'<p class="trust">{escape(line)}</p>{fold("Each check, and the rows kept and dropped", inside)}', line
    )


def _name_check(results, name) -> str:
    kind, _, rest = name.partition("_")
    known = {"srm": "sample ratio", "missing": "missing values", "domain": "domain of the method"}
    word = known.get(kind, kind.replace("_", " "))
    if kind not in known:
        return capitalise(name.replace("_", " "))
    return capitalise(f"{word}, {lower_first(scales.name_label(results, rest))}" if rest else word)


def _list_steps(results: Results) -> list[tuple[str, str]]:
    steps = [(capitalise(s), f"{write_count(n)}{f', {note}' if note else ''}") for s, n, note in results.data.steps]
    noun = capitalise(scales.find_noun(results))
    return steps + [
        (f"{noun} {scales.name_arm(results, arm)}", write_count(n)) for arm, n in results.data.units_by_variant.items()
    ]


def describe_design(results: Results, plan: ExperimentPlan) -> Display:
    """Return the design as planned: a list of decisions, and departures from the plan.

    Parameters
    ----------
    results : Results
        Its `plan` holds file, checksum and departures; its table `metrics` the metrics: absent without.
    plan : ExperimentPlan
    """
    if "metrics" not in results.tables:
        return show_sentence("This run is about no experiment.", absent=True)
    variant, shares, days = plan.variant, plan.variant.shares, results.assigned
    told = {arm: scales.name_arm(results, arm) for arm in variant.arms}
    split = "the split is unknown" if shares is None else "planned split " + join_words(
        f"{write_share(share, decimals=0)} {told[arm]}" for arm, share in shares.items()
    )  # fmt: skip
    label = lambda names: join_words(scales.name_label(results, name) for name in names)  # noqa: E731
    size = f"{write_count(plan.planned_units)} {scales.find_noun(results)}" if plan.planned_units else ""
    spent = f"{plan.enrolment_days} days of enrolment" if plan.enrolment_days else ""
    looks = f"looks at {join_words(write_share(x, decimals=0) for x in plan.looks)}" if plan.looks else ""
    dates = [f"assigned {days[0]} to {days[1]}" if days else "", f"data to {results.as_of}" if results.as_of else ""]
    rows = [
        ("Unit", plan.unit + (f", randomised by {scales.name_label(results, plan.cluster)}" if plan.cluster else "")),
        ("Arms", f"{join_words(told[arm] for arm in variant.treatments)} against {told[variant.control]}; {split}"),
        ("Not randomised", label(variant.observational) if variant.observational else ""),
        ("Planned size", "; ".join(part for part in (size, spent, looks) if part)),
        ("Dates", "; ".join(part for part in dates if part)),
        ("Decides on", f"{plan.decides_on} values, at {plan.confidence_level * 100:g} % confidence"),
        ("Covariates", label(plan.covariates) if plan.covariates else ""),
        ("Segments", label(plan.segments) if plan.segments else ""),
        ("Departures from the plan", tell_departures(results)),
    ]
    facts = list_facts((name, told) for name, told in rows if told)
    metrics = results.tables["metrics"]
    html, text, _ = draw_table(metrics, find_view(results, "metrics"), results, most=len(metrics))
    return Display(facts.html + html, f"{facts.text}\n{text}")


def describe_framework(results: Results) -> Display:
    """Return a framework as planned, from the study's words, whose part `design` holds lines "decision | words"."""
    told = [re.split(r" *\| *", line, maxsplit=1) for line in results.words.get("design", ())]
    return list_facts((*map(tuple, told), ("Departures from the plan", tell_departures(results))))


def tell_departures(results: Results) -> str:
    """Return what was done otherwise than planned, or "none"."""
    found = results.plan.get("departures") or []
    told = [f"{d['parameter'].replace('_', ' ')} is {_tell(d['used'])}, planned {_tell(d['planned'])}" for d in found]
    return "; ".join(told) or "none"


def _tell(value) -> str:
    if value is None or value == []:
        return "none"
    return join_words(map(str, value)) if isinstance(value, list | tuple) else str(value)


def list_claims(results: Results) -> Display:
    """Return the published claims beside what this run found, one row a claim, in the claim's own unit."""
    if not results.claims:
        return show_sentence("No published claim bears on this run.", absent=True)
    frame, found = to_frame(results.claims), []
    for c in results.claims:
        decimals = count_decimals(c.ci_low, c.ci_high)
        value, low, high = (write_number(v, decimals=decimals) for v in (c.estimate, c.ci_low, c.ci_high))
        unit = " %" if c.unit == "%" or c.unit.startswith("% more") else ""
        found.append("" if math.isnan(c.estimate) else f"{value}{unit} [{low}, {high}]")
    html, _, _ = draw_table(frame.assign(found=found), find_view(results, "claims"), results, most=len(frame))
    counts = Counter(c.verdict for c in results.claims)
    several = "s" * (len(results.claims) > 1)
    line = f"{len(results.claims)} published claim{several}: {join_words(f'{n} {v}' for v, n in counts.most_common())}."
    return frame_part(
        results, (f"<p>{escape(line)}</p>{html}", line, ""), title="", note="", name="claims", frame=frame
    )


def methods(results: Results) -> Display:
    """Return the methods that made an effect of this run, with what each does and who described it.

    They stand in notebooks/views/methods.yaml, found by the words in `Estimate.method`, or by a table of the run.
    """
    used = {estimate.method.lower() for estimate in results.estimates} or {""}
    known = yaml.safe_load((paths.VIEWS / "methods.yaml").read_text(encoding="utf-8"))
    said, tables = " ".join(used), results.tables.keys()
    chosen = [m for m in known if any(word in said for word in m["of"]) or tables & set(m.get("tables", ()))]
    return list_facts((m["name"], f"{capitalise(m['says'])} ({m['by']}).") for m in chosen)


def run_record(results: Results, parameters: Mapping[str, Any]) -> Display:
    """Return the run's record: parameters as used, and the checksums of data, plan and lock.

    Parameters
    ----------
    results : Results
    parameters : mapping
        As the notebook used them; those that are None follow the plan.

    Returns
    -------
    Display: times, machine and versions stand in run.json, since equal runs differ in them.
    """
    data, plan = results.data, results.plan
    given = [f"{name.replace('_', ' ')} {_tell(_hide(v))}" for name, v in parameters.items() if v is not None]
    given += ["all others as planned"] if None in parameters.values() else []
    rows = [
        ("Parameters", "; ".join(given)),
        ("Data", f"{KINDS.get(data.kind, data.kind)}: {data.source}. {data.note}"),
        ("Data checksum (SHA-256)", data.sha256 or "none: made by this run or read from a database"),
        ("Plan", plan.get("file", "")),
        ("Plan checksum (SHA-256)", plan.get("sha256", "")),
        ("Plan last changed in commit", plan.get("commit", "")),
        ("Lock checksum (SHA-256)", hashlib.sha256(paths.LOCK.read_bytes()).hexdigest()),
    ]
    return list_facts((name, told) for name, told in rows if told)


def _hide(value):
    """Leave of a path its base name, and of an address what is not a user or a password."""
    if isinstance(value, list | tuple):
        return [_hide(v) for v in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    return re.sub(r"//[^@/]*@", "//", value) if "://" in value else value.rstrip("/").rsplit("/", 1)[-1]
