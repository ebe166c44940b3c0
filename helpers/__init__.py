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

Accounts, milestones and queues have rooms of their own (`from helpers import metrics, milestones, queues`); each
notebook's set-up shows which it needs, and `help(helpers.metrics)` says what a room is for.
"""

import importlib

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


def __getattr__(name):  # a room is imported when its name is first asked for
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    room, called = _ROOMS[name]
    return getattr(importlib.import_module(f"{__name__}.{room}"), called)


def __dir__():
    return sorted([*globals(), *_ROOMS])
