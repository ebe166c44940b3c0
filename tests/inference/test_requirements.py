"""What it would take: the units that find a difference of two shares."""

import math

import pytest

from helpers.inference import list_sample_sizes, sample_size_proportions


def test_list_sample_sizes_has_a_row_a_baseline_and_difference():
    found = list_sample_sizes([0.1, 0.95], [0.02, 0.09])
    assert found[["baseline", "difference"]].to_numpy().tolist() == [
        [0.1, 0.02],
        [0.1, 0.09],
        [0.95, 0.02],
        [0.95, 0.09],
    ]
    assert found["units"].tolist()[0] == math.ceil(sample_size_proportions(0.1, 0.02))
    assert math.isnan(found["units"].iloc[3])  # 95 % and nine points more is no share


@pytest.mark.parametrize("changes", [{"power": 0.9}, {"alpha": 0.01}])
def test_list_sample_sizes_grows_with_power_and_confidence(changes):
    assert (
        list_sample_sizes([0.2], [0.05], **changes)["units"].iloc[0] > list_sample_sizes([0.2], [0.05])["units"].iloc[0]
    )
