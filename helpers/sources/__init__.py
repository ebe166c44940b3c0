"""Any table as an Ibis table, checked and counted: files, DuckDB files, databases, public and simulated data."""

from helpers.sources.engine import ask, read_address
from helpers.sources.loading import AccountSource, Source, load, load_accounts, read_table
from helpers.sources.opening import read_model
