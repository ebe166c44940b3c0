"""A researcher's free afternoon: her own companies, events and accounts, and the commands that she types, in order."""

from pathlib import Path

import numpy as np
import pandas as pd

PLANS = Path(__file__).with_name("plans")
PLAN, FRAMEWORK = ((PLANS / f"{name}.yaml").read_text(encoding="utf-8") for name in ("tour", "stay"))
RUNS = """\
- {name: tour, study: experiment, parameters: {plan: plan.yaml, data: my_companies.csv, events: my_events.csv}}
- {name: tour_early, study: experiment, parameters: {plan: early.yaml, data: my_companies.csv, events: my_events.csv}}
"""
ACCOUNT_RUNS = """\
- name: stay
  study: customer_milestones
  parameters: {plan: plan.yaml, data: my_accounts.csv, events: their_events.csv, refits: 4, folds: 3, n_resamples: 99}
"""
FILES = ["my_companies.csv", "--plan", "plan.yaml", "--events", "my_events.csv"]
ACCOUNT_FILES = ["my_accounts.csv", "--plan", "plan.yaml", "--events", "their_events.csv"]
STEPS = (  # of each: what it is, its folder, the seconds that it may take on an idle machine, what she types
    ("init", ".", 2, ["init", "tour"]),
    ("plan", "tour", 2, ["plan", "my_companies.csv", "--unit-id", "Firma", "--variant", "Gruppe", "--to",
     "draft.yaml"]),
    ("check", "tour", 2, ["check", *FILES]),
    ("report", "tour", 10, ["report", "tour"]),
    ("report again, of earlier days", "tour", 10, ["report", "tour_early"]),
    ("compare", "tour", 2, ["compare", "tour_early", "tour"]),
    ("share", "tour", 5, ["share", "tour", "--to", "share.zip"]),
    ("init of accounts", ".", 2, ["init", "stay", "--study", "customer_milestones"]),
    ("check of accounts", "stay", 4, ["check", *ACCOUNT_FILES]),
    ("report of accounts", "stay", 60, ["report"]),
)  # fmt: skip


def fill(folder, step, n_accounts=1500):
    """Put into her workspace what she has: after `init` her tables, after `plan` what she decided."""
    if step == "init":
        companies, events = make_companies()
        companies.to_csv(folder / "tour" / "my_companies.csv", index=False)
        events.to_csv(folder / "tour" / "my_events.csv", index=False)
        (folder / "tour" / "reports.yaml").write_text(RUNS)
    elif step == "plan":
        (folder / "tour" / "plan.yaml").write_text(PLAN)
        (folder / "tour" / "early.yaml").write_text(PLAN.replace("2025-03-31", "2025-02-20"))
    elif step == "init of accounts":
        accounts, events = make_accounts(n_accounts)
        accounts.to_csv(folder / "stay" / "my_accounts.csv", index=False)
        events.to_csv(folder / "stay" / "their_events.csv", index=False)
        (folder / "stay" / "plan.yaml").write_text(FRAMEWORK)
        (folder / "stay" / "reports.yaml").write_text(ACCOUNT_RUNS)


def make_companies(n=6000, seed=5):
    """Return companies in three groups, one row each, and what they did in the weeks after, under her own names."""
    rng = np.random.default_rng(seed)
    group, names = rng.permutation(np.arange(n) % 3), np.array([f"firma-{i:05d}" for i in range(n)])
    start = pd.Timestamp("2025-01-06") + pd.to_timedelta(rng.integers(0, 28 * 86400, n), unit="s")
    companies = {"Firma": names, "Gruppe": np.array(["ohne", "tour", "video"])[group], "Angemeldet": start}
    companies |= {"Mitarbeiter": rng.lognormal(3, 1, n).round() + 1, "Land": rng.choice(["DE", "IT", "FR"], n)}
    companies["Aktiviert"] = (rng.random(n) < np.array([0.3, 0.4, 0.5])[group]).astype(int)
    companies["NPS"] = np.where(rng.random(n) < 0.5, rng.integers(0, 11, n), np.nan)
    many = rng.poisson(2, n)
    events = [(np.repeat(np.arange(n), many), "Ticket opened"), (np.flatnonzero(rng.random(n) < 0.15), "Invoice paid")]
    return pd.DataFrame(companies), _list_events(rng, names, start, events, days=50)


def make_accounts(n, seed=6):
    """Return companies with the day on which they left, and what they did before it."""
    rng = np.random.default_rng(seed)
    names, keen = np.array([f"firma-{i:05d}" for i in range(n)]), rng.normal(size=n)
    start = pd.Timestamp("2023-01-02") + pd.to_timedelta(rng.integers(0, 360, n), unit="D")
    stayed = rng.exponential(400 * np.exp(0.5 * keen))
    left = (start + pd.to_timedelta(stayed.round(), unit="D")).where(stayed < 330)
    accounts = {"Firma": names, "Beginn": start, "Plaetze": rng.poisson(8, n) + 1, "Gekuendigt": left}
    chats = rng.poisson(60 * np.exp(0.5 * keen))
    events = [(np.repeat(np.arange(n), chats), "Chat")]
    others = ("Team invited", "Channel connected", "Inbox used", "Rules used", "Overview seen", "Export made")
    events += [(np.flatnonzero(rng.random(n) < 1 / (1 + np.exp(-keen))), name) for name in others]
    made = _list_events(rng, names, start, events, days=330)
    ends = pd.Series(left, names).reindex(made["Konto"]).to_numpy()
    return pd.DataFrame(accounts), made[~(made["Wann"].to_numpy() > ends)]


def _list_events(rng, names, start, events, *, days):
    rows = []
    for who, name in events:
        at = start[who] + pd.to_timedelta(rng.integers(3600, days * 86400, len(who)), unit="s")
        worth = rng.lognormal(4, 1, len(who)).round(2) if name == "Invoice paid" else np.nan
        rows.append(pd.DataFrame({"Konto": names[who], "Was": name, "Wann": at, "Betrag": worth}))
    return pd.concat(rows).sort_values("Wann", kind="stable")
