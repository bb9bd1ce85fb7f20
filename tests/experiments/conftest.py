"""Fixtures of the tests of experiments."""

import numpy as np
import pytest

from icdpm.images.writing import write_image


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """Changes to a temporary folder, in which results/ and runs/ are written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def metrics(random_pairs):
    """{name: ImageMetric} of metrics that require no weights."""
    from icdpm_experiments.measurements.sweep import available_metrics

    return available_metrics(["psnr", "ssim"], random_pairs)[0]


@pytest.fixture
def images(tmp_path):
    """A folder of noise images in the layout of the packaged model's training data."""
    rng = np.random.default_rng(0)

    def write(name, size=32):
        write_image(tmp_path / f"{name}.png", rng.integers(0, 256, (size, size, 3), dtype=np.uint8))

    for name in ("photos/1", "video/1", *(f"frames/clip/{number:06}" for number in range(40))):
        write(name)
    for pairs in ("averaged", "val", "other", "further"):
        for name in ("blur/1", "sharp/1", "blur/2", "sharp/2"):
            write(f"{pairs}/{name}")
    return tmp_path
