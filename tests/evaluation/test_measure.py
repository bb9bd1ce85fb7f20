"""Tests of measuring test sets: values, workers, continuation after interruptions, summary."""

import csv
import json
import math
import shutil

import numpy as np
import pytest

from icdpm.errors import IcdpmError
from icdpm.evaluation.lazy_images import FileImage
from icdpm.evaluation.measure import measure, measure_image, prefetch, worker_pool
from icdpm.evaluation.metric_selection import DEFAULT, NAMES, ImageMetric, MetricSelection, select_metrics
from icdpm.evaluation.pairing import pair_folders, pair_with_source
from icdpm.evaluation.results import summarize, write_summary
from icdpm.images.writing import write_image
from icdpm.metrics.fid import fid
from icdpm.metrics.niqe import PristineModel, save_pristine_model
from icdpm.metrics.psnr import psnr
from icdpm.metrics.registry import SET_METRICS, Metric
from icdpm.metrics.ssim import ssim
from icdpm.metrics.weights import MetricUnavailable
from icdpm_datasets.folders import FolderPairs

PSNR_AND_SSIM = select_metrics(["psnr", "ssim"])


@pytest.fixture
def folders(write, noise):
    """Three sharp images, and the restored images of two methods."""
    sharp = {f"{name}.png": noise(seed) for seed, name in enumerate("abc")}
    off = {name: (pixels // 2 + 60) for name, pixels in sharp.items()}
    near = {name: (pixels // 4 * 4) for name, pixels in sharp.items()}
    return {"sharp": write("sharp", sharp), "off": write("off", off), "near": write("near", near)}


@pytest.fixture
def paired(folders):
    return lambda *methods: pair_folders({method: folders[method] for method in methods or ("off", "near")}, folders["sharp"])


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_values_of_each_image(paired, tmp_path):
    given = paired()
    measured = measure(given, PSNR_AND_SSIM, tmp_path / "out", workers=1)
    assert measured.names == ["a", "b", "c"] and not measured.unavailable
    for method, images in given.methods.items():
        of_each = [(images[name].read(), given.sharp[name].read()) for name in "abc"]
        assert list(measured.values[method]["psnr"]) == [psnr(*each) for each in of_each]
        assert list(measured.values[method]["ssim"]) == [ssim(*each) for each in of_each]
        written = rows(tmp_path / "out" / f"{method}.csv")
        assert [row["name"] for row in written] == ["a", "b", "c"]
        assert [float(row["psnr"]) for row in written] == list(measured.values[method]["psnr"])


def test_worker_processes_do_not_change_the_results(paired, tmp_path):
    alone = measure(paired(), PSNR_AND_SSIM, tmp_path / "alone", workers=1)
    measure(paired(), PSNR_AND_SSIM, tmp_path / "together", workers=2)
    for method in alone.values:
        assert (tmp_path / "together" / f"{method}.csv").read_text() == (tmp_path / "alone" / f"{method}.csv").read_text()


def counting(fail_at=None):
    """Returns a MetricSelection of one metric, and the list of the measured images (their means)."""
    measured_means = []

    def mean_error(restored, sharp):
        measured_means.append(round(float(restored.mean()), 6))
        if len(measured_means) == fail_at:
            raise ValueError("the image is too strange")
        return float(np.abs(restored.astype(int) - sharp).mean())

    return MetricSelection({"error": ImageMetric(mean_error, "mean absolute error", False, "pair")}, {}, None), measured_means


def test_tensorflow_metrics_run_in_this_process(paired, tmp_path):
    choice, measured_means = counting()
    here = {name: metric._replace(in_tensorflow=True) for name, metric in choice.image_metrics.items()}
    both = MetricSelection({**PSNR_AND_SSIM.image_metrics, **here}, {}, None)
    measured = measure(paired(), both, tmp_path, workers=2)
    assert len(measured_means) == 6 and list(measured.values["near"]) == ["psnr", "ssim", "error"]
    assert [bool(row["psnr"] and row["error"]) for row in rows(tmp_path / "near.csv")] == [True] * 3


def test_continuation_measures_changed_images_again(paired, folders, tmp_path):
    choice, measured_means = counting()
    first = measure(paired(), choice, tmp_path, workers=1)
    assert len(measured_means) == 6
    measure(paired(), choice, tmp_path, workers=1)
    assert len(measured_means) == 6
    # One image changes, and one row is incomplete, as after a full disk.
    (folders["near"] / "b.png").write_bytes((folders["near"] / "a.png").read_bytes())
    table = tmp_path / "off.csv"
    table.write_text(table.read_text()[:-8])
    again = measure(paired(), choice, tmp_path, workers=1)
    assert len(measured_means) == 8
    assert again.values["near"]["error"][1] > 5 * first.values["near"]["error"][1]
    assert list(again.values["off"]["error"]) == list(first.values["off"]["error"])


def test_changed_images_of_a_data_set_are_measured_again(folders, noise, tmp_path):
    for side, method in (("blur", "off"), ("sharp", "sharp")):
        shutil.copytree(folders[method], tmp_path / "pairs" / side)

    def errors():
        choice, _ = counting()
        pairs = pair_with_source({"near": folders["near"]}, FolderPairs(tmp_path / "pairs"))
        return measure(pairs, choice, tmp_path / "out", workers=1).values["near"]["error"]

    first = errors()
    shutil.copy(folders["off"] / "b.png", tmp_path / "pairs/sharp/b.png")
    assert list(errors() > 2 * first) == [False, True, False]


def test_values_of_numpys_types_are_read_again(paired, tmp_path):
    metric = ImageMetric(lambda restored, sharp: np.float32(restored.mean()), "", True, "pair")
    choice = MetricSelection({"mean": metric}, {}, None)
    first, again = (measure(paired("near"), choice, tmp_path, workers=1).values["near"]["mean"] for _ in range(2))
    assert list(first) == list(again)


def test_further_metrics_and_methods_extend_the_results(paired, tmp_path):
    choice, measured_means = counting()
    measure(paired("off"), choice, tmp_path, workers=1)
    both = MetricSelection({**PSNR_AND_SSIM.image_metrics, **choice.image_metrics}, {}, None)
    measured = measure(paired(), both, tmp_path, workers=1)
    assert len(measured_means) == 6 and list(measured.values["off"]) == ["psnr", "ssim", "error"]
    # A run with fewer metrics keeps the others.
    measure(paired(), PSNR_AND_SSIM, tmp_path, workers=1)
    assert all(row["error"] and row["psnr"] for row in rows(tmp_path / "near.csv"))


@pytest.mark.parametrize("content", [b"mine,yours\n1,2\n", b"", b"\xff\xfe\x00", b"name,psnr,stamp\na,much,x\n"])
def test_other_files_are_not_overwritten(paired, tmp_path, content):
    table = tmp_path / "near.csv"
    measure(paired("near"), PSNR_AND_SSIM, tmp_path, workers=1)
    content = content.replace(b"x", table.read_bytes().splitlines()[1].split(b",")[-1])
    table.write_bytes(content)
    with pytest.raises(IcdpmError, match="near.csv is not a table of icdpm-evaluate. Move it, or choose another --output"):
        measure(paired("near"), PSNR_AND_SSIM, tmp_path, workers=1)
    assert table.read_bytes() == content


def test_an_error_is_one_sentence_and_keeps_measured_values(paired, folders, tmp_path):
    choice, _ = counting(fail_at=4)
    message = f"{folders['near'] / 'b.png'}: error cannot be measured: the image is too strange"
    with pytest.raises(IcdpmError, match=message):
        measure(paired(), choice, tmp_path, workers=1)
    assert [row["name"] for row in rows(tmp_path / "off.csv")] == ["a", "b"]
    assert [row["name"] for row in rows(tmp_path / "near.csv")] == ["a"]
    choice, measured_means = counting()
    measure(paired(), choice, tmp_path, workers=1)
    assert len(measured_means) == 3


def test_a_damaged_image_is_named_and_measured_values_are_kept(paired, folders, tmp_path):
    pairs = paired("near")
    damaged = folders["near"] / "c.png"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    with pytest.raises(IcdpmError, match="near/c.png is damaged"):
        measure(pairs, PSNR_AND_SSIM, tmp_path, workers=2)
    assert [row["name"] for row in rows(tmp_path / "near.csv")] == ["a", "b"]


def test_images_that_a_metric_does_not_support(write, noise, tmp_path):
    small = write("small", {"a.png": noise(0, 9, 12)})
    for metric, words in [
        ("ssim", "SSIM needs images of at least 11×11 pixels. Received: 12×9"),
        ("ms_ssim", "MS-SSIM needs images of at least 176×176 pixels. Received: 12×9"),
    ]:
        measured = measure(pair_folders({"small": small}, small), select_metrics(["psnr", metric]), tmp_path / "out", workers=1)
        assert measured.undefined["small"][metric]["a"].startswith(words) and measured.values["small"]["psnr"][0] == math.inf
        text = write_summary(tmp_path / "out", summarize(measured))
        assert "| small | inf | n/a |" in text and f"- {metric} of small, a: {words}" in text


def test_sixteen_bits_are_measured_alike_by_sharp_and_by_dataset(tmp_path):
    """Without loss, and the result names the peak."""
    rng = np.random.default_rng(0)
    sharp = rng.integers(300, 65000, (200, 200, 3), np.uint16)
    restored = sharp + rng.integers(-100, 100, sharp.shape).astype(np.int32)
    names = ["psnr", "psnr_y", "ssim", "ssim_y", "ssim_matlab_rgb", "ms_ssim"]
    for name, pixels in (("pairs/blur", sharp // 2), ("pairs/sharp", sharp), ("mine", restored.astype(np.uint16))):
        write_image(tmp_path / name / "a.png", pixels)
    folders = {"mine": tmp_path / "mine", "same": tmp_path / "pairs/sharp"}
    by_sharp = pair_folders(folders, tmp_path / "pairs/sharp", tmp_path / "pairs/blur")
    by_dataset = pair_with_source(folders, FolderPairs(tmp_path / "pairs"))
    one, other = (
        measure(pairs, select_metrics(names), tmp_path / out, workers=1) for pairs, out in ((by_sharp, "a"), (by_dataset, "b"))
    )
    assert one.values == other.values and one.bits == other.bits == 16
    expected = 10 * np.log10(65535**2 / np.mean((restored - sharp.astype(np.float64)) ** 2))
    assert one.values["mine"]["psnr"][0] == pytest.approx(expected) and one.values["same"]["psnr"][0] == math.inf
    assert all(one.values["same"][name][0] == 1 > one.values["mine"][name][0] for name in names if "ssim" in name)
    for measured in (one, other):
        protocols = summarize(measured)["protocols"]
        assert all("16 bits" in each and "65535" in each and "255" not in each for each in protocols.values())
    eight_bit = pair_folders({"gray": write_gray(tmp_path)}, write_gray(tmp_path))
    summary = summarize(measure(eight_bit, select_metrics(["psnr"]), tmp_path / "c", workers=1))
    assert summary["protocols"]["psnr"] == "PSNR in dB over the RGB values of uint8 images, peak 255"


def write_gray(folder):
    write_image(folder / "gray/a.png", np.zeros((30, 40), np.uint8))
    return folder / "gray"


@pytest.fixture
def textured(write):
    """Four pairs of 96×192 pixels, two blocks of NIQE; one image is flat and one half flat."""
    rng = np.random.default_rng(0)
    images = {name: rng.integers(0, 256, (96, 192, 3), np.uint8) for name in ("cat.png", "flat.png", "half.png", "sea.png")}
    images["flat.png"][:], images["half.png"][:, :96] = 128, 255
    return write("sharp", images), write("near", {name: pixels // 4 * 4 for name, pixels in images.items()})


def test_one_flat_image_does_not_stop_niqe(textured, tmp_path):
    sharp, near = textured
    covariance = np.eye(36)
    save_pristine_model(tmp_path / "model.npz", PristineModel(np.ones(36), covariance))
    metrics = select_metrics(["psnr", "niqe"], niqe_model=tmp_path / "model.npz")
    (niqe_name,) = set(metrics.image_metrics) - {"psnr"}
    for workers in (1, 2):  # the second time, the values are those of the first
        measured = measure(pair_folders({"near": near}, sharp, sharp), metrics, tmp_path / "out", workers=workers)
        reasons = measured.undefined["near"][niqe_name]
        assert set(reasons) == {"flat", "half"} and "0 of 2 blocks" in reasons["flat"] and "1 of 2 blocks" in reasons["half"]
        values = measured.values["near"]
        assert list(np.isnan(values[niqe_name])) == [False, True, True, False] and not np.isnan(values["psnr"]).any()
        summary = summarize(measured)
        json.dumps(summary, allow_nan=False)
        (row,) = [each for each in summary["rows"] if (each["method"], each["metric"]) == ("near", niqe_name)]
        assert row["images"] == 2 and row["value"] == pytest.approx(np.nanmean(values[niqe_name]))
        assert all("images" not in each for each in summary["rows"] if each["metric"] == "psnr")
        (difference,) = [each for each in summary["differences"] if each["metric"] == niqe_name]
        assert difference["images"] == 2 and len(summary["not_defined"]) == 4
        text = write_summary(tmp_path / "out", summary)
        assert text.count("(2 images)") == 3 and f"- {niqe_name} of near, flat: NIQE needs texture" in text


def test_an_image_that_cannot_be_aligned_has_no_value(write, noise, tmp_path):
    pytest.importorskip("cv2")
    sharp = write("sharp", {"a.png": noise(0), "flat.png": np.full((40, 48, 3), 9, np.uint8), "c.png": noise(2)})
    measured = measure(pair_folders({"same": sharp}, sharp), select_metrics(["psnr"], align="ecc"), tmp_path, workers=1)
    assert list(measured.undefined["same"]["psnr_ecc"]) == ["flat"] and np.isnan(measured.values["same"]["psnr_ecc"][2])


def test_nan_is_an_error(noise):
    metric = ImageMetric(lambda restored, sharp: math.nan, "", True, "pair")
    with pytest.raises(IcdpmError, match="odd cannot be measured: its value is not a number"):
        measure_image({"odd": metric}, noise(0), noise(1))


def test_unavailable_metrics_are_reported_and_the_others_measured(paired, tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path / "no weights"))
    measured = measure(paired(), select_metrics(DEFAULT), tmp_path / "out", workers=1)
    assert set(measured.unavailable) == {"lpips_alex", "niqe", "fid", "kid"}
    assert all("icdpm-prepare weights/" in reason for reason in measured.unavailable.values())
    assert list(measured.values["off"]) == ["psnr", "ssim"] and measured.set_values == {"off": {}, "near": {}}
    text = write_summary(tmp_path / "out", summarize(measured))
    assert text.count("| n/a | n/a | n/a | n/a |") == 2 and "- niqe: not available: the weights" in text


def test_damaged_weights_are_an_error(paired, tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    weights = tmp_path / "weights" / "niqe_pris_params.npz"
    weights.parent.mkdir()
    weights.write_bytes(b"broken")
    measure(paired(), PSNR_AND_SSIM, tmp_path / "out", workers=1)
    with pytest.raises(IcdpmError, match="niqe_pris_params.npz.* has 6 bytes, not 11,850 as published"):
        measure(paired(), select_metrics(["psnr", "niqe"]), tmp_path / "out", workers=1)
    assert all(row["psnr"] for row in rows(tmp_path / "out" / "off.csv"))


def test_metrics_of_sets(paired, write, noise, tmp_path):
    def features(pixels):
        return pixels.reshape(-1, 16, 3)[:2].mean(axis=1)  # two patches a image, three features each

    choice = MetricSelection({}, {"fid": SET_METRICS["fid"]}, features)
    measured = measure(paired(), choice, tmp_path, workers=1)
    given = paired()
    sharp, off = (
        np.concatenate([features(each.read()) for each in images.values()]) for images in (given.sharp, given.methods["off"])
    )
    assert measured.set_values["off"] == {"fid": fid(off, sharp)}
    assert measured.set_values["off"]["fid"] > measured.set_values["near"]["fid"]

    one = write("one", {"a.png": noise(0)})
    alone = MetricSelection({}, {"fid": SET_METRICS["fid"]}, lambda pixels: features(pixels)[:1])
    measured = measure(pair_folders({"one": one}, one), alone, tmp_path, workers=1)
    assert measured.unavailable["fid"].startswith("FID needs at least 2 images or patches in each set.")

    def refuse(pixels):
        raise ValueError("patches of 64×64 do not fit")

    with pytest.raises(IcdpmError, match="sharp/a.png: fid cannot be measured: patches of 64×64 do not fit"):
        measure(paired(), MetricSelection({}, {"fid": SET_METRICS["fid"]}, refuse), tmp_path, workers=1)


def test_summary(paired, tmp_path):
    def features(pixels):
        raise MetricUnavailable("no weights")

    choice = MetricSelection(PSNR_AND_SSIM.image_metrics, {"fid": Metric(fid, "FID", False)}, features)
    measured = measure(paired(), choice, tmp_path, workers=1)
    text = write_summary(tmp_path, summarize(measured))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (tmp_path / "summary.md").read_text() == text
    off, near = (measured.values[method]["psnr"] for method in ("off", "near"))
    (row,) = [row for row in summary["rows"] if (row["method"], row["metric"]) == ("off", "psnr")]
    assert row["value"] == pytest.approx(off.mean()) and row["low"] < row["value"] < row["high"]
    (row,) = [row for row in summary["differences"] if row["metric"] == "psnr"]
    assert (row["method"], row["minus"]) == ("near", "off")
    assert row["value"] == pytest.approx((near - off).mean()) and row["low"] <= row["value"] <= row["high"]
    # The interval of the paired differences is far narrower than the intervals of the methods.
    assert row["high"] - row["low"] <= np.ptp(near - off) + 1e-9
    assert summary["not_available"] == {"fid": "no weights"} and summary["images"] == 3
    assert "| method | psnr ↑ | ssim ↑ | fid ↓ |" in text and "| near − off | +" in text
    assert "- psnr: PSNR in dB over the RGB values of uint8 images, peak 255" in text


def test_summary_of_equal_images_has_infinite_values_in_valid_json(paired, folders, tmp_path):
    pairs = pair_folders({"same": folders["sharp"], "off": folders["off"]}, folders["sharp"])
    text = write_summary(tmp_path, summarize(measure(pairs, PSNR_AND_SSIM, tmp_path, workers=1)))
    rows = json.loads((tmp_path / "summary.json").read_text(), parse_constant=pytest.fail)["rows"]
    assert {"method": "same", "metric": "psnr", "value": "inf", "low": None, "high": None} in rows
    assert "| same | inf | 1.0000 [1.0000, 1.0000] |" in text


def test_select_metrics(tmp_path):
    choice = select_metrics(NAMES, align="ecc", patch_size=128)
    assert list(choice.image_metrics)[:3] == ["psnr_ecc", "psnr_y", "ssim_ecc"] and list(choice.set_metrics) == ["fid", "kid"]
    assert "findTransformECC" in choice.image_metrics["psnr_ecc"].protocol
    assert choice.image_metrics["lpips_alex"].protocol.endswith("; the images not aligned")
    assert "; here of patches of 128×128" in choice.set_metrics["fid"].protocol
    for names in (["psnr", "pnsr"], []):
        with pytest.raises(IcdpmError, match="The metrics are psnr, psnr_y"):
            select_metrics(names)
    with pytest.raises(IcdpmError, match="icdpm-evaluate fit-niqe writes"):
        select_metrics(["niqe"], niqe_model=tmp_path / "none.npz")


def test_aligned_metrics_share_one_alignment(noise, monkeypatch):
    from icdpm.evaluation import measure as module

    calls = []
    real = module.align
    monkeypatch.setattr(module, "align", lambda *images: calls.append(1) or real(*images))
    darker = (noise(0) * 0.5).astype(np.uint8)
    values, _ = measure_image(select_metrics(["psnr", "ssim", "psnr_y"], align="ecc").image_metrics, darker, noise(0))
    assert values["psnr_ecc"] > 40 > 20 > values["psnr_y"] and values["ssim_ecc"] > 0.99 and calls == [1]


def test_stamps_follow_the_file(write, noise):
    folder = write("one", {"a.png": noise(0)})
    image = FileImage(folder / "a.png")
    before = image.stamp()
    assert image.stamp() == before
    write("one", {"a.png": noise(1)})
    assert image.stamp() != before


def test_prefetch_is_limited_and_in_order():
    started = []
    for number, (task, result) in enumerate(prefetch("abcdefgh", lambda each: started.append(each) or each * 2, 3)):
        assert task == "abcdefgh"[number] and result == task * 2
        assert len(started) <= number + 4
    assert "".join(started) == "abcdefgh"
    assert list(prefetch("ab", str.upper, 3)) == [("a", "A"), ("b", "B")]


def test_tasks_before_an_error_are_yielded():
    taken = []
    with pytest.raises(ZeroDivisionError):
        for task, _ in prefetch([2, 1, 0, 5], lambda each: 1 / each, 3):
            taken.append(task)
    assert taken == [2, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_pool_returns_results_and_errors(workers):
    with worker_pool(workers) as pool:
        good, bad = pool.submit(divmod, 7, 2), pool.submit(divmod, 7, 0)
        assert good.result() == (3, 1)
        with pytest.raises(ZeroDivisionError):
            bad.result()


def test_a_difference_without_a_mean_is_left_out(write, noise, tmp_path):
    """Each of two methods is perfect on an image of its own."""
    mixed = {name: write(name, {"a.png": noise(a), "b.png": noise(b)}) for name, a, b in (("one", 0, 5), ("other", 5, 1))}
    pairs = pair_folders(mixed, write("two", {"a.png": noise(0), "b.png": noise(1)}))
    text = write_summary(tmp_path, summarize(measure(pairs, PSNR_AND_SSIM, tmp_path, workers=1)))
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert [each["metric"] for each in summary["differences"]] == ["ssim"] and "nan" not in text
