"""Augmentation of pairs."""

import numpy as np
import pytest
import tensorflow as tf

from icdpm_datasets.augment import center_crop, random_crop, random_dihedral


def coded(height, width):
    """Returns an image whose pixels encode their position (row, column, 0), and its partner (row, column, 1)."""
    rows, columns = np.mgrid[:height, :width]
    first = np.stack([rows, columns, np.zeros_like(rows)], axis=-1).astype(np.uint8)
    return first, first + np.uint8([0, 0, 1])


def bits(*values):
    return tf.constant(values, tf.int64)


def test_random_crops_reach_every_corner_and_stay_inside():
    blurry, sharp = coded(7, 9)
    corners = set()
    for y in range(11):
        for x in range(11):
            a, b = (image.numpy() for image in random_crop(blurry, sharp, 5, bits(y, x)))
            top, left = a[0, 0, :2]
            corners.add((int(top), int(left)))
            np.testing.assert_array_equal(a, blurry[top : top + 5, left : left + 5])
            np.testing.assert_array_equal(b, sharp[top : top + 5, left : left + 5])
    assert corners == {(y, x) for y in range(3) for x in range(5)}


def test_a_crop_of_the_whole_image():
    blurry, sharp = coded(6, 6)
    np.testing.assert_array_equal(random_crop(blurry, sharp, 6, bits(123456, 99))[0], blurry)


@pytest.mark.parametrize("shape, corner", [((9, 12), (2, 3)), ((10, 13), (2, 4)), ((5, 5), (0, 0))])
def test_the_center_crop(shape, corner):
    blurry, sharp = coded(*shape)
    a, b = center_crop(blurry, sharp, 5)
    y, x = corner
    np.testing.assert_array_equal(a, blurry[y : y + 5, x : x + 5])
    np.testing.assert_array_equal(b, sharp[y : y + 5, x : x + 5])


def test_both_images_get_the_same_symmetry_of_the_square():
    blurry, sharp = coded(6, 6)
    square = [np.rot90(image, k) for image in (blurry, blurry[:, ::-1]) for k in range(4)]
    seen = set()
    for number in range(8):
        a, b = random_dihedral(blurry, sharp, bits(8 * 1234567 + number)[0])
        np.testing.assert_array_equal(b.numpy() - a.numpy(), sharp - blurry)
        (which,) = [k for k, turned in enumerate(square) if (turned == a.numpy()).all()]
        seen.add(which)
    assert seen == set(range(8))
