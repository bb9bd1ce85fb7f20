"""HI-Diff's table and its outputs along the reverse chain."""

import numpy as np
import pytest
from one_model_scale import rows_of

from icdpm.errors import IcdpmError
from icdpm.images.writing import write_image
from icdpm.metrics.ssim import ssim
from icdpm.metrics.ssim_matlab_rgb import ssim_matlab_rgb
from icdpm_experiments.paper import hidiff

pytestmark = pytest.mark.slow


def test_hidiff_s_table_has_a_column_for_each_set_and_rows_for_what_it_was_trained_on(runs, tmp_path):
    pairs = runs.scale.test_pairs("hide")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others/hide" / f"{name}.png", pairs.load(index)[1])
    hidiff.run_table(runs, {"MPRNet": str(tmp_path / "others")})
    rows = {(row["row"], row["dataset"], row["metric"]): row for row in rows_of("hidiff")}
    assert rows["HI-Diff", "not hide", "psnr"]["published"] == 31.46 and rows["HI-Diff", "not hide", "psnr"]["value"] > 0
    matlab = "ssim_matlab_rgb"
    assert rows["MPRNet", "not hide", matlab]["value"] == 1 and rows["MPRNet", "not gopro", matlab]["value"] is None
    # Each column by the protocol of its published values.
    measured_by = {"gopro": (matlab, ssim_matlab_rgb), "hide": (matlab, ssim_matlab_rgb), "realblur_j": ("ssim", ssim)}
    for dataset, (name, function) in measured_by.items():
        pairs = runs.scale.test_pairs(dataset)
        expected = np.mean([function(*pairs.load(index)) for index in range(len(pairs))])
        assert rows["blurry", f"not {dataset}", name]["value"] == pytest.approx(expected)
        assert rows["HI-Diff", f"not {dataset}", name]["published"] == {"gopro": 0.964, "hide": 0.945}.get(dataset, 0.89)
    assert ("HI-Diff", "not gopro", "ssim") not in rows
    own = "HI-Diff, trained on RealBlur"
    assert rows[own, "not realblur_r", "psnr"]["published"] == 41.01 and rows[own, "not realblur_r", "psnr"]["value"] > 0
    assert rows[own, "not gopro", "psnr"]["value"] is None
    with pytest.raises(IcdpmError, match="The folder of New needs one of the folders gopro, hide, realblur_r, realblur_j"):
        hidiff.run_table(runs, {"New": str(tmp_path)})
