"""The commands `studies check` and `studies simulate`: tables in and out, without a study."""

import filecmp
import json
import tempfile
from pathlib import Path

from helpers import checks, metrics, simulate, sources
from helpers import plan as plans
from helpers.cli.resplits import print_resplits
from helpers.records import Refused
from helpers.report import read_parameters
from helpers.report.runs import find_notebook

ACCOUNTS = ("customer_milestones",)  # studies of accounts instead of assigned units


def check_table(arguments):
    """Print every check of a table against its plan, whether a study would withhold its answer, and the A/A test."""
    if arguments.seed is not None and not arguments.aa:
        raise Refused("--seed: draws the splits of --aa; give both, or neither")
    design = plans.read(arguments.plan, kind=None).design
    read = {"table": arguments.table, "events": _one(arguments.events), "events_table": arguments.events_table}
    if design.kind == "framework":
        return _check_accounts(design, arguments, read)
    source = sources.load(design, _one(arguments.data), **read)
    units = metrics.fold(source, design)
    trust = checks.run(units, source, design)
    _print_found(source.info.steps, source.info.messages, trust)
    reason = checks.withheld(trust, design)
    print(f"A study of this table withholds its answer: {reason}" if reason else "A study of this table would answer.")
    if arguments.aa:
        print_resplits(units, n_splits=arguments.aa, seed=1 if arguments.seed is None else arguments.seed)


def _check_accounts(design, arguments, read):
    """Print every check of accounts against a framework, and how many can be compared at each landmark."""
    if arguments.aa:
        raise Refused("--aa: splits the units of an experiment, and the plan is of kind framework; leave it out")
    source = sources.load_accounts(design, _one(arguments.data), **read)
    accounts = metrics.fold_accounts(source, design)
    trust = checks.check_accounts(source, accounts)
    steps = [*source.info.steps, *metrics.explain_accounts(accounts)]
    _print_found(steps, [*source.info.messages, *accounts.messages], trust)
    few = any(check.status == "fail" for check in trust)
    print("A study of these accounts has nothing to compare." if few else "A study of these accounts would answer.")


def _print_found(steps, messages, trust):
    for step, rows, note in steps:
        print(f"{rows:>12,}  {step}{f': {note}' if note else ''}")
    for message in messages:
        print(f"{'said':>12}  {message}")
    for check in trust:
        print(f"{check.status:>12}  {check.id}: {check.message}")


def simulate_tables(arguments):
    """Write a study's simulated tables into a folder; tables that are there and differ are left alone."""
    given = {"n_units": arguments.units, "seed": arguments.seed}
    made = simulate.simulate(
        arguments.study, _find_design(arguments), **{name: value for name, value in given.items() if value is not None}
    )
    folder = Path(arguments.to).expanduser()
    with tempfile.TemporaryDirectory() as new:
        names = _write_tables(made, Path(new), accounts=arguments.study in ACCOUNTS)
        other = [
            n for n in names if (folder / n).exists() and not filecmp.cmp(folder / n, Path(new) / n, shallow=False)
        ]
        if other:
            raise Refused(f"{folder.name}: holds another {', '.join(other)}; name a new folder, or move them away")
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).write_bytes((Path(new) / name).read_bytes())
    print(f"{arguments.to}: {', '.join(names)}")
    print(made.note)


def _find_design(arguments):
    """Return the plan that `experiment` simulates: --plan, or the one in its notebook; other studies need none."""
    if arguments.plan:
        return plans.read(arguments.plan).design
    if arguments.study != "experiment":
        return None
    declared = read_parameters(find_notebook("experiment", base=Path.cwd()))
    return plans.read(declared["plan"].default).design


def _write_tables(made, folder, *, accounts):
    tables = {"assignments": made.assignments, "events": made.events, "units": made.units}
    if accounts:  # what a user has: nobody assigned them, and no row is folded yet
        tables = {"accounts": made.assignments, "events": made.events}
    names = [f"{name}.parquet" for name, table in tables.items() if table is not None]
    for name in names:
        tables[Path(name).stem].to_parquet(folder / name, index=False)
    (folder / "truth.json").write_text(json.dumps(made.truth, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return [*names, "truth.json"]


def _one(items):
    return items[0] if items and len(items) == 1 else items
