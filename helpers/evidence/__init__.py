"""What is known and what is only said: published claims, independent studies, and what our runs found of either."""

from helpers.evidence.pooling import pool, pool_outcomes
from helpers.evidence.review import Facts, list_effects, read_facts, review, size_topics
