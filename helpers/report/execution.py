"""One notebook through Papermill on a kernel of its own: what came out, how long it took, and what stopped it."""

from __future__ import annotations

import copy
import logging
import os
import re
import sys
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from helpers.report.kept import holds_kept

SLOW_IMPORT = "rfc3987_syntax"
ENGINE = "support-studies"
ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
FIXED = {
    "TZ": "UTC",
    "LC_ALL": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    **dict.fromkeys(ONE_THREAD, "1"),
}
DROPPED = ("LANGUAGE", "MPLBACKEND", "PYTHONDONTWRITEBYTECODE", "PYTHONSTARTUP", "PYTHONWARNINGS", "PYTHONOPTIMIZE")
SECRET = re.compile(r"PASS|PWD|SECRET|TOKEN|KEY", re.I)
REFERENCE = re.compile(r"(:|(?:password|pwd|token)=)?\$\{(\w+)\}(@?)", re.I)


@dataclass
class Watch:
    """What is being computed: the last heading passed, and every cell's heading."""

    show: Any
    section: str = ""
    code_cells: int = 0
    sections: dict[int, str] = field(default_factory=dict)

    def __call__(self, *, cell, cell_index):
        """Note that a cell begins."""
        heading = re.match(r"#{1,3} +(.+)", cell.source) if cell.cell_type == "markdown" else None
        self.code_cells += cell.cell_type == "code"
        if heading:
            self.section = heading[1].strip()
            self.show(self.section)
        self.sections[cell_index] = self.section


@dataclass(frozen=True)
class Execution:
    """The executed notebook (None when something stopped it), the error, the section, seconds a cell, kernel start."""

    notebook: Any
    error: Exception | None
    section: str
    cells: list[dict[str, Any]]
    start: str


def make_environment(**extra) -> dict[str, str]:
    """Return the environment of a kernel: the user's, with all fixed that results may depend on."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {**kept, **FIXED, **extra}


def import_papermill():
    """Return the module papermill with our engine, without a grammar of addresses that costs most of its import.

    jupyter_server#1559; None in sys.modules makes the import of the grammar fail, which jsonschema allows for.
    """
    sys.modules.setdefault(SLOW_IMPORT, None)
    import papermill
    from papermill.engines import papermill_engines

    from helpers.report.kernels import Engine

    papermill_engines.register(ENGINE, Engine)
    logging.getLogger("papermill").setLevel(logging.CRITICAL + 1)
    return papermill


def execute(run, *, environment, server, limit, show, kernels, stopped) -> Execution:
    """Return what came of a run's notebook; an exception of any kind is part of the answer.

    Parameters
    ----------
    run : Run
    environment : dict of str to str
        The kernel's, from `make_environment`.
    server : ForkServer or None
        None starts the kernel in the ordinary way.
    limit : float
        Seconds a cell may take.
    show : callable
        Called with each heading as its section begins.
    kernels : set
        Holds the kernel while it runs, for another thread to kill it.
    stopped : callable
        Whether the user has interrupted the command.

    Returns
    -------
    Execution. A forked kernel that dies before the first cell is replaced by one started in the ordinary way.
    """
    options = {"environment": environment, "limit": limit, "show": show, "kernels": kernels}
    done, watch = _attempt(run, server=server, **options)
    if done.error and done.start == "forked" and watch.code_cells == 0 and not stopped():
        done, _ = _attempt(run, server=None, **options)
    return done


def _attempt(run, *, server, environment, limit, show, kernels):
    from helpers.report.kernels import Kernel

    kernel, watch = Kernel(environment=environment, server=server), Watch(show)
    kernels.add(kernel)
    notebook = error = None
    try:
        notebook = _run_papermill(run, kernel, watch, limit)
    except Exception as caught:
        error = caught
    finally:
        kernels.discard(kernel)
        kernel.close()
    return Execution(notebook, error, watch.section, _cell_times(notebook, watch), kernel.start), watch


def _run_papermill(run, kernel, watch, limit):
    import nbformat

    notebook = nbformat.read(run.notebook, as_version=4)
    return import_papermill().execute_notebook(
        notebook,
        None,
        parameters=run.given,
        engine_name=ENGINE,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        autosave_cell_every=0,
        execution_timeout=limit,
        kernel=kernel,
        cwd_of_kernel=str(run.notebook.parent),
        on_cell_start=watch,
    )


def _cell_times(notebook, watch):
    cells = enumerate(notebook.cells) if notebook else ()
    return [
        {"section": watch.sections.get(index, ""), "seconds": round(cell.metadata.papermill.duration or 0, 3)}
        for index, cell in cells
        if cell.cell_type == "code"
    ]


def strip_run(notebook):
    """Return a copy that equal runs share: no injected cell, no times, no warnings with their temporary paths.

    Files that cells keep are no part of it, as they may hold one row a unit.
    """
    kept = copy.deepcopy(notebook)
    kept.metadata.pop("papermill", None)
    kept.cells = [cell for cell in kept.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    for cell in kept.cells:
        cell.metadata.pop("papermill", None)
        if cell.cell_type == "code":
            cell.outputs = [
                output for output in cell.outputs if output.get("name") != "stderr" and not holds_kept(output)
            ]
    return kept


def hide_secrets(content, values):
    """Return the content with every secret of the environment that the parameters name replaced by its `${NAME}`.

    Parameters
    ----------
    content : anything that JSON can hold, or a notebook
    values : dict
        The run's parameters; `${NAME}` counts where it stands for a password, or its name says so.
    """
    named = [match for value in values.values() for match in REFERENCE.finditer(str(value))]
    names = {m[2] for m in named if (m[1] and (m[3] or m[1] != ":")) or SECRET.search(m[2])}
    secrets = {name: os.environ[name] for name in sorted(names) if len(os.environ.get(name, "")) > 2}
    for name, secret in secrets.items():
        for form in {secret, quote(secret, safe="")}:
            content = _replaced(content, form, f"${{{name}}}")
    return content


def _replaced(content, secret, name):
    if isinstance(content, str):
        return content.replace(secret, name)
    if isinstance(content, list):
        return [_replaced(item, secret, name) for item in content]
    if isinstance(content, dict):
        items = ((_replaced(key, secret, name), _replaced(item, secret, name)) for key, item in content.items())
        return type(content)(items)
    return content
