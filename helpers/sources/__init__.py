"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data."""

from helpers.sources.loading import Source, load, read_table

__all__ = ["Source", "load", "read_table"]
