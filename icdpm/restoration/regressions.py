"""What the guidance networks make of a picture, as pictures."""

from icdpm.restoration.values import to_levels


def to_regression(values, k, image):
    """The regression output of a scale as a picture.

    Args:
      values: the output, float32 [height, width, 1 or 3] in [−1, 1], perhaps with what the picture was padded by.
      k: the output is at 1/2^k of the picture's size.
      image: the picture.

    Returns:
      [height/2^k, width/2^k] gray or [..., 3], both rounded up, of the picture's dtype.
    """
    height, width = (-(-side // 2**k) for side in image.shape[:2])
    values = values[:height, :width]
    return to_levels(values[..., 0] if values.shape[-1] == 1 else values, image.dtype)
