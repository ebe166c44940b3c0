"""Pages that explain: every method as METHODS has it, worked, and every key of a plan as worked plans write it."""

import inspect
import re
from collections.abc import Iterable
from functools import partial

import numpy as np
import pandas as pd
import yaml
from scipy import stats

from helpers import checks, paths
from helpers.inference.methods import METHODS, Method, find_method
from helpers.kinds import KINDS
from helpers.plan import PLANS, list_parts
from helpers.plan.design import Design
from helpers.records import Check, DataInfo, Results
from helpers.simulate.populations import POPULATIONS
from helpers.view import html
from helpers.view.html import Display, name_id
from helpers.view.numbers import capitalise, join_words, write_count, write_p

TITLE, QUESTION = "The methods", "Which method answers when, and what does it promise?"
UNITS = 200  # in an arm of a worked example, or as many as the domain begins with
SURE = 0.001  # by chance alone the examples miss the truth so often in one seed of a thousand
MEASURED = ["pooled_coverage", "pooled_low", "pooled_high", "draws", "verdict", "measured_on"]


def work_methods(methods: Iterable[Method] = METHODS, *, confidence_level=0.95, seed=1) -> Results:
    """Return every method with its formula, its promise, what was measured of it, and an example worked here.

    An example is drawn from the first population of the method's families that has an effect, in the smallest equal
    arms that lie in its domain.

    Parameters
    ----------
    methods : iterable of Method
    confidence_level : float, 0.5 to 1
    seed : int

    Returns
    -------
    Results: table `methods`, one row a method; one check, whether the examples hold their truth as often as promised.
    """
    rows = [_tell_method(m, confidence_level=confidence_level, seed=seed) for m in methods]
    deep = checks.read_deep().rename(columns={"guarantee": "name"})[["name", *MEASURED]]
    table = pd.DataFrame(rows).merge(deep, on="name", how="left")
    units = int(table[["n_control", "n_treatment"]].to_numpy().sum())
    note = f"{len(table)} worked examples, {units:,} units drawn"
    info = DataInfo("simulated", note, "drawn by this run", None, units, units)
    noun = pd.DataFrame([{"metric": "estimate", "label": "estimate", "kind": "score", "noun": "unit"}])
    settings = pd.DataFrame([{"confidence_level": confidence_level}])
    tables = {"metrics": noun, "methods": table, "settings": settings}
    known = table["holds"].dropna().astype(bool)  # so many as chance allows?
    p = float(stats.binom.cdf(known.sum(), len(known), confidence_level))
    told = f"{known.sum()} of {len(known)} worked examples hold the planted truth; {100 * confidence_level:g} % of all"
    check = Check("examples", "fail" if p < SURE else "pass", p, SURE, f"{told} should.")
    return Results("methods", TITLE, QUESTION, "answered", info, {}, checks=(check,), tables=tables)


def _tell_method(method, *, confidence_level, seed):
    """One row: what its code says of a method, and an example of it."""
    # equal arms inside the domain: with an effect where its families have one, from `UNITS` an arm on, then small
    cells = [cell for cell in checks.list_cells([method], "deep") if cell.n_control == cell.n_treatment]
    cells = [cell for cell in cells if checks.find_departure(cell, method) is None] or cells
    flat = {cell: not POPULATIONS[cell.population].has_effect(method.estimand) for cell in cells}
    cell = min(cells, key=lambda cell: (flat[cell], cell.n_control < UNITS, cell.n_control))
    population = POPULATIONS[cell.population]
    rng = np.random.default_rng([seed, cell.seed()])
    control, treatment = (arms[0] for arms in next(checks.draw_arms(population, cell, 1, rng)))
    effect = method.compute(control, treatment, confidence_level=confidence_level, rng=rng)
    truth = population.truth[method.estimand]
    kinds = _list_kinds(method)
    lifts = [m.name for m in METHODS if m.lift == method.method and {*m.families} & {*method.families}]
    lifts = lifts if method.estimand == "relative_lift" else []
    told = {"name": method.name, "method": method.method, "estimand": method.estimand}
    told |= {"families": join_words(method.families), "kinds": join_words(kinds) if kinds else ""}
    told |= {"lift_of": join_words(lifts) if lifts else "", "formula": "\n".join(_list_formulas(method))}
    told |= {"claim": method.claim, "domain": method.domain.describe(), "reference": method.reference}
    told |= {"population": cell.population, "n_control": cell.n_control, "n_treatment": cell.n_treatment}
    told |= {"drawn_control": _describe_arm(control), "drawn_treatment": _describe_arm(treatment), "truth": truth}
    told |= {name: getattr(effect, name) for name in ("estimate", "ci_low", "ci_high", "p_value")}
    holds = effect.ci_low <= truth <= effect.ci_high if effect.ci_low == effect.ci_low else None
    return told | {"holds": holds, "reason": effect.reason}


def _list_kinds(method):
    """The kinds of metric, or their forms, that are compared by a method where nothing calls for another."""
    decides = find_method(method.method, method.estimand, unit=method.domain.unit) is method
    if method.estimand != "difference" or method.domain.unit != "units" or not decides:
        return []
    forms = [(f"{name} with {given}", form) for name, kind in KINDS.items() for given, form in kind.forms.items()]
    return [name for name, kind in [*KINDS.items(), *forms] if kind.method == method.method]


def _list_formulas(method):
    """The notes in the docstrings of a method's steps, in order; what the last step returns where none has one."""
    steps, found = list(method.steps), []
    while steps:
        step = steps.pop(0)
        if isinstance(step, partial):
            steps[:0] = [step.func, *(given for given in step.args if callable(given))]
            continue
        _, _, notes = (inspect.getdoc(step) or "").partition("Notes\n-----\n")
        notes = re.sub(r"(?<=\w)\n(?!\S+ = )", " ", notes.partition("\n\n")[0].strip())  # a sentence is one line
        found += notes.splitlines()
    return found or [(inspect.getdoc(step) or "").partition("\n")[0]]


def _describe_arm(arm):
    """Units, and of what is known in each column the mean and the variance."""
    unknown = int(np.isnan(arm[:, 0]).sum())
    told = [f"{len(arm):,} units{f', {unknown} of them unknown' if unknown else ''}"]
    for word, measure in (("mean", np.nanmean), ("variance", partial(np.nanvar, ddof=1))):
        told.append(f"{word} {join_words(f'{measure(column):.4g}' for column in arm.T)}")
    return "; ".join(told)


def list_methods(results: Results) -> Display:
    """Return every method of the table `methods` under a heading of its own, with a link to where it is measured."""
    parts, texts = [], []
    for row in results.tables["methods"].to_dict("records"):
        facts = _list_facts(row, results)
        place = name_id("guarantees", row["name"])
        parts.append(html.draw("method", name=row["name"], place=name_id(row["name"]), facts=facts, row=place))
        texts.append("\n".join([row["name"], *(f"{term}: {told}" for term, told in facts)]))
    return Display("".join(parts), "\n\n".join(texts))


def _list_facts(row, results):
    """Term and words of each thing that a reader asks about a method."""
    uses = {"Decides on metrics of kind {}.": row["kinds"], "Stands beside {}.": row["lift_of"]}
    when = results.words.get(f"when {row['name']}") or (f"For {row['families']}.",)
    known = {name: bool(pd.notna(row[name])) for name in ("estimate", "ci_low", "p_value", "draws")}
    found = [f"{row['estimate']:.4g}"] * known["estimate"]
    found += [f"[{row['ci_low']:.4g}, {row['ci_high']:.4g}]"] if known["ci_low"] else []
    found += [write_p(row["p_value"])] * known["p_value"]
    measured = "not yet" if row["verdict"] != row["verdict"] else "every possible outcome counted"
    if known["draws"] and row["draws"]:
        measured = f"right in {100 * row['pooled_coverage']:.2f} % of {write_count(row['draws'])} experiments"
    promise = "at least nominal" if row["claim"] == "at least" else row["claim"]
    drawn = f"{capitalise(row['population'])}, a true effect of {row['truth']:.4g}."
    drawn = [drawn, *(f"{capitalise(arm)}: {row[f'drawn_{arm}']}." for arm in ("control", "treatment"))]
    return [
        ("When", " ".join([*when, *(told.format(what) for told, what in uses.items() if what)])),
        ("Formula", row["formula"]),
        ("Worked", "\n".join([*drawn, f"Found: {', '.join(found) or row['reason']}."])),
        ("Promises", f"{capitalise(promise)}."),
        ("Where", f"{capitalise(row['domain'])}."),
        ("Measured", f"{capitalise(measured)}."),
        ("Source", f"{row['reference']}."),
    ]


def quote(*names: str) -> Display:
    """Return some plans as they are written, folded, each under its name, to be copied."""
    told = [(f"The plan {name}", paths.plan_file(name).read_text(encoding="utf-8")) for name in names]
    return Display(html.draw("statements", rows=told), "\n".join(text for _, text in told))


def list_keys(*names: str) -> pd.DataFrame:
    """Return every key that some worked plans write, with an example and what stands behind it as a comment.

    Parameters
    ----------
    names : str
        Plans in notebooks/plans, one key a line where a comment says what it means. A line that is a comment by itself,
        `# key: value  # instead of OTHER: meaning`, is a key that could stand in place of another.

    Returns
    -------
    DataFrame: one row a key, in the order of the plans: `part` (the class that holds it), `place` (under which key it
        stands, or the kind of plan), `key`, `example`, `default` ("needed" where there is none), `meaning`.
    """
    found: dict[tuple, dict] = {}
    for name in names:
        lines = paths.plan_file(name).read_text(encoding="utf-8").splitlines()
        plan = yaml.compose("\n".join(lines), yaml.SafeLoader)
        kind = next(value.value for key, value in plan.value if key.value == "kind")
        for row in _walk(plan, PLANS[kind], kind, lines):
            known = found.setdefault((row["part"], row["key"]), row)
            known |= {"example": row["example"], "meaning": row["meaning"]} if not known["meaning"] else {}
    table = pd.DataFrame(found.values())
    return table.iloc[pd.factorize(table["part"])[0].argsort(kind="stable")].reset_index(drop=True)


def _walk(node, part, place, lines):
    """Yield the keys of a part of a plan in their order, then those that could stand beside them, and those within."""
    within = []
    for key, value in node.value:
        line, named = key.start_mark.line, key.value
        yield _tell_key(part, place, named, lines[line])
        indent = " " * key.start_mark.column
        while (line := line + 1) < len(lines) and (
            other := re.match(rf"{indent}# (\w+): .*?# instead of", lines[line])
        ):
            yield _tell_key(part, place, other[1], lines[line].replace("# ", "", 1))
        parts = list_parts(part.model_fields[named].annotation)
        inner = [value] if isinstance(value, yaml.MappingNode) else getattr(value, "value", [])
        is_named = str(part.model_fields[named].annotation).startswith("dict")
        inner = [own for _, own in value.value] if parts and is_named else inner
        within += [(own, parts[0], named) for own in inner if parts and isinstance(own, yaml.MappingNode)]
    for own, inside, named in within:
        yield from _walk(own, inside, named, lines)


def _tell_key(part, place, key, line):
    written, _, meaning = line.strip().removeprefix("- ").partition(" # ")
    field, shared = part.model_fields[key], key in Design.model_fields and issubclass(part, Design)
    part, place = (Design, "every plan") if shared else (part, place)
    given = field.get_default(call_default_factory=True)
    is_plain = given in (None, [], {}, "") or list_parts(type(given))
    default = "needed" if field.is_required() else "" if is_plain else str(given)
    default = default.lower() if isinstance(given, bool) else default  # as YAML writes it
    told = {"place": place, "key": key, "example": written.strip(), "default": default, "meaning": meaning.strip()}
    return {"part": part.__name__, **told}
