"""Table 1 and Figures 4, 8 and 9, of a small model and pairs of noise."""

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import rows_of

from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper import guidance
from icdpm_experiments.paper.published import TABLE1

pytestmark = pytest.mark.slow


def test_domains_are_compared_in_every_space(runs, monkeypatch):
    monkeypatch.setattr(runs.scale, "test_pairs", lambda dataset: SelectedPairs(runs.scale.training_pairs(), range(5), dataset))
    # The model's guidance has one scale only, so that the rows of other scales are empty.
    monkeypatch.setattr(guidance, "inception_features", lambda image: image[:2, :2, 0].reshape(1, 4) / 255.0)
    guidance.run_table1(runs)
    rows = {(row["row"], row["metric"]): row for row in rows_of("table1")}
    assert {row for row, _ in rows} == set(TABLE1)
    for space in ("input", "input ×2", "guidance ×2"):
        assert rows[space, "fid"]["value"] == pytest.approx(0, abs=1e-6)  # a set compared with itself
    assert rows["input ×4", "fid"]["value"] is None and rows["input ×4", "fid"]["published"] == 56.313


def test_missing_inception_weights_are_reported_instead_of_numbers(runs):
    guidance.run_table1(runs)
    assert all(row["value"] is None for row in rows_of("table1"))
    with open("results/table1.md") as file:
        assert "fid: not available: the weights" in file.read()


def test_images_by_space_are_gray_downsampled_and_regressed(runs):
    image = np.random.default_rng(0).integers(0, 256, (10, 14, 3), dtype=np.uint8)
    model = runs.load_model("table2_f")
    spaces = guidance.images_by_space(model, image)
    assert list(spaces) == ["input", "input ×2", "guidance ×2"]
    gray = image @ [0.2989, 0.587, 0.114]
    assert np.abs(spaces["input"][..., 0] - gray).max() <= 1
    pooled = gray.reshape(5, 2, 7, 2).mean(axis=(1, 3))
    assert spaces["input ×2"].shape == (5, 7, 3) and np.abs(spaces["input ×2"][..., 1] - pooled).max() <= 1
    features = guidance.compute_guidance(model, image).features[1]
    assert features.shape == (5, 7, 4) and features.dtype == np.float32


def test_figures_4_and_8_have_their_images(runs):
    guidance.run_figure4(runs)
    # Two rows of 96×96 with 4 versions and one regression output, a heading, and a caption of three lines.
    assert PIL.Image.open("results/fig4.png").size == (5 * 96 + 6 * 8, 28 + 2 * (96 + 8) + 8 + 3 * 28)
    guidance.run_figure8(runs)
    assert PIL.Image.open("results/fig8.png").width > 96
    assert [row["image"] for row in rows_of("fig4")] == runs.scale.test_pairs("realblur_j").names
    assert len(rows_of("fig8")) == 4


def test_figure_9_compares_alignment_with_the_same_steps_without(runs, monkeypatch):
    monkeypatch.setattr(runs.scale, "target_pairs", lambda: runs.scale.test_pairs("realblur_j"), raising=False)
    guidance.run_figure9(runs)
    rows = rows_of("fig9")
    expected = {(row, "not realblur_j") for row in ("blurry", *guidance.FIGURE9_MODELS)}
    assert {(row["row"], row["dataset"]) for row in rows} == expected
    assert all(row["value"] > 0 for row in rows if row["metric"] == "psnr")
    with open("results/fig9.md") as file:
        assert "Unlabeled images of the other domain: pairs in place of realblur_j." in file.read()
    assert PIL.Image.open("results/fig9.png").width > 5 * 96
    monkeypatch.setattr(type(runs.scale), "extended", True)
    guidance.run_figure9(runs)
    gains = {row["row"]: row for row in rows_of("fig9") if row["metric"] == "psnr − further trained, without alignment"}
    assert gains["further trained, with alignment"]["low"] <= gains["further trained, with alignment"]["high"]
    assert "niqe" in {row["metric"] for row in rows_of("fig9")}


def test_figure_8_has_the_channels_with_the_largest_standard_deviation():
    features = np.random.default_rng(0).standard_normal((8, 8, 20)).astype(np.float32) * np.arange(20)
    channels = guidance.strongest_channels(features)
    assert len(channels) == 12 and channels[0] == np.argmax(features.std(axis=(0, 1)))
    shown = guidance.stretch_contrast(features[..., channels[0]])
    assert np.corrcoef(shown[..., 0].ravel(), features[..., channels[0]].ravel())[0, 1] > 0.99
    assert shown.min() == 0 and shown.max() == 255
