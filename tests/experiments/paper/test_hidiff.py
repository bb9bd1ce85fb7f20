"""HI-Diff's table, photos without sharp counterparts, and outputs along the reverse chain."""

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import read_results, rows_of

from icdpm.errors import IcdpmError
from icdpm.images.pixels import pad_to_multiple, to_values
from icdpm.images.writing import write_image
from icdpm.metrics.ssim import ssim, ssim_matlab_rgb
from icdpm.models.config import check_config, default_config
from icdpm.models.registry import build_model
from icdpm_experiments.paper import hidiff
from icdpm_experiments.paper.scales import PaperScale


@pytest.mark.slow
def test_the_table_has_a_column_for_each_set_and_rows_for_each_training_set(runs, tmp_path):
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


@pytest.mark.slow
def test_the_chain_ends_with_the_restored_image(stand_in_runs, monkeypatch):
    config = default_config("hidiff")
    config.precision = "float32"
    config.transformer.channels, config.transformer.refinement_blocks = 4, 1
    config.transformer.blocks, config.transformer.heads = (1, 1, 1, 1), (1, 1, 2, 2)
    config.prior.side, config.prior.width = 2, 8
    config.encoder.channels = config.denoiser.hidden = 8
    config.encoder.blocks = config.denoiser.blocks = 1
    config.chain.steps = 3
    model = build_model(check_config(config))
    monkeypatch.setattr(stand_in_runs, "load_model", lambda variant: model, raising=False)
    blurry = stand_in_runs.scale.test_pairs("gopro").load(2)[0][:60, :50]
    priors, outputs = hidiff.restore_along_chain(model, blurry)
    assert len(priors) == len(outputs) == 4 and all(output.shape == blurry.shape for output in outputs)
    # The first prior is the chain's start, the last that of a restoration.
    padded = pad_to_multiple(to_values(blurry), model.size_multiple)[None]
    condition = model.encode_condition(padded)
    np.testing.assert_allclose(priors[-1], condition["prior"], atol=1e-5)
    assert len({prior.numpy().tobytes() for prior in priors}) == 4
    hidiff.run_chain(stand_in_runs, ["pair_2=0,0,32,32", "pair_5"])
    rows = read_results("hidiff_chain")["rows"]
    assert [(row["image"], row["step"]) for row in rows] == [(name, step) for name in ("pair_2", "pair_5") for step in range(4)]
    assert rows[3]["prior_to_last"] == 0 < rows[0]["prior_to_last"]
    # Blurry, four outputs, sharp; the second row's crops are the whole of 64 pixels.
    assert PIL.Image.open("results/hidiff_chain.png").size[0] == 6 * 64 + 7 * 8


def test_ssim_is_matlab_s_on_gopro_and_hide_and_masked_on_realblur():
    scale = PaperScale()
    for dataset in ("gopro", "hide"):
        assert hidiff.columns_of(scale, dataset) == {"psnr": "psnr", "ssim_matlab_rgb": "ssim_matlab_rgb"}
    for dataset in ("realblur_r", "realblur_j"):
        assert hidiff.columns_of(scale, dataset) == {"psnr": "psnr_ecc", "ssim": "ssim_ecc"}


def test_the_table_names_the_protocol_of_each_column(tmp_path):
    class AlignedRuns:
        scale = PaperScale()

        def restore(self, model, dataset):
            return tmp_path

        def measure(self, dataset, folders, metrics):
            return {"HI-Diff": dict.fromkeys(metrics, 0.5)}, {metric: f"as {metric}" for metric in metrics}, {}

    hidiff.run_table(AlignedRuns(), {})
    text = (tmp_path / "results/hidiff.md").read_text()
    assert (
        "| gopro: ssim_matlab_rgb | hide: psnr | hide: ssim_matlab_rgb | realblur_r: psnr_ecc | realblur_r: ssim_ecc |" in text
    )
    assert "0.500 (0.964)" in text and "0.500 (0.890)" in text
    assert "- ssim_ecc, realblur_j: as ssim" in text and "- ssim_matlab_rgb, gopro: as ssim_matlab_rgb" in text
    assert "At this scale" not in text


def test_photos_have_no_sharp_column(stand_in_runs, tmp_path):
    for name in "abcdef":
        write_image(tmp_path / f"photos/{name}.png", np.full((80, 70, 3), ord(name), np.uint8))
    hidiff.run_photos(stand_in_runs, {}, [], str(tmp_path / "photos"))
    (variant, dataset, names) = stand_in_runs.calls[0]
    assert variant == "hidiff_gopro" and names == ["a", "b", "c", "d"] and dataset.startswith("photos-")
    sheet = np.asarray(PIL.Image.open("results/hidiff_photos.png"))
    assert sheet.shape[1] == 2 * 210 + 3 * 8  # 70 pixels, three times as large, blurry and restored
    assert (sheet[36 : 36 + 210, 8 : 8 + 210] == ord("a")).all()
    content = read_results("hidiff_photos")
    assert content["rows"][0] == {"image": "a", "left": 0, "top": 5, "width": 70, "height": 70}
    hidiff.run_photos(stand_in_runs, {}, [], None)
    assert read_results("hidiff_photos")["rows"][0]["image"] == "clock_motion"
