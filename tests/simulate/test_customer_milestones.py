"""The simulation of the customer-milestones study: its events, its planted associations and their stated truth."""

import functools
import json
from dataclasses import fields

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import plan
from helpers.milestones.contrasts import adjusted_difference, make_controls
from helpers.simulate import customer_milestones as world
from helpers.simulate.customer_milestones import AccountWorld, Rates, customer_milestones, find_chances
from helpers.simulate.kit import standardise

NOTHING = dict.fromkeys(("tier_effect", "usage_effect", "feature_effect", "harmful_effect", "maturity_effect"), 0.0)
DESIGN = plan.read("customer_milestones", kind="framework").design


@functools.cache
def draw(n_units, **world):
    return customer_milestones(n_units=n_units, **{"seed": 11} | world)


def read_days(made):
    """Return, by kind of event, the rows of the accounts and the days since their starts."""
    row = made.events["account_id"].str[2:].astype(int).to_numpy()
    day = ((made.events["at"] - made.assignments["started_at"].array[row]).dt.total_seconds() / 86_400).to_numpy()
    codes, names = pd.factorize(made.events["event"])
    order = np.argsort(codes, kind="stable")
    places = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    return {name: (row[place], day[place]) for name, place in zip(names, places, strict=True)}


def count(events, size, event, first, last):
    """Return how many events of one kind each account has between two days."""
    row, day = events[event]
    return np.bincount(row[(day >= first) & (day < last)], minlength=size)


def find_first(events, size, event):
    """Return the day of each account's first event of a kind, inf where it has none."""
    found = np.full(size, np.inf)
    np.minimum.at(found, *events[event])
    return found


def read_landmark(made):
    """Return, from the events alone: alive on day 90, conversations by then, kept to day 270."""
    events, size = read_days(made), len(made.assignments)
    lost = find_first(events, size, "cancelled")
    return lost >= 90, count(events, size, "conversation", 0, 90), lost >= 270


def contrast(kept, exposed):
    """Return the difference of two shares and its standard error."""
    parts = [kept[exposed], kept[~exposed]]
    return parts[0].mean() - parts[1].mean(), np.sqrt(sum(part.var() / part.size for part in parts))


def test_customer_milestones_columns_and_order():
    made, events = draw(1000), draw(1000).events
    assert list(made.assignments) == ["account_id", "started_at", "plan_tier", "seats", "country"]
    assert list(events) == ["account_id", "event", "at", "value"]
    assert str(events["at"].dt.tz) == str(made.assignments["started_at"].dt.tz) == "UTC"
    assert events["at"].is_monotonic_increasing and made.assignments["started_at"].is_monotonic_increasing
    assert events["at"].max() < world.COMPLETE_TO
    assert made.assignments["started_at"].between(world.OPENED, world.CLOSED, inclusive="left").all()
    pd.testing.assert_series_equal(events["value"] >= 1, events["event"] == "seats_changed", check_names=False)


def test_customer_milestones_nothing_happens_before_the_start_or_after_the_loss():
    events, size = read_days(draw(1000)), len(draw(1000).assignments)
    lost = find_first(events, size, "cancelled")
    for row, day in events.values():
        assert (day >= 0).all()
        assert (day <= lost[row]).all()
    assert len(events["cancelled"][0]) == np.isfinite(lost).sum()
    np.testing.assert_allclose(lost, draw(1000).units["lost_day"].fillna(np.inf), atol=1 / 86_400)


def test_customer_milestones_every_expansion_adds_seats():
    events, held = draw(1000).events, draw(1000).assignments.set_index("account_id")["seats"]
    expanded, keys = events[events["event"] == "expanded"], ["account_id", "at"]
    changed = events[events["event"] == "seats_changed"]
    both = changed.merge(expanded[keys], on=keys)
    assert len(both) == len(expanded) > 100
    first = changed.drop_duplicates("account_id").merge(expanded[keys], on=keys)
    before = held.loc[first["account_id"]].to_numpy()
    np.testing.assert_array_equal(first["value"], before + np.maximum(1, np.rint(before / 4)))


def test_customer_milestones_units_are_the_fold_of_the_events_by_the_plan():
    made = draw(5000)
    events, size, units = read_days(made), len(made.units), made.units
    used = {f.name: find_first(events, size, f.name) < 90 for f in DESIGN.features}
    mature = sum(np.any([used[f] for f in one.mature], axis=0).astype(int) for one in DESIGN.categories.values())
    steps = sum((find_first(events, size, step.name) < 90).astype(int) for step in DESIGN.steps)
    alive, talks, kept = read_landmark(made)
    heard = sum(count(events, size, event, 225, 270) for event in DESIGN.activity_events)
    found = {"alive": alive, "conversations": talks, "retained": kept, "mature": mature >= DESIGN.mature_line}
    found |= {"set_up": steps >= DESIGN.steps_line, "activated": talks >= DESIGN.activation.at_least}
    found["expanded"] = count(events, size, "expanded", 90, 270) > 0
    for name, values in found.items():
        np.testing.assert_array_equal(values.astype(int), units[name], err_msg=name)
    assert (units["dormant"] != (heard == 0)).mean() < 0.005  # resolutions come a little later than conversations
    seats, (row, day) = units["seats"].to_numpy(float), events["seats_changed"]
    changed = made.events.loc[made.events["event"] == "seats_changed", "value"].to_numpy()
    seats[row[day < 60]] = changed[day < 60]  # in order of time, so the last one stays
    using = count(events, size, "conversation_resolved", 60, 90) / seats >= DESIGN.usage.at_least
    assert (using != (units["using"] == 1)).sum() <= 2  # whole seconds


def test_customer_milestones_knows_the_plan():
    assert [feature.name for feature in world.FEATURES] == [feature.name for feature in DESIGN.features]
    assert [step.name for step in world.STEPS] == [step.name for step in DESIGN.steps]
    mature = {name: category for category, found in DESIGN.categories.items() for name in found.mature}
    assert {feature.name: feature.category for feature in world.FEATURES if feature.category} == mature
    lines = (DESIGN.activation.at_least, DESIGN.steps_line, DESIGN.usage.at_least, DESIGN.mature_line)
    assert lines == (world.PLANNED_COUNT, world.PLANNED_STEPS, world.PLANNED_USE, world.PLANNED_MATURE)
    assert (DESIGN.landmarks[0], DESIGN.horizon_days) == (world.WINDOW_DAYS, world.HORIZON_DAYS)
    assert DESIGN.outcomes.dormant_after_days == world.DORMANT_DAYS
    assert pd.Timestamp(DESIGN.as_of, tz="UTC") + pd.Timedelta(days=1) == world.COMPLETE_TO
    followed = max(DESIGN.landmarks) + DESIGN.horizon_days
    assert world.CLOSED + pd.Timedelta(days=followed) < world.COMPLETE_TO


def test_customer_milestones_drift_is_of_the_newest_cohort_alone():
    steady, drifted = draw(1000, drift=0.0), draw(1000)
    newest = (drifted.assignments["started_at"] >= world.NEWEST_FROM).to_numpy()
    seen = ["lost_day", "retained", "chance_retained", "chance_expanded", "chance_dormant"]
    pd.testing.assert_frame_equal(steady.units.loc[~newest, seen], drifted.units.loc[~newest, seen])
    assert not steady.units.loc[newest, seen].equals(drifted.units.loc[newest, seen])
    assert (drifted.truth["threshold"]["newest_cut"], steady.truth["threshold"]["newest_cut"]) == (35, 20)


def test_customer_milestones_shows_the_illusion_of_immortal_time():
    made = customer_milestones(n_units=5000, seed=3, activation_shape="none", **NOTHING)
    alive, talks, kept = read_landmark(made)
    naive, naive_error = contrast(kept.astype(float), talks >= 20)
    landmark, error = contrast(kept[alive].astype(float), talks[alive] >= 20)
    assert naive > 0.05 + 2 * naive_error
    assert abs(landmark) < 3.5 * error
    stated = [row["value"] for row in made.truth["effects"] if row["population"] == "landmark"]
    assert np.abs(stated[:2] + stated[3:5]).max() < 1e-12  # retained and expanded, by the first two milestones
    (planted,) = (row["value"] for row in made.truth["effects"] if row["estimand"] == "naive")
    assert abs(naive - planted) < 3.5 * naive_error


def test_customer_milestones_plants_a_step_and_moves_it_in_the_newest_cohort():
    made = customer_milestones(n_units=8000, seed=5, activation_effect=1.5, **NOTHING)
    alive, talks, kept = read_landmark(made)
    newest = (made.assignments["started_at"] >= world.NEWEST_FROM).to_numpy()

    def lift(low, middle, high, rows):
        near = rows & alive & (talks >= low) & (talks < high)
        return contrast(kept[near].astype(float), talks[near] >= middle)

    at_cut, error = lift(10, 20, 40, ~newest)
    assert at_cut > 0.1 + 2 * error
    for low, middle, high in ((0, 10, 20), (20, 40, 400)):  # flat on both sides of it
        beside, error = lift(low, middle, high, ~newest)
        assert abs(beside) < 3.5 * error
    unmoved, error = lift(10, 20, 35, newest)
    assert abs(unmoved) < 3.5 * error
    moved, error = lift(20, 35, 400, newest)
    assert moved > 2 * error


def test_customer_milestones_features_have_their_signs_and_their_users():
    events, size, found = read_days(draw(5000)), len(draw(5000).units), draw(5000).truth["features"]
    alive, _, _ = read_landmark(draw(5000))
    used = {name: (find_first(events, size, name) < 90)[alive] for name in found}
    for name, told in found.items():
        share = used[name].mean()
        assert {"niche": share < 0.05, "universal": share > 0.9}.get(told["role"], 0.05 < share < 0.9), name
        expected = {"helpful": told["difference"] > 0.03, "inert": abs(told["difference"]) < 0.012}
        assert expected.get(told["role"], True), name
    assert found["manual_export"]["difference"] < -0.03
    assert (draw(5000).assignments["plan_tier"] == "Premium").to_numpy()[alive][used["custom_sla_rules"]].mean() > 0.5
    together = np.corrcoef(used["article_suggestions"], used["article_feedback"])[0, 1]
    assert together > 0.2 > abs(np.corrcoef(used["article_suggestions"], used["snooze"])[0, 1])
    later = find_first(events, size, "article_suggestions")
    assert (np.isfinite(later) & (later >= 90)).sum() > 50
    other = draw(1000, feature_effect=-0.3, harmful_effect=0.0, maturity_effect=0.0)
    signs = {name: told["sign"] for name, told in other.truth["features"].items()}
    assert (signs["apps_installed"], signs["manual_export"], signs["phone_channel"], signs["snooze"]) == (-1, 0, 0, 0)
    assert (found["apps_installed"]["sign"], found["manual_export"]["sign"]) == (1, -1)


def test_customer_milestones_conversations_follow_seats_by_the_elasticity():
    alive, talks, _ = read_landmark(draw(5000))
    seats = draw(5000).assignments["seats"].to_numpy()
    kept = alive & (talks > 0) & (seats >= 3)  # small accounts without conversations would bend the line of logs
    design = np.column_stack([np.ones(kept.sum()), np.log(seats[kept])])
    slope, residual = np.linalg.lstsq(design, np.log(talks[kept]), rcond=None)[:2]
    error = np.sqrt(residual[0] / (kept.sum() - 2) * np.linalg.inv(design.T @ design)[1, 1])
    assert abs(slope[1] - draw(5000).truth["elasticity"]) < 3.5 * error
    assert error < 0.03


def test_customer_milestones_steps_come_when_they_should():
    events, size = read_days(draw(5000)), len(draw(5000).units)
    talks = pd.DataFrame(dict(zip(("row", "day"), events["conversation"], strict=True)))
    activated = talks[talks.groupby("row").cumcount() == 19].set_index("row")["day"]
    saved = find_first(events, size, "saved_reply")[activated[activated < 90].index]
    assert (saved < activated[activated < 90]).mean() < 0.2 < 0.6 < np.isfinite(saved).mean()
    few = np.setdiff1d(np.flatnonzero(find_first(events, size, "cancelled") > 270), activated.index)
    assert np.isfinite(find_first(events, size, "saved_reply")[few]).mean() < 0.4  # by themselves
    early = (find_first(events, size, "cancelled") > 60) & (count(events, size, "conversation", 0, 14) < 20)
    late = np.log1p(count(events, size, "conversation", 14, 60)[early])
    for name, helps in {"team_invited": True, "first_article": True, "inbox_configured": False}.items():
        lead, error = contrast(late, find_first(events, size, name)[early] < 14)
        assert (lead > 3.5 * error) == helps, name


def test_read_seats_by_hand():
    accounts = pd.DataFrame({"seats": [4, 2]})
    changes = pd.DataFrame({"row": [0, 0], "day": [50.0, 100.0], "seats": [5, 6]})  # the second account has none
    for edges, seats in (([0, 60, 90], [[4, 5, 5], [2, 2, 2]]), ([90, 120], [[5, 6], [2, 2]])):
        assert world._read_seats(accounts, changes, np.array(edges)).tolist() == seats


def test_find_chances_by_hand():
    rates = Rates(np.array([0.001]), np.array([0.0]), np.array([0.002]), np.array([[0.1]]))
    chances = find_chances(rates)
    assert chances["retained"][0] == pytest.approx(np.exp(-0.18))
    assert chances["expanded"][0] == pytest.approx(2 / 3 * -np.expm1(-0.54))
    silence = 0.001 / 0.101 * -np.expm1(-0.101 * 45) + np.exp(-0.101 * 45)
    assert chances["dormant"][0] == pytest.approx(1 - np.exp(-0.135) * (1 - silence))


def test_customer_milestones_chances_are_those_of_the_outcomes():
    alive = draw(5000).units[draw(5000).units["alive"] == 1]
    for name in ("retained", "expanded", "dormant"):
        chance = alive[f"chance_{name}"]
        error = np.sqrt((chance * (1 - chance)).sum()) / len(alive)
        assert abs(alive[name].mean() - chance.mean()) < 3.5 * error, name


def test_standardise_by_hand():
    exposed, cells = np.array([0, 0, 1, 0, 1, 1, 1]), np.array([0, 0, 0, 1, 1, 1, 2])
    chance = np.array([0.2, 0.4, 0.5, 0.6, 0.7, 0.9, 0.1])
    assert standardise(exposed, chance, cells) == pytest.approx(((0.3 + 0.6) / 2, (0.5 + 0.8) / 2))
    assert np.isnan(standardise(np.ones(7, dtype=int), chance, cells)).all()


def test_customer_milestones_states_the_truth_of_every_milestone():
    told = {(row["metric"], row["treatment"], row["estimand"]): row for row in draw(5000).truth["effects"]}
    assert len(told) == len(draw(5000).truth["effects"]) == 13
    activated = told["retained", "activated", "difference"]
    assert 0.06 < activated["value"] < 0.10
    assert activated["value"] == pytest.approx(activated["treatment_value"] - activated["control_value"])
    assert (activated["control"], activated["population"]) == ("not activated", "landmark")
    assert told["retained", "activated", "naive"]["value"] > 2 * activated["value"]
    assert told["dormant", "activated", "difference"]["value"] < 0 < told["expanded", "mature", "difference"]["value"]
    assert draw(5000).truth["steps"]["team_invited"] == {"role": "helps", "effect": 0.3}
    assert draw(5000).truth["threshold"]["shape"] == "step"


RANGES = {f.name: f.metadata["words"].split(" from ")[1].split(" to ") for f in fields(AccountWorld)[1:]}
ALONE = ("conversations", "conversations_spread", "seats_elasticity", "step_effect", "expansion_rate")  # few at a time
TOGETHER = [dict.fromkeys(RANGES.keys() - set(ALONE), end) for end in (0, 1)]


@pytest.mark.parametrize("ends", [*TOGETHER, *({name: end} for name in ALONE for end in (0, 1))])
def test_customer_milestones_works_at_the_edges_of_its_ranges(ends):
    kinds = {f.name: type(f.default) for f in fields(AccountWorld)}
    given = {name: kinds[name](RANGES[name][end]) for name, end in ends.items()}
    made = customer_milestones(n_units=300, seed=2, **given)
    assert len(made.units) == 300
    assert json.dumps(made.truth, allow_nan=False)


SEEDS = range(101, 104)


def compare(made):
    """Return (estimate - truth) / standard error of each milestone and outcome."""
    units = made.units[made.units["alive"] == 1].reset_index(drop=True)
    controls = make_controls(units.rename(columns={"plan_tier": "tier", "seats": "size"}).astype({"size": float}))
    found = {}
    for row in (row for row in made.truth["effects"] if row["estimand"] == "difference"):
        reached, outcome = (units[name].to_numpy(float) for name in (row["treatment"].replace(" ", "_"), row["metric"]))
        effect = adjusted_difference(reached, outcome, controls)
        found[row["treatment"], row["metric"]] = (effect.estimate - row["value"]) / effect.std_error
    return found


@pytest.mark.parametrize("shape", ["step", "smooth"])
def test_customer_milestones_truth_is_recovered_at_the_landmark(shape):
    scores = [compare(customer_milestones(n_units=2500, seed=seed, activation_shape=shape)) for seed in SEEDS]
    every = np.array([list(score.values()) for score in scores])
    assert every.shape == (len(SEEDS), 12)
    missed = (np.abs(every) > 1.96).sum()
    assert missed <= stats.binom.ppf(0.9999, every.size, 0.05)
    activated = np.array([score["activated", "retained"] for score in scores])
    assert abs(activated.mean()) < 3.5 / np.sqrt(len(SEEDS))
