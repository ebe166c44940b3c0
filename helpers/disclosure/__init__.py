"""Small cells: what would tell about a few people is hidden, with what would give it away.

One rule over the counts that views declare, for units, events and non-events alike: a count under `min_cell` hides its
cell, 0 included, because "none of these 34" tells as much about each of them as "3 of these 34". Headlines of whole
variants stay. A table without a view is refused.
"""

from helpers.disclosure.results import count_small_cells, protect
