"""LPIPS against its authors' code and published values."""

import numpy as np
import pytest

from icdpm.metrics import lpips
from icdpm.metrics.lpips import lpips_alex, lpips_vgg
from icdpm.metrics.weights import ALEXNET, LPIPS_ALEX, LPIPS_VGG, VGG16, MetricUnavailable
from icdpm.torch_file import read_tensors

WIDTHS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}
SMALLEST = {"alex": 31, "vgg": 16}
# PerceptualSimilarity's own LPIPS 0.1, in float64, with the random weights of these tests.
PINNED = {"alex": 0.05742306753137438, "vgg": 0.06386342131597718}


@pytest.fixture(scope="module", autouse=True)
def networks_are_released():
    yield
    lpips._distance.cache_clear()


@pytest.fixture(params=["alex", "vgg"])
def random_lpips(request, monkeypatch, alexnet_tensors, vgg16_tensors, linear_tensors):
    """Returns the name of the network, its weights, the linear layers, and LPIPS with these random weights."""
    name = request.param
    function, tensors, files = {
        "alex": (lpips_alex, alexnet_tensors, (ALEXNET, LPIPS_ALEX)),
        "vgg": (lpips_vgg, vgg16_tensors, (VGG16, LPIPS_VGG)),
    }[name]
    linear = linear_tensors(*WIDTHS[name])
    stored = {(files[0], "features."): tensors, (files[1], ""): linear}
    monkeypatch.setattr(lpips, "load_weights", lambda file, prefix="": stored[file, prefix])
    return name, tensors, linear, function


def test_pinned_value(random_lpips, ramp):
    name, _, _, distance = random_lpips
    assert distance(*ramp(72, 90)) == pytest.approx(PINNED[name], rel=1e-5)


def test_is_symmetric_and_zero_for_equal_images(random_lpips, ramp):
    *_, distance = random_lpips
    noisy, sharp = ramp(40, 33)
    assert distance(noisy, sharp) == pytest.approx(distance(sharp, noisy), rel=1e-6)
    # Both images are in one batch, whose parts a CPU may round differently.
    assert distance(sharp, sharp) == pytest.approx(0, abs=1e-9)


def test_equals_pytorch(random_lpips, ramp):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which `pip install .[bench]` brings")
    name, tensors, linear, distance = random_lpips
    pools = {"alex": {2: (3, 2), 5: (3, 2)}, "vgg": dict.fromkeys((4, 9, 16, 23), (2, 2))}[name]
    ends = {"alex": (0, 3, 6, 8, 10), "vgg": (2, 7, 14, 21, 28)}[name]
    conv = {0: (4, 2), 3: (1, 2)} if name == "alex" else {}

    def features(x):
        for place in range(31):
            if place in pools:
                x = torch.nn.functional.max_pool2d(x, *pools[place])
            if f"features.{place}.weight" in tensors:
                weight, bias = (torch.from_numpy(tensors[f"features.{place}.{part}"]) for part in ("weight", "bias"))
                x = torch.relu(torch.nn.functional.conv2d(x, weight, bias, *conv.get(place, (1, 1))))
                if place in ends:
                    yield x / (torch.sqrt(torch.sum(x**2, dim=1, keepdim=True)) + 1e-10)

    def prepared(image):
        scaled = torch.from_numpy(image).permute(2, 0, 1)[None] / 127.5 - 1
        shift, scale = (torch.tensor(values)[:, None, None] for values in ((-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)))
        return (scaled - shift) / scale

    pair = ramp(65, 98)
    total = 0
    for n, (one, other) in enumerate(zip(*(features(prepared(image)) for image in pair))):
        weighted = torch.nn.functional.conv2d((one - other) ** 2, torch.from_numpy(linear[f"lin{n}.model.1.weight"]))
        total += weighted.mean()
    assert distance(*pair) == pytest.approx(float(total), rel=1e-5)


@pytest.mark.parametrize("function, smallest", [(lpips_alex, 31), (lpips_vgg, 16)])
def test_invalid_images_and_missing_weights_raise(function, smallest, ramp, tmp_path, monkeypatch):
    monkeypatch.setenv("ICDPM_CACHE", str(tmp_path))
    lpips._distance.cache_clear()
    with pytest.raises(ValueError, match=f"images of at least {smallest}×{smallest} pixels. Received: 50×{smallest - 1}"):
        function(*ramp(smallest - 1, 50))
    with pytest.raises(ValueError, match="must have the same size"):
        function(ramp(50, 50)[0], ramp(50, 51)[1])
    with pytest.raises(MetricUnavailable, match=f"are not in {tmp_path}"):
        function(*ramp(50, 50))


def test_the_smallest_images_have_a_distance(random_lpips, ramp):
    name, *_, distance = random_lpips
    assert np.isfinite(distance(*ramp(SMALLEST[name], SMALLEST[name])))


@pytest.mark.parametrize(
    "name, published", [("I03", 0.7237), ("I04", 0.2572), ("I06", 0.0508), ("I08", 0.0521), ("I19", 0.4253)]
)
def test_published_values_of_iqa_pytorch(iqa_pytorch, name, published):
    lpips._distance.cache_clear()
    try:
        assert lpips_alex(*iqa_pytorch(name)) == pytest.approx(published, abs=2e-4)
    except MetricUnavailable as error:
        pytest.skip(str(error))


def test_reads_the_published_linear_layers(parity_folder):
    for net, widths in (("alex", [64, 192, 384, 256, 256]), ("vgg", [64, 128, 256, 512, 512])):
        tensors = read_tensors(parity_folder / f"lpips/v0.1/{net}.pth")
        assert [array.shape for array in tensors.values()] == [(1, width, 1, 1) for width in widths]
        assert min(array.min() for array in tensors.values()) >= 0


def test_tensor_float_32_is_disabled_and_restored():
    import tensorflow as tf

    from icdpm.metrics.networks import full_precision

    enabled = tf.config.experimental.tensor_float_32_execution_enabled
    assert enabled()
    with pytest.raises(RuntimeError, match="within"), full_precision():
        assert not enabled()
        raise RuntimeError("within")
    assert enabled()
