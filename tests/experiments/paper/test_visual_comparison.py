"""Figures of fixed crops, of images of noise."""

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from paper_stand_ins import read_results

from icdpm.errors import IcdpmError
from icdpm.images.writing import write_image
from icdpm.metrics.psnr import psnr
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.published.sets import PUBLISHED
from icdpm_experiments.figures import crop_image, write_gallery
from icdpm_experiments.paper import hidiff, visual_comparison
from icdpm_experiments.paper.scales import MicroScale
from icdpm_experiments.paper.visual_comparison import FIGURES, Crop, parse_crop


def test_crops_are_parsed():
    assert parse_crop("scene050-6") == Crop("scene050/blur_6", None)
    assert parse_crop("a=0,2,30,40") == Crop("a", (0, 2, 30, 40))
    for wrong in ("", "=1,2,3,4", "a=", "a=1,2,3", "a=1,2,3,4,5", "a=1,2,0,4", "a=-1,2,3,4", "a=1,2,x,4", "a=1.5,2,3,4"):
        with pytest.raises(IcdpmError, match="--crops must be NAME or NAME=LEFT,TOP,WIDTH,HEIGHT"):
            parse_crop(wrong)


def test_a_crop_without_a_box_is_the_middle():
    image = np.arange(300 * 400 * 3, dtype=np.uint32).reshape(300, 400, 3)
    assert Crop("a", None).box_within(image) == (72, 22, 256, 256)
    assert Crop("a", None).box_within(image[:100]) == (150, 0, 100, 100)
    assert np.array_equal(crop_image(image, (5, 7, 20, 10)), image[7:17, 5:25])
    with pytest.raises(IcdpmError, match=r"20×10 pixels at \(390, 7\) exceeds a, which has 400×300"):
        Crop("a", (390, 7, 20, 10)).box_within(image)


def test_every_figure_of_the_paper_has_crops_at_both_scales():
    assert set(FIGURES) == {"fig1", "fig6", *(f"fig{number}" for number in range(11, 27)), "hidiff-realblur"}
    # As in the captions.
    sets = {"reds": range(11, 15), "hide": range(15, 19), "gopro": range(19, 23), "realblur_j": (1, 6, *range(23, 27))}
    for dataset, numbers in sets.items():
        assert all(FIGURES[f"fig{number}"].dataset == dataset for number in numbers)
    embedded = EmbeddedPairs("test")
    published = {name: each for each in PUBLISHED for name in each.benchmarks}
    chains = {"gopro": hidiff.CHAIN_CROPS}
    tables = [(entry.dataset, {"paper": entry.paper, "micro": entry.micro}) for entry in FIGURES.values()] + [*chains.items()]
    for dataset, crops in tables:
        names = MicroScale().test_pairs(dataset).names
        for crop in map(parse_crop, crops["micro"]):
            assert crop.name in names
            crop.box_within(embedded.load(embedded.names.index(crop.name))[0])
        for crop in map(parse_crop, crops["paper"]):
            # HIDE's names have no folder and no pattern of their own.
            pattern = r"\d+fromGOPR\d{4}(\.MP4)?" if dataset == "hide" else published[dataset].pair_names[0]
            assert re.fullmatch(pattern, crop.name)
    for figure in ("fig11", "fig15", "fig19", "fig23"):
        same = [FIGURES[f"fig{int(figure[3:]) + further}"] for further in range(4)]
        assert len({entry.paper for entry in same}) == len({entry.micro for entry in same}) == 4


def test_a_figure_shows_the_same_crop_of_every_method(stand_in_runs, tmp_path):
    pairs = stand_in_runs.scale.test_pairs("reds")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others" / f"{name}.png", pairs.load(index)[1])
    visual_comparison.run(stand_in_runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_4=8,16,32,32", "pair_1"])
    # Only the images of the crops are restored, in the order of the set.
    assert stand_in_runs.calls == [(variant, "reds", ["pair_1", "pair_4"]) for variant in ("table2_b", "table2_f")]
    sheet = np.asarray(PIL.Image.open("results/fig11.png"))
    assert sheet.shape[1] == 5 * 256 + 6 * 8
    columns = [sheet[36 : 36 + 256, 8 + 264 * column :][:, :256] for column in range(5)]
    blurry, sharp = (each[16:48, 8:40].repeat(8, axis=0).repeat(8, axis=1) for each in pairs.load(4))
    assert np.array_equal(columns[0], blurry) and np.array_equal(columns[1], columns[4]) and np.array_equal(columns[4], sharp)
    icdpm, ours = (np.abs(column.astype(int) - sharp).mean() for column in columns[2:4])
    assert 0 < ours < icdpm < np.abs(blurry.astype(int) - sharp).mean()
    content = read_results("fig11")
    assert [row["image"] for row in content["rows"]] == ["pair_4", "pair_1"]
    row = content["rows"][0]
    assert [row[key] for key in ("left", "top", "width", "height")] == [8, 16, 32, 32]
    assert row["psnr blurry"] == pytest.approx(psnr(*pairs.load(4)), abs=1e-4) and row["psnr HINet"] == float("inf")
    assert row["psnr blurry"] < row["psnr icDPM"] < row["psnr Ours"]
    text = Path("results/fig11.md").read_text()
    assert "The published figure also shows MPRNet, DeblurGAN-v2, Restormer, UFormer. RESTORED=NAME=DIR adds a method." in text
    assert "CROPS='pair_4=8,16,32,32 pair_1'" in content["command"] and "Micro scale" in text


def test_missing_images_and_wrong_sizes_are_errors(stand_in_runs, tmp_path):
    with pytest.raises(IcdpmError, match="has no deadleaves_00. It has pair_0, pair_1, pair_2, …. Name images"):
        visual_comparison.run(stand_in_runs, "fig11", {}, [])
    write_image(tmp_path / "others/pair_1.png", np.zeros((64, 60, 3), np.uint8))
    with pytest.raises(IcdpmError, match="The folder of HINet has no image of pair_2. Add it"):
        visual_comparison.run(stand_in_runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_2"])
    with pytest.raises(IcdpmError, match="pair_1.png of HINet must have 64×64 pixels, as pair_1 has. Received: 60×64"):
        visual_comparison.run(stand_in_runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_1"])
    with pytest.raises(IcdpmError, match="The row Ours is already restored here"):
        visual_comparison.run(stand_in_runs, "fig11", {"Ours": tmp_path / "others"}, ["pair_1"])


def test_a_caption_is_wrapped_to_the_width_of_the_gallery(tmp_path):
    image = np.zeros((20, 100, 3), np.uint8)
    write_gallery(tmp_path / "one.png", ["a"], [[image]], "word")
    write_gallery(tmp_path / "many.png", ["a"], [[image]], "word " * 30)
    one, many = (PIL.Image.open(tmp_path / f"{name}.png") for name in ("one", "many"))
    assert one.size == (116, 28 + 20 + 2 * 8 + 28) and many.width == 116 and many.height > one.height + 5 * 28
    edge = np.asarray(many)[:, -8:]
    assert (edge == 255).all()
