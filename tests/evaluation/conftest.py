"""Fixtures: folders of small images."""

import numpy as np
import PIL.Image
import pytest


@pytest.fixture(scope="session")
def noise():
    """Function (seed, height, width) that makes a noise image, uint8 [height, width, 3]."""

    def make(seed, height=40, width=48):
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def write(tmp_path):
    """Function (folder, {path: pixels}) that writes images and returns the folder."""

    def write(folder, images):
        for name, pixels in images.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(pixels).save(path)
        return tmp_path / folder

    return write
