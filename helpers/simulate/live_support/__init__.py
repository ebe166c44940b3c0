"""The simulated world of the live-support study: people, questions, queues, money and surveys with a known truth."""

from helpers.simulate.live_support.study import live_support

__all__ = ["live_support"]
