"""Whether the data can be trusted, before any effect is looked at: the split, balance, and what is missing."""

import importlib

_HOMES = {  # where each name is at home: checks of a table start without what measures methods
    "accounts": "check_accounts",
    "gates": "compare_looking compare_peers compare_power conclude summarise_guarantees",
    "splits": "count_by_tenth resplit",
    "trust": "run withheld",
    "validation": "Cell count_draws draw_arms find_departure judge_cells list_cells measure_cells read_deep "
    "record_deep",
}


def __getattr__(name):
    home = next((home for home, names in _HOMES.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__():
    return sorted({*globals(), *(name for names in _HOMES.values() for name in names.split())})
