"""The setup steps and features of the simulated product: who uses them, and which are associated with staying."""

from __future__ import annotations

from dataclasses import dataclass

CATEGORIES = {
    "support_channels": ("phone_channel", "help_centre_languages"),
    "automation": ("article_suggestions", "custom_bots"),
    "support_operations": ("assignment_rules", "team_inboxes"),
    "interoperability": ("apps_installed", "api_used"),
    "reporting": ("custom_reports", "scheduled_reports"),
}  # the features that make an account mature, as in the plan


@dataclass(frozen=True)
class Step:
    """One setup step: share of Starter accounts that take it, log-odds per tier, mean days, and its role."""

    name: str
    share: float
    slope: float
    days: float
    role: str  # helps, inert, routine, niche, after activation


@dataclass(frozen=True)
class Feature:
    """One feature: share of Starter accounts that use it by day 90, probit slope per tier, group of likes, and role.

    helpful, harmful: associated with loss itself; mature: only through its category; companion: used together with a
    helpful one; niche, universal, inert: not associated once tier and seats are alike.
    """

    name: str
    share: float
    slope: float = 0.15
    group: int = 0
    role: str = "inert"

    @property
    def sign(self) -> int:
        """Whether the feature itself raises (1) or lowers (-1) retention, or does nothing (0)."""
        return {"helpful": 1, "mature": 1, "harmful": -1}.get(self.role, 0)


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
    Feature("phone_channel", 0.12, 0.30, role="mature"),
    Feature("help_centre_languages", 0.10, 0.25, role="mature"),
    Feature("help_centre", 0.45),
    Feature("text_message_channel", 0.15, 0.15, group=2),
    Feature("social_channel", 0.25, 0.15, group=2),
    Feature("messaging_channel", 0.20, 0.15, group=2),
    Feature("mobile_messenger", 0.18, 0.20),
    Feature("multi_brand_messenger", 0.001, 0.95, role="niche"),
    Feature("away_message", 0.55),
    Feature("auto_greeting", 0.50),
    Feature("article_suggestions", 0.28, 0.20, group=1, role="helpful"),
    Feature("article_feedback", 0.30, 0.20, group=1, role="companion"),
    Feature("article_search", 0.40, 0.20, group=1, role="companion"),
    Feature("custom_bots", 0.12, 0.30, role="mature"),
    Feature("auto_close", 0.22),
    Feature("auto_translate", 0.12),
    Feature("message_series", 0.20),
    Feature("follow_up_rules", 0.16),
    Feature("conversation_tags", 0.60),
    Feature("internal_notes", 0.65),
    Feature("assignment_rules", 0.26, 0.30, role="helpful"),
    Feature("team_inboxes", 0.14, 0.40, group=3, role="mature"),
    Feature("custom_sla_rules", 0.001, 0.95, role="niche"),
    Feature("office_hours", 0.30, 0.20, group=3),
    Feature("workload_limits", 0.08, 0.40, group=3),
    Feature("ticket_forms", 0.12, 0.30, group=3),
    Feature("snooze", 0.50),
    Feature("conversation_merge", 0.25),
    Feature("crm_sync", 0.30, 0.25),
    Feature("chat_alerts", 0.40),
    Feature("apps_installed", 0.30, 0.20, role="helpful"),
    Feature("api_used", 0.10, 0.30, role="mature"),
    Feature("webhooks", 0.10, 0.30),
    Feature("data_import", 0.35),
    Feature("issue_tracker_sync", 0.15, 0.20),
    Feature("shop_sync", 0.20, 0.0),
    Feature("single_sign_on", 0.001, 0.95, role="niche"),
    Feature("overview_report", 0.70),
    Feature("csat_survey", 0.35),
    Feature("custom_reports", 0.24, 0.35, role="helpful"),
    Feature("scheduled_reports", 0.10, 0.30, role="mature"),
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


def place_features(role) -> list[int]:
    """Return the columns of the features with one role."""
    return [place for place, feature in enumerate(FEATURES) if feature.role == role]


def place_steps(role) -> list[int]:
    """Return the columns of the steps with one role."""
    return [place for place, step in enumerate(STEPS) if step.role == role]
