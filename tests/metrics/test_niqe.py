import numpy as np
import pytest

from icdpm.metrics import niqe as module
from icdpm.metrics.luma import matlab_gray, studio_y
from icdpm.metrics.natural_scenes import block_features
from icdpm.metrics.niqe import niqe, niqe_of_gray
from icdpm.metrics.pristine_model import distribution, fit_pristine_model, load_pristine_model, save_pristine_model
from icdpm.metrics.unavailable import MetricUnavailable
from icdpm.metrics.weights.catalog import NIQE


def photo(seed, blur=1, size=288):
    """Noise in which neighbours resemble each other the more, the larger the blur."""
    values = np.random.RandomState(seed).uniform(0, 255, (size, size, 3))
    for _ in range(blur):
        values = (values + np.roll(values, 1, 0) + np.roll(values, 1, 1)) / 3
    return np.round(values).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return fit_pristine_model(photo(seed) for seed in range(8))


def test_pinned_values(model):
    assert niqe(photo(100), model) == pytest.approx(3.6421316, abs=1e-6)
    assert niqe(photo(100, blur=3), model) == pytest.approx(87.1550879, abs=1e-6)


def test_a_picture_is_as_natural_as_its_own_model():
    gray = matlab_gray(photo(0))
    assert niqe_of_gray(gray, distribution(block_features(gray)[0])) == 0


def test_floats_are_rounded_to_uint8_first(model):
    assert niqe(photo(3) / 255, model) == niqe(photo(3), model)


def test_the_released_model_is_that_of_the_cache(model, tmp_path, monkeypatch):
    save_pristine_model(tmp_path / "released.npz", model)
    monkeypatch.setattr(module, "kept", {NIQE: tmp_path / "released.npz"}.get)
    assert niqe(photo(3)) == niqe(photo(3), model)


def test_a_missing_model_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    with pytest.raises(MetricUnavailable, match="niqe_pris_params.npz are not in"):
        niqe(photo(3))


@pytest.mark.parametrize(
    "picture, message",
    [
        (np.zeros([191, 191, 3], np.uint8), "pictures that hold two blocks of 96×96, not 191×191"),
        (np.zeros([300, 300, 3], np.uint8), "texture in two blocks of 96×96 or more, and 0 of 9 have it"),
        (np.zeros([300, 300], np.uint8), "the picture is not RGB"),
        (np.full([300, 300, 3], np.nan), "the picture holds values that are NaN"),
    ],
)
def test_what_has_no_niqe_is_refused(picture, message, model):
    with pytest.raises(ValueError, match=message):
        niqe(picture, model)


@pytest.fixture(scope="module")
def released(parity_folder):
    return load_pristine_model(parity_folder / "niqe/niqe_pris_params.npz")


def test_published_value_of_i04(iqa_pytorch, released):
    # The original MATLAB release, by IQA-PyTorch's results_official.csv.
    assert niqe(iqa_pytorch("I04")[0], released) == pytest.approx(3.65492152353770, abs=1e-6)


# Pictures with areas that are clipped or even, where MATLAB's value hangs on how it rounds sums.
@pytest.mark.parametrize(
    "name, published, tolerance",
    [("I03", 15.7536293917814, 0.01), ("I06", 3.23547743716998, 0.002), ("I08", 3.18403333858339, 0.02), ("I19", 8.6352, 0.04)],
)
def test_published_values_of_pictures_with_even_areas(iqa_pytorch, released, name, published, tolerance):
    assert niqe(iqa_pytorch(name)[0], released) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    "channel, border, published", [("y", 0, 5.72957), ("y", 6, 6.10074), ("blue", 0, 5.62525), ("blue", 6, 5.82981)]
)
def test_published_values_of_the_baboon(parity, released, channel, border, published):
    # mmagic, tests/test_evaluation/test_metrics/test_niqe.py
    picture = parity("baboon_mmagic.png")
    gray = np.round(studio_y(picture)) if channel == "y" else picture[..., 2]
    gray = gray[border : gray.shape[0] - border, border : gray.shape[1] - border]
    assert niqe_of_gray(gray, released) == pytest.approx(published, abs=2e-5)


def test_the_published_file_and_the_original_release_are_the_same_model(parity_folder, released):
    original = load_pristine_model(parity_folder / "niqe/modelparameters_aizvorski.mat")
    np.testing.assert_array_equal(original.mean, released.mean)
    np.testing.assert_array_equal(original.covariance, released.covariance)
