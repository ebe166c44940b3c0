"""What accounts can do and what is planted in them: setup steps, features, baselines and associations."""

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd

from helpers.simulate import kit
from helpers.simulate.kit import bound

SHAPES = ("step", "smooth", "none")
OPENED, CLOSED = pd.Timestamp("2021-04-01", tz="UTC"), pd.Timestamp("2022-10-01", tz="UTC")  # six quarters of starts
COMPLETE_TO = pd.Timestamp("2023-09-01", tz="UTC")  # the end of the plan's as_of, 2023-08-31, a day after the article
NEWEST_FROM, NEWEST = pd.Timestamp("2022-07-01", tz="UTC"), "2022-Q3"  # the drifted cohort
WINDOW_DAYS = 90  # the article's first three months, and the plan's main landmark
HORIZON_DAYS, DORMANT_DAYS = 180, 45  # the plan's
PLANNED_COUNT, PLANNED_STEPS, PLANNED_USE, PLANNED_MATURE = 20, 4, 1.0, 3  # lines of the plan, to which truth refers
PARTS = ("accounts", "steps", "features", "seats", "talks", "replies", "ends", "later_seats", "later_talks")
SIGNS = {"helpful": 1, "mature": 1, "harmful": -1}  # whether a feature itself raises or lowers retention


class Step(NamedTuple):
    """One setup step: share of Starter accounts that take it, log-odds per tier, mean days, and its role."""

    name: str
    share: float
    slope: float
    days: float
    role: str  # helps, inert, routine, niche, after activation


class Feature(NamedTuple):
    """One feature: share of Starter accounts that use it by day 90, probit slope per tier, group of likes, and role.

    `category`: in which it makes an account mature, as in the plan.
    helpful, harmful: associated with loss itself; mature: only through its category; companion: used together with a
    helpful one; niche, universal, inert: not associated once tier and seats are alike.
    """

    name: str
    share: float
    slope: float = 0.15
    group: int = 0
    role: str = "inert"
    category: str = ""


# Steps that help do not depend on the tier, so that conversations depend on seats by the elasticity alone.
STEPS = (
    Step("messenger_installed", 0.97, 0.0, 2, "routine"),
    Step("inbox_configured", 0.60, 0.3, 6, "inert"),
    Step("team_invited", 0.55, 0.0, 6, "helps"),
    Step("channel_connected", 0.50, 0.0, 8, "helps"),
    Step("first_article", 0.45, 0.0, 10, "helps"),
    Step("saved_reply", 0.10, 0.0, 15, "after activation"),  # and most of those who have activated
    Step("automation_set", 0.025, 0.3, 10, "niche"),
)
FEATURES = (
    Feature("live_chat", 0.70),
    Feature("email_forwarding", 0.60),
    Feature("phone_channel", 0.12, 0.30, role="mature", category="support_channels"),
    Feature("help_centre_languages", 0.10, 0.25, role="mature", category="support_channels"),
    Feature("help_centre", 0.45),
    Feature("text_message_channel", 0.15, 0.15, group=2),
    Feature("social_channel", 0.25, 0.15, group=2),
    Feature("messaging_channel", 0.20, 0.15, group=2),
    Feature("mobile_messenger", 0.18, 0.20),
    Feature("multi_brand_messenger", 0.001, 0.95, role="niche"),
    Feature("away_message", 0.55),
    Feature("auto_greeting", 0.50),
    Feature("article_suggestions", 0.28, 0.20, group=1, role="helpful", category="automation"),
    Feature("article_feedback", 0.30, 0.20, group=1, role="companion"),
    Feature("article_search", 0.40, 0.20, group=1, role="companion"),
    Feature("custom_bots", 0.12, 0.30, role="mature", category="automation"),
    Feature("auto_close", 0.22),
    Feature("auto_translate", 0.12),
    Feature("message_series", 0.20),
    Feature("follow_up_rules", 0.16),
    Feature("conversation_tags", 0.60),
    Feature("internal_notes", 0.65),
    Feature("assignment_rules", 0.26, 0.30, role="helpful", category="support_operations"),
    Feature("team_inboxes", 0.14, 0.40, group=3, role="mature", category="support_operations"),
    Feature("custom_sla_rules", 0.001, 0.95, role="niche"),
    Feature("office_hours", 0.30, 0.20, group=3),
    Feature("workload_limits", 0.08, 0.40, group=3),
    Feature("ticket_forms", 0.12, 0.30, group=3),
    Feature("snooze", 0.50),
    Feature("conversation_merge", 0.25),
    Feature("crm_sync", 0.30, 0.25),
    Feature("chat_alerts", 0.40),
    Feature("apps_installed", 0.30, 0.20, role="helpful", category="interoperability"),
    Feature("api_used", 0.10, 0.30, role="mature", category="interoperability"),
    Feature("webhooks", 0.10, 0.30),
    Feature("data_import", 0.35),
    Feature("issue_tracker_sync", 0.15, 0.20),
    Feature("shop_sync", 0.20, 0.0),
    Feature("single_sign_on", 0.001, 0.95, role="niche"),
    Feature("overview_report", 0.70),
    Feature("csat_survey", 0.35),
    Feature("custom_reports", 0.24, 0.35, role="helpful", category="reporting"),
    Feature("scheduled_reports", 0.10, 0.30, role="mature", category="reporting"),
    Feature("manual_export", 0.22, 0.15, role="harmful"),
    Feature("team_report", 0.25, 0.20),
    Feature("channel_report", 0.20),
    Feature("messenger_style", 0.95, 0.1, role="universal"),
    Feature("profile_photo", 0.94, 0.1, role="universal"),
    Feature("notification_settings", 0.93, 0.1, role="universal"),
    Feature("browser_extension", 0.15, 0.0),
    Feature("keyboard_shortcuts", 0.30, 0.0),
    Feature("mobile_app", 0.45, 0.0),
    Feature("product_tour", 0.40, 0.0),
    Feature("banner_message", 0.20),
)
STEP, FEATURE = (pd.DataFrame(table) for table in (STEPS, FEATURES))  # their columns as arrays


@dataclass(frozen=True)
class AccountWorld(kit.World):
    """Baselines and planted associations; those with loss are on the log of the monthly rate of loss, upwards is less.

    The article gives three months, seven steps, more than fifty features, five categories and three of five, and no
    figure for any association or baseline: all values here are assumptions, so large that 20,000 accounts show them.
    """

    study: ClassVar[str] = "customer_milestones"
    activation_shape: str = kit.limit("step", "step, smooth or none", lambda shape: shape in SHAPES)
    # of loss after three months by conversations within them
    activation_cut: int = bound(20, 5, 60)  # conversations in 90 days; so that about half reach it
    activation_effect: float = bound(0.6, -2, 2)  # on loss, silence, expansion; 8 points of half-year retention
    usage_effect: float = bound(0.25, -2, 2)  # per standard deviation of the share resolved: no line is special
    early_leavers: float = bound(0.15, 0, 0.6)  # whatever they do: what makes "activated customers stay" true
    monthly_loss: float = bound(0.07, 0.001, 0.5)  # Starter without milestone or feature; a third in half a year
    tier_effect: float = bound(
        0.35, -1, 1
    )  # per tier, on loss and expansion: Premium stays, and has what it is sold with
    feature_effect: float = bound(0.25, -1, 1)  # of each of the four features that are truly associated with staying
    harmful_effect: float = bound(0.3, -1, 1)  # of the feature of those who are about to leave: exports by hand
    maturity_effect: float = bound(0.08, -0.5, 0.5)  # per mature category, in a line: no number is special
    step_effect: float = bound(0.3, -1, 1)  # log conversations after each of the three steps that help: a third more
    conversations: float = bound(4.8, 0.5, 30)  # median a month of four seats; half reach 20 with the steps
    conversations_spread: float = bound(0.6, 0, 1.5)  # of log conversations at one size: nearly a factor of two
    seats_elasticity: float = bound(0.7, 0, 1.5)  # below 1, so a line per seat favours small accounts
    drift: float = bound(1.0, 0, 1)  # 1: in the newest cohort the cut is 35, the association half
    expansion_rate: float = bound(0.02, 0.0001, 0.1)  # a month, Starter, not activated; usual for small firms
    dormancy_rate: float = bound(0.01, 0, 0.3)  # a month, not activated; the silent leave three times as fast

    @property
    def drift_cut(self) -> int:
        """The cut of the newest cohort: 35 for 20 where the drift is 1."""
        return round(self.activation_cut * (1 + 0.75 * self.drift))

    @property
    def drift_effect(self) -> float:
        """The association of activation in the newest cohort: half of it where the drift is 1."""
        return self.activation_effect * (1 - 0.5 * self.drift)


def count_mature(features) -> np.ndarray:
    """Return in how many categories each account used a feature by day 90."""
    categories = FEATURE[FEATURE["category"] != ""].groupby("category").groups.values()
    return sum((features[:, places] < WINDOW_DAYS).any(axis=1).astype(int) for places in categories)
