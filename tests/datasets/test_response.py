"""Camera responses."""

import numpy as np
import pytest

from icdpm_datasets.response import RESPONSES


@pytest.mark.parametrize("response", RESPONSES)
def test_responses_are_exactly_undone(response):
    levels = np.arange(256, dtype=np.uint8)
    np.testing.assert_array_equal(RESPONSES[response].encode(RESPONSES[response].decode(levels)), levels)
