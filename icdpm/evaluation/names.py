"""The name of a pair, from how its pictures are named in the published data sets and in folders of results.

A pair has one name, however its files are called:

  GoPro     GOPR0384_11_00/000001   GOPR0384_11_00/sharp/000001, GOPR0384_11_00-000001, GOPR0384_11_00_000001
  HIDE      1fromGOPR0950           test/test-close-ups/1fromGOPR0950, 1fromGOPR0950
  RealBlur  scene050/blur_1         scene050/gt/gt_1, scene050/blur/blur_1, scene050_blur_1, scene050-1
  REDS      000/00000009            000/00000009, 000_00000009, 000-00000009

These are the names of `icdpm_datasets`. Any other picture's name is its path without the suffix.
"""

import re

_PUBLISHED = (
    (r"(GOPR\d{4}_\d{2}_\d{2})[-_/](?:(?:blur|blur_gamma|sharp)[-_/])?(\d{6})", r"\1/\2"),
    (r"(?:test[-_/])?test-(?:close-ups|long-shot)[-_/]([^/]+)", r"\1"),
    # One scene's folder is called scene244_reflect; the official evaluation finds it by scene244 too.
    (r"(scene\d{3})(?:_reflect)?[-_/](?:(?:blur|gt)[-_/])?(?:(?:blur|gt)_)?(\d+)", r"\1/blur_\2"),
    (r"(\d{3})[-_/](\d{8})", r"\1/\2"),
)
_PATTERNS = [(re.compile(rf"(?:^|(?<=/)){pattern}$"), name) for pattern, name in _PUBLISHED]


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
