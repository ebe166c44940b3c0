"""Every parameter of the support-metrics notebook changes what it should."""

import notebook_cells
import pytest
from notebook_cells import NOTEBOOKS, find_uncovered, is_changed, write_databases

spared = notebook_cells.spared  # for every test here
STUDY = "support_metrics"
OWN = {
    "data": "duckdb:{folder}/own.duckdb",
    "table": "accounts_1",
    "events": "duckdb:{folder}/own.duckdb",
    "events_table": "events_1",
    "fixes": [],
}
PUBLIC = {
    "plan": "published_retention",
    "data": "public:published_retention",
    "retention_months": [12, 144],
    "survey_size": 0,
}
SURVEY = PUBLIC | {"survey_size": 600}  # quick, since no ticket is read
FEW = {"n_units": 4000, "tickets_a_year": 0.2}  # many customers, hardly a ticket
CASES = [
    # parameter, the other parameters of both runs, its value in the second run
    ("plan", {}, "{folder}/later.yaml"),
    ("as_of", {}, "2022-01-31"),
    ("confidence_level", SURVEY, 0.8),
    ("min_cell", PUBLIC, 700),
    ("promise_hours", {}, 20.0),
    ("premium_hours", {}, 0.5),
    ("soon_days", {}, 1.0),
    ("return_days", {}, 1.0),
    ("satisfied_from", {}, 5.0),
    ("window_days", {}, 200.0),
    ("lead_days", {}, 100.0),
    ("fixes", {}, ["billing 2021-07-01"]),
    ("fix_days", {}, 90.0),
    ("premium_line", FEW, 15.0),
    ("premium_from", FEW, "2021-02-01"),
    ("term_days", PUBLIC, 360.0),
    ("retention_months", PUBLIC, [24]),
    ("fit_renewals", PUBLIC, 5),
    ("review_margins", {}, [1.0]),
    ("reliability", {}, 0.9),
    ("survey_size", SURVEY, 300),
    ("measure_retention", SURVEY, 0.4),
    ("measure_renewals", SURVEY, 0.2),
    ("expect_more", SURVEY, 0.6),
    ("are_sure", SURVEY, 0.5),
    ("design_effect", SURVEY, 2.0),
    ("response_shares", SURVEY, [0.5]),
    ("churn_bases", SURVEY, [0.3]),
    ("net_base", SURVEY, 0.9),
    ("trait_gaps", SURVEY, [0.5]),
    ("n_resamples", FEW, 400),
    ("seed", {}, 7),
]
LOADED = [
    # parameter, the other parameters of both runs, its value in the second run, which loads other data
    ("data", OWN, "duckdb:{folder}/other.duckdb"),
    ("table", OWN, "accounts_2"),
    ("events", OWN, "duckdb:{folder}/other.duckdb"),
    ("events_table", OWN, "events_2"),
    ("n_units", {}, 900),
    ("reply_effect", {}, 0.1),
    ("one_reply_effect", {}, 0.1),
    ("loyal_service", {}, 0.0),
    ("premium_effect", {}, 0.0),
    ("fix_effect", {}, 0.8),
    ("tickets_a_year", {}, 2.0),
    ("reviewer_noise", {}, 0.3),
]


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Return a folder of the researcher's own: two databases of two, and another plan."""
    folder = tmp_path_factory.mktemp("own")
    planned = (NOTEBOOKS / "plans" / "support_metrics.yaml").read_text()
    (folder / "later.yaml").write_text(planned.replace("size: seats", "size: amount"))
    write_databases(folder, STUDY, units="accounts", n_units=600)
    return folder


def test_every_parameter_has_a_case():
    assert not find_uncovered(STUDY, CASES + LOADED)


@pytest.mark.parametrize(("name", "others", "value"), [pytest.param(*case, id=case[0]) for case in CASES + LOADED])
def test_parameter_changes_the_results(given, name, others, value):
    assert is_changed(given, STUDY, name, others, value)


def test_cells_to_explore_from_run_as_they_stand_and_write_nothing(tmp_path, monkeypatch):
    notebook_cells.assert_explores(STUDY, tmp_path, monkeypatch)
