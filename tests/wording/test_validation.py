"""What a validation says: who holds, who does not, how far chance goes, and what others do."""

import pandas as pd
import pytest
import validation_samples as samples

from helpers import wording
from helpers.wording.validation import OPENING


def test_explain_validation_answers_when_a_method_fails():
    assert samples.results().answer == (
        OPENING,
        "1 of 5 methods does not hold what it promises: Fieller lift (in 6 cells of data that they are made for).",
        "Over all draws inside its domain, no method's intervals hold the truth in fewer than 90.0 % of experiments, "
        "of a nominal 95 % (Fieller lift, 400 draws; chance and promise allow 92.1 %).",
        "For shares every possible outcome is counted, so chance has no part: their intervals hold the truth in 94.9 % "
        "of experiments.",
        "Lift, payers 10 %, 300 an arm: on the same draws difference / control mean holds the truth in 89.8 % of "
        "experiments, ours in 95.4 %. Delta contradicts the test of its own difference in 20.0 % of experiments; "
        "ours never does.",
    )


def test_explain_validation_answers_when_all_hold():
    answer = samples.good().answer
    assert "simulated" in answer[0]  # the gallery shows the next sentence too
    assert answer[1] == "All 4 methods hold what they promise, in 5 cells of data that they are made for."


def test_explain_validation_names_three_failing_methods_at_most():
    answer = samples.results(table=samples.summary().assign(verdict="fails")).answer[1]
    assert answer == (
        "5 of 5 methods do not hold what they promise: Welch difference, Fieller lift, Miettinen-Nurminen difference "
        "and others (in 6 cells of data that they are made for)."
    )


def test_explain_validation_tells_the_method_that_holds_the_truth_least():
    table = samples.summary()
    table.loc[4, ["pooled_coverage", "draws"]] = (0.5, 100)
    assert "(Weekly trend, 100 draws; " in samples.results(table=table).answer[2]
    table.loc[4, "draws"] = 99  # too few to tell
    assert "(Fieller lift, 400 draws; " in samples.results(table=table).answer[2]
    few = samples.results(table=table.assign(draws=10))
    assert not any("Over all draws" in sentence for sentence in few.answer)


def test_explain_validation_tells_the_range_of_shares_and_of_what_is_enumerated():
    judged = samples.cells()
    judged.loc[judged["exact"], "coverage"] = 0.9512
    more = judged[judged["exact"]].assign(coverage=0.95)
    told = samples.results(pd.concat([judged, more], ignore_index=True)).answer[3]
    assert told.endswith(": their intervals hold the truth in 95.0 % to 95.1 % of experiments.")
    peers = samples.beside()["peers"]
    peers.loc[4, "coverage"] = 0.7
    assert wording.tell_peers(samples.results(peers=peers)) == (
        "Share, 5 %, 100 an arm: over every possible outcome Wald holds the truth in 70.0 % of experiments, ours in "
        "95.1 %"
    )


def test_explain_validation_gives_four_key_figures():
    assert samples.results().tables["keys"].to_dict("split")["data"] == [
        ["Methods that hold what they promise", "4 of 5", "every cell, and all draws together"],
        ["Cells that judge them", "6", "2,000 experiments drawn; shares enumerated"],
        ["Lowest coverage over all draws", "90.0 %", "Fieller lift; chance and promise allow 92.1 %"],
        [
            "Coverage of another tool's interval",
            "89.8 %",
            "difference / control mean, lift, payers 10 %, 300 an arm; ours 95.4 %",
        ],
    ]
    nothing = samples.results(table=samples.summary().assign(draws=0), peers=samples.beside()["peers"].query("ours"))
    assert len(nothing.tables["keys"]) == 2


def test_explain_validation_tells_our_contradictions_too():
    peers = samples.beside()["peers"]
    peers.loc[0, "contradictions"] = 0.01
    assert samples.results(peers=peers).answer[4].endswith("in 20.0 % of experiments; ours in up to 1.0 %.")
    quiet = peers.assign(contradictions=0.0)
    assert "contradicts" not in samples.results(peers=quiet).answer[4]


def test_explain_validation_limits_name_the_worst_outside_and_small_defects():
    assert samples.results().limits == (
        "Data unlike all of these populations: beyond its domain a method promises nothing and can fail (Welch "
        "difference holds the truth in 87.0 % of experiments: money 1, 1,800 and 200 units).",
        "Whether your own data are sound: nothing here was lost, counted twice or assigned wrongly.",
        "Small defects: where a cell has 400 draws (Welch difference), intervals that hold the truth up to 3 points "
        "too seldom can pass; all draws together see more.",
    )
    inside = samples.cells().query("inside").assign(exact=True)
    assert samples.results(inside).limits == (
        "Data unlike all of these populations: beyond its domain a method promises nothing.",
        "Whether your own data are sound: nothing here was lost, counted twice or assigned wrongly.",
    )


@pytest.mark.parametrize(
    ("claim", "level", "told"),
    [
        ("nominal", 0.95, "exactly 95 %"),
        ("at least", 0.95, "at least 95 %"),
        ("nominal within .01", 0.95, "within 1 point of 95 %"),
        ("nominal within .02", 0.999, "within 2 points of 99.9 %"),
    ],
)
def test_name_claim(claim, level, told):
    assert wording.name_claim(claim, level) == told


def test_tell_cells_names_the_worst_or_who_fails():
    found = samples.results()
    assert wording.tell_cells(found, "coverage") == (
        "1 of 4 methods break their promise; inside the domains the lowest coverage is 90.0 %"
    )
    assert wording.tell_cells(samples.good(), "coverage") == (
        "All 3 methods keep their promise; inside the domains the lowest coverage is 94.8 %"
    )
    nowhere = samples.results(samples.cells().assign(inside=False))
    assert wording.tell_cells(nowhere, "coverage") == "No method was measured inside its domain"


def test_select_measured_leaves_tests_without_interval_out_of_coverage():
    found = samples.results()
    assert "Weekly trend" not in set(wording.select_measured(found, "coverage")["guarantee"])
    assert "Weekly trend" in set(wording.select_measured(found, "false_alarm")["guarantee"])


def test_find_worst_is_lowest_coverage_and_most_alarms():
    cells = samples.cells()
    assert wording.find_worst(cells, "coverage")["coverage"] == 0.87
    assert wording.find_worst(cells, "false_alarm")["false_alarm"] == 0.13
    assert wording.find_worst(cells.iloc[:0], "coverage") is None


def test_titles_of_the_other_pictures():
    found = samples.results()
    assert wording.tell_looking(found) == (
        "After 3 daily looks at nothing, an alarm stood in 21.0 % with a fixed test every day, 5.0 % with planned "
        "looks and 1.0 % with the always-valid interval"
    )
    assert wording.tell_powers(found) == "In 1 of 2 designs the promised power is not the one that came: means"
    alike = samples.beside()["powers"].assign(agrees=True)
    assert wording.tell_powers(samples.results(powers=alike)) == (
        "In all 2 designs the promised power agrees with the power that came"
    )


def test_tell_cells_leaves_cells_of_few_draws_out():
    judged = samples.cells()
    judged.loc[3, "replicates"] = 10  # the cell of 90.0 %
    title = wording.tell_cells(samples.results(judged), "coverage")
    assert title.endswith("promise; among cells of at least 100 draws the lowest coverage is 94.8 %")
