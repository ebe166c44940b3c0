"""The small package that the notebooks import: data in, checked estimates and sentences out.

Ten names answer a question, in this order; data is a path, `simulated`, a database or a table of pandas, Polars,
Arrow or Ibis, and a plan a file or a dict:

    from helpers import read_plan, load, fold, run_checks, withheld, run_experiment, protect, explain, masthead, show

    decided = read_plan("my_plan.yaml")                      # what was decided before the data was seen
    source = load(decided.design, data)                      # any table, checked and counted
    units = fold(source, decided.design)                     # one row a unit; units.frame() is it in pandas
    trust = run_checks(units, source, decided.design)        # whether the comparison can be trusted
    reason = withheld(trust, decided.design)                 # why nothing may be told, if so
    results = run_experiment(decided, source, units, trust, study="experiment", withheld=reason)
    results = protect(results, decided.design, units)        # no cell that could tell of a few customers
    results = explain(results, decided.design)               # the answer in words; results.frame() the estimates
    masthead(results)                                        # the answer as the report shows it
    show(results, "metrics")                                 # any table of results.tables, as its view says

Accounts and their events, with the plan of a framework, go through rooms of their own:

    from helpers import checks, disclosure, metrics, milestones, sources, studies

    decided = read_plan("my_framework.yaml", kind="framework")
    source = sources.load_accounts(decided.design, accounts, events=events)
    accounts = metrics.fold_accounts(source, decided.design)  # accounts.frame() is them in pandas, one row each
    frames = metrics.read_frames(accounts)                   # one row an account in each; frames.landmarks at day 90
    trust = checks.check_accounts(source, accounts, landmarks=frames.landmarks)
    choices = milestones.Choices(study="customer_milestones")
    results, next_steps = milestones.run_framework(decided, source, accounts, frames, trust, choices)
    results = studies.explain_milestones(disclosure.protect(results, decided.design), decided.design)

Every notebook's set-up shows the rooms that its study needs, and `help(helpers.metrics)` says what a room is for.
"""

import difflib
import functools
import importlib
import inspect

_ROOMS = {  # each name, the room where it is at home, and what it is called there
    "read_plan": ("plan", "read"),
    "load": ("sources", "load"),
    "fold": ("metrics", "fold"),
    "run_checks": ("checks", "run"),
    "withheld": ("checks", "withheld"),
    "run_experiment": ("inference", "run_experiment"),
    "protect": ("disclosure", "protect"),
    "explain": ("view.words", "explain"),
    "masthead": ("view.effects", "masthead"),
    "show": ("view.show", "show"),
}
__all__ = list(_ROOMS)

_PLAN = (("Plan", "ExperimentPlan", "FrameworkPlan"), "a plan, as read_plan returns it")
_TAKES = {  # each parameter that another of the names returns: the classes of it, and who does
    "decided": _PLAN,
    "design": _PLAN,
    "source": (("Source",), "data, as load returns them"),
    "units": (("Units",), "units, as fold returns them"),
    "trust": (("tuple",), "checks, as run_checks returns them"),
    "results": (("Results",), "results, as run_experiment returns them"),
}
UNEXPLAINED = "results are not in words yet; write results = explain(protect(results, design, units), design) first"


def __getattr__(name):  # a room is imported when its name is first asked for
    if name not in _ROOMS:
        near = [] if name.startswith("_") else difflib.get_close_matches(name, _ROOMS, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}")
    room, called = _ROOMS[name]
    found = globals()[name] = _guard(name, getattr(importlib.import_module(f"{__name__}.{room}"), called))
    return found


def _find_stranger(study):
    """Return what is wrong with the name of a study, whose words and views lie beside its notebook; "" for nothing."""
    from helpers import paths, records

    known = sorted(file.stem for file in paths.NOTEBOOKS.glob("*.ipynb"))
    if study in known:
        return ""
    return f"study is {study!r}, and no notebook is called so; {records.suggest(study, known)}"


def _guard(name, function):
    """Return a function that refuses one of our things in the place of another, as of arguments that are swapped."""
    signature = inspect.signature(function)
    taken = signature.parameters
    order = ", ".join(key for key, parameter in taken.items() if parameter.kind == parameter.POSITIONAL_OR_KEYWORD)

    @functools.wraps(function)
    def guarded(*args, **kwargs):
        from helpers.records import Checks, Refused

        for key, value in {**dict(zip(taken, args, strict=False)), **kwargs}.items():
            (classes, told), fault = _TAKES.get(key, ((), "")), ""
            is_left = value is None and key in taken and taken[key].default is None
            if classes and not is_left and not any(kind.__name__ in classes for kind in type(value).__mro__):
                came = "nothing" if value is None else type(value).__name__
                fault = f"{key} needs {told}; what came is {came}. It takes, in this order: {order}"
            elif name == "load" and classes is _PLAN[0] and value.kind == "framework":
                fault = "reads experiments, this plan is a framework; sources.load_accounts reads it"
            elif name == "run_experiment" and key == "study":
                fault = _find_stranger(value)
            elif name in ("masthead", "show") and key == "results" and not value.words:
                fault = UNEXPLAINED
            if fault:
                raise Refused(f"{name}: {fault}")
        try:
            signature.bind(*args, **kwargs)
        except TypeError as error:
            raise Refused(f"{name}: {error}. It takes, in this order: {order}") from None
        found = function(*args, **kwargs)
        return Checks(found) if name == "run_checks" else found

    return guarded


def __dir__():
    return [*__all__]
