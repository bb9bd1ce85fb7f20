"""Workdirs: descriptions of the data, and models that are loaded from them."""

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.models.registry import build_model
from icdpm.models.workdir import data_file, load, read_data
from icdpm.networks.layers import zero_weights


def test_descriptions_of_the_data(tmp_path):
    assert read_data(tmp_path) == {"training": [], "validation": []}
    data_file(tmp_path).write_text('{"training": ["GoPro"], "validation": []}')
    assert read_data(tmp_path) == {"training": ["GoPro"], "validation": []}
    data_file(tmp_path).write_text('{"training": 3}')
    with pytest.raises(IcdpmError, match="data.json is damaged. Delete it"):
        read_data(tmp_path)


@pytest.mark.slow
def test_loaded_models_are_initialized_with_zeros(micro_config, micro_workdir):
    with zero_weights():
        model = build_model(micro_config)
    assert len(model.variables) > 20 and not any(np.any(array) for array in model.get_weights())
    assert any(np.any(array) for array in build_model(micro_config).get_weights())
    for loaded, random in zip(load(micro_workdir).get_weights(), build_model(micro_config).get_weights()):
        np.testing.assert_array_equal(loaded, random)
