"""What an experiment could find: power by its own rule, what makes it longer, the worth of a week, and its plan."""

import math
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
import yaml
from experiments import make_design, make_source, run_experiment
from scipy import stats
from sources_samples import tell_refusal

from helpers import design as designs
from helpers import metrics
from helpers.design import study
from helpers.design.sizing import Sized
from helpers.inference import decisions
from helpers.inference.contrasts import score_limits, score_p_value
from helpers.inference.looks import price_looks
from helpers.inference.planning import sample_size_means, sample_size_normal, sample_size_proportions
from helpers.plan import ExperimentPlan, Plan
from helpers.records import Effect

SECONDARY = {"better": "higher", "role": "secondary"}
PLAN = {
    "y": {"kind": "binary", "role": "primary", "better": "higher", "expected": "higher", "worthwhile": 0.08},
    "s": {"kind": "score", **SECONDARY, "worthwhile": 0.25},
    "u": {"kind": "score", **SECONDARY, "worthwhile": 0.25},
    "v": {"kind": "score", **SECONDARY},
    "g": {"kind": "score", "role": "guardrail", "better": "higher", "margin": {"absolute": 0.25}},
}
TOLD = ["y = 0.3", "s = 4, 1", "u = 4, 1", "v = 4, 1", "g = 4, 1"]


def make_setting(told=TOLD, plan=PLAN, assumed=None, correlation=0.0, looks=None, **changes):
    design = designs.change_design(make_design(metrics=plan, **changes), looks=looks)
    known = designs.assume_baselines(design, told, correlation=correlation)
    return designs.Setting(design, known, designs.Assumed(**{"units_per_week": 100, "draws": 4000, **(assumed or {})}))


def test_weeks_and_size_by_hand():
    setting = make_setting()
    needed = sample_size_proportions(0.3, 0.08)
    assert setting.first.find_size(0.8) == pytest.approx(needed)
    assert setting.weeks == math.ceil(needed / 100)
    row = study.settle(setting).iloc[0]
    assert (row["weeks"], row["units"], row["needed"]) == (setting.weeks, 100 * setting.weeks, math.ceil(needed))
    assert row["power"] >= 0.8 > setting.first.find_power(100 * (setting.weeks - 1))
    assert setting.first.find_smallest(needed, 0.8) == pytest.approx(0.08)
    short = make_setting(assumed={"most_weeks": 5})
    assert (short.weeks, study.settle(short).iloc[0]["weeks_needed"]) == (5, setting.weeks)
    assert make_setting(assumed={"weeks": 3}).weeks == 3


def test_secondary_metrics_are_sized_at_the_first_step_of_holm():
    steps = study.list_steps(make_setting()).set_index("metric")
    assert steps.loc["s", "level"] == pytest.approx(0.05 / 3)
    assert steps.loc["s", "units"] == math.ceil(sample_size_means(0.25, 1, alpha=0.05 / 3))
    assert steps.loc["s", "alone"] < steps.loc["s", "among"]  # others that are clear help
    assert steps.loc["v", "assumed"] and steps.loc["v", "effect"] == pytest.approx(0.4)  # a tenth of 4
    assert math.isnan(steps.loc["g", "exaggeration"]) and steps.loc["s", "exaggeration"] > 1


def test_covariates_clusters_answers_and_splits_change_the_size():
    base = make_setting().first.find_size(0.8)
    adjusted = {"covariates": ["x"], "decides_on": "adjusted"}
    design = make_design(metrics=PLAN, **adjusted)
    known = designs.assume_baselines(design, TOLD, explained=0.4)
    setting = designs.Setting(design, known, designs.Assumed(units_per_week=100))
    assert setting.first.find_size(0.8) == pytest.approx(0.6 * base)
    raw = designs.Setting(make_design(metrics=PLAN, covariates=["x"]), known, designs.Assumed(units_per_week=100))
    assert raw.first.find_size(0.8) == pytest.approx(base)  # what does not decide takes nothing away
    grouped = designs.group_units(make_setting().known, size=20, correlation=0.1)
    clusters = designs.Setting(make_design(metrics=PLAN), grouped, designs.Assumed(units_per_week=100))
    assert clusters.first.find_size(0.8) == pytest.approx(2.9 * base, rel=0.02)
    uneven = make_setting(variant={"control": "c", "treatments": ["t"], "split": {"c": 0.9, "t": 0.1}})
    assert uneven.first.find_size(0.8) == pytest.approx(sample_size_proportions(0.3, 0.08, share_treatment=0.1))
    three = make_setting(variant={"control": "c", "treatments": ["t", "u"]})
    assert (three.fraction, three.share) == (pytest.approx(2 / 3), 0.5)
    assert three.first.level == pytest.approx(0.025)
    split = {"split": {"c": 0.6, "t": 0.2, "u": 0.2}}
    each = make_setting(variant={"control": "c", "treatments": ["t", "u"], **split}, comparisons=["u - t"])
    assert (each.fraction, each.share, each.first.level) == (pytest.approx(0.4), 0.5, pytest.approx(0.05 / 3))
    steps = study.list_steps(each)
    assert steps["among"].between(0, 1).all()


TENTH = {"control": "c", "treatments": ["t"], "split": {"c": 0.9, "t": 0.1}}


def test_an_uneven_split_of_a_share_is_told_as_its_score_test_finds_it():
    plan, told = {"y": PLAN["y"]}, {"told": ["y = 0.1"], "variant": TENTH}
    setting = make_setting(plan=plan, assumed={"weeks": 15, "draws": 40_000}, **told)
    row, rng = study.list_steps(setting).iloc[0], np.random.default_rng(3)
    x1, x0 = rng.binomial(150, 0.18, 40_000), rng.binomial(1350, 0.1, 40_000)
    clear = score_p_value(x1, 150, x0, 1350) <= 0.05
    assert [row["alone"], row["among"]] == pytest.approx([clear.mean()] * 2, abs=0.015)
    overstated = abs(x1 / 150 - x0 / 1350)[clear].mean() / 0.08
    assert row["exaggeration"] == pytest.approx(overstated, abs=0.01)
    assert setting.first.find_smallest(1500, row["alone"]) == pytest.approx(0.08)


@pytest.mark.parametrize(
    ("better", "mean", "margin", "split", "n"),
    [
        ("higher", 0.05, {"absolute": 0.03}, [0.9, 0.1], 3000),
        ("lower", 0.05, {"absolute": 0.03}, [0.9, 0.1], 3000),
        ("lower", 0.9, {"absolute": 0.03}, [0.9, 0.1], 3000),
        ("higher", 0.98, {"absolute": 0.03}, [0.9, 0.1], 3000),
        ("lower", 0.03, {"absolute": 0.04}, [0.5, 0.5], 600),  # nine events an arm, where a normal curve tells .82
        ("lower", 0.1, {"relative": 0.5}, [0.9, 0.1], 2000),  # the ratio decides, whose test tolerates fewer events
        ("higher", 0.1, {"relative": 0.5}, [0.9, 0.1], 2000),
        ("lower", 0.1, {"relative": 0.5}, [0.1, 0.9], 2000),
    ],
)
def test_a_guardrail_of_a_share_holds_as_its_score_limits_find_it(better, mean, margin, split, n):
    guard = {"kind": "binary", "role": "guardrail", "better": better, "margin": margin}
    variant = {"control": "c", "treatments": ["t"], "split": dict(zip("ct", split, strict=True))}
    assumed = {"weeks": n // 100, "draws": 40_000}
    setting = make_setting([f"g = {mean}", "y = 0.1"], {"y": PLAN["y"], "g": guard}, assumed, variant=variant)
    row, sizes = study.list_steps(setting).set_index("metric").loc["g"], [round(n * share) for share in split]
    x0, x1 = (np.arange(size + 1) for size in sizes)
    x0, x1 = (x[stats.binom.pmf(x, size, mean) > 1e-9] for x, size in zip((x0, x1), sizes, strict=True))
    chances = stats.binom.pmf(x1[:, None], sizes[1], mean) * stats.binom.pmf(x0, sizes[0], mean)
    is_ratio, (line,) = "relative" in margin, margin.values()
    low, high = score_limits(x1[:, None], sizes[1], x0, sizes[0], ratio=is_ratio)
    held = chances[(low - is_ratio > -line) if better == "higher" else (high - is_ratio < line)].sum()
    assert row["alone"] == pytest.approx(held, abs=0.004)  # but for the jumps of whole counts
    assert row["among"] == pytest.approx(held, abs=0.01)
    guardrail = setting.metrics["g"]
    assert guardrail.find_power(guardrail.find_size(0.8)) == pytest.approx(0.8)


@pytest.mark.parametrize("changes", [{"looks": [0.5, 1.0]}, {"covariates": ["x"], "decides_on": "adjusted"}])
def test_an_uneven_split_is_told_by_the_standard_error_where_no_score_test_decides(changes):
    uneven = make_setting(plan={"y": PLAN["y"]}, told=["y = 0.1"], variant=TENTH, **changes).first
    error = math.sqrt(0.18 * 0.82 / 0.1 + 0.1 * 0.9 / 0.9)
    expected = sample_size_normal(0.08, error) * uneven.price
    assert uneven.find_size(0.8) == pytest.approx(expected)
    assert uneven.find_power(expected) == pytest.approx(0.8)
    assert uneven.find_smallest(expected, 0.8) == pytest.approx(0.08)


def draw_experiments(rng, replicates, n=900):
    """Return the columns of experiments in which every metric has its effect, the guardrail none; shape (r, n, 5)."""
    treated, root = np.arange(n) % 2, np.linalg.cholesky(np.full((5, 5), 0.3) + 0.7 * np.eye(5))
    z = rng.normal(size=(replicates, n, 5)) @ root.T
    columns = 4 + z + np.array([0, 0.25, 0.25, 0.4, 0.0]) * treated[:, None]
    columns[..., 0] = z[..., 0] > stats.norm.isf(np.where(treated, 0.38, 0.3))
    return columns


def judge_all(columns, design):
    """Return the verdict of each metric in each experiment: Welch and the score test, then the room's own rule."""
    control, treatment = columns[:, ::2], columns[:, 1::2]
    gaps, n = treatment.mean(1) - control.mean(1), control.shape[1]
    errors = np.sqrt((control.var(1, ddof=1) + treatment.var(1, ddof=1)) / n)
    reach, p = stats.t.isf(0.025, 2 * n - 2) * errors, 2 * stats.t.sf(abs(gaps) / errors, 2 * n - 2)
    p[:, 0] = score_p_value(treatment[..., 0].sum(1), n, control[..., 0].sum(1), n)
    for turn in range(len(columns)):
        effects = [Effect(g, e, None, g - r, g + r, p_value=q) for g, e, r, q in zip(
            gaps[turn], errors[turn], reach[turn], p[turn], strict=True)]  # fmt: skip
        labels = [(c, {"estimand": "difference", "role": c.metric.role}) for c in decisions.list_comparisons(design)]
        found = [decisions.label_effect(c, effect, **more) for (c, more), effect in zip(labels, effects, strict=True)]
        yield {
            e.metric: e.verdict
            for e in decisions.decide_all(decisions.adjust_families(found), design.metrics, alpha=design.alpha)
        }


def test_planned_looks_have_their_price_in_every_size():
    looks = [0.25, 0.5, 0.75, 1.0]
    (base, once), (looked, often) = (
        (setting.first, study.list_outcomes(setting)["benefit"].iloc[0])
        for setting in (make_setting(assumed={"weeks": 9}, looks=given) for given in (None, looks))
    )
    price = price_looks(looks)["most"]
    assert price > 1.01 and looked.find_size(0.8) == pytest.approx(price * base.find_size(0.8))
    assert looked.find_power(1100) < base.find_power(1100) and often < once
    assert looked.find_smallest(1100, 0.8) > base.find_smallest(1100, 0.8)


def test_power_by_the_rule_is_what_experiments_reach():
    setting, replicates = make_setting(assumed={"weeks": 9, "draws": 40_000}, correlation=0.3), 500
    columns, found = draw_experiments(np.random.default_rng(6), replicates), dict.fromkeys([*PLAN, "rule"], 0)
    for turn, verdicts in enumerate(judge_all(columns, setting.design)):
        if turn < 2:  # the whole way of an experiment decides the same
            frame = pd.DataFrame(columns[turn], columns=list(PLAN)).assign(variant=["c", "t"] * 450)
            results = run_experiment(frame, setting.design, n_resamples=200)
            assert verdicts == {e.metric: e.verdict for e in results.headline()}
        good = {name: verdicts[name] in ("clear benefit", "not inferior") for name in PLAN}
        found = {name: found[name] + good[name] for name in PLAN} | {"rule": found["rule"] + (good["y"] and good["g"])}
    promised = dict(study.list_steps(setting).set_index("metric")["among"])
    promised["rule"] = study.list_outcomes(setting).set_index("truth").loc["expected", "benefit"]
    for name, hits in found.items():
        low, high = (stats.binom.ppf(tail, replicates, promised[name]) for tail in (0.0005, 0.9995))
        assert low <= hits <= high, (name, hits, promised[name])


def make_plan(design):
    return Plan(design, {"file": "autumn.yaml", "sha256": "0" * 64, "departures": []})


def test_guardrails_are_sized_by_their_margin():
    guard = make_setting().metrics["g"]
    reach = (stats.norm.isf(0.025) + stats.norm.isf(0.2)) * 2 / 0.25  # 4 sd^2 (z + z)^2 / margin^2
    assert guard.find_size(0.8) == pytest.approx(reach**2)
    assert guard.find_power(reach**2) == pytest.approx(0.8)
    assert guard.effect == -0.25  # the harm side
    relative = {**PLAN, "g": {**PLAN["g"], "kind": "amount", "margin": {"relative": 0.1}}}
    share = make_setting(plan=relative).metrics["g"]
    assert share.effect == pytest.approx(-0.4)
    # 2 (1 + .9^2) sd^2 (z + z)^2 / margin^2: nine tenths of the control are subtracted, whose error shrinks with them
    assert share.find_size(0.8) == pytest.approx(reach**2 * (0.25 / 0.4) ** 2 * (1 + 0.9**2) / 2)


def test_worth_of_weeks_falls_with_cost_and_delay():
    def list_worth(**changes):
        money = {"worth_per_year": 50_000, "cost_per_week": 500, "most_weeks": 20}
        return study.list_worth(make_setting(assumed={**money, **changes}))

    worth = list_worth()
    assert worth.loc[0, ["by_rule", "net"]].tolist() == [0, 0]
    assert (worth["by_rule"] <= worth["at_best"] + 1e-9).all()
    assert worth["another"].iloc[1] > worth["another"].iloc[10] and worth["another"].iloc[1:4].gt(0).all()
    assert worth["net"].tolist() == pytest.approx((worth["by_rule"] - worth["cost"]).tolist())
    assert list_worth(cost_per_week=2000)["net"].idxmax() <= worth["net"].idxmax()
    sixth = worth.iloc[5]
    assert list_worth(horizon_years=4)["by_rule"].iloc[5] > 1.9 * sixth["by_rule"]
    assert list_worth(cost_per_year=30_000)["at_best"].iloc[5] < sixth["at_best"]
    assert list_worth(past_effects=0.3)["by_rule"].iloc[5] > sixth["by_rule"]
    assert study.list_worth(make_setting()).empty


def test_tables_of_levers_looks_and_weeks():
    setting = make_setting()
    times = study.list_levers(setting).set_index("choice")["times"]
    assert times["as planned"] == 1 and 3.8 < times["half the effect"] < 4.1
    looks = study.list_looks(setting)
    assert looks["looks"].tolist() == [1, 2, 4] and looks["times"].is_monotonic_increasing
    assert len(study.list_looks(make_setting(looks=[0.3, 1.0]))) == 4
    weeks = study.list_weeks(setting)
    first = weeks[weeks["metric"] == "y"]
    assert "g" not in set(weeks["metric"])
    assert first["power"].is_monotonic_increasing and first["exaggeration"].is_monotonic_decreasing


@pytest.mark.parametrize(("changes", "difference"), [({}, 0.02), ({"better": "lower", "expected": "lower"}, -0.02)])
def test_sizes_are_those_of_differences_in_the_direction_of_the_plan(changes, difference):
    sizes = study.list_sizes(make_setting(["y = 0.3"], {"y": PLAN["y"] | changes}))
    chosen = sizes[(sizes["baseline"] == 0.3) & (sizes["difference"] == difference)]
    assert chosen["units"].item() == math.ceil(sample_size_proportions(0.3, difference))
    assert (sizes["difference"] * difference > 0).all()
    assert study.list_sizes(make_setting(["s = 4, 1"], {"s": {**PLAN["s"], "role": "primary"}})).empty


def test_smallest_effect_of_means_in_small_and_large_arms():
    setting = make_setting()
    grouped = replace(setting, known=designs.group_units(setting.known, size=20, correlation=0.1))
    for sized, n in product((setting.metrics["s"], grouped.metrics["s"]), (400, 40_000)):
        smallest = Sized(**{**vars(sized), "effect": sized.find_smallest(n, 0.8)})
        assert smallest.find_power(n) == pytest.approx(0.8, abs=2e-3)


SEVERAL = {"variant": {"control": "c", "treatments": ["t", "u"]}}


@pytest.mark.parametrize(("ask", "message"), [
    (lambda: make_setting(["y = 0.95"]).first,
     "plan, metrics.y: an effect of 0.08 leaves no share from a baseline of 0.95; lower worthwhile or the margin, or "
     "correct the baseline"),
    (lambda: make_setting([]).first,
     "baselines: no metric that decides has a baseline and an effect that matters; give a baseline of a primary "
     "metric, and its worthwhile in the plan"),
    (lambda: make_setting(assumed={"units_per_week": None}).weeks,
     "units_per_week: left out, and no history with times and no plan tells it; give it as a parameter"),
    (lambda: designs.change_design(make_design(), looks=[0.5]),
     "parameter looks: must rise from above 0 to 1, the planned end"),
    (lambda: designs.change_design(make_design(**SEVERAL), share_treatment=0.2),
     "share_treatment: the plan has several treatments; write their split into the plan"),
])  # fmt: skip
def test_what_cannot_be_planned_is_refused_with_its_cure(ask, message):
    assert tell_refusal(ask) == message


def test_units_per_week_are_those_of_the_plan_where_none_are_given():
    planned = make_setting(assumed={"units_per_week": None}, planned_units=1000, enrolment_days=14)
    assert planned.units_per_week == 500


def test_history_is_split_at_random_and_its_tail_is_judged():
    rng = np.random.default_rng(7)
    plan = {"a": {"kind": "amount", "role": "primary", "better": "higher", "worthwhile": 0.5}}
    frame = pd.DataFrame({"variant": "c", "a": np.exp(rng.normal(0, 2, 400)), "b": np.exp(rng.normal(0, 0.2, 400))})
    design, source = make_design(metrics={**plan, "b": {**plan["a"], "role": "secondary"}}), make_source(frame)
    units = metrics.fold(source, design)
    setting = designs.Setting(design, designs.measure_baselines(units), designs.Assumed(units_per_week=50, weeks=4))
    found = designs.plan_experiment(setting, make_plan(design), source=source, units=units, n_splits=100)
    splits, checks = found.tables["splits"], {check.id: check for check in found.checks}
    assert (splits["splits"] == 100).all() and (splits["clear"] <= splits["band_high"]).all()
    assert checks["random splits"].status == "pass" and checks["domain_a"].status == "warn"
    assert "domain_b" not in checks and found.data.kind == source.info.kind and found.estimates == ()


def test_a_written_plan_is_read_as_it_was_sized():
    design = make_design(metrics=PLAN, title='Autumn: "no"', labels={"c": "no"}, as_of="2020-01-01")
    changed = designs.change_design(design, share_treatment=0.25, looks=[0.3, 1.0])
    settled = pd.DataFrame([{"weeks": 3, "units": 1200.0}])
    row = designs.write_plan(changed, settled, make_plan(design), starts_on="2027-01-04").iloc[0]
    assert row["file"] == "autumn.yaml"
    assert row["text"].startswith("# Settled by the study experiment_design, from autumn")
    read = ExperimentPlan.model_validate(yaml.load(row["text"], yaml.BaseLoader))
    assert (read.planned_units, read.enrolment_days, read.registered) == (1200, 21, "before")
    assert read.as_of.isoformat() == "2027-01-24" and read.looks == [0.3, 1.0]
    assert read.variant.split == {"c": 0.75, "t": 0.25} and read.labels == {"c": "no"}
    assert read.metrics == design.metrics and read.title == design.title
    assert "as_of" not in designs.write_plan(design, settled, make_plan(design)).iloc[0]["text"]
