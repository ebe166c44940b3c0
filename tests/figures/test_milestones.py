"""Pictures of milestones: the findings that titles tell, what stands on the canvas, and sentences without data."""

import math

import milestones_samples as made
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from helpers import figures
from helpers.figures import theme
from helpers.figures.adoption import _paint_adoption
from helpers.figures.curves import paint_curves
from helpers.figures.milestones import _judge, _tell_effects, _tell_readings
from helpers.figures.points import list_parts, tell_gap, tell_order, write_gap
from helpers.figures.progress import _paint_flows, _spread, _spread_months, _tell_band
from helpers.figures.ranking import _paint_ranking
from helpers.figures.review import _tell_review
from helpers.figures.strips import Mark, Scale, Strip, choose_points, paint_strips
from helpers.figures.thresholds import _tell_lines, _tell_shape

NAMES = {  # figure -> its table and the sentence without it
    "readings": ("readings", "No reading of activation can be shown."),
    "landmark_effects": ("landmark_effects", "No difference by milestone can be shown."),
    "milestone_survival": ("milestone_survival", "There is no curve by milestone to show."),
    "overall": ("overall", "There is no survival curve to show."),
    "retention_by_count": ("activation_counts", "There is no share kept by number of activation events to show."),
    "cut_scan": ("cuts", "There is no cut of the activation events to show."),
    "maturity": ("mature_counts", "There is no share kept by mature categories to show."),
    "size_bands": ("size_bands", "There is no size of accounts to compare."),
    "ranking": ("ranking", "There is no ranking of features to show."),
    "adoption": ("ranking", "There is no difference by feature to show."),
    "setup_steps": ("steps", "There is no step of setting up to compare."),
    "progress": ("states", "There is no share of accounts by state to show."),
    "flows": ("flows", "There is no move between states to show."),
    "review": ("review", "There is no later cohort to review."),
}
FOUND = {
    "readings": "Of the naive 31 points, 8 are left among accounts still there on day 90",
    "landmark_effects": "The widest difference in who is kept goes with activated: +8.1 points [+6.5, +9.7]; 2 more "
    "of 4 milestones show a clear one",
    "milestone_survival": "180 days after day 90, 85.3 % of those activated and 74.0 % of those not activated "
    "were still customers",
    "overall": "65.4 % of accounts are still customers at a tenure of 72",
    "retention_by_count": "More activation events go with more accounts kept, without a step: a curve foretells "
    "better than a line",
    "cut_scan": "The line that fits best, 9, promises 10.8 points, at equal plan and size; lines that other accounts "
    "chose, +9.6 points [+8.0, +11.2]",
    "maturity": "3 or more mature categories mark no clear difference, +2.1 points [-0.1, +4.3]; of all lines, 1 or"
    " more foretells best (+4.5 points)",
    "size_bands": "Use grows slower than seats (elasticity 0.71): one line per seat passes 48 % of accounts with "
    "1-2 seats and 11 % of those with 26+ seats",
    "ranking": "3 features may each rank first: shared inbox, assignment rules and saved replies; email digest "
    "goes with fewer kept",
    "adoption": "Of features that go with staying, workflow bots shows the widest difference, +9.4 points, but 4 % use "
    "it; of those neither rare nor universal it is shared inbox, +6.2 points",
    "setup_steps": "Steps with a clear difference in who is activated later: invite team (+11.0 points), connect inbox"
    " (+9.0 points) and import contacts (+6.5 points)",
    "progress": "12 months after their start, of all accounts 14 % are mature, 26 % are using, 14 % are dormant and"
    " 26 % are gone",
    "flows": "12.0 % of the months spent dormant end in leaving, against 0.5 % of the months spent mature",
    "review": "On the newest cohort, 2022-Q4, AUC is 0.60 and the slope 0.71; the planned tests say: recalibrate it",
}


@pytest.fixture(scope="module")
def results():
    return made.sample_milestones()


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Draw on few dots: what is tested is what stands on the canvas."""
    monkeypatch.setattr(theme, "DPI", 25)


def change(results, table, **columns):
    """Return results with some columns of a table changed."""
    return results.but(tables={**results.tables, table: results.tables[table].assign(**columns)})


def texts(figure):
    return [t.get_text() for t in figure.texts] + [t.get_text() for axes in figure.axes for t in axes.texts]


@pytest.mark.parametrize("name", NAMES)
def test_figures_tell_their_finding_without_a_word_of_cause(results, name):
    shown = getattr(figures, name)(results)
    assert shown.text.split("\n")[0] == FOUND[name]
    assert shown.html.count("<img ") == 1
    assert "gap_if_causal" not in shown.html and "nan" not in shown.text
    for word in ("effect", "drives", "leads to", "significant"):
        assert word not in shown.text.lower()


@pytest.mark.parametrize("name", NAMES)
def test_figures_without_rows_are_one_sentence(results, name):
    draw, (table, sentence) = getattr(figures, name), NAMES[name]
    without = {key: rows for key, rows in results.tables.items() if key != table}
    assert draw(results.but(tables=without)).text == sentence
    assert draw(results.but(tables={**without, table: results.tables[table].iloc[:0]})).text == sentence
    blank = results.tables[table].assign(**dict.fromkeys(results.tables[table].select_dtypes("float"), math.nan))
    hidden = draw(results.but(tables={**without, table: blank})).text
    assert hidden.startswith(sentence.rstrip(".")) and "\n" not in hidden
    assert draw(results.but(status="withheld")).text.startswith("The effects of this run are withheld")


def test_figures_give_equal_bytes_for_equal_results(results):
    assert figures.overall(results).html == figures.overall(made.sample_milestones()).html


@pytest.mark.parametrize(("adjusted", "naive", "told"), [
    ((0.08, 0.06, 0.10), 0.31, "Of the naive 31 points, 8 are left among those still there on day 90"),
    ((0.01, 0.004, 0.016), 0.31, "Of the naive 31 points, 1 is left among those still there on day 90"),
    ((0.02, -0.01, 0.05), 0.31, "Of the naive 31 points, none is clearly left among those still there"),
    ((0.12, 0.09, 0.15), 0.01, "The naive difference is 1 point; among those still there on day 90 it is "
     "+12.0 points [+9.0, +15.0]"),  # larger than the naive one
    ((math.nan,) * 3, 0.31, "The naive difference is +31 points; what is left of it cannot be estimated"),
    ((0.08, 0.06, 0.10), math.nan, "Activated and not, among those still there on day 90: +8.0 points "
     "[+6.0, +10.0]"),  # nobody is followed from the start
])  # fmt: skip
def test_readings_title_says_what_is_left_of_the_naive_difference(adjusted, naive, told):
    columns = ["reading", "difference", "ci_low", "ci_high"]
    rows = pd.DataFrame([("naive", naive, naive - 0.2, naive + 0.2), ("adjusted", *adjusted)], columns=columns)
    assert _tell_readings(
        rows, {"noun": "those", "day": "day 90", "alive": "still there on day 90", "leavers": "; early"}
    ).startswith(told)


def test_landmark_effects_are_filled_by_the_verdict_that_minds_multiplicity(results):
    rows = results.tables["landmark_effects"].query(
        "adjustment == 'covariates' and outcome == 'dormant' and landmark == 90"
    )
    assert rows["ci_high"].iloc[0] < 0  # set up: its own interval leaves out zero, Holm's p does not
    assert _judge(results, rows, "dormant") == ["unclear", "clear", "clear", "unclear"]
    assert _judge(results.but(estimates=()), rows, "dormant")[0] == "clear"
    assert "in who is dormant goes with activated: -5.2 points" in _tell_effects(results, rows, "dormant")
    hidden = rows.assign(difference=math.nan)
    assert _tell_effects(results, hidden, "dormant") == "No milestone shows a clear difference in who is dormant"


def test_milestone_survival_takes_a_milestone(results):
    assert "of those set up" in figures.milestone_survival(results, milestone="set_up").text
    assert figures.milestone_survival(results, milestone="absent").text == NAMES["milestone_survival"][1]


def test_paint_curves_begins_at_the_floor_and_names_its_axis():
    days = pd.DataFrame(
        {"day": [0.0, 30.0], "arm": "all", "share": [1.0, 0.8], "ci_low": [1, 0.75], "ci_high": [1, 0.85]}
    )
    axes = []
    for options in ({}, {"label": "days since day 90", "floor": 0.7}):
        figure = Figure(figsize=(9.2, 3.8))
        paint_curves(figure, days.assign(at_risk=[50, 40]), ["all"], "all", **options)
        axes.append(figure.axes[0])
    assert [a.get_xlabel() for a in axes] == ["days since assignment", "days since day 90"]
    assert [round(a.get_ylim()[0]) for a in axes] == [0, 70]


def test_choose_points_holds_zero_and_all_values_and_signs_its_ticks():
    scale = choose_points([0.05, 0.31, math.nan])
    assert (scale.low, scale.promised) == (0.0, 0.0) and scale.high >= 0.31
    assert choose_points([]).low < 0 < choose_points([]).high
    assert len(choose_points([0.31], most_ticks=2).ticks) < len(scale.ticks)
    figure = Figure(figsize=(9.2, 2))
    paint_strips(figure, [Strip("a", (Mark(0.1, "naive", 0.05, 0.2),))], scale, top=40)
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.get_xticklabels()][:4] == ["0", "+10", "+20", "+30 points"]
    assert "--" in {line.get_linestyle() for line in axes.lines}  # the naive interval is dashed
    assert axes.get_position().y1 == pytest.approx(1 - (40 + 30) / 200)
    shares = Figure(figsize=(9.2, 2))
    paint_strips(shares, [Strip("a", ())], Scale(0, 1, None, (0.5,)))
    assert shares.axes[0].get_xticklabels()[0].get_text() == "50 %"


@pytest.mark.parametrize(("changes", "told"), [
    ({"shape": "step"}, "The share kept rises in a step, at 9 activation events or more (6 to 14 fit as well)"),
    ({"shape": "step", "naive_difference": -0.1, "cut_low": 9, "cut_high": 9},
     "The share kept falls in a step, at 9 activation events or more (no other line fits as well)"),
    ({"shape": "none"}, "The number of activation events says nothing clear of who is kept"),
    ({"shape": "undecided", "naive_difference": -0.1}, "More activation events go with fewer accounts kept; the data "
     "do not tell a step from a curve"),
    ({"shape": None}, "Share kept by number of activation events"),
])  # fmt: skip
def test_retention_by_count_says_its_shape(results, changes, told):
    assert _tell_shape(results.tables["threshold"].assign(**changes).iloc[0], "accounts") == told


def test_retention_by_count_stands_without_curves_and_threshold(results):
    found = results.but(tables={"activation_counts": results.tables["activation_counts"]})
    assert "71.2 % at 0 and 87.6 % at 60 or more" in figures.retention_by_count(found).text


@pytest.mark.parametrize(("changes", "told"), [
    ({"loss_gap_low": 0.0001}, "; their mere number foretells better than any line"),
    ({"planned": [True, False, False, False, False]}, ", and no other line foretells better"),
    ({"loss": math.nan}, "3 or more mature categories mark no clear difference, +2.1 points [-0.1, +4.3]"),
    ({"planned": False}, "The line that foretells best is 1 or more mature categories"),
])  # fmt: skip
def test_maturity_judges_the_planned_line_by_all_others(results, changes, told):
    assert _tell_lines(results.tables["maturity_lines"].assign(**changes)).endswith(told)


def test_ranking_calls_nothing_important_when_the_model_cannot_predict(results):
    weak = change(results, "model_quality", predicts=False, auc=0.55, auc_low=0.52, auc_high=0.58)
    weak = change(weak, "ranking", rank=math.nan)
    assert figures.ranking(weak).text == (
        "No feature is called important: the model cannot foretell which accounts are kept (AUC 0.55, between 0.52 and "
        "0.58; all of it must reach 0.60)."
    )
    none = change(weak, "model_quality", auc=math.nan, reason="fewer than 100 accounts")
    assert figures.ranking(none).text.endswith("the model cannot be judged: fewer than 100 accounts.")


def test_ranking_draws_ranges_and_signed_differences_in_two_panels(results):
    rows = results.tables["ranking"].dropna(subset=["rank"]).head(8)
    for width, place in ((9.2, "beside"), (4.2, "below")):
        figure = Figure(figsize=(width, 6))
        _paint_ranking(figure, results, rows)
        first, second = (axes.get_position() for axes in figure.axes)
        assert (second.x0 > first.x1) == (place == "beside") and (second.y1 < first.y0) == (place == "below")
    told = texts(figure)
    assert {"Shared inbox ◆", "used by 4 %, niche", "Email digest ◆", "Assignment rules"} < set(told)
    points = [line.get_xdata()[0] for line in figure.axes[1].lines if line.get_marker() == "o"]
    assert min(points) == pytest.approx(-4.1) and len(points) == 8
    assert "5 of 18 features" in figures.ranking(results, most=5).text


def test_ranking_of_a_snapshot_says_that_the_order_in_time_is_unknown(results):
    rows = results.tables["ranking"]
    assert tell_order(rows) == ""
    assert tell_order(rows.assign(time_order="unknown")) == " What came first is not known."


def test_adoption_shades_both_zones_and_keeps_names_apart(results):
    rows = results.tables["ranking"].dropna(subset=["difference"])
    figure = Figure(figsize=(9.2, 4))
    _paint_adoption(figure, results, rows, rows.head(6))
    assert {"niche", "universal", "shared inbox", "assignment rules"} < set(texts(figure))
    figure.canvas.draw()
    named = [t for t in figure.axes[0].texts if t.get_text() not in ("niche", "universal")]
    boxes = [t.get_window_extent() for t in named]
    assert len(named) == 6
    assert not any(a.overlaps(b) for k, a in enumerate(boxes) for b in boxes[:k])


def test_progress_names_bands_apart_and_in_order():
    assert _spread([1, 2, 3], 5) == [1, 6, 11]
    assert _spread([90, 96, 99], 5) == [88, 93, 98]
    assert _spread([10.0, 50.0], 5) == [10.0, 50.0]
    assert _spread([], 5) == []


def test_progress_joins_hidden_states_to_one_band(results):
    rows = results.tables["states"]
    hidden = rows["state"].isin(["started", "mature"]) & (rows["month"] > 0)
    rows = rows.assign(**{name: rows[name].mask(hidden) for name in ("share", "ci_low", "ci_high")})
    wide = _spread_months(rows)
    assert wide["too few to show"].iloc[-1] == pytest.approx(0.012 + 0.145, abs=0.001)
    assert wide["too few to show"].iloc[0] == 0
    assert wide.sum(axis=1).to_numpy() == pytest.approx(1)
    ends = rows[rows["month"] == 12].set_index("state")
    told = [_tell_band(s, wide[s].iloc[-1], ends, False) for s in ("mature", "using", "too few to show")]
    assert told == ["", "using 26.1 % [25.5, 26.7]", "too few to show 15.7 %"]
    first = figures.progress(results.but(tables={"states": rows[rows["month"] == 0]}))
    assert first.text == NAMES["progress"][1]


def test_survival_is_told_on_the_last_day_that_both_groups_show(results):
    rows = results.tables["milestone_survival"]
    short = rows.assign(share=rows["share"].mask((rows["reached"] == 1) & (rows["day"] > 60)))
    title = figures.milestone_survival(change(results, "milestone_survival", share=short["share"])).text
    assert title.startswith("60 days after day 90, 94.9 % of those activated and 90.5 % of those not activated")
    none = change(results, "milestone_survival", share=rows["share"].mask(rows["day"] > 0))
    assert figures.milestone_survival(none).text == NAMES["milestone_survival"][1]
    bare = results.tables["overall"]
    assert (
        figures.overall(change(results, "overall", share=bare["share"].mask(bare["day"] > 0))).text
        == NAMES["overall"][1]
    )


def test_flows_hide_small_cells_in_words(results):
    rows = results.tables["flows"].copy()
    rows.loc[0, ["share", "moves"]] = math.nan
    figure = Figure(figsize=(9.2, 3))
    _paint_flows(figure, rows, ["started", "dormant"], ["set up", "gone"])
    assert "few" in texts(figure) and "12.0" in texts(figure)


def test_review_title_names_the_floor_that_is_missed(results):
    rows = results.tables["review"]
    assert "AUC is 0.60 (below the 0.65 asked for) and the slope 0.71" in _tell_review(rows, 0.65)
    assert _tell_review(rows.assign(choice="too few"), 0.6).endswith("say: too few are left to judge")
    assert _tell_review(rows.assign(auc=math.nan), 0.6) == "On the newest cohort, 2022-Q4, the model cannot be judged"


def test_gaps_are_told_with_as_many_digits_as_the_interval_deserves(results):
    assert tell_gap(0.0812, 0.0649, 0.0974) == "+8.1 points [+6.5, +9.7]"
    assert tell_gap(0.3, 0.1, 0.5) == "+30 points [+10, +50]"
    assert tell_gap(math.nan, math.nan, math.nan) == write_gap(math.nan, 0, 1) == "not estimable"
    assert list_parts(results, ["add_sla", "a_b"]) == "Add SLAs and a b"
    assert list_parts(results, list("abcdef"), most=2) == "a, b and 4 more"
    assert np.isfinite(results.tables["readings"]["difference"]).all()
