"""Seeded tables whose truth is known, so that a study can be tried before any customer's data is read."""

from dataclasses import replace

from helpers import schema
from helpers.records import Refused
from helpers.simulate import customer_milestones, in_app_support, live_support, proactive_help, support_metrics
from helpers.simulate.dry_run import experiment
from helpers.simulate.kit import Simulation, check_names

STUDIES = {
    "proactive_help": proactive_help.proactive_help,
    "live_support": live_support.live_support,
    "customer_milestones": customer_milestones.customer_milestones,
    "in_app_support": in_app_support.in_app_support,
    "support_metrics": support_metrics.support_metrics,
    "experiment": experiment,
}


def simulate(study, design=None, **arguments) -> Simulation:
    """Return seeded data for one study.

    Parameters
    ----------
    study : str
        A key of `STUDIES`.
    design : ExperimentPlan, optional
        What the dry run of `experiment` is made after; of a world of its own it only names the columns of the events.
    **arguments
        n_units, seed and, for a study with a world of its own, its baselines and planted effects.

    Returns
    -------
    Simulation

    Raises
    ------
    Refused: an unknown study or parameter; `experiment` without a plan; values that no data can have.

    Examples
    --------
    >>> made = simulate("proactive_help", n_units=100, seed=7)
    >>> len(made.units)
    100
    """
    if study not in STUDIES:
        raise Refused(f"simulation: no study of that name can be simulated; known: {', '.join(STUDIES)}")
    if study == "experiment" and design is None:
        raise Refused("simulation experiment: it needs a plan; name one of notebooks/plans or the path of a YAML file")
    if study == "experiment":
        check_names(arguments, ("n_units", "seed"), study=study)
        arguments["design"] = design
    return _name_events(STUDIES[study](**arguments), design)


def _name_events(made, design):
    """Give the columns of simulated events the names that the plan has for them."""
    if made.events is None or design is None:
        return made
    named = {column.target: column.name for column in schema.list_event_columns(design)}
    further = {name: made.events["value"] for at, name in named.items() if at.startswith(schema.FURTHER)}
    named[design.unit_id] = named.pop("unit")
    events = made.events.rename(columns=named).assign(**further)
    if wide := design.events.wide:  # each row has one of its events
        heard, at = events[named["event"]], events[named["at"]]
        events = events.drop(columns=[heard.name, at.name]).assign(**{name: at.where(heard == name) for name in wide})
    return replace(made, events=events)
