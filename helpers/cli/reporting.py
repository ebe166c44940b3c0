"""The command `studies report`: which runs are rendered, with which parameters, into which folder."""

from pathlib import Path

from helpers import paths, report
from helpers.records import Refused
from helpers.report.pipeline import INTERRUPTED
from helpers.report.runs import read_yaml


def report_runs(arguments):
    """Render the runs asked for; return the exit status of the worst one."""
    given = read_given(arguments.parameter_file, arguments.parameters)
    if arguments.name is None and given:
        raise Refused("-p and -f need --name NAME: a run with other parameters gets a name of its own")
    runs = report.read_runs(arguments.runs)
    if arguments.name is None:
        runs = report.select_runs(runs, arguments.names)
    else:
        runs = [make_own_run(arguments, given, runs)]
    out = find_out(arguments)
    status = report.render(runs, out=out, jobs=arguments.jobs, force=arguments.force, code=arguments.code)
    if status != INTERRUPTED:
        print(out / "index.html")
    return status


def read_given(file, pairs):
    """Return the parameters as written, those of -p over those of the -f file; a repeated -p makes a list.

    Parameters
    ----------
    file : str or None
        YAML file, a mapping of names to values.
    pairs : list of str
        Each `key=value`.

    Returns
    -------
    dict of str to str, None or list of str

    Raises
    ------
    Refused: no such file, not a mapping, a pair without an equals sign.
    """
    given = read_yaml(file) or {} if file else {}
    if not isinstance(given, dict):
        raise Refused(f"{Path(file).name}: needs lines of the form name: value")
    repeated = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise Refused("-p needs KEY=VALUE, such as -p seed=7")
        repeated.setdefault(name.strip(), []).append(value)
    return given | {name: values[0] if len(values) == 1 else values for name, values in repeated.items()}


def make_own_run(arguments, given, runs):
    """Return the one run that STUDY --name NAME asks for; its notebook may stand beside the runs file."""
    if len(arguments.names) != 1:
        raise Refused(f"--name needs one STUDY before it; {len(arguments.names)} came")
    run = report.make_run(arguments.names[0], name=arguments.name, given=given, taken=[run.name for run in runs])
    _refuse_missing_files(run)
    return run


def find_out(arguments):
    """Return the absolute folder of the reports: --out, reports/ beside --runs, or reports/ of the repository."""
    if arguments.out:
        return Path(arguments.out).expanduser().resolve()
    runs = Path(getattr(arguments, "runs", None) or paths.RUNS).resolve()
    return paths.REPORTS if runs == paths.RUNS.resolve() else runs.parent / "reports"


def _refuse_missing_files(run):
    """Refuse a given file that is not there, before a kernel starts to say the same."""
    plan = run.given.get("plan")
    if plan and not paths.plan_file(plan).exists():
        from helpers.plan import read  # here, because it costs an import of pydantic

        read(plan, kind=None)
    for value in (value for name, value in run.given.items() if run.declared[name].is_path):
        for text in value if isinstance(value, list) else [value or ""]:
            file = Path(text.removeprefix("duckdb:"))
            if file.is_absolute() and not file.exists():
                raise Refused(f"{file.name}: no such file; check the name, and the folder it is read from")
