"""Figures of fixed crops, failure cases and the strip over HI-Diff's chain, of pictures of noise and an untrained HI-Diff."""

import json
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.images.pixels import pad_to_multiple, to_values
from icdpm.images.writing import write_image
from icdpm.metrics.psnr import psnr
from icdpm.models.config import check_config, default_config
from icdpm.models.registry import build_model
from icdpm_datasets.embedded import EmbeddedPairs
from icdpm_datasets.published.sets import PUBLISHED
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.paper import failures, hidiff, visual_comparison
from icdpm_experiments.paper.scales import MicroScale
from icdpm_experiments.paper.visual_comparison import FIGURES, Crop, crop_image, parse_crop


class Scale:
    """A scale with one test set of noise, whose pictures have names that no figure knows."""

    name = "micro"
    make_variables = {}

    def __init__(self, pairs):
        self._pairs = pairs

    def test_pairs(self, dataset):
        return self._pairs

    def label(self, dataset):
        return f"not {dataset}"

    def alignment(self, dataset):
        return "none"


class StandInRuns:
    """`Runs` that "restore" by mixing the blurry picture with the sharp one, more of it for Table 2 (f) than for (b).

    Attributes:
      asked: [(variant, dataset, names)] of each call of `restore`.
    """

    SHARE = {"table2_b": 0.25, "table2_f": 0.5, "hidiff_gopro": 0.75}

    def __init__(self, pairs, folder):
        self.scale = Scale(pairs)
        self.folder = folder
        self.asked = []

    def restore(self, model, dataset, pairs=None):
        pairs = self.scale.test_pairs(dataset) if pairs is None else pairs
        self.asked.append((model.variant, dataset, pairs.names))
        for index, name in enumerate(pairs.names):
            blurry, sharp = pairs.load(index)
            share = self.SHARE[model.variant]
            mixed = blurry if sharp is None else (1 - share) * blurry + share * sharp
            write_image(self.folder / model.variant / f"{name}.png", mixed.round().astype(np.uint8))
        return self.folder / model.variant

    def measure_images(self, dataset, folders, metric):
        pairs = self.scale.test_pairs(dataset)
        values = {"blurry": [psnr(*pairs.load(index)) for index in range(len(pairs))]}
        for name, folder in folders.items():
            files = [np.asarray(PIL.Image.open(Path(folder) / f"{each}.png")) for each in pairs.names]
            values[name] = [psnr(file, pairs.load(index)[1]) for index, file in enumerate(files)]
        return {name: np.array(each) for name, each in values.items()}


@pytest.fixture
def runs(random_pairs, tmp_path):
    return StandInRuns(type(random_pairs)(count=6, size=64), tmp_path / "restored")


def content_of(name):
    return json.loads(Path(f"results/{name}.json").read_text())


def test_crops_are_texts():
    assert parse_crop("scene050-6") == Crop("scene050/blur_6", None)
    assert parse_crop("a=0,2,30,40") == Crop("a", (0, 2, 30, 40))
    for wrong in ("", "=1,2,3,4", "a=", "a=1,2,3", "a=1,2,3,4,5", "a=1,2,0,4", "a=-1,2,3,4", "a=1,2,x,4", "a=1.5,2,3,4"):
        with pytest.raises(IcdpmError, match="--crops must be NAME or NAME=LEFT,TOP,WIDTH,HEIGHT"):
            parse_crop(wrong)


def test_a_crop_without_a_box_is_the_middle():
    picture = np.arange(300 * 400 * 3, dtype=np.uint32).reshape(300, 400, 3)
    assert Crop("a", None).box_within(picture) == (72, 22, 256, 256)
    assert Crop("a", None).box_within(picture[:100]) == (150, 0, 100, 100)
    assert np.array_equal(crop_image(picture, (5, 7, 20, 10)), picture[7:17, 5:25])
    with pytest.raises(IcdpmError, match=r"20×10 pixels at \(390, 7\) exceeds a, which has 400×300"):
        Crop("a", (390, 7, 20, 10)).box_within(picture)


def test_every_figure_of_the_paper_has_crops_at_both_scales():
    assert set(FIGURES) == {"fig1", "fig6", *(f"fig{number}" for number in range(11, 27)), "hidiff-realblur"}
    # As the captions have them.
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
            # HIDE's names have no folder, and so no form of their own.
            pattern = r"\d+fromGOPR\d{4}(\.MP4)?" if dataset == "hide" else published[dataset].pair_names[0]
            assert re.fullmatch(pattern, crop.name)
    for figure in ("fig11", "fig15", "fig19", "fig23"):
        same = [FIGURES[f"fig{int(figure[3:]) + further}"] for further in range(4)]
        assert len({entry.paper for entry in same}) == len({entry.micro for entry in same}) == 4


def test_a_figure_shows_the_same_crop_of_every_method(runs, tmp_path):
    pairs = runs.scale.test_pairs("reds")
    for index, name in enumerate(pairs.names):
        write_image(tmp_path / "others" / f"{name}.png", pairs.load(index)[1])
    visual_comparison.run(runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_4=8,16,32,32", "pair_1"])
    # Only what is shown is restored, in the order of the set.
    assert runs.asked == [(variant, "reds", ["pair_1", "pair_4"]) for variant in ("table2_b", "table2_f")]
    sheet = np.asarray(PIL.Image.open("results/fig11.png"))
    assert sheet.shape[1] == 5 * 256 + 6 * 8
    columns = [sheet[36 : 36 + 256, 8 + 264 * column :][:, :256] for column in range(5)]
    blurry, sharp = (each[16:48, 8:40].repeat(8, axis=0).repeat(8, axis=1) for each in pairs.load(4))
    assert np.array_equal(columns[0], blurry) and np.array_equal(columns[1], columns[4]) and np.array_equal(columns[4], sharp)
    icdpm, ours = (np.abs(column.astype(int) - sharp).mean() for column in columns[2:4])
    assert 0 < ours < icdpm < np.abs(blurry.astype(int) - sharp).mean()
    content = content_of("fig11")
    assert [row["picture"] for row in content["rows"]] == ["pair_4", "pair_1"]
    row = content["rows"][0]
    assert [row[key] for key in ("left", "top", "width", "height")] == [8, 16, 32, 32]
    assert row["psnr blurry"] == pytest.approx(psnr(*pairs.load(4)), abs=1e-4) and row["psnr HINet"] == float("inf")
    assert row["psnr blurry"] < row["psnr icDPM"] < row["psnr Ours"]
    text = Path("results/fig11.md").read_text()
    assert "The published figure also shows MPRNet, DeblurGAN-v2, Restormer, UFormer. RESTORED=NAME=DIR adds a method." in text
    assert "CROPS='pair_4=8,16,32,32 pair_1'" in content["command"] and "Micro scale" in text


def test_what_a_figure_cannot_show_is_an_error(runs, tmp_path):
    with pytest.raises(IcdpmError, match="has no deadleaves_00. It has pair_0, pair_1, pair_2, …. Name images"):
        visual_comparison.run(runs, "fig11", {}, [])
    write_image(tmp_path / "others/pair_1.png", np.zeros((64, 60, 3), np.uint8))
    with pytest.raises(IcdpmError, match="The folder of HINet has no image of pair_2. Add it"):
        visual_comparison.run(runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_2"])
    with pytest.raises(IcdpmError, match="pair_1.png of HINet must have 64×64 pixels, as pair_1 has. Received: 60×64"):
        visual_comparison.run(runs, "fig11", {"HINet": tmp_path / "others"}, ["pair_1"])
    with pytest.raises(IcdpmError, match="The row Ours is already restored here"):
        visual_comparison.run(runs, "fig11", {"Ours": tmp_path / "others"}, ["pair_1"])


def test_photos_have_no_sharp_column(runs, tmp_path):
    for name in "abcdef":
        write_image(tmp_path / f"photos/{name}.png", np.full((80, 70, 3), ord(name), np.uint8))
    visual_comparison.run_photos(runs, {}, [], str(tmp_path / "photos"))
    (variant, dataset, names) = runs.asked[0]
    assert variant == "hidiff_gopro" and names == ["a", "b", "c", "d"] and dataset.startswith("photos-")
    sheet = np.asarray(PIL.Image.open("results/hidiff_photos.png"))
    assert sheet.shape[1] == 2 * 210 + 3 * 8  # 70 pixels, three times as large, blurry and restored
    assert (sheet[36 : 36 + 210, 8 : 8 + 210] == ord("a")).all()
    content = content_of("hidiff_photos")
    assert content["rows"][0] == {"picture": "a", "left": 0, "top": 5, "width": 70, "height": 70}
    visual_comparison.run_photos(runs, {}, [], None)
    assert content_of("hidiff_photos")["rows"][0]["picture"] == "clock_motion"


def test_failures_are_ranked_by_gain_and_darkness(runs, tmp_path, monkeypatch):
    pairs = runs.scale.test_pairs("realblur_j")
    pairs.blurry, pairs.sharp = pairs.blurry.copy(), pairs.sharp.copy()
    for side in (pairs.blurry, pairs.sharp):
        side[3] //= 8  # the darkest
    pairs.blurry[5] = pairs.sharp[5]
    monkeypatch.setattr(StandInRuns, "SHARE", {"table2_b": 0.0, "table2_f": 0.5})
    failures.run(runs, {})
    content = content_of("failures")
    assert content["rows"][0]["picture"] == "pair_3" and len(content["rows"]) == 5
    assert content["rows"][0]["gray"] < 64 < min(row["gray"] for row in content["rows"][1:])
    assert content["rows"][0]["gain icDPM"] == 0 < content["rows"][0]["gain Ours"]
    assert PIL.Image.open("results/failures.png").size[0] == 4 * 64 + 5 * 8
    text = Path("results/failures.md").read_text()
    assert "Ours gains" in text and "on the darkest quarter (1 of 5)" in text
    assert "Left out as not blurred (more than 40 dB): 1 of 6." in text


def test_the_rank_is_the_sum_of_two_places():
    # Places in gain and in brightness: 3 + 1, 1 + 4, 2 + 2 and 4 + 3; of equal sums the lower gain comes first.
    rows = [{"gain Ours": gain, "gray": gray} for gain, gray in ((1.0, 10), (-1.0, 200), (0.0, 20), (2.0, 90))]
    assert [row["gray"] for row in failures.rank(rows)] == [20, 10, 200, 90]


@pytest.mark.parametrize(
    ("numbers", "gains", "phrases"),
    [
        ((30, 0.0, 10.0, 0.5), (0.5,), ["blur remains", "in low light"]),
        ((30, 2.0, 50.0, 0.5), (0.5,), []),
        (
            (30, 2.0, 10.0, -0.2),
            (-0.3, -0.2),
            ["worse than the input", "all methods fail", "blur remains", "in low light with light streaks"],
        ),
        ((120, 2.0, 10.0, 0.05), (0.4, 0.05), ["no gain", "blur remains"]),
        ((120, 0.0, 160.0, 0.4), (0.4,), ["structure that the sharp image does not have"]),
        ((120, 0.0, 90.0, 1.4), (0.4, 1.4), []),
    ],
)
def test_what_failed_follows_from_the_numbers(numbers, gains, phrases):
    row = dict(zip(("gray", "saturated", "returned", "gain Ours"), numbers))
    assert failures.describe_failures(row, gains) == phrases


def test_the_worst_part_lies_within_the_picture():
    sharp = np.zeros((200, 300, 3), np.uint8)
    restored = sharp.copy()
    restored[180:, 290:] = 255
    left, top, width, height = failures.find_worst_box(restored, sharp)
    assert (width, height) == (160, 160) and 290 - 160 < left <= 300 - 160 and top == 200 - 160
    assert failures.find_worst_box(restored[:90, :70], sharp[:90, :70]) == (0, 0, 70, 90)


def test_what_blur_took_and_what_came_back(random_pairs):
    blurry, sharp = random_pairs.load(0)
    assert failures.measure_light_and_gradient(blurry, sharp, blurry)["returned"] == 0
    assert failures.measure_light_and_gradient(blurry, sharp, sharp)["returned"] == 100
    assert failures.measure_light_and_gradient(sharp, sharp, blurry)["returned"] == 100
    white = np.full((8, 8, 3), 255, np.uint8)
    assert failures.measure_light_and_gradient(white, white, white) == {"gray": 255.0, "saturated": 100.0, "returned": 100.0}


def test_the_strip_follows_the_chain_to_the_restored_picture(runs, monkeypatch):
    config = default_config("hidiff")
    config.precision = "float32"
    config.transformer.channels, config.transformer.refinement_blocks = 4, 1
    config.transformer.blocks, config.transformer.heads = (1, 1, 1, 1), (1, 1, 2, 2)
    config.prior.side, config.prior.width = 2, 8
    config.encoder.channels = config.denoiser.hidden = 8
    config.encoder.blocks = config.denoiser.blocks = 1
    config.chain.steps = 3
    model = build_model(check_config(config))
    monkeypatch.setattr(StandInRuns, "load_model", lambda self, variant: model, raising=False)
    blurry = runs.scale.test_pairs("gopro").load(2)[0][:60, :50]
    priors, outputs = hidiff.restore_along_chain(model, blurry)
    assert len(priors) == len(outputs) == 4 and all(output.shape == blurry.shape for output in outputs)
    # The first prior is the chain's start, the last that of a restoration.
    padded = pad_to_multiple(to_values(blurry), model.size_multiple)[None]
    conditions = model.encode_condition(padded)
    np.testing.assert_allclose(priors[-1], conditions["prior"], atol=1e-5)
    assert len({prior.numpy().tobytes() for prior in priors}) == 4
    hidiff.run_chain(runs, ["pair_2=0,0,32,32", "pair_5"])
    rows = content_of("hidiff_chain")["rows"]
    assert [(row["picture"], row["step"]) for row in rows] == [
        (name, step) for name in ("pair_2", "pair_5") for step in range(4)
    ]
    assert rows[3]["prior_to_last"] == 0 < rows[0]["prior_to_last"]
    # Blurry, four outputs, sharp; the second row's crops are the whole of 64 pixels.
    assert PIL.Image.open("results/hidiff_chain.png").size[0] == 6 * 64 + 7 * 8


def test_a_caption_is_broken_to_the_width_of_the_sheet(tmp_path):
    picture = np.zeros((20, 100, 3), np.uint8)
    write_gallery(tmp_path / "one.png", ["a"], [[picture]], "word")
    write_gallery(tmp_path / "many.png", ["a"], [[picture]], "word " * 30)
    one, many = (PIL.Image.open(tmp_path / f"{name}.png") for name in ("one", "many"))
    assert one.size == (116, 28 + 20 + 2 * 8 + 28) and many.width == 116 and many.height > one.height + 5 * 28
    edge = np.asarray(many)[:, -8:]
    assert (edge == 255).all()
