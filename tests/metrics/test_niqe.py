"""NIQE, its features and its pristine model, against their definitions and published values."""

import math

import numpy as np
import pytest
from scipy.io import savemat

from icdpm.errors import IcdpmError
from icdpm.metrics import niqe as module
from icdpm.metrics.inputs import matlab_gray, studio_y
from icdpm.metrics.niqe import (
    PristineModel,
    block_features,
    fit_distribution,
    fit_pristine_model,
    load_pristine_model,
    niqe,
    niqe_of_gray,
    save_pristine_model,
)
from icdpm.metrics.weights import NIQE, MetricUnavailable


def noise_image(seed, blur=1, size=288):
    """Returns noise whose correlation between neighbors grows with the blur."""
    values = np.random.RandomState(seed).uniform(0, 255, (size, size, 3))
    for _ in range(blur):
        values = (values + np.roll(values, 1, 0) + np.roll(values, 1, 1)) / 3
    return np.round(values).astype(np.uint8)


@pytest.fixture(scope="module")
def model():
    return fit_pristine_model(noise_image(seed) for seed in range(8))


def test_pinned_values(model):
    assert niqe(noise_image(100), model) == pytest.approx(3.6421316, abs=1e-6)
    assert niqe(noise_image(100, blur=3), model) == pytest.approx(87.1550879, abs=1e-6)


def test_niqe_is_zero_with_the_model_of_the_image_itself():
    gray = matlab_gray(noise_image(0))
    assert niqe_of_gray(gray, fit_distribution(block_features(gray)[0])) == 0


def test_floats_are_rounded_to_uint8_first(model):
    assert niqe(noise_image(3) / 255, model) == niqe(noise_image(3), model)


def test_the_released_model_is_read_from_the_cache(model, tmp_path, monkeypatch):
    save_pristine_model(tmp_path / "released.npz", model)
    monkeypatch.setattr(module, "cached_weights", {NIQE: tmp_path / "released.npz"}.get)
    assert niqe(noise_image(3)) == niqe(noise_image(3), model)


def test_a_missing_model_raises(tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    with pytest.raises(MetricUnavailable, match="niqe_pris_params.npz are not in"):
        niqe(noise_image(3))


@pytest.mark.parametrize(
    "image, message",
    [
        (np.zeros([191, 191, 3], np.uint8), "at least two blocks of 96×96 pixels. Received: 191×191"),
        (np.zeros([300, 300, 3], np.uint8), "texture in at least two blocks of 96×96 pixels. Received: 0 of 9 blocks"),
        (np.zeros([300, 300], np.uint8), "The image must be RGB"),
        (np.full([300, 300, 3], np.nan), "The image must be finite. Received: NaN"),
    ],
)
def test_invalid_images_raise(image, message, model):
    with pytest.raises(ValueError, match=message):
        niqe(image, model)


@pytest.fixture(scope="module")
def released(parity_folder):
    return load_pristine_model(parity_folder / "niqe/niqe_pris_params.npz")


def test_published_value_of_i04(iqa_pytorch, released):
    # The original MATLAB release, by IQA-PyTorch's results_official.csv.
    assert niqe(iqa_pytorch("I04")[0], released) == pytest.approx(3.65492152353770, abs=1e-6)


# Images with areas that are clipped or uniform, where MATLAB's value depends on how it rounds sums.
@pytest.mark.parametrize(
    "name, published, tolerance",
    [("I03", 15.7536293917814, 0.01), ("I06", 3.23547743716998, 0.002), ("I08", 3.18403333858339, 0.02), ("I19", 8.6352, 0.04)],
)
def test_published_values_of_images_with_uniform_areas(iqa_pytorch, released, name, published, tolerance):
    assert niqe(iqa_pytorch(name)[0], released) == pytest.approx(published, abs=tolerance)


@pytest.mark.parametrize(
    "channel, border, published", [("y", 0, 5.72957), ("y", 6, 6.10074), ("blue", 0, 5.62525), ("blue", 6, 5.82981)]
)
def test_published_values_of_the_baboon(parity, released, channel, border, published):
    # mmagic, tests/test_evaluation/test_metrics/test_niqe.py
    image = parity("baboon_mmagic.png")
    gray = np.round(studio_y(image)) if channel == "y" else image[..., 2]
    gray = gray[border : gray.shape[0] - border, border : gray.shape[1] - border]
    assert niqe_of_gray(gray, released) == pytest.approx(published, abs=2e-5)


def test_the_published_file_and_the_original_release_are_the_same_model(parity_folder, released):
    original = load_pristine_model(parity_folder / "niqe/modelparameters_aizvorski.mat")
    np.testing.assert_array_equal(original.mean, released.mean)
    np.testing.assert_array_equal(original.covariance, released.covariance)


# Features of blocks.


@pytest.fixture(scope="module")
def scene():
    """Returns a gray image of one block and a half with correlated neighbors."""
    noise = np.random.RandomState(0).uniform(0, 255, (110, 150))
    return np.round((noise + np.roll(noise, 1, 0) + 2 * np.roll(noise, 2, 1)) / 4)


def normalized(gray):
    """Returns (luminance − local mean)/(local deviation + 1), by sums over the 7×7 pixels around each."""
    distance = np.arange(7) - 3
    weight = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * (7 / 6) ** 2))
    weight /= weight.sum()
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gray, 3, mode="edge"), (7, 7))
    mean = np.sum(weight * around, axis=(2, 3))
    deviation = np.sqrt(np.sum(weight * (around - mean[..., None, None]) ** 2, axis=(2, 3)))
    return (gray - mean) / (deviation + 1), deviation


def fitted(values):
    """Fits an asymmetric generalized Gaussian; the shape is searched from 0.2 to 10."""
    left = math.sqrt(np.mean(values[values < 0] ** 2))
    right = math.sqrt(np.mean(values[values > 0] ** 2))
    skew = left / right
    wanted = np.mean(np.abs(values)) ** 2 / np.mean(values**2) * (skew**3 + 1) * (skew + 1) / (skew**2 + 1) ** 2

    def ratio(a):
        return math.gamma(2 / a) ** 2 / (math.gamma(1 / a) * math.gamma(3 / a))

    shape = min((n / 1000 for n in range(200, 10001)), key=lambda a: (ratio(a) - wanted) ** 2)
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, left * scale, right * scale


def written_out(block):
    shape, left, right = fitted(block)
    features = [shape, (left + right) / 2]
    for down, across in ((0, 1), (1, 0), (1, 1), (1, -1)):
        shape, left, right = fitted(block * np.roll(block, (down, across), (0, 1)))
        features += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
    return features


def halved(gray):
    """Keys' cubic at twice its width, the border mirrored: MATLAB's imresize to one half."""

    def cubic(x):
        x = abs(x)
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2

    taps = np.array([cubic((n - 3.5) / 2) for n in range(8)])
    around = np.lib.stride_tricks.sliding_window_view(np.pad(gray, 3, mode="symmetric"), (8, 8))[::2, ::2]
    return np.einsum("abij,i,j->ab", around, taps, taps) / taps.sum() ** 2


def test_features_equal_their_definition(scene):
    features, sharpness = block_features(scene)
    block = scene[:96, :96]
    full, deviation = normalized(block)
    half, _ = normalized(halved(block))
    np.testing.assert_allclose(features, [written_out(full) + written_out(half)], rtol=1e-9)
    np.testing.assert_allclose(sharpness, [deviation.mean()], rtol=1e-9)


def test_blocks_are_in_order_and_the_remainder_is_unused(scene):
    mosaic = np.tile(scene[:96, :96], (2, 3))
    mosaic[96:, :96] = 7
    features, sharpness = block_features(np.pad(mosaic, [(0, 95), (0, 95)]))
    assert features.shape == (6, 36) and sharpness.argmin() == 3
    assert np.isnan(features).any(axis=1).tolist() == [False, False, False, True, False, False]


def test_uniform_areas_do_not_depend_on_how_sums_are_rounded(scene):
    # A uniform gray whose weighted mean is not exactly itself in floating point, next to texture.
    mosaic = np.tile(scene[:96, :96], (1, 2))
    mosaic[:, 110:] = 77
    expected, _ = block_features(mosaic)
    # In the flipped image every sum is taken in another order.
    turned, _ = block_features(mosaic[::-1])
    np.testing.assert_allclose(turned[:, :2], expected[:, :2], rtol=1e-9)
    np.testing.assert_allclose(turned[:, 18:20], expected[:, 18:20], rtol=1e-9)


# Pristine models.


@pytest.fixture(scope="module")
def images():
    return [np.random.RandomState(seed).randint(0, 256, (300, 200, 3)).astype(np.uint8) for seed in range(7)]


def test_fits_the_sharp_blocks(images):
    mixed = np.concatenate([images[0], images[0] // 4 + 96])  # six sharp blocks above six that are not
    model = fit_pristine_model([mixed, *images[1:], images[0][:95]])
    features = np.concatenate([block_features(matlab_gray(image))[0] for image in images])
    np.testing.assert_allclose(model.mean, features.mean(axis=0), rtol=1e-2)
    # They differ only in the block on the boundary.
    without = fit_pristine_model(images)
    np.testing.assert_allclose(without.mean, features.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(without.covariance, np.cov(features, rowvar=False), rtol=1e-12)


def test_too_few_sharp_blocks_raise(images):
    with pytest.raises(ValueError, match="at least 37 sharp blocks of 96×96 pixels.* Received: 36 from 6 images"):
        fit_pristine_model(images[:6])


def test_models_are_saved_and_loaded(tmp_path):
    model = PristineModel(np.arange(36.0), np.eye(36))
    save_pristine_model(tmp_path / "deep" / "model.npz", model)
    savemat(tmp_path / "model.mat", {"mu_prisparam": model.mean[None], "cov_prisparam": model.covariance})
    for path in (tmp_path / "deep" / "model.npz", tmp_path / "model.mat"):
        loaded = load_pristine_model(path)
        np.testing.assert_array_equal(loaded.mean, model.mean)
        np.testing.assert_array_equal(loaded.covariance, model.covariance)


def test_invalid_model_files_raise(tmp_path):
    (tmp_path / "text.npz").write_text("not a model")
    (tmp_path / "text.mat").write_text("not a model")
    np.savez(tmp_path / "other.npz", weights=np.eye(3))
    np.savez(tmp_path / "small.npz", mu_pris_param=np.zeros(35), cov_pris_param=np.eye(35))
    np.savez(tmp_path / "nan.npz", mu_pris_param=np.full(36, np.nan), cov_pris_param=np.eye(36))
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(IcdpmError, match=f"{path.name} is not a pristine model of NIQE"):
            load_pristine_model(path)
    with pytest.raises(FileNotFoundError):
        load_pristine_model(tmp_path / "missing.npz")
