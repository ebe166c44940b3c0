"""Populations to draw both arms of an experiment from, whose true effects are known exactly."""

from helpers.simulate.populations.catalogue import POPULATIONS
from helpers.simulate.populations.population import HORIZON_DAYS, LEVELS, LOOK_DAYS, Population, find_null

__all__ = ["HORIZON_DAYS", "LEVELS", "LOOK_DAYS", "POPULATIONS", "Population", "find_null"]
