"""Tests of icdpm.batch.extra_outputs."""

import io

import numpy as np
import PIL.Image
import pytest

from icdpm.batch.extra_outputs import encode_array, encode_spread, make_comparison
from icdpm.images.formats import Image
from icdpm.images.metadata import INCH, Density, Metadata


@pytest.mark.parametrize("value, white", [(0.0, 1), (0.7, 1), (4.5, 5), (32.0, 32)])
@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3)])
def test_spread_image_states_the_value_of_white(value, white, shape):
    content, scale = encode_spread(np.full(shape, value, np.float32))
    steps = "1 8-bit step" if white == 1 else f"{white} 8-bit steps"
    assert scale == f"white is a standard deviation of {steps} or more"
    with PIL.Image.open(io.BytesIO(content)) as image:
        assert scale in image.text["Description"]
        assert (image.mode, image.size) == ("L", (6, 4))
        np.testing.assert_array_equal(np.asarray(image), round(255 * value / white))


def test_outliers_do_not_darken_the_spread_image():
    spread = np.full((100, 100), 3.0, np.float32)
    spread[0, :40], spread[50:] = 90.0, 1.5
    content, scale = encode_spread(spread)
    assert "of 3 8-bit steps" in scale
    shown = np.asarray(PIL.Image.open(io.BytesIO(content)))
    assert shown[0, 0] == shown[1, 1] == 255 and shown[60, 0] == 128


def test_encoded_array_owns_its_bytes():
    """A view of a freed buffer crashes some Python versions."""
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    content = encode_array(array)
    assert isinstance(content, bytes)
    np.testing.assert_array_equal(np.load(io.BytesIO(content)), array)


@pytest.mark.parametrize("shape, dtype", [((6, 400, 3), np.uint8), ((6, 400), np.uint16), ((1, 1, 3), np.uint8)])
@pytest.mark.parametrize("transparent", [False, True])
def test_comparison_joins_input_and_result(shape, dtype, transparent):
    most, width = np.iinfo(dtype).max, shape[1]
    alpha = np.full(shape[:2], 7, dtype) if transparent else None
    image = Image(np.full(shape, 10, dtype), alpha, exif=b"Exif\0\0", icc_profile=b"profile")
    made = make_comparison(image, np.full(shape, 20, dtype))
    line = max(1, width // 200)
    assert made.pixels.dtype == dtype and made.pixels.shape[:2] == (shape[0], 2 * width + line)
    assert (made.pixels[:, :width] == 10).all() and (made.pixels[:, width + line :] == 20).all()
    assert (made.pixels[:, width : width + line] == most).all()
    if transparent:
        assert (made.alpha[:, width : width + line] == most).all() and (made.alpha[:, :width] == 7).all()
    else:
        assert made.alpha is None
    # The profile applies to both halves; the EXIF data do not.
    assert (made.icc_profile, made.exif) == (b"profile", b"")


def test_comparison_keeps_only_what_its_colors_need():
    colors = ((b"gAMA", bytes([0, 1, 134, 160])),)
    metadata = Metadata(xmp=b"<x/>", comments=(b"note",), density=Density(300, 300, INCH), colors=colors)
    image = Image(np.zeros((4, 5, 3), np.uint8), icc_profile=b"profile", metadata=metadata)
    compared = make_comparison(image, image.pixels)
    assert compared.metadata == Metadata(colors=colors) and compared.icc_profile == b"profile"
