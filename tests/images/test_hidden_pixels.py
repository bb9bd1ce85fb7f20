"""Tests of icdpm.images.hidden_pixels."""

import numpy as np
import pytest

from icdpm.images.hidden_pixels import fill_hidden, restore_hidden


def disc(height, width):
    rows, columns = np.mgrid[0:height, 0:width]
    return (np.hypot(rows - height / 2, columns - width / 3) < min(height, width) / 3) * np.uint8(200)


@pytest.mark.parametrize("shape", [(150, 131, 3), (33, 64), (1, 40, 3), (64, 1), (200, 70, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_hidden_colors_have_no_effect_and_come_back(shape, dtype):
    random = np.random.default_rng(0)
    most = np.iinfo(dtype).max
    visible, alpha = random.integers(0, most + 1, shape, dtype=dtype), disc(*shape[:2]).astype(dtype)
    alpha[0, 0] = 1  # almost invisible
    variants = []
    for hidden in (0, most, None):
        image = visible.copy()
        image[alpha == 0] = random.integers(0, most + 1, image[alpha == 0].shape) if hidden is None else hidden
        before, filled = image.copy(), fill_hidden(image, alpha)
        np.testing.assert_array_equal(image, before)
        assert filled.dtype == dtype and filled.shape == shape
        variants.append(filled)
        np.testing.assert_array_equal(filled[alpha > 0], visible[alpha > 0])
        back = restore_hidden(filled // 2, image, alpha)
        np.testing.assert_array_equal(back[alpha == 0], image[alpha == 0])
        np.testing.assert_array_equal(back[alpha > 0], visible[alpha > 0] // 2)
    np.testing.assert_array_equal(variants[0], variants[1])
    np.testing.assert_array_equal(variants[0], variants[2])


def test_hidden_pixels_take_the_colors_of_their_neighbors():
    image, alpha = np.zeros((64, 64, 3), np.uint8), np.zeros((64, 64), np.uint8)
    image[:, :20], image[:, 44:] = (200, 10, 10), (10, 10, 200)
    alpha[:, :20] = alpha[:, 44:] = 255
    filled = fill_hidden(image, alpha)
    np.testing.assert_array_equal(filled[:, 20:31], np.broadcast_to((200, 10, 10), (64, 11, 3)))
    np.testing.assert_array_equal(filled[:, 34:], np.broadcast_to((10, 10, 200), (64, 30, 3)))


def test_images_without_hidden_or_without_visible_pixels_are_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (9, 12, 3), dtype=np.uint8)
    for alpha in (None, np.full((9, 12), 1, np.uint8), np.zeros((9, 12), np.uint8)):
        assert fill_hidden(image, alpha) is image
    assert restore_hidden(image, image // 2, None) is image
