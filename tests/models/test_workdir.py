"""What is noted beside the weights."""

import pytest

from icdpm.errors import IcdpmError
from icdpm.models.workdir import data_file, read_data


def test_the_data_of_a_run(tmp_path):
    assert read_data(tmp_path) == {"training": [], "validation": []}
    data_file(tmp_path).write_text('{"training": ["GoPro"], "validation": []}')
    assert read_data(tmp_path) == {"training": ["GoPro"], "validation": []}
    data_file(tmp_path).write_text('{"training": 3}')
    with pytest.raises(IcdpmError, match="data.json is damaged; delete it"):
        read_data(tmp_path)
