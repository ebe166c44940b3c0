"""The milestones of a customer's way: which ones a plan draws a line for, and what a reader calls them."""

from __future__ import annotations

from helpers.plan import FrameworkPlan

WORDS = {"set_up": "set up", "activated": "activated", "using": "using", "mature": "mature"}


def list_milestones(design: FrameworkPlan) -> list[str]:
    """Return the milestones that an account can reach or miss, in the order of a customer's way.

    Parameters
    ----------
    design : FrameworkPlan

    Returns
    -------
    list of str: set_up, activated, using, mature; activated and using only where the plan says `at_least`.
    """
    lines = {"activated": design.activation, "using": design.usage}
    return [m for m in design.milestone_names if m not in lines or lines[m].at_least is not None]
