"""Small cells: what would tell about a few people is hidden, with what would give it away."""

from helpers.disclosure.effects import (
    ASSOCIATED,
    find_small_cells,
    protect,
    stop_small_curves,
    suppress_estimates,
    suppress_small_cells,
)
from helpers.disclosure.framework import protect_framework
from helpers.disclosure.replies import protect_replies

__all__ = [
    "ASSOCIATED",
    "find_small_cells",
    "protect",
    "protect_framework",
    "protect_replies",
    "stop_small_curves",
    "suppress_estimates",
    "suppress_small_cells",
]
