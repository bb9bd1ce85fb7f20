"""Folders of small pictures."""

import numpy as np
import PIL.Image
import pytest


@pytest.fixture(scope="session")
def noise():
    """Makes a uint8 picture [height, width, 3] of noise."""

    def make(seed, height=40, width=48):
        return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)

    return make


@pytest.fixture
def write(tmp_path):
    """Writes pictures below a folder of their own: {path: pixels}. Returns the folder."""

    def write(folder, pictures):
        for name, pixels in pictures.items():
            path = tmp_path / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            PIL.Image.fromarray(pixels).save(path)
        return tmp_path / folder

    return write
