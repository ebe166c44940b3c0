"""The model of an earlier run: read from its results, or refused in one sentence."""

import json

import numpy as np
import pytest

from helpers import sources
from helpers.records import Refused

ROWS = [
    {"kind": "auc", "name": "landmark", "value": 0.7, "low": 0.6, "high": None},
    {"kind": "n", "name": "accounts", "value": 100, "low": None, "high": None},
]


def write(tmp_path, content):
    file = tmp_path / "results.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def made(rows=ROWS, study="customer_milestones"):
    return {"study": study, "tables": {"model": rows}}


def test_read_model_of_a_file_and_of_its_folder(tmp_path):
    file = write(tmp_path, made([{**row, "more": 1} for row in ROWS]))
    for address in (str(file), str(tmp_path)):
        model = sources.read_model(address)
        assert list(model) == ["kind", "name", "value", "low", "high"]
        assert model["value"].tolist() == [0.7, 100.0]
        assert model["low"].tolist() == pytest.approx([0.6, np.nan], nan_ok=True)
        assert np.isnan(model["high"]).all()


def test_read_model_of_no_run():
    assert sources.read_model(None) is None


MESSAGES = {
    "absent": (None, "results.json: no such file; give the results.json of an earlier run"),
    "no JSON": ("{", "results.json is no results.json; give that of an earlier run"),
    "a list": ("[]", "results.json is no results.json; give that of an earlier run"),
    "another study": (
        made(study="live_support"),
        "results.json is of the study live_support; give one of customer_milestones",
    ),
    "no table": (
        made([]),
        "results.json holds no table model with kind, name, value, low, high; render that run again",
    ),
    "other columns": (
        made([{"kind": "auc"}]),
        "results.json holds no table model with kind, name, value, low, high; render that run again",
    ),
    "text": (
        made([{**ROWS[0], "value": "high"}]),
        "results.json, model: text where a number is needed; render that run again",
    ),
}


@pytest.mark.parametrize("name", list(MESSAGES))
def test_read_model_refuses(tmp_path, name):
    content, message = MESSAGES[name]
    file = tmp_path / "results.json" if content is None else write(tmp_path, content)
    with pytest.raises(Refused) as refused:
        sources.read_model(str(file))
    assert str(refused.value) == f"review_against: {message}"
