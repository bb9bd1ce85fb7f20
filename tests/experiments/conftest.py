"""Shared by the tests of experiments."""

import pytest


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path, monkeypatch):
    """What is written to results/ and runs/ is so below a folder of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def metrics(random_pairs):
    """{name: PictureMetric} that need no weights."""
    from icdpm_experiments.sweeping.metrics import available_metrics

    return available_metrics(["psnr", "ssim"], random_pairs)[0]
