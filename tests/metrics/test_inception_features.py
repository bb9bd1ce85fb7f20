"""Inception features against other implementations, and patches."""

import numpy as np
import pytest

from icdpm.metrics import inception_features as module
from icdpm.metrics.fid import fid
from icdpm.metrics.inception_features import inception_features
from icdpm.metrics.weights import INCEPTION, MetricUnavailable

# torch-fidelity's network in float64, with the random weights of these tests: the means of a noisy and a sharp image's
# features, and some of the noisy one's.
PINNED_MEANS = (4.107361776376796, 4.0472263688156955)
PINNED = {0: 0.0, 511: 0.01414155063157418, 1023: 22.290694266561015, 1535: 0.0, 2047: 9.162121465328884}


@pytest.fixture(scope="module", autouse=True)
def network_is_released():
    yield
    module._network.cache_clear()


@pytest.fixture
def with_random_weights(inception_tensors, monkeypatch):
    """Replaces the published weights by random ones."""
    monkeypatch.setattr(module, "load_weights", {INCEPTION: inception_tensors}.get)


def test_pinned_values(with_random_weights, ramp):
    noisy, sharp = (inception_features(image)[0] for image in ramp(299, 299))
    assert noisy.shape == (2048,) and noisy.dtype == np.float32
    assert [noisy.mean(), sharp.mean()] == pytest.approx(PINNED_MEANS, rel=1e-5)
    assert {n: noisy[n] for n in PINNED} == pytest.approx(PINNED, abs=1e-5 * float(noisy.max()))


def test_equals_pytorch(inception_tensors, with_random_weights, ramp):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which `pip install .[bench]` brings")
    image = ramp(140, 400)[0]
    x = torch.from_numpy(image).permute(2, 0, 1)[None] / 255
    x = 2 * torch.nn.functional.interpolate(x, (299, 299), mode="bilinear", align_corners=False) - 1
    expected = reference(torch, inception_tensors)(x).numpy()
    np.testing.assert_allclose(inception_features(image), expected, rtol=0, atol=1e-5 * expected.max())


def reference(torch, tensors):
    """Inception v3 in PyTorch, with the pooling of the graph of 2015-12-05."""
    functional = torch.nn.functional
    tensors = {name: torch.from_numpy(array) for name, array in tensors.items()}

    def conv(x, name, stride=1, padded=True):
        weight = tensors[f"{name}.conv.weight"]
        padding = (weight.shape[2] // 2, weight.shape[3] // 2) if padded else 0
        x = functional.conv2d(x, weight, stride=stride, padding=padding)
        normalization = (tensors[f"{name}.bn.{part}"] for part in ("running_mean", "running_var", "weight", "bias"))
        return torch.relu(functional.batch_norm(x, *normalization, eps=0.001))

    def chain(x, *names):
        for name in names:
            x = conv(x, name)
        return x

    def average(x):
        return functional.avg_pool2d(x, 3, 1, padding=1, count_include_pad=False)

    def forward(x):
        x = conv(conv(x, "Conv2d_1a_3x3", 2, padded=False), "Conv2d_2a_3x3", padded=False)
        x = functional.max_pool2d(conv(x, "Conv2d_2b_3x3"), 3, 2)
        x = conv(conv(x, "Conv2d_3b_1x1"), "Conv2d_4a_3x3", padded=False)
        x = functional.max_pool2d(x, 3, 2)
        for m in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            branches = [conv(x, f"{m}.branch1x1"), chain(x, f"{m}.branch5x5_1", f"{m}.branch5x5_2")]
            branches += [chain(x, *(f"{m}.branch3x3dbl_{n}" for n in (1, 2, 3))), conv(average(x), f"{m}.branch_pool")]
            x = torch.cat(branches, 1)
        double = chain(x, "Mixed_6a.branch3x3dbl_1", "Mixed_6a.branch3x3dbl_2")
        double = conv(double, "Mixed_6a.branch3x3dbl_3", 2, padded=False)
        x = torch.cat([conv(x, "Mixed_6a.branch3x3", 2, padded=False), double, functional.max_pool2d(x, 3, 2)], 1)
        for m in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            branches = [conv(x, f"{m}.branch1x1"), chain(x, *(f"{m}.branch7x7_{n}" for n in range(1, 4)))]
            branches += [chain(x, *(f"{m}.branch7x7dbl_{n}" for n in range(1, 6))), conv(average(x), f"{m}.branch_pool")]
            x = torch.cat(branches, 1)
        three = conv(conv(x, "Mixed_7a.branch3x3_1"), "Mixed_7a.branch3x3_2", 2, padded=False)
        seven = chain(x, *(f"Mixed_7a.branch7x7x3_{n}" for n in (1, 2, 3)))
        x = torch.cat([three, conv(seven, "Mixed_7a.branch7x7x3_4", 2, padded=False), functional.max_pool2d(x, 3, 2)], 1)
        for m in ("Mixed_7b", "Mixed_7c"):
            three = conv(x, f"{m}.branch3x3_1")
            double = chain(x, f"{m}.branch3x3dbl_1", f"{m}.branch3x3dbl_2")
            pooled = average(x) if m == "Mixed_7b" else functional.max_pool2d(x, 3, 1, padding=1)
            branches = [conv(x, f"{m}.branch1x1"), conv(three, f"{m}.branch3x3_2a"), conv(three, f"{m}.branch3x3_2b")]
            branches += [conv(double, f"{m}.branch3x3dbl_3a"), conv(double, f"{m}.branch3x3dbl_3b")]
            branches += [conv(pooled, f"{m}.branch_pool")]
            x = torch.cat(branches, 1)
        return x.mean((2, 3))

    return forward


@pytest.fixture
def mean_colors(monkeypatch):
    """Replaces the network by the mean colors of its inputs."""
    monkeypatch.setattr(module, "_network", lambda: lambda images: images.mean(axis=(1, 2)))


def test_patches_are_adjacent_from_the_top_left(mean_colors):
    tiles = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    image = np.pad(np.kron(tiles, np.ones([20, 20, 1], np.uint8)), [(0, 19), (0, 7), (0, 0)], constant_values=255)
    np.testing.assert_array_equal(inception_features(image, 20), tiles.reshape(6, 3))
    many = np.pad(np.full([100, 400, 3], 9, np.uint8), [(0, 3), (0, 3), (0, 0)])
    np.testing.assert_array_equal(inception_features(many, 20), np.full([100, 3], 9))


def test_a_whole_image_is_one_patch(mean_colors, ramp):
    image = ramp(30, 50)[1]
    np.testing.assert_allclose(inception_features(image), [image.mean(axis=(0, 1))], rtol=1e-5)
    np.testing.assert_array_equal(inception_features(image / 255), inception_features(image))


def test_invalid_images_raise(mean_colors, ramp):
    with pytest.raises(ValueError, match="must hold a patch of 64×64 pixels. Received: 100×60"):
        inception_features(ramp(60, 100)[0], 64)
    with pytest.raises(ValueError, match="The image must be finite. Received: NaN"):
        inception_features(np.full([60, 60, 3], np.nan))


def test_missing_weights_raise(tmp_path, monkeypatch, ramp):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    module._network.cache_clear()
    with pytest.raises(MetricUnavailable, match="pt_inception-2015-12-05-6726825d.pth are not in"):
        inception_features(ramp(32, 32)[0])


def test_published_value_of_iqa_pytorch(iqa_pytorch):
    # Its mode legacy_pytorch, of five images against five.
    module._network.cache_clear()
    try:
        pairs = [[inception_features(image) for image in iqa_pytorch(name)] for name in ("I03", "I04", "I06", "I08", "I19")]
    except MetricUnavailable as error:
        pytest.skip(str(error))
    assert fid(*map(np.concatenate, zip(*pairs))) == pytest.approx(225.3678, abs=0.01)
