"""The grammar of the command line: every command, its arguments, and the function that answers it."""

import argparse

EXITS = "exit status: 0 done (a withheld answer is still a report), 1 a run failed, 2 refused, 130 interrupted"


def build():
    """Return the argparse parser; a parsed command's `command` is (module of helpers.cli, function)."""
    parser = argparse.ArgumentParser(
        prog="studies", description="Does support pay? Studies as one-file reports.", epilog=EXITS, allow_abbrev=False
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for add in (_report, _init, _plan, _list, _describe, _check, _simulate, _share, _validate):
        add(commands)
    return parser


def _add(commands, name, command, text):
    added = commands.add_parser(name, help=text, description=text, epilog=EXITS, allow_abbrev=False)
    added.set_defaults(command=command)
    return added


def _report(commands):
    text = "Render runs of reports.yaml (all, or those named), or one STUDY with parameters of your own."
    add = _add(commands, "report", ("reporting", "report_runs"), text).add_argument
    add("names", nargs="*", metavar="RUN", help="runs to render; with --name, one STUDY")
    add("--name", help="name of a run of your own: a-z, 0-9, _ and -, at most 64 characters, not one of reports.yaml")
    add(
        "-p", dest="parameters", action="append", default=[], metavar="KEY=VALUE", help="a parameter; repeat for a list"
    )
    add("-f", dest="parameter_file", metavar="FILE", help="YAML file of parameters; -p wins over it")
    add("--jobs", type=_positive, default=None, metavar="N", help="runs side by side (default: one a core)")
    add("--force", action="store_true", help="render runs that have not changed, too")
    add("--code", action="store_true", help="keep the code in the report, folded")
    _runs(add)
    _out(add)


def _init(commands):
    text = "Make a workspace of your own outside the repository: a plan, reports.yaml, a copy of the notebook."
    add = _add(commands, "init", ("workspace", "init_workspace"), text).add_argument
    add("folder", metavar="FOLDER", help="new or empty")
    add("--study", default="experiment", metavar="STUDY", help="whose notebook and plan to copy (default: experiment)")


def _plan(commands):
    text = "Draft a commented plan from a table; the roles stay blank for you to decide."
    add = _add(commands, "plan", ("drafting", "draft_plan"), text).add_argument
    _data(add)
    add("--unit-id", required=True, metavar="COLUMN", help="column that names the randomised unit")
    add("--variant", required=True, metavar="COLUMN", help="column of the arm as assigned")
    add("--to", metavar="FILE", help="write the plan here, a new file (default: the screen)")


def _list(commands):
    _runs(
        _add(commands, "list", ("listing", "list_all"), "List the runs of reports.yaml and the studies.").add_argument
    )


def _describe(commands):
    text = "Show the parameters of a study: type, default, range, unit, meaning."
    _add(commands, "describe", ("listing", "describe_study"), text).add_argument("study", metavar="STUDY")


def _check(commands):
    text = "Run every check on a table against its plan, and no study."
    add = _add(commands, "check", ("data", "check_table"), text).add_argument
    _data(add)
    add("--plan", required=True, help="name in notebooks/plans, or a YAML file")
    add("--events", action="append", metavar="EVENTS", help="the events; DATA then holds the assignments")
    add("--events-table", metavar="NAME", help="table of a database that holds the events")
    split = (
        "A/A test: split the units at random N times, whatever arm they were in, and show whether the p-values of the "
        "plan's tests are as evenly spread as they promise (500 is a good number)"
    )
    add("--aa", type=_splits, metavar="N", help=split)
    add("--seed", type=_seed, metavar="S", help="seed of the splits of --aa (default: 1)")


def _simulate(commands):
    text = "Write the simulated tables of a study as Parquet: assignments (or accounts), events, units; and truth.json."
    add = _add(commands, "simulate", ("data", "simulate_tables"), text).add_argument
    add("study", metavar="STUDY")
    add("--to", required=True, metavar="FOLDER")
    add("--units", type=_positive, metavar="N", help="number of units")
    add("--seed", type=int, metavar="S", help="seed of the random numbers")
    add("--plan", help="plan that `experiment` simulates (default: that of its notebook)")


def _share(commands):
    text = "Zip what may be shared, after a scan for unit ids, paths, names, secrets and small cells."
    add = _add(commands, "share", ("sharing", "share_runs"), text).add_argument
    add("names", nargs="*", metavar="RUN", help="runs to pack (default: all that have a report)")
    add("--to", required=True, metavar="FILE.zip")
    _out(add)


def _validate(commands):
    text = (
        "Measure every method on the deep grid, on all cores, and render the report validation-deep. What is measured "
        "is kept: run it again to go on after an interrupt. Exit status 1 when a method breaks its promise."
    )
    add = _add(commands, "validate", ("validating", "validate"), text).add_argument
    add("--replicates", type=_positive, metavar="N", help="experiments drawn for a cell (default: as the grid plans)")
    add("--jobs", type=_positive, metavar="N", help="cells side by side (default: one a core)")
    _out(add)


def _data(add):
    add("data", nargs="+", metavar="DATA", help="table: CSV or Parquet files, public:NAME, duckdb:PATH or another URL")
    add("--table", metavar="NAME", help="table of a database")


def _runs(add):
    add("--runs", metavar="FILE", help="a reports.yaml of your own")


def _out(add):
    add("--out", metavar="DIR", help="folder of the reports (default: reports/, with --runs that beside FILE)")


def _positive(text):
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError("needs a whole number, 1 or more")
    return int(text)


def _splits(text):
    if not text.isascii() or not text.isdigit() or int(text) < 100:
        why = "fewer splits cannot tell a false promise from chance"
        raise argparse.ArgumentTypeError(f"needs a whole number, 100 or more: {why}")
    return int(text)


def _seed(text):
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError("needs a whole number, 0 or more")
    return int(text)
