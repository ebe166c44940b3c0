"""A researcher's own folder outside the repository: her plan, her runs, her copy of the notebook."""

import shutil
from pathlib import Path

from helpers import paths
from helpers.records import Refused
from helpers.report import read_parameters
from helpers.report.runs import find_notebook

PLAN = """\
# What is decided before the data is seen. Change every line that is not true of your experiment.
# `studies plan DATA --unit-id COLUMN --variant COLUMN` drafts such a plan from a table of yours.
kind: experiment
title: My experiment
question: Does the new way of helping raise activation?
unit: customer
unit_id: customer_id            # column that names the randomised unit
variant:
  column: variant               # column of the arm as assigned
  control: old                  # labels as they stand in the data
  treatments: [new]
  split: {old: 0.5, new: 0.5}   # planned shares; `unknown` when nobody planned them
planned_units: 4000
confidence_level: 0.95
min_cell: 10                    # no cell below a whole variant shows fewer units than this
metrics:
  # role: primary decides; guardrail must not worsen by more than its margin; secondary; exploratory
  # worthwhile: the smallest difference that would change what you do
  activated: {kind: binary, role: primary, better: higher, expected: higher, worthwhile: 0.02}
  conversations: {kind: count, role: secondary, better: neither}
"""

RUNS = """\
# The runs of this folder: `studies report --runs reports.yaml --out reports`.
# Paths start at this folder. Put your table where `simulated` stands, such as data: customers.csv
- name: my_{study}
  study: {study}
  parameters: {{plan: plan.yaml, data: simulated}}
"""

README = """\
# A workspace

1. Write down what you decide in `plan.yaml`, before you look at the data.
2. Put your table's path into `reports.yaml` where `simulated` stands (its events beside it, as `events: FILE`, if it
   has any). Until then the data is simulated.
3. `studies check TABLE --plan plan.yaml` tells whether the table can be trusted (`--events FILE` beside it).
4. `studies report --runs reports.yaml --out reports`, then open `reports/index.html`.
5. `studies share --out reports --to share.zip` packs what may travel.

`{study}.ipynb` is your copy of the notebook: reports of this folder are made from it.
"""


def init_workspace(arguments):
    """Write the workspace and say what to do next; refuse the repository itself and files that exist."""
    folder = Path(arguments.folder).expanduser().resolve()
    if folder.is_relative_to(paths.REPOSITORY):
        raise Refused(f"{folder.name}: lies inside the repository; name a folder outside it")
    if folder.exists() and not folder.is_dir():
        raise Refused(f"{folder.name}: is a file; name a new folder")
    study = arguments.study
    notebook = f"{study}.ipynb"
    texts = {"plan.yaml": _find_plan(study), "reports.yaml": RUNS.format(study=study)}
    texts["README.md"] = README.format(study=study)
    there = [name for name in [*texts, notebook] if (folder / name).exists()]
    if there:
        raise Refused(f"{folder.name}: holds {', '.join(there)} already; name a new folder, or move them away")
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    shutil.copyfile(find_notebook(study, base=paths.NOTEBOOKS), folder / notebook)
    print(f"{arguments.folder}: plan.yaml, reports.yaml, {notebook}, README.md")
    print(f"next: studies report --runs {arguments.folder}/reports.yaml --out {arguments.folder}/reports")


def _find_plan(study):
    """Return the text of the plan to begin with: a template for an experiment, else the plan of the study itself."""
    declared = read_parameters(find_notebook(study, base=paths.NOTEBOOKS))
    if study == "experiment":
        return PLAN
    if not {"plan", "data"} <= set(declared):
        raise Refused(f"{study}: reads no table of yours, so that it needs no workspace; studies report {study}")
    return paths.plan_file(declared["plan"].default).read_text(encoding="utf-8")
