"""What was decided before the data was seen: a YAML plan, typed, with its checksum and the departures from it."""

import copy
import difflib
import hashlib
import itertools
import os
import re
import unicodedata
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, ClassVar, get_args

import yaml
from pydantic import ValidationError

from helpers import paths
from helpers.kinds import KINDS
from helpers.plan.design import NULLS, ROW, ExperimentPlan, Metric, Part, Variant
from helpers.plan.framework import FrameworkPlan
from helpers.records import Refused

AS_DICT = "as a dict"  # what messages and the record call a plan that is no file


@dataclass(frozen=True)
class Plan:
    """A plan as read: the typed design, and the record that the report prints of it: file, checksum, departures."""

    design: ExperimentPlan | FrameworkPlan
    record: dict[str, Any]

    def __getattr__(self, name):  # a plan does wherever its design does
        if name.startswith("_") or name == "design":
            raise AttributeError(name)
        return getattr(self.design, name)

    def _repr_html_(self) -> str:
        """Return title, question and what is measured, in a few lines, for notebooks."""
        metrics = getattr(self.design, "metrics", {})
        told = [f"{self.design.label_of(name)} ({metric.role})" for name, metric in metrics.items()]
        told = ", ".join(told or self.design.milestone_names)
        head = f"<b>{escape(self.design.title)}</b> ({escape(self.record['file'])})<br>{escape(self.design.question)}"
        return f"{head}<br><small>{escape(told)}</small>"


class _Text(yaml.SafeLoader):
    """YAML in which every scalar stays as written; keys may not repeat."""

    yaml_implicit_resolvers: ClassVar = {}

    def construct_mapping(self, node, deep=False):
        keys = [key.value for key, _ in node.value]
        for i, (key, _) in enumerate(node.value):
            if key.value in keys[:i]:
                raise Refused(f"the key {key.value!r} stands twice (line {key.start_mark.line + 1}); keep one")
        return super().construct_mapping(node, deep)


def read(name, *, departures=None, base=None, kind="experiment") -> Plan:
    """Return a plan, checked, with the departures from it that the parameters ask for.

    Parameters
    ----------
    name : str, Path or dict
        A name in notebooks/plans, the path of a YAML file, or what such a file holds.
    departures : dict, optional
        Parameters that the plan holds too; None means as planned, another value is a departure. A key within another
        is written with a dot, such as `alive.within_days`.
    base : Path, optional
        Folder from which a relative path is read.
    kind : str or None
        The kind that the study needs, experiment or framework; None takes either.

    Returns
    -------
    Plan: the design; as its record base name, SHA-256, departures.

    Raises
    ------
    Refused: no such file, not YAML, another kind, an unknown or repeated key, a value that is not
    allowed.
    """
    if isinstance(name, dict):
        file = AS_DICT
        try:
            raw = yaml.safe_dump(name, sort_keys=False, allow_unicode=True).encode()
        except yaml.YAMLError as error:
            came = type(error.args[-1]).__name__
            raise Refused(f"plan {file}: holds {came}; write text, numbers, days, lists and dicts") from None
    elif not isinstance(name, (str, os.PathLike)) or "\n" in os.fspath(name):
        raise Refused(f"plan ({type(name).__name__}): no plan; give the path of a YAML file, a plan's name, or a dict")
    else:
        path = paths.plan_file(os.fspath(name), base=base)
        try:
            file, raw = path.name, path.read_bytes()
        except OSError:
            raise _refuse_absent(path) from None
    try:
        text = unicodedata.normalize("NFC", raw.decode("utf-8-sig"))
        content, written = yaml.load(text, _Text), None if file == AS_DICT else yaml.compose(text, _Text)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise Refused(f"plan {file}{explain_yaml(error)}") from None
    except Refused as error:
        raise Refused(f"plan {file}: {error}") from None
    if not isinstance(content, dict):
        raise Refused(f"plan {file}: holds no keys; `studies plan` drafts one from a table")
    named, wanted = content.get("kind"), kind or " or ".join(PLANS)
    if named not in ([kind] if kind else PLANS):
        cure = f"; in Python read_plan(..., kind={named!r}) reads this one" if named in PLANS else ""
        raise Refused(f"plan {file}, kind: {named or 'left out'}; this study needs kind: {wanted}{cure}")
    content = {key: value for key, value in content.items() if not (isinstance(value, str) and value in NULLS)}
    if content.get("units_in_row"):  # such rows have no id, and are numbered
        content = {"unit_id": ROW} | content
    design, found = _validated(content, file, written), []
    if changes := {key: value for key, value in (departures or {}).items() if value is not None}:
        planned = design.model_dump(mode="json")
        put = [(key, _put(content, planned, key, value, file), value) for key, value in changes.items()]
        found = [{"parameter": key, "planned": was, "used": value} for key, was, value in put if was != value]
        design = _validated(content, file)
    return Plan(design, {"file": file, "sha256": hashlib.sha256(raw).hexdigest(), "departures": found})


def explain_yaml(error) -> str:
    """Return where a text is not YAML, and what to do about it.

    Parameters
    ----------
    error : yaml.YAMLError or UnicodeDecodeError
    """
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or ""
    cure = next((cure for sign, cure in _YAML_CURES.items() if sign in problem), "")
    where = f", line {mark.line + 1}" if mark else ""
    return f"{where}: not readable as YAML; {cure or 'check indentation, quotes, colons and keys that stand twice'}"


def _refuse_absent(path):
    """Return the refusal of a plan that is not there, with the nearest one that is."""
    known = sorted(p.stem for p in paths.PLANS.glob("*.yaml"))
    beside = [other.name for other in path.parent.glob("*.y*ml")] if path.parent != paths.PLANS else []
    near = difflib.get_close_matches(path.name, beside, 1) or difflib.get_close_matches(path.stem, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"known plans: {', '.join(known) or 'none yet'}"
    return Refused(f"plan {path.name}: no such file; {hint}")


def _put(content, planned, key, value, name):
    """Put the value of a key, which may lie within parts, into the content; return the planned one, None without."""
    *holders, last = key.split(".")
    if holders and holders[0] not in content:
        cure = f"it has no {holders[0]}, so that no parameter can change it; add it or leave it out"
        raise Refused(f"plan {name}: {cure}")
    for holder in holders:
        content, planned = content.setdefault(holder, {}), (planned or {}).get(holder)
    content[last] = value if isinstance(value, (list, dict)) else str(value)
    return (planned or {}).get(last)


def _validated(content: dict, name: str, written=None) -> ExperimentPlan | FrameworkPlan:
    try:
        return PLANS[content["kind"]].model_validate(content)
    except ValidationError as error:
        faults = sorted(error.errors(), key=lambda e: e["type"] != "extra_forbidden")  # misspelt keys explain the rest
    faults += _find_hidden(content, faults)
    told = list(dict.fromkeys(itertools.chain(*_list_sentences(faults, content, written))))
    if len(told) == 1:
        raise Refused(f"plan {name}, {told[0]}")
    raise Refused("\n  ".join([f"plan {name}: {len(told)} faults", *told]))


def _find_hidden(content, faults):
    """Return the broken rules that are asked only once these faults are mended, and do not rest on what was left out.

    A key of a metric is mended by what no rule refuses, a misspelt one called as it was meant; else the metric, or the
    key of the plan, is left out. Of arms nearly all rules speak, so that they are settled first.
    """
    whole, gone, seen, found = copy.deepcopy(content), set(), set(), []
    while faults and not any(_place(error)[:1] in ((), ("variant",)) for error in faults):
        for error in faults:
            _mend(whole, error, content["kind"], gone)
        seen |= {_place(error) for error in faults}
        faults = []
        try:
            PLANS[content["kind"]].model_validate(whole)
        except ValidationError as error:
            rules = [e for e in error.errors() if e["type"] == "value_error" and _place(e) not in seen]
            faults = [e for e in rules if gone.isdisjoint(re.findall(r"\w+", e["msg"]))]
        found += faults
    return found


def _mend(whole, error, kind, gone):
    *holders, last = where = _place(error)
    within = whole["metrics"] if holders[:1] == ["metrics"] else whole
    name = where[within is not whole]
    part = {1: whole, 3: within is not whole and within.get(name)}.get(len(where))
    if isinstance(part, dict):
        if error["type"] == "extra_forbidden" and (near := _tell_fault(error, where, kind)[1]):
            part[near] = part.pop(last)
            return
        if last in _MENDS or last in (right := _exemplify(part)):
            part[last] = _MENDS.get(last) or yaml.load(right[last], _Text)[last]
            return
    within.pop(name, None)
    gone.add(name)
    whole.pop("answers", None)  # which may name it
    if within is not whole and not within:  # no plan is without metrics
        within["any"] = {"kind": "binary", **_MENDS}


def _place(error):
    return tuple(str(p) for p in error["loc"] if not str(p).startswith(("function-", "literal", "dict[")))


def _find_line(node, where):
    """Return how many of these nested keys the plan has, and the line of the last of them; no line when it has none."""
    depth, line = 0, None
    for key in where:
        within = []
        if isinstance(node, yaml.MappingNode):
            within = [(name, value) for name, value in node.value if name.value == key]
        elif isinstance(node, yaml.SequenceNode) and key.isdigit():
            within = [(value, value) for value in node.value[int(key) : int(key) + 1]]
        if not within:
            break
        name, node = within[0]
        depth, line = depth + 1, name.start_mark.line + 1
    return depth, line


_YAML_CURES = {  # what YAML's own message holds
    "\\t": "a tab indents it; write spaces",
    "mapping values": "check its indentation, and put quotes around text that holds a colon",
}
_CURES = {
    **dict.fromkeys(("date_from_datetime_parsing", "date_from_datetime_inexact"), "should be a day such as 2022-04-30"),
    "float_parsing": "should be a number",
    "int_parsing": "should be a whole number",
    "finite_number": "should be a finite number",
    "too_short": "holds nothing; name at least one",
    "string_pattern_mismatch": "left blank; give the reason, which the report prints",
    **dict.fromkeys(("model_type", "dict_type"), "should hold keys of its own"),
}
EXAMPLES = {  # one right way to write a key
    "margin": "margin: {absolute: 0.3}",
    "worthwhile": "worthwhile: 0.02",
    "split": "split: {old: 0.5, new: 0.5}",
    "variant": "variant: {column: arm, control: old, treatments: [new]}",
    "treatments": "treatments: [new]",
    "metrics": "metrics: {activated: {kind: binary, role: primary, better: higher}}",
    "role": "role: primary",
    "better": "better: higher",
    "expected": "expected: higher",
    "kind": "kind: binary",
    "event": "event: [payment, refund]",
    "events": "events: {unit: customer, event: action, at: happened_at, value: amount}",
    "value": "value: net_amount",
    "within_days": "within_days: 28",
    "from_days": "from_days: 7",
    "horizon_days": "horizon_days: 90",
    "scale": "scale: [1, 5]",
    "exposure": "exposure: {event: help_opened, within_days: 28}",
    "looks": "looks: [0.5, 1.0]",
    "as_of": "as_of: 2022-04-30",
    "assigned_at": "assigned_at: assigned_at",
    "unit_id": "unit_id: customer_id",
    "title": "title: Help links",
    "question": "question: Does help raise activation?",
    "planned_units": "planned_units: 4000",
    "enrolment_days": "enrolment_days: 28",
    "confidence_level": "confidence_level: 0.95",
    "min_cell": "min_cell: 10",
    "registered": "registered: before",
    "covariates": "covariates: [seats, country]",
    "acknowledge": "acknowledge: {srm: the reason}",
}
_MENDS = {"role": "exploratory", "better": "higher", "expected": "higher"}  # which no rule refuses
TOLD_BY = ("margin", "worthwhile", "horizon_days", "split", "looks")  # keys of which rules of their part speak
PLANS = {"experiment": ExperimentPlan, "framework": FrameworkPlan}


def _list_sentences(faults, content, written):
    """Yield sentences for the faults of each part of a plan: line, key, what is wrong, how it is written rightly."""
    meant = set()
    for error in faults:
        where = _place(error)
        told, near = _tell_fault(error, where, content["kind"])
        meant.add((*where[:-1], near))
        if error["type"] != "missing" or where not in meant:
            place = ".".join(where) or "the plan as a whole"
            examples = EXAMPLES | (_exemplify(content["metrics"][where[1]]) if "metrics" in where[:-1] else {})
            yield [_write_fault(fault, place, [near, *where], written, examples) for fault in told.split("\n")]


def _exemplify(metric) -> dict[str, str]:
    """Return what would be worthwhile, and a margin, in the unit of a metric: points, money, a share or a number."""
    how = KINDS.get(metric.get("kind")) if isinstance(metric, dict) else None
    if how is None:
        return {}
    size = {"share": 0.02, "points": 5}.get(how.shown, 25 if how.total == "amount" else 0.3)
    return {"worthwhile": f"worthwhile: {size}", "margin": f"margin: {{absolute: {size}}}"}


def _write_fault(fault, place, where, written, examples) -> str:
    near, *where = where
    words = re.findall(r"[a-z_]+", fault)
    _, line = max((_find_line(written, [*where, word]) for word in ["", *words]), key=lambda found: found[0])
    named = [near, *(word for word in words if word in TOLD_BY), *where[-1:]]
    example = next((examples[key] for key in named if key in examples), None)
    is_told = "such as" in fault or (fault.startswith("should be") and fault.endswith("?"))
    cure = f"; such as `{example}`" if example and not is_told else ""
    return f"{f'line {line}, ' if line else ''}{place}: {fault}{cure}"


def _tell_fault(error, where, kind) -> tuple[str, str]:
    """Return what is wrong, and the key that was meant where an unknown one resembles it."""
    if error["type"] == "extra_forbidden":
        holder = PLANS[kind]
        for key in where[:-1]:
            field = holder.model_fields.get(key)
            holder = next(iter(list_parts(field.annotation)), holder) if field else holder
        known = list(holder.model_fields)
        near = next(iter(difflib.get_close_matches(where[-1], known, 1)), "")
        return f"unknown key; {f'did you mean {near}?' if near else 'allowed: ' + ', '.join(known)}", near
    if error["type"] == "missing":
        return "left out, and it is needed", ""
    blank = "left blank; " if error["type"] == "literal_error" and error["input"] == "" else ""
    allowed = re.findall("'([^']+)'", error["ctx"]["expected"]) if error["type"] == "literal_error" else []
    if near := difflib.get_close_matches(str(error["input"]), allowed, 1, cutoff=0.82):
        return f"{error['msg'].removeprefix('Input ')}; did you mean {near[0]}?", ""
    return blank + _CURES.get(error["type"], error["msg"].removeprefix("Value error, ").removeprefix("Input ")), ""


def list_parts(kind) -> list[type[Part]]:
    """Return the parts that a type can hold, within lists, dicts and alternatives."""
    is_part = isinstance(kind, type) and issubclass(kind, Part)
    return [kind] if is_part else [part for inner in get_args(kind) for part in list_parts(inner)]
