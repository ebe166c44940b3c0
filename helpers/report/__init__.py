"""The only user of Papermill: what a notebook's first and last cells call, and what renders runs into reports.

Everything is imported when it is first asked for, so that a command with nothing to do starts no heavy import.
"""

from importlib import import_module

_HOMES = {
    "check_parameters": "cells",
    "publish": "cells",
    "tell_refits": "cells",
    "keep_definitions": "kept",
    "keep_private": "kept",
    "keep_text": "kept",
    "show_effects": "sections",
    "Parameter": "parameters",
    "read_parameters": "parameters",
    "Run": "runs",
    "read_runs": "runs",
    "select_runs": "runs",
    "make_run": "runs",
    "render": "pipeline",
}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
