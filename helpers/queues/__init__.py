"""Queues: how many agents a reply target takes, what it takes for everybody, and what uneven arrivals do to it."""

from helpers.queues.erlang import Promise
from helpers.queues.staffing import study_staffing
