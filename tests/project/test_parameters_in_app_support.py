"""Every parameter of the in-app-support notebook changes what it should."""

import notebook_cells
import pytest
from notebook_cells import SKEWED_RUN, find_uncovered, is_changed, write_databases, write_skewed

spared = notebook_cells.spared  # for every test here
OWN = {"plan": "in_app_support", **notebook_cells.OWN}
CASES = [
    # parameter, the other parameters of both runs, its value in the second run
    ("plan", SKEWED_RUN, "{folder}/even.yaml"),
    ("data", OWN, "duckdb:{folder}/other.duckdb"),
    ("table", OWN, "assigned_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("as_of", OWN, "2013-06-10"),
    ("confidence_level", SKEWED_RUN, 0.8),
    ("min_cell", SKEWED_RUN, 100),
    ("place", {}, "variant"),
    ("inside", {}, "link"),
    ("by_lot", {}, False),
    ("answered", {}, "nothing"),
    ("wants", {}, "nothing"),
    ("margins", {}, ["tenure_months"]),
    ("first_edges", {}, [0.01]),
    ("price_edges", {}, [0.01]),
    ("second_edges", {}, [12]),
    ("first_least", {}, 1.0),
    ("second_least", {}, 1.0),
    ("within_minutes", {}, 60.0),
    ("users", {}, [1000]),
    ("people", {}, 5.0),
    ("desk_hours", {}, 10.0),
    ("handle_minutes", {}, [1, 2, 3]),
    ("follow_up_minutes", {}, 30.0),
    ("cost_per_hour", {}, [1, 2, 3]),
    ("gross_margin", {}, [0.1, 0.2, 0.3]),
    ("folds", {}, 6),
    ("n_units", {}, 9000),
    ("contact_rate", {}, 0.05),
    ("share_suggested", {}, 0.9),
    ("share_opened", {}, 0.9),
    ("deflection", {}, 0.4),
    ("false_deflection", {}, 0.0),
    ("link_rate", {}, 0.06),
    ("reach_ratio", {}, 4.0),
    ("paying_share", {}, 0.3),
    ("praise_shape", {}, "none"),
    ("praise_effect", {}, 0.1),
    ("easy_and_fast", {}, 0.0),
    ("known_free", {}, 0.5),
    ("known_large", {}, 0.3),
    ("seed", {}, 1),
    ("n_resamples", {}, 199),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Return a folder of the researcher's own: a heavy tail with its plans, two databases of two."""
    folder = tmp_path_factory.mktemp("own")
    write_skewed(folder)
    write_databases(folder, "in_app_support")
    return folder


def test_every_parameter_has_a_case():
    assert not find_uncovered("in_app_support", CASES)


@pytest.mark.parametrize(("name", "others", "value"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_parameter_changes_the_results(given, name, others, value):
    assert is_changed(given, "in_app_support", name, others, value)


def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(tmp_path, monkeypatch):
    notebook_cells.assert_explores("in_app_support", tmp_path, monkeypatch)
