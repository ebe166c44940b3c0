"""Seeded tables whose truth is known, so that a study can be tried before any customer's data is read."""

from helpers.simulate.simulation import Simulation
from helpers.simulate.studies import STUDIES, simulate

__all__ = ["STUDIES", "Simulation", "simulate"]
