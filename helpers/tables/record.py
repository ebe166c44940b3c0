"""How the answer came about: rows kept and dropped, trust checks, the design as planned, and the run's record."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

import pandas as pd

from helpers import paths
from helpers.plan import ExperimentPlan, name_quantile
from helpers.records import Results, to_frame
from helpers.tables.show import show
from helpers.wording import (
    BETTER,
    Display,
    Scale,
    capitalise,
    escape,
    escape_prose,
    find_noun,
    join_words,
    mark_verdict,
    name_kind,
    show_sentence,
    style_gap,
    write_count,
    write_number,
    write_share,
)

AS_PLANNED = "as planned"


def checks(results: Results) -> Display:
    """Return the trust checks, one row a check: what it found in words, and whether it passed."""
    if not results.checks:
        return show_sentence("No trust check applies to this run.")
    frame = to_frame(results.checks)
    names = frame["id"].str.replace(r"^srm_(?!over)", "sample ratio, ", regex=True)
    names = names.str.replace(r"^srm", "sample ratio", regex=True).str.replace("_", " ").map(capitalise)
    return show(
        frame.assign(id=names)[["id", "status", "message"]],
        caption="Trust checks, one row a check",
        name=f"{results.study}_checks",
        headers={"id": "Check", "status": "Status", "message": "What it found"},
        formats={"status": mark_verdict},
        raw=("status",),
        download=frame,
    )


def flow(results: Results) -> Display:
    """Return the rows kept and dropped, one row a step, then the units by variant, and what was noticed on the way."""
    steps = [(capitalise(step), *rest) for step, *rest in results.data.steps]
    steps += [(f"{capitalise(find_noun(results))} in {arm}", n, "") for arm, n in results.data.units_by_variant.items()]
    table = show(
        pd.DataFrame(steps, columns=["step", "rows", "note"]),
        caption="Rows kept and dropped, one row a step",
        name=f"{results.study}_flow",
        headers={"step": "Step", "rows": "Rows", "note": "Note"},
        formats={"rows": write_count},
    )
    noticed = "".join(f"<li>{escape_prose(capitalise(message))}</li>" for message in results.data.messages)
    return Display(f"{table.html}<ul>{noticed}</ul>" if noticed else table.html, table.text)


def design(results: Results, design: ExperimentPlan) -> Display:
    """Return the design as planned: a list of decisions, the metrics as a table, and departures from the plan.

    Parameters
    ----------
    results : Results
        Its `plan` holds file, checksum and departures; its table `metrics` the metrics.
    design : ExperimentPlan
    """
    facts, metrics = list_facts(_decisions(results, design)), _metrics(results)
    return Display(facts.html + metrics.html, metrics.text)


def list_facts(rows: list[tuple[str, str]]) -> Display:
    """Return decisions or other facts as a list of terms, one a row."""
    terms = "".join(f"<dt>{term}</dt><dd>{told}</dd>" for term, told in _escaped(rows))
    return Display(f'<dl class="facts">{terms}</dl>', "\n".join(f"{term}: {told}" for term, told in rows))


def _decisions(results: Results, design: ExperimentPlan) -> list[tuple[str, str]]:
    variant, shares = design.variant, design.variant.shares
    split = "unknown" if shares is None else ", ".join(f"{a} {write_share(s, decimals=0)}" for a, s in shares.items())
    rows = [
        ("Unit", design.unit + (f", randomised by {design.cluster}" if design.cluster else "")),
        ("Control", variant.control),
        ("Treatment" if len(variant.treatments) == 1 else "Treatments", join_words(variant.treatments)),
        ("Planned split", split),
        ("Decides on", f"{design.decides_on} values, at {design.confidence_level * 100:g} % confidence"),
    ]
    rows += [("Not randomised", join_words(variant.observational))] if variant.observational else []
    rows += [("Planned units", write_count(design.planned_units))] if design.planned_units else []
    rows += [("Enrolment", f"{design.enrolment_days} days")] if design.enrolment_days else []
    rows += [("Data complete to", str(design.as_of))] if design.as_of else []
    rows += [("Looks", join_words([write_share(x, decimals=0) for x in design.looks]))] if design.looks else []
    rows += [("Covariates", join_words(design.covariates))] if design.covariates else []
    rows += [("Segments", join_words(design.segments))] if design.segments else []
    return [*rows, ("Departures from the plan", tell_departures(results))]


def tell_departures(results: Results) -> str:
    """Return what was done otherwise than planned, or "none"."""
    found = results.plan.get("departures") or []
    told = [f"{d['parameter']} is {_tell(d['used'])}, planned {_tell(d['planned'])}" for d in found]
    return "; ".join(told) or "none"


def _tell(value) -> str:
    if value is None or value == []:
        return "none"
    return join_words([str(v) for v in value]) if isinstance(value, list | tuple) else str(value)


def _hide(value):
    """Leave of a path its base name, and of an address what is not a user or a password."""
    if isinstance(value, list | tuple):
        return [_hide(v) for v in value]
    if not isinstance(value, str) or "/" not in value:
        return value
    return re.sub(r"//[^@/]*@", "//", value) if "://" in value else value.rstrip("/").rsplit("/", 1)[-1]


def _escaped(rows):
    return [(escape(term), escape_prose(told)) for term, told in rows]


def _name_kind(scale: Scale) -> str:
    """A metric's kind, how it is read where that is not by its mean, and its unit ("amount, 90th percentile, USD")."""
    kind = "NPS" if scale.kind == "nps" else scale.kind.replace("_", " ")
    quantile = "" if scale.quantile is None else name_quantile(scale.quantile)
    return ", ".join(part for part in (kind, quantile, "ordered" * scale.ordered, scale.unit) if part)


def _metrics(results: Results) -> Display:
    frame = results.tables.get("metrics")
    if frame is None or frame.empty:
        return show_sentence("No metric table stands in these results.")
    scales = [Scale(**{k: v for k, v in row.items() if not pd.isna(v)}) for row in frame.to_dict("records")]
    rows = pd.DataFrame(
        {
            "metric": [capitalise(s.label) for s in scales],
            "role": [s.role for s in scales],
            "kind": [_name_kind(s) for s in scales],
            "better": [BETTER[s.better] for s in scales],
            "window": ["" if s.within_days is None else f"{s.within_days:g} days" for s in scales],
            "band": [_band(s) for s in scales],
        }
    )
    headers = {"metric": "Metric", "role": "Role", "kind": "Kind", "better": "Good direction", "window": "Window"}
    return show(
        rows,
        caption="Metrics as planned, one row a metric",
        name=f"{results.study}_metrics",
        headers={**headers, "band": "Worthwhile or margin"},
        download=frame,
    )


def _band(scale: Scale) -> str:
    if scale.margin_relative is not None:
        return f"margin {write_share(scale.margin_relative)} of control"
    word, value = ("margin", scale.margin_absolute) if scale.margin_absolute else ("worthwhile", scale.worthwhile)
    return "" if value is None else f"{word} {write_number(value, style_gap(scale))}"


def run_record(results: Results, parameters: Mapping[str, object]) -> Display:
    """Return the run's record: parameters as used, and the checksums of data, plan and lock.

    Parameters
    ----------
    results : Results
    parameters : mapping
        As the notebook used them; None is printed "as planned".

    Returns
    -------
    Display: a folded list. Times, machine and versions stand in run.json, since equal runs differ in them.
    """
    data, plan = results.data, results.plan
    rows = [("Parameter " + k, AS_PLANNED if v is None else _tell(_hide(v))) for k, v in parameters.items()]
    rows += [
        ("Data", f"{name_kind(data)}: {data.source}. {data.note}"),
        ("Data checksum (SHA-256)", data.sha256 or "none: made by this run or read from a database"),
        ("Plan", str(plan.get("file") or "no plan")),
        ("Plan checksum (SHA-256)", str(plan.get("sha256") or "none")),
    ]
    rows += [("Plan last changed in commit", str(plan["commit"]))] if plan.get("commit") else []
    rows += [("Lock checksum (SHA-256)", hashlib.sha256(paths.LOCK.read_bytes()).hexdigest())]
    items = "".join(f"<dt>{t}</dt><dd>{d}</dd>" for t, d in _escaped(rows))
    html = (
        f'<details class="record"><summary>Parameters and checksums</summary><dl class="facts">{items}</dl></details>'
    )
    return Display(html, "\n".join(f"{k}: {v}" for k, v in rows))
