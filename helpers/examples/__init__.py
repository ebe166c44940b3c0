"""Public data that comes in Python packages, in plain names; the packages' data files are read, never their code."""

from helpers.examples.arrivals import ARRIVALS, bank_calls, read_arrivals
from helpers.examples.experiments import EARNERS, jobs_ii, nsw_cps
from helpers.examples.frameworks import cdnow, ibm_telco
from helpers.examples.locked import CHECKSUMS, JOBS, Example

PUBLIC = {"jobs_ii": jobs_ii, "nsw_cps": nsw_cps}  # experiments: parameter `data`
FRAMEWORKS = {"ibm_telco": ibm_telco, "cdnow": cdnow}  # accounts: parameter `data`, with a plan that is a framework
BY_KIND = {"experiment": PUBLIC, "framework": FRAMEWORKS}  # by the kind of the plan that reads them

__all__ = [
    "ARRIVALS",
    "BY_KIND",
    "CHECKSUMS",
    "EARNERS",
    "FRAMEWORKS",
    "JOBS",
    "PUBLIC",
    "Example",
    "bank_calls",
    "cdnow",
    "ibm_telco",
    "jobs_ii",
    "nsw_cps",
    "read_arrivals",
]
