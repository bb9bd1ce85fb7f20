"""Test images, the folder of published values if there is one, and random weights in the shapes of the published ones."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

PARITY = os.environ.get("ICDPM_PARITY_DATA")


@pytest.fixture(scope="session")
def ramp():
    """Returns a function that makes a noisy and a sharp image; rows, columns and channels of the sharp one differ."""

    def pair(height, width):
        y, x, channel = np.mgrid[:height, :width, :3]
        sharp = (5 * x + 3 * y + 40 * channel) % 256
        noisy = np.clip(sharp + (7 * x * y + 11 * channel) % 41 - 20, 0, 255)
        return noisy.astype(np.uint8), sharp.astype(np.uint8)

    return pair


@pytest.fixture(scope="session")
def parity_folder():
    """Returns the folder of the images for which values are published."""
    if not PARITY:
        pytest.skip("set ICDPM_PARITY_DATA to the folder with parity/ (images of published values), niqe/ and lpips/")
    return Path(PARITY)


@pytest.fixture
def parity(parity_folder):
    """Returns a function that reads one of those images as RGB."""
    return lambda name: np.asarray(Image.open(parity_folder / "parity" / name).convert("RGB"))


@pytest.fixture
def iqa_pytorch(parity):
    """Returns a function that reads one of IQA-PyTorch's calibration pairs: [distorted, reference]."""
    return lambda name: [parity(f"iqa_pytorch/{folder}/{name}.bmp") for folder in ("dist_dir", "ref_dir")]


@pytest.fixture(scope="session")
def alexnet_tensors():
    sizes = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    return _random(_convolutions(sizes))


@pytest.fixture(scope="session")
def vgg16_tensors():
    places = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)
    widths = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
    return _random(_convolutions({n: (outs, ins, 3) for n, ins, outs in zip(places, widths, widths[1:])}))


@pytest.fixture(scope="session")
def linear_tensors():
    """Returns a function that makes LPIPS' linear layers for features of these widths."""
    return lambda *widths: _random({f"lin{n}.model.1.weight": (1, width, 1, 1) for n, width in enumerate(widths)})


@pytest.fixture(scope="session")
def inception_tensors():
    shapes = {}
    for name, (ins, outs, height, width) in _inception_layers().items():
        shapes[f"{name}.conv.weight"] = (outs, ins, height, width)
        shapes |= {f"{name}.bn.{part}": (outs,) for part in ("weight", "bias", "running_mean", "running_var")}
    return _random(shapes)


def _random(shapes):
    """Returns weights that keep activations of order 1, the same on every machine."""
    rng = np.random.RandomState(0)
    tensors = {}
    for name, shape in shapes.items():
        if len(shape) == 4 and shape[0] > 1:
            high = np.sqrt(6 / np.prod(shape[1:]))
            low = -high
        else:  # variances, scales and LPIPS' linear layers are positive
            low, high = (-0.2, 0.2) if name.endswith(("bias", "mean")) else (0.5, 1.5)
        tensors[name] = rng.uniform(low, high, shape).astype(np.float32)
    return tensors


def _convolutions(sizes):
    """Returns shapes by torchvision's names, of {place: (out, in, side)}."""
    shapes = {}
    for n, (outs, ins, side) in sizes.items():
        shapes |= {f"features.{n}.weight": (outs, ins, side, side), f"features.{n}.bias": (outs,)}
    return shapes


def _inception_layers():
    """Returns {name: (in, out, height, width)} of every convolution of Inception v3."""
    layers = {
        "Conv2d_1a_3x3": (3, 32, 3, 3),
        "Conv2d_2a_3x3": (32, 32, 3, 3),
        "Conv2d_2b_3x3": (32, 64, 3, 3),
        "Conv2d_3b_1x1": (64, 80, 1, 1),
        "Conv2d_4a_3x3": (80, 192, 3, 3),
    }

    def add(block, **branches):
        layers.update({f"Mixed_{block}.{name}": size for name, size in branches.items()})

    for block, n, pool in (("5b", 192, 32), ("5c", 256, 64), ("5d", 288, 64)):
        add(block, branch1x1=(n, 64, 1, 1), branch5x5_1=(n, 48, 1, 1), branch5x5_2=(48, 64, 5, 5))
        add(block, branch3x3dbl_1=(n, 64, 1, 1), branch3x3dbl_2=(64, 96, 3, 3), branch3x3dbl_3=(96, 96, 3, 3))
        add(block, branch_pool=(n, pool, 1, 1))
    add("6a", branch3x3=(288, 384, 3, 3))
    add("6a", branch3x3dbl_1=(288, 64, 1, 1), branch3x3dbl_2=(64, 96, 3, 3), branch3x3dbl_3=(96, 96, 3, 3))
    for block, c in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        add(block, branch1x1=(768, 192, 1, 1))
        add(block, branch7x7_1=(768, c, 1, 1), branch7x7_2=(c, c, 1, 7), branch7x7_3=(c, 192, 7, 1))
        add(block, branch7x7dbl_1=(768, c, 1, 1), branch7x7dbl_2=(c, c, 7, 1), branch7x7dbl_3=(c, c, 1, 7))
        add(block, branch7x7dbl_4=(c, c, 7, 1), branch7x7dbl_5=(c, 192, 1, 7), branch_pool=(768, 192, 1, 1))
    add("7a", branch3x3_1=(768, 192, 1, 1), branch3x3_2=(192, 320, 3, 3), branch7x7x3_1=(768, 192, 1, 1))
    add("7a", branch7x7x3_2=(192, 192, 1, 7), branch7x7x3_3=(192, 192, 7, 1), branch7x7x3_4=(192, 192, 3, 3))
    for block, n in (("7b", 1280), ("7c", 2048)):
        add(block, branch1x1=(n, 320, 1, 1), branch3x3_1=(n, 384, 1, 1), branch_pool=(n, 192, 1, 1))
        add(block, branch3x3_2a=(384, 384, 1, 3), branch3x3_2b=(384, 384, 3, 1))
        add(block, branch3x3dbl_1=(n, 448, 1, 1), branch3x3dbl_2=(448, 384, 3, 3))
        add(block, branch3x3dbl_3a=(384, 384, 1, 3), branch3x3dbl_3b=(384, 384, 3, 1))
    return layers
