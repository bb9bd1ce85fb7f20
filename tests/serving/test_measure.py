"""What `make bench-export` measures of each path."""

import pytest

from icdpm.images.reading import read_rgb
from icdpm_experiments.measurements.export import measure_path


@pytest.mark.parametrize("path", ["python", "saved_model"])
def test_both_paths_are_measured_alike(path, exported, micro_workdir, tmp_path):
    source = {"python": micro_workdir, "saved_model": exported}[path]
    measured = measure_path(path, str(source), tmp_path / "answer.png", 8, 10)
    assert list(measured) == ["load_seconds", "first_seconds", "steady_seconds"] and min(measured.values()) > 0
    answer = read_rgb(tmp_path / "answer.png")
    assert answer.shape == (8, 10, 3) and answer.dtype == "uint16"
