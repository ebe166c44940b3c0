"""Setup steps: who counts, by hand; confounding and order in time; Holm; what the plan must have."""

import numpy as np
import pandas as pd
import pytest
from milestones_samples import sample_plan

from helpers.inference import holm, risk_difference
from helpers.milestones import study_setup

RULE = {"event": "conversation", "at_least": 20, "window_days": 90, "landmark_days": [90]}
NAMES = ("invite", "import", "article")
PLAN = sample_plan(steps=[{"name": name} for name in NAMES], steps_at_least=1, activation=RULE)


def make_histories(rows):
    """Histories from (followed_days, lost_day, day_activated, day of each step), all of one tier and size."""
    columns = ["followed_days", "lost_day", "day_activated", *(f"step_day_{name}" for name in NAMES)]
    return pd.DataFrame(rows, columns=columns, dtype=float).assign(tier="all", size=1.0)


def draw(n=3000, *, seed=1, effect=1.0):
    """Premium accounts set up and activate more; `invite` is tied to activation, `import` is only confounded."""
    rng = np.random.default_rng(seed)
    premium, size = rng.random(n) < 0.4, rng.integers(1, 20, n).astype(float)
    tier = np.where(premium, "premium", "basic")
    invite, imported = (rng.random(n) < 0.2 + 0.5 * premium for _ in range(2))
    article = rng.random(n) < 0.02
    odds = -1.2 + 1.6 * premium + effect * invite
    active = rng.random(n) < 1 / (1 + np.exp(-odds))
    frame = {"tier": tier, "size": size, "followed_days": 200.0, "lost_day": np.nan}
    frame["day_activated"] = np.where(active, rng.uniform(15, 89, n), np.nan)
    for name, done in zip(NAMES, (invite, imported, article), strict=True):
        frame[f"step_day_{name}"] = np.where(done, rng.uniform(0, 14, n), np.nan)
    frame["step_day_import"] = frame["step_day_import"] + np.where(rng.random(n) < 0.5, 80, 0)
    return pd.DataFrame(frame)


def test_study_setup_counts_by_hand():
    nan = np.nan
    histories = make_histories(
        [
            *[(200, nan, 40, 3, nan, nan)] * 20,  # did the step, activated
            *[(200, 60, nan, 5, nan, nan)] * 10,  # did it, left before activating: not activated
            *[(200, nan, 50, nan, nan, nan)] * 10,  # without it, activated
            *[(200, nan, nan, 30, nan, nan)] * 20,  # did it after day 14: not done by then
            (200, 10, nan, 2, nan, nan),  # gone by day 14
            (200, nan, 9, 2, nan, nan),  # activated by day 14
            (80, nan, nan, 2, nan, nan),  # not followed to the end of the window
            (200, nan, 95, 14, nan, nan),  # activated too late; the step is on day 14 itself
        ]
    )
    row = study_setup(histories, PLAN)["steps"].iloc[0]
    wanted = risk_difference(20, 31, 10, 30)
    assert [row["step"], row["n_done"], row["share_done"]] == ["invite", 31, pytest.approx(31 / 61)]
    assert [row["difference"], row["ci_low"], row["ci_high"], row["p_value"]] == pytest.approx(
        [wanted.estimate, wanted.ci_low, wanted.ci_high, wanted.p_value]
    )
    assert row["before"] == 1.0 and row["median_day"] == 5  # of 53 days: 3 x 20, 2 x 2, 5 x 10, 14, 30 x 20


def test_study_setup_takes_out_plan_and_size_and_tells_order_and_niche():
    table = study_setup(draw(), PLAN)["steps"].set_index("step")
    raw = draw()
    early = raw["step_day_import"] <= 14
    active = raw["day_activated"].notna()
    assert active[early].mean() - active[~early].mean() > 0.08  # what a reader would see
    assert table.loc["import", "verdict"] == "no clear difference"
    assert table.loc["import", "ci_low"] < 0 < table.loc["import", "ci_high"]
    assert table.loc["invite", "verdict"] == "clear difference" and table.loc["invite", "difference"] > 0.1
    assert table["flag"].to_dict() == {"invite": "", "import": "order unclear", "article": "niche"}
    assert table["p_value_adjusted"].tolist() == holm(table["p_value"]).tolist()


def test_study_setup_joint_difference_is_adjusted_for_the_other_steps():
    histories = draw(effect=2.5)
    alone = np.where(np.arange(3000) % 2, 5.0, np.nan)
    histories["step_day_import"] = histories["step_day_invite"].where(np.arange(3000) % 5 > 0, alone)  # mostly both
    row = study_setup(histories, PLAN)["steps"].set_index("step").loc["import"]
    assert row["difference"] > 0.2 and abs(row["difference_joint"]) < row["difference"] / 3
    assert row["joint_low"] < 0 < row["joint_high"]


def test_study_setup_uses_its_day_and_the_level():
    histories = draw()
    base = study_setup(histories, PLAN)["steps"]
    early = study_setup(histories, PLAN, setup_days=7)["steps"]
    assert early["n_done"].iloc[0] < base["n_done"].iloc[0]
    narrow = study_setup(histories, PLAN.model_copy(update={"confidence_level": 0.5}))["steps"]
    assert narrow["ci_low"].iloc[0] > base["ci_low"].iloc[0]
    assert narrow["joint_low"].iloc[0] > base["joint_low"].iloc[0]


def test_study_setup_says_why_a_step_is_not_estimable():
    table = study_setup(draw().head(300), PLAN)["steps"].set_index("step")
    assert table.loc["article", "verdict"] == "not estimable" and np.isnan(table.loc["article", "p_value_adjusted"])
    assert table.loc["article", "reason"] == "fewer than 14 accounts with the milestone, or without it"
    nobody = study_setup(draw(50).assign(followed_days=10.0), PLAN)["steps"]
    assert nobody["verdict"].eq("not estimable").all() and nobody["n_done"].eq(0).all()
    assert nobody["reason"].unique().tolist() == [
        "nobody is followed to the end of the window who was not activated by then"
    ]
    assert list(nobody.columns) == list(table.reset_index().columns)


@pytest.mark.parametrize(
    "changes",
    [{"steps": [], "steps_at_least": None}, {"activation": None}, {"activation": RULE | {"at_least": None}},
     {"activation": RULE | {"window_days": 14}}],
)  # fmt: skip
def test_study_setup_is_empty_where_the_plan_lacks_a_part(changes):
    assert study_setup(draw(50), sample_plan(**changes)) == {}
