"""The simulated world of the customer-milestones study: accounts and their events, with planted associations."""

from helpers.simulate.customer_milestones.study import customer_milestones

__all__ = ["customer_milestones"]
