"""The name of a pair, from how its pictures are named in the published data sets and in folders of results.

A pair has one name, however its files are called: GOPR0384_11_00/000001, of GoPro, is also GOPR0384_11_00/sharp/000001 and
GOPR0384_11_00-000001. `icdpm_datasets.published.sets` has the names of each set. Any other picture's name is its path without
the suffix.
"""

import re

from icdpm_datasets.published.sets import PUBLISHED

_PATTERNS = [(re.compile(rf"(?:^|(?<=/)){forms}$"), name) for forms, name in (each.pair_names for each in PUBLISHED)]


def pair_name(path):
    """The name of the pair that a picture belongs to.

    Args:
      path: of the picture, relative to its side's folder, with slashes and without suffix; or a published name.
    """
    for pattern, name in _PATTERNS:
        path, found = pattern.subn(name, path)
        if found:
            break
    return path
