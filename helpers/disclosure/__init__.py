"""What would tell about a few people is hidden, with what would give it away: one audit over all that a run publishes.

Views declare what the counts of a table are counts of; a count under `min_cell` is hidden, 0 included, because "none of
these 34" tells as much about each of them as "3 of these 34". A table without a view is refused.
"""

from helpers.disclosure.digits import coarsen, coarsen_frame, count_digits, cut, is_amount
from helpers.disclosure.results import find_leaks, protect
