"""Every parameter of the live-support notebook changes what it should."""

import notebook_cells
import pytest
from notebook_cells import SKEWED_RUN, find_uncovered, is_changed, write_databases, write_skewed

spared = notebook_cells.spared  # for every test here
OWN = {"plan": "live_support", **notebook_cells.OWN}
CASES = [
    # parameter, the other parameters of both runs, its value in the second run
    ("plan", SKEWED_RUN, "{folder}/even.yaml"),
    ("data", OWN, "duckdb:{folder}/other.duckdb"),
    ("table", OWN, "assigned_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("as_of", OWN, "2018-11-10"),
    ("n_resamples", SKEWED_RUN, 800),
    ("confidence_level", SKEWED_RUN, 0.8),
    ("min_cell", SKEWED_RUN, 100),
    ("prior_units", SKEWED_RUN, 100.0),
    ("n_units", {}, 1000),
    ("questions_lift", {}, 0.5),
    ("trial_rate", {}, 0.3),
    ("trial_lift", {}, 0.1),
    ("paid_rate", {}, 0.12),
    ("revenue_lift", {}, 0.4),
    ("revenue_spread", {}, 0.5),
    ("loyalty_effect", {}, 3.0),
    ("loyalty_as", {}, "percent"),
    ("response_effect", {}, 0.02),
    ("effect_by_hour", {}, 0.1),
    ("live_agents", {}, 9),
    ("regular_agents", {}, 12),
    ("moved_agents", {}, 0),
    ("shared_agents", {}, True),
    ("patience_hours", {}, 2.0),
    ("within_minutes", {}, [5, 20, 90]),
    ("slower_minutes", {}, [0, 5]),
    ("arrivals", {}, "public:bank_calls"),
    ("handle_minutes", {}, 20.0),
    ("patience_minutes", {}, 2.0),
    ("handle_range", {}, [0.5, 1, 3]),
    ("patience_range", {}, [0.1, 1, 9]),
    ("shrinkage", {}, [0, 0.1, 0.2]),
    ("past_effects", SKEWED_RUN, 0.5),
    ("target_share", {}, 0.95),
    ("sign_ups_per_year", {}, [1000, 2000, 3000]),
    ("gross_margin", {}, [0.1, 0.2, 0.3]),
    ("extra_hours_per_year", {}, -500.0),
    ("cost_per_agent_hour", {}, [1, 2, 3]),
    ("seed", {}, 1),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Return a folder of the researcher's own: a heavy tail with its plans, two databases of two."""
    folder = tmp_path_factory.mktemp("own")
    write_skewed(folder)
    write_databases(folder, "live_support")
    return folder


def test_every_parameter_has_a_case():
    assert not find_uncovered("live_support", CASES)


@pytest.mark.parametrize(("name", "others", "value"), [pytest.param(*case, id=case[0]) for case in CASES])
def test_parameter_changes_the_results(given, name, others, value):
    assert is_changed(given, "live_support", name, others, value)


def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(tmp_path, monkeypatch):
    notebook_cells.assert_explores("live_support", tmp_path, monkeypatch)


def test_slider_tells_the_answer_anew_and_starts_from_the_one_that_stands():
    # what an agent hour costs moves the net value
    notebook_cells.assert_slides("live_support", "cost", 35, {17.5: "at $17.5", 105: "at $105"})
