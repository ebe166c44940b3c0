"""Was the treatment delivered: reply times by arm, by hour and by agent, and what the effect may owe to them."""

from helpers.inference.delivery.study import study_replies

__all__ = ["study_replies"]
