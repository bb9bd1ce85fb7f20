"""Tests of the results of the demo, on small inputs."""

import json

import numpy as np
import PIL.Image
import pytest

from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_experiments import demo


def make_image(name, blur, gain, seed):
    """A test image whose blurry version has noise of strength `blur`; the restored versions have less."""
    rng = np.random.default_rng(seed)
    sharp = rng.integers(60, 190, (24, 32, 3)).astype(np.uint8)
    noise = rng.standard_normal(sharp.shape)
    blurry, sample, mean = (np.clip(sharp + noise * s, 0, 255).astype(np.uint8) for s in (blur, blur, blur / gain))
    return {"name": name, "blurry": blurry, "sharp": sharp, "sample": sample, "mean": mean}


def test_demo_report(in_a_folder_of_its_own, capsys, monkeypatch):
    images = [make_image("text_00", 20, 2, 0), make_image("photo_chelsea_1", 20, 0.5, 1), make_image("text_03", 0.5, 0.1, 2)]
    images.append({**make_image("clock_motion", 20, 2, 3), "sharp": None})
    monkeypatch.setattr(demo, "SHOWN", ("text_00",))
    demo.report(images, seconds=61.3)
    content = json.loads((in_a_folder_of_its_own / "results/demo.json").read_text())
    assert {"name", "command", "data", "scale", "machine", "rows", "mean_gain_db"} <= set(content)
    assert [row["image"] for row in content["rows"]] == ["text_00", "photo_chelsea_1"]
    assert [row["image"] for row in content["unblurred"]] == ["text_03"]
    gains = [row["psnr_restored"] - row["psnr_blurry"] for row in content["rows"]]
    assert content["mean_gain_db"] == pytest.approx(np.mean(gains), abs=1e-3) and content["better"] == 1
    assert gains[0] > 4 and gains[1] < -4
    assert {"ssim_blurry", "ssim_restored"} <= set(content["rows"][0])
    text = (in_a_folder_of_its_own / "results/demo.md").read_text()
    assert "| text_00 |" in text and "better on 1 of them" in text and "text_03" in text
    assert "better on 1 of them" in capsys.readouterr().out
    with PIL.Image.open(in_a_folder_of_its_own / "results/demo.png") as sheet:
        assert sheet.width == 4 * 32 + 5 * 8


def test_shown_scenes_exist():
    assert set(demo.SHOWN) <= set(EmbeddedPairs("test").names)
