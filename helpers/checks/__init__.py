"""Whether the data can be trusted, before any effect is looked at: the split, balance, and what is missing."""

from helpers.checks.trust import run, withheld

__all__ = ["run", "withheld"]
