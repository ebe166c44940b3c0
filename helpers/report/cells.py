"""What a notebook's own cells call: parameters are checked in the first, results are published in the last."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from helpers import paths
from helpers.records import Refused
from helpers.report.document import describe_results
from helpers.report.outcome import MIME
from helpers.report.parameters import check_value, read_parameters


class Published:
    """Results as one output of their own kind, and the answer as text for whoever opens the notebook."""

    def __init__(self, payload):
        self.payload = payload

    def _repr_mimebundle_(self, include=None, exclude=None):
        return {MIME: self.payload, "text/plain": repr(self)}

    def __repr__(self):
        return "\n".join([self.payload["title"], *self.payload["answer"]])


def check_parameters(study, namespace) -> dict:
    """Return the parameters of a running notebook, by name, each checked against its declaration.

    Parameters
    ----------
    study : str
        Name of the notebook.
    namespace : dict
        The notebook's `globals()`.

    Returns
    -------
    dict: every declared parameter with its present value

    Raises
    ------
    Refused: one is missing, of another type, out of range, not a choice, or an address with a password.
    """
    declared = read_parameters(_find_notebook(study))
    lost = [name for name in declared if name not in namespace]
    if lost:
        raise Refused(f"{study}: the parameters cell does not set {', '.join(lost)}; run it first")
    return {name: check_value(parameter, namespace[name]) for name, parameter in declared.items()}


def tell_refits(done, total) -> None:
    """Show in a running notebook how far the ranking of features is; a report holds nothing of it.

    Parameters
    ----------
    done, total : int, half-samples
    """
    sys.stderr.write(f"\rranking: {done} of {total} half-samples" + ("\n" if done == total else ""))
    sys.stderr.flush()


def publish(results, parameters) -> None:
    """Display results as one output that the runner reads; its presence says that the notebook ran to its end.

    Parameters
    ----------
    results : Results
    parameters : dict
        What `check_parameters` returned. Of a path or an address only what may be shown is kept.
    """
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.display import display

    payload = describe_results(results, parameters, run=os.environ.get("STUDIES_RUN", results.study))
    if InteractiveShell.initialized():
        display(Published(payload))


def _find_notebook(study):
    """Return the notebook that is running: the one the runner names, the one in this folder, or that of notebooks/."""
    if "STUDIES_NOTEBOOK" in os.environ:
        return Path(os.environ["STUDIES_NOTEBOOK"])
    here = Path.cwd() / f"{study}.ipynb"
    return here if here.is_file() else paths.notebook_file(study)
