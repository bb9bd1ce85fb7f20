"""Before | after."""

import numpy as np
import pytest

from icdpm.batch.comparison import before_and_after
from icdpm.images.photo import Photo


@pytest.mark.parametrize("shape, dtype", [((6, 400, 3), np.uint8), ((6, 400), np.uint16), ((1, 1, 3), np.uint8)])
@pytest.mark.parametrize("transparent", [False, True])
def test_both_stand_side_by_side(shape, dtype, transparent):
    most, width = np.iinfo(dtype).max, shape[1]
    alpha = np.full(shape[:2], 7, dtype) if transparent else None
    photo = Photo(np.full(shape, 10, dtype), alpha, exif=b"Exif\0\0", icc_profile=b"profile")
    made = before_and_after(photo, np.full(shape, 20, dtype))
    line = max(1, width // 200)
    assert made.pixels.dtype == dtype and made.pixels.shape[:2] == (shape[0], 2 * width + line)
    assert (made.pixels[:, :width] == 10).all() and (made.pixels[:, width + line :] == 20).all()
    assert (made.pixels[:, width : width + line] == most).all()
    if transparent:
        assert (made.alpha[:, width : width + line] == most).all() and (made.alpha[:, :width] == 7).all()
    else:
        assert made.alpha is None
    # The profile says what the colours mean; the EXIF tells of another picture.
    assert (made.icc_profile, made.exif) == (b"profile", b"")
