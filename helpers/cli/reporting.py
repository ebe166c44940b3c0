"""The commands about reports: report, validate, init, list, describe; heavy rooms are imported where they are used."""

import datetime as dt
import json
import os
import re
import shlex
import sys
from math import isfinite
from pathlib import Path

from helpers import paths, report
from helpers.cli import FAILED, INTERRUPTED, print_table, tell
from helpers.records import Refused
from helpers.report.runs import find_notebook, read_yaml
from helpers.report.store import open_work, read_record

WORKSPACE = Path(__file__).with_name("workspace")  # what `init` writes
EXAMPLES = {"customer_milestones": "framework.yaml", "experiment": "plan.yaml"}
DEEP = "validation-deep"


def report_runs(arguments):
    """Render the runs asked for, print what each answers; return the exit status of the worst one."""
    given = read_given(arguments.parameter_file, arguments.parameters)
    file = find_runs(arguments)
    runs = report.read_runs(file)
    if not runs and not arguments.names and arguments.name is None:
        raise Refused(f"{file.name}: holds no run; write one, such as - {{name: mine, study: experiment}}")
    if arguments.name is not None:
        runs = [_make_own_run(arguments, given, runs)]
    elif given:
        raise Refused("-p and -f need --name NAME: a run with other parameters gets a name of its own")
    else:
        runs = report.select_runs(runs, arguments.names)
    out = find_out(arguments, is_hers=arguments.name or not arguments.names)
    open_out(out)
    status = report.render(runs, out=out, jobs=arguments.jobs, force=arguments.force, code=arguments.code)
    if status == INTERRUPTED:
        return status
    for folder in (out / run.name for run in runs):
        card = read_record(folder).get("card", {})
        if "answer" in card and not (folder / "failed.html").exists():
            print(f"{folder.name}: {card['answer']}\n  {folder / 'report.html'}")
    if (out / "index.html").exists():
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
    for name, equals, value in (pair.partition("=") for pair in pairs):
        if not equals or not name:
            raise Refused("-p needs KEY=VALUE, such as -p seed=7")
        if value.strip().startswith("[") and value.strip().endswith("]"):
            listed = " ".join(f"-p {name.strip()}={item.strip()}" for item in value.strip(" []").split(","))
            raise Refused(f"-p {name.strip()}: write a list as {listed}")
        repeated.setdefault(name.strip(), []).append(value.strip())
    return given | {name: values[0] if len(values) == 1 else values for name, values in repeated.items()}


def _make_own_run(arguments, given, runs):
    """Return the run of STUDY --name NAME; a file that is not there is refused before a kernel starts to say so."""
    from helpers.sources import read_address

    if arguments.name in (run.name for run in runs):
        cure = f"choose another, or render that run: studies report {arguments.name}"
        raise Refused(f"the name {arguments.name!r} is one of reports.yaml; {cure}")
    if len(arguments.names) != 1:
        raise Refused(f"--name needs one STUDY before it; {len(arguments.names)} came")
    run = report.make_run(arguments.names[0], name=arguments.name, given=given)
    for name in (name for name in run.given if run.declared[name].is_path and name != "plan"):
        value = run.given[name]
        for text in value if isinstance(value, list) else [value or ""]:
            file = Path(text.removeprefix("duckdb:"))
            if file.is_absolute() and not os.path.exists(file):
                read_address(text)  # its refusal shows no secret
    return run


def find_runs(arguments):
    """Return the file of the runs: --runs, or reports.yaml of the workspace where the user stands, or ours."""
    here = Path("reports.yaml").absolute()
    return Path(getattr(arguments, "runs", None) or (here if here.is_file() else paths.RUNS))


def find_out(arguments, *, is_hers=False):
    """Return the absolute folder of the reports: --out, or reports/ beside the runs; ours lie in the repository's.

    Refused where reports of hers (`is_hers`) would be ours, as she stands outside the repository and names no folder.
    """
    if arguments.out:
        return Path(os.path.expanduser(arguments.out)).resolve()
    runs = find_runs(arguments).resolve()
    if runs != paths.RUNS.resolve():
        return runs.parent / "reports"
    if is_hers and not (getattr(arguments, "runs", None) or Path.cwd().is_relative_to(paths.REPOSITORY)):
        cure = "go to your workspace, make one (studies init FOLDER), or say with --out DIR where reports go"
        raise Refused(f"reports.yaml: not in this folder; {cure}")
    return paths.REPORTS


def open_out(out):
    """Return the folder of what is in work; refuse a folder of the reports in which nothing can be written."""
    try:
        return open_work(out)
    except OSError as why:
        raise Refused(f"{out.name}: the folder cannot be written ({why.strerror}); choose another with --out") from None


def validate(arguments):
    """Measure the deep grid, render its report and say where; return 1 when a method breaks its promise."""
    from helpers import checks, inference
    from helpers.report.pipeline import count_cores

    out = find_out(arguments)
    store = open_out(out) / "validation"  # a name that no run can take
    store.mkdir(exist_ok=True)
    if arguments.record and not Path(arguments.record).resolve().parent.is_dir():
        raise Refused(f"{Path(arguments.record).name}: its folder is not there; make it first")
    given = {"depth": "deep", "measured": str(store)}
    given |= {"replicates": str(arguments.replicates)} if arguments.replicates else {}
    run = report.make_run("validation", name=DEEP, given=given)  # refused before hours of measuring, not after
    cells = checks.list_cells(inference.METHODS, depth="deep", replicates=arguments.replicates)
    tell(f"{DEEP}: {len(cells):,} cells to measure or to find measured")
    level, seed = {"confidence_level": run.values["confidence_level"]}, run.values["seed"]
    options = {"store": store, "jobs": arguments.jobs or count_cores(), "minutes": arguments.minutes, "seed": seed}
    options["progress"] = lambda done, total: tell(f"{DEEP}: {done:,} of {total:,} cells measured")
    found = checks.measure_cells(cells, inference.METHODS, **options, **level)
    judged = checks.judge_cells(found, **level)
    summary = checks.summarise_guarantees(judged, **level)
    if arguments.record:
        today = dt.datetime.now(dt.UTC).date().isoformat()
        kept = checks.record_deep(judged, summary, measured_on=today, seed=seed)
        kept.to_csv(arguments.record, index=False, float_format="%.6g", lineterminator="\n")
    status = report.render([run], out=out, jobs=1)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    print(out / DEEP / "report.html")
    failing = summary.loc[summary["verdict"] == "fails", "guarantee"]
    if len(failing):
        told = "1 method breaks its promise" if len(failing) == 1 else f"{len(failing)} methods break their promise"
        print(f"studies: {told}: {', '.join(failing)}", file=sys.stderr)
    return status or (FAILED if len(failing) else 0)


def init_workspace(arguments):
    """Write the workspace and say what to do next; refuse the repository itself and files that exist."""
    folder, study = Path(os.path.expanduser(arguments.folder)).resolve(), arguments.study
    if folder.is_relative_to(paths.REPOSITORY):
        raise Refused(f"{folder.name}: lies inside the repository; name a folder outside it")
    if folder.is_file():
        raise Refused(f"{folder.name}: is a file; name a new folder")
    plan, notebook = WORKSPACE / EXAMPLES[study], paths.NOTEBOOKS / f"{study}.ipynb"
    texts = {"plan.yaml": plan.read_text(encoding="utf-8"), notebook.name: notebook.read_text(encoding="utf-8")}
    for name, value in (("plan", "plan.yaml"), ("data", "simulated")):  # hers, where ours names somebody's experiment
        default = rf'("{name}: [^"=]+= )\\"[^"\\]+\\"'
        texts[notebook.name] = re.sub(default, rf'\g<1>\\"{value}\\"', texts[notebook.name], count=1)
    for name in ("reports.yaml", "README.md", ".gitignore"):
        texts[name] = (WORKSPACE / name.lstrip(".")).read_text(encoding="utf-8").replace("{study}", study)
    there = [name for name in texts if (folder / name).exists()]
    if there:
        raise Refused(f"{folder.name}: holds {', '.join(there)} already; name a new folder, or move them away")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    print(f"{arguments.folder}: plan.yaml, reports.yaml, {notebook.name}, README.md")
    go = "" if folder == Path.cwd() else f"cd {shlex.quote(arguments.folder)} && "
    print(f"next: {go}studies report")


def list_all(arguments):
    """Print the runs of reports.yaml with their own parameters, then the studies with the heading of their notebook."""
    runs = report.read_runs(find_runs(arguments))
    given = [", ".join(f"{k}={json.dumps(v, ensure_ascii=False)}" for k, v in run.given.items()) for run in runs]
    print("Runs: studies report RUN ...")
    print_table([(run.name, run.study, told) for run, told in zip(runs, given, strict=True)])
    print("Studies: studies report STUDY --name NAME -p KEY=VALUE ...")
    print_table([(file.stem, _read_title(file)) for file in sorted(paths.NOTEBOOKS.glob("*.ipynb"))])


def describe_study(arguments):
    """Print a study's parameters: name, type, default, range, unit, meaning."""
    from helpers.plan import ExperimentPlan, FrameworkPlan

    notebook = find_notebook(arguments.study, base=paths.NOTEBOOKS)
    print(f"{arguments.study}: {_read_title(notebook)}")
    planned = {*ExperimentPlan.model_fields, *FrameworkPlan.model_fields}
    rows = [("parameter", "type", "default", "range", "unit", "meaning")]
    for p in report.read_parameters(notebook).values():
        limits = [f"{limit:.10g}" if isfinite(limit) else "" for limit in (p.low, p.high)]
        allowed = f"[{', '.join(limits)}]" if any(limits) else ""
        allowed = f"{{{', '.join(map(str, p.choices))}}}" if p.choices else allowed
        default = "as planned" if p.name in planned else "none"
        default = default if p.default is None else json.dumps(p.default, ensure_ascii=False)
        rows.append((p.name, "|".join(p.kinds), default, allowed, p.unit, p.meaning))
    print_table(rows)


def _read_title(notebook):
    """Return the first heading of a notebook, or nothing."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    lines = [line for cell in cells if cell["cell_type"] == "markdown" for line in "".join(cell["source"]).splitlines()]
    return next((line.lstrip("# ").strip() for line in lines if line.startswith("#")), "")
