"""The comparison with a published network: times, gains and the gallery of restored crops."""

import numpy as np
import pytest

from icdpm.metrics.psnr import psnr
from icdpm_experiments.measurements import peers
from icdpm_experiments.pairs import CenterCrops


def test_a_set_has_a_row_for_each_method_and_a_gallery_row_for_each_image(random_pairs, tmp_path):
    pairs = CenterCrops(random_pairs, 32)
    methods = {"same": lambda image: image, "inverted": lambda image: 255 - image}
    folders = {method: tmp_path / method for method in methods}
    seconds = {method: peers.restore_crops(restore, pairs, folders[method]) for method, restore in methods.items()}
    rows, _ = peers.measure_set("noise", pairs, tmp_path, folders, seconds)
    assert [row["restored"] for row in rows] == ["blurry", "same", "inverted"] and {row["set"] for row in rows} == {"noise"}
    assert rows[0]["gain"] == rows[1]["gain"] == 0 and rows[0]["seconds per image"] == "" and rows[1]["seconds per image"] >= 0
    loaded = [pairs.load(index) for index in range(len(pairs))]
    gains = [psnr(255 - blurry, sharp) - psnr(blurry, sharp) for blurry, sharp in loaded]
    assert rows[2]["gain"] == pytest.approx(np.mean(gains), abs=1e-3) and rows[2]["from"] <= rows[2]["gain"] <= rows[2]["to"]
    gallery = peers.gallery_rows(pairs, folders)
    assert len(gallery) == len(pairs)
    assert np.array_equal(gallery[1][2], 255 - loaded[1][0]) and np.array_equal(gallery[1][3], loaded[1][1])
