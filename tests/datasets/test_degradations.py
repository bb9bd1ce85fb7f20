"""Sharp images that are degraded by noise, compression or a lower resolution as they are read."""

import io
import itertools

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from icdpm.errors import IcdpmError
from icdpm_datasets import degradations
from icdpm_datasets.degradations import CompressedImages, DownscaledImages, NoisyImages
from icdpm_datasets.load import load_pairs
from icdpm_datasets.pairs import crop_corner, load_crop

KINDS = {"noise": NoisyImages, "jpeg": CompressedImages, "downscale": DownscaledImages}
# The area average takes a pixel on the edge of its area or leaves it: rounding of coordinates decides.
SMOOTH_FILTERS = (Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)


@pytest.fixture
def photos(tmp_path, write_image):
    """Two photos of soft noise, whose sides are no multiples of a JPEG block."""
    rng = np.random.default_rng(0)
    for name, size in (("b.png", (45, 51)), ("trip/a.png", (120, 141))):
        noise = ndimage.gaussian_filter(rng.uniform(0, 255, (*size, 3)), (1, 1, 0))
        write_image(tmp_path / "photos" / name, np.clip(3 * (noise - 128) + 128, 0, 255).astype(np.uint8))
    return tmp_path / "photos"


@pytest.fixture
def always(monkeypatch):
    """Makes every crop degraded."""
    monkeypatch.setattr(degradations, "_CLEAN", 0.0)


def bits_of(seed):
    return np.random.default_rng(seed).integers(0, 2**31, 3)


@pytest.mark.parametrize("kind, tolerance", [(CompressedImages, 0), (DownscaledImages, 2)])
def test_a_crop_is_degraded_as_the_whole_image_would_be(photos, monkeypatch, always, kind, tolerance):
    monkeypatch.setattr(degradations, "_FILTERS", SMOOTH_FILTERS)
    source = kind(photos)
    for index, seed in itertools.product(range(2), range(12)):
        bits = bits_of(seed)
        degraded, clean = source.load_crop(index, 32, bits)
        photo = source.sharp(index)
        top, left = crop_corner(bits, photo.shape[:2], 32)
        rng = np.random.default_rng(bits)
        rng.random()  # decides whether the crop stays clean
        whole = source.degrade(rng, photo, (0, 0), photo.shape[:2])
        np.testing.assert_array_equal(clean, photo[top : top + 32, left : left + 32])
        assert degraded.shape == (32, 32, 3) and degraded.dtype == np.uint8
        assert np.abs(degraded.astype(int) - whole[top : top + 32, left : left + 32]).max() <= tolerance


def test_noise_is_gaussian_of_all_strengths_and_independent_of_the_image(tmp_path, write_image, always):
    write_image(tmp_path / "gray.png", np.full((64, 64, 3), 128, np.uint8))
    source = NoisyImages(tmp_path)
    residuals = [load_crop(source, 0, 64, bits_of(seed))[0].astype(float) - 128 for seed in range(300)]
    deviations = np.array([residual.std() for residual in residuals])
    assert deviations.min() < 2 and 50 < deviations.max() < 56
    assert deviations.mean() == pytest.approx(27.5, abs=3)
    standard = np.concatenate([(r / r.std()).ravel() for r in residuals if 10 < r.std() < 30])
    assert np.mean(np.abs(standard) < 1) == pytest.approx(0.683, abs=0.02) and abs(standard.mean()) < 0.01
    channels = np.corrcoef(residuals[0].reshape(-1, 3).T)
    assert np.abs(channels[np.triu_indices(3, 1)]).max() < 0.06


@pytest.mark.parametrize("quality", [5, 60, 99])
def test_compression_is_that_of_a_jpeg_file(photos, monkeypatch, always, quality):
    monkeypatch.setattr(degradations, "_QUALITY", (quality, quality))
    degraded, clean = CompressedImages(photos).load(1)
    file = io.BytesIO()
    Image.fromarray(clean).save(file, "JPEG", quality=quality)
    np.testing.assert_array_equal(degraded, np.asarray(Image.open(file)))


def test_qualities_and_factors_are_those_of_their_ranges(photos, monkeypatch, always):
    chosen = []

    class Axis(degradations._Axis):
        def __init__(self, start, size, length, factor):
            chosen.append(factor)
            super().__init__(start, size, length, factor)

    monkeypatch.setattr(degradations, "_Axis", Axis)
    for seed in range(200):
        load_crop(DownscaledImages(photos), 0, 8, bits_of(seed))
    assert 1 <= min(chosen) < 1.1 and 3.9 < max(chosen) <= 4
    qualities = []
    save = Image.Image.save
    monkeypatch.setattr(
        Image.Image, "save", lambda *given, **options: (qualities.append(options["quality"]), save(*given, **options))[1]
    )
    for seed in range(400):
        load_crop(CompressedImages(photos), 0, 8, bits_of(seed))
    assert 5 <= min(qualities) < 9 and 96 < max(qualities) <= 99


@pytest.mark.parametrize("resample", degradations._FILTERS)
def test_downscaling_is_a_resize_there_and_back(photos, monkeypatch, always, resample):
    monkeypatch.setattr(degradations, "_FILTERS", (resample,))
    monkeypatch.setattr(degradations, "_FACTOR", (2.7, 2.7))
    degraded, clean = DownscaledImages(photos).load(1)
    height, width = clean.shape[:2]
    small = Image.fromarray(clean).resize((round(width / 2.7), round(height / 2.7)), resample)
    np.testing.assert_array_equal(degraded, np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)))


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_has_its_own_degradation_determined_by_its_number(photos, kind, check_examples):
    source = load_pairs(f"{kind}:{photos}", "train")
    assert type(source) is KINDS[kind] and "2 photos" in source.description and "degraded by" in source.description
    check_examples(source)


@pytest.mark.parametrize("kind", KINDS)
def test_whole_pairs_stay_the_same(photos, kind):
    (photos / "train").mkdir()
    (photos / "b.png").rename(photos / "train/b.png")
    (photos / "trip").rename(photos / "test")
    assert load_pairs(f"{kind}:{photos}", "train").names == ["b"]
    degraded, clean = load_pairs(f"{kind}:{photos}", "test").load(0)
    assert degraded.shape == clean.shape == (120, 141, 3)
    np.testing.assert_array_equal(degraded, load_pairs(f"{kind}:{photos}", "test").load(0)[0])


@pytest.mark.parametrize("kind", KINDS.values())
def test_some_crops_are_clean_and_no_whole_pair_is(photos, monkeypatch, kind):
    source = kind(photos)
    pairs = [load_crop(source, 1, 32, bits_of(seed)) for seed in range(400)]
    clean = np.mean([np.array_equal(*pair) for pair in pairs])
    assert 0.02 < clean < 0.15  # factors and deviations close to their least change nothing either
    monkeypatch.setattr(degradations, "_CLEAN", 1.0)
    assert not np.array_equal(*source.load(1))  # its PSNR, and the mean over a test split, would be infinite


def test_a_mixture_has_all_of_them(photos):
    weights = {"noise": 0.5, "jpeg": 0.3, "downscale": 0.2}
    mixture = load_pairs(",".join(f"{kind}:{photos}:{weight}" for kind, weight in weights.items()), "train")
    assert len(mixture) == 6 and mixture.counts == [2, 2, 2]
    assert "50.0% 2 photos" in mixture.description
    for index, kind in enumerate(KINDS.values()):
        np.testing.assert_array_equal(mixture.load(2 * index + 1)[0], kind(photos).load(1)[0])


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(IcdpmError, match="none is neither a known data set .* noise:FOLDER, jpeg:FOLDER, downscale:FOLDER"):
        load_pairs(f"jpeg:{tmp_path / 'none'}", "train")
