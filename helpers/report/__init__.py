"""The only user of Papermill: what a notebook's first and last cells call, and what renders runs into reports."""

from helpers.report.document import check_parameters, keep_definitions, keep_plan, keep_private, publish, tell_refits
from helpers.report.runs import make_run, read_needed, read_parameters, read_runs, select_runs


def render(runs, **options) -> int:
    """Render runs into reports; see `pipeline.render`, which a notebook does not import."""
    from helpers.report import pipeline

    return pipeline.render(runs, **options)
