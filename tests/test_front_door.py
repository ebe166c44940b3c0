"""The front door: ten names that follow one another, imported when they are first asked for."""

import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sources_samples import PLAN

import helpers


def test_help_says_how_the_ten_names_follow_one_another_and_it_runs(tmp_path):
    (tmp_path / "my_plan.yaml").write_text(PLAN)
    told = helpers.__doc__.replace("my_plan.yaml", str(tmp_path / "my_plan.yaml"))
    lines = re.findall(r"^    (\S.*)$", told, re.M)
    assert lines[0].removeprefix("from helpers import ").split(", ") == list(helpers._ROOMS)
    n, rng = 300, np.random.default_rng(4)
    data = pd.DataFrame({"user_id": range(n), "variant": np.where(np.arange(n) % 2, "new", "old")})
    space = {"data": data.assign(spend=rng.lognormal(2, 0.5, n))}
    exec("\n".join(lines), space)
    assert space["results"].answer[0].startswith("Spend: ")
    assert space["units"].frame()["spend"].sum() == pytest.approx(space["data"]["spend"].sum())
    assert set(helpers._ROOMS) <= set(dir(helpers))
    # a plan does wherever its design does
    exec("\n".join(lines).replace("decided.design", "decided"), whole := {"data": space["data"]})
    assert whole["results"].estimates == space["results"].estimates
    with pytest.raises(AttributeError, match="object has no attribute 'arms'"):
        whole["decided"].arms  # noqa: B018


def test_importing_helpers_imports_no_room():
    code = "import sys, helpers; print(sorted(m for m in sys.modules if m.startswith(('helpers.', 'pandas', 'ibis'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_another_name_is_none_of_ours():
    with pytest.raises(AttributeError, match="module 'helpers' has no attribute 'lode'"):
        helpers.lode  # noqa: B018
