"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data."""

from helpers.sources.accounts import AccountSource, load_accounts
from helpers.sources.loading import Source, load, read_table
from helpers.sources.models import read_model

__all__ = ["AccountSource", "Source", "load", "load_accounts", "read_model", "read_table"]
