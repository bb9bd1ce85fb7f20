import math
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from icdpm.metrics.psnr import psnr

PARITY = os.environ.get("ICDPM_PARITY_DATA")


def plain(value, dtype=np.uint8):
    return np.full([32, 32, 3], value, dtype)


def test_published_value_of_a_plain_picture():
    # mmagic, tests/test_evaluation/test_metrics/test_psnr.py
    assert psnr(plain(2), plain(1)) == pytest.approx(48.1308036, abs=1e-7)


def test_equal_pictures_are_infinitely_close():
    assert psnr(plain(7), plain(7)) == math.inf


def test_uint8_differences_do_not_wrap_around():
    assert psnr(plain(0), plain(255)) == psnr(plain(255), plain(0)) == 0


def test_floats_are_rounded_to_uint8_first():
    assert psnr(plain(2.4 / 255, np.float32), plain(0.6 / 255, np.float64)) == psnr(plain(2), plain(1))


@pytest.mark.parametrize(
    "restored, message",
    [
        (np.zeros([32, 31, 3], np.uint8), "differ in size: the restored one is 31×32, the sharp one 32×32"),
        (np.zeros([32, 32], np.uint8), "restored picture is not RGB"),
        (np.zeros([32, 32, 4], np.uint8), "restored picture is not RGB"),
        (np.zeros([1, 32, 32, 3], np.uint8), "restored picture is not RGB"),
        (np.zeros([0, 32, 3], np.uint8), "restored picture is not RGB"),
        (plain(1, np.int64), "neither uint8 nor float: its type is int64"),
        (plain(np.nan, np.float32), "restored picture holds values that are NaN"),
        (plain(-1, np.float32), r"not in \[0, 1\]: it reaches from -1 to -1"),
        (plain(200, np.float32), r"not in \[0, 1\]: it reaches from 200 to 200"),
    ],
)
def test_what_cannot_be_compared_is_refused(restored, message):
    with pytest.raises(ValueError, match=message):
        psnr(restored, plain(1))


@pytest.mark.skipif(not PARITY, reason="set ICDPM_PARITY_DATA to IQA-PyTorch's folder with ref_dir and dist_dir")
@pytest.mark.parametrize(
    "name, published", [("I03", 21.11), ("I04", 20.99), ("I06", 27.01), ("I08", 23.30), ("I19", 21.62)]
)
def test_published_values_of_iqa_pytorch(name, published):
    restored, sharp = (
        np.asarray(Image.open(Path(PARITY) / folder / f"{name}.bmp").convert("RGB"))
        for folder in ("dist_dir", "ref_dir")
    )
    assert psnr(restored, sharp) == pytest.approx(published, abs=0.005)
