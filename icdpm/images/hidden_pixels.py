"""Colors that transparency hides: filled from visible neighbors for the network, and put back afterwards."""

from __future__ import annotations

import numpy as np

_ROWS_AT_ONCE = 64  # even


def fill_hidden(pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Replaces the colors of invisible pixels by those of visible neighbors, so that they do not affect visible pixels.

    An invisible pixel takes the mean of the visible ones in the smallest square around it, of 2, 4, 8, … pixels, that has any.

    Args:
      pixels: uint8 or uint16 [height, width] or [height, width, channels].
      alpha: opacity, [height, width]; invisible pixels have 0. `None`: all are visible.

    Returns:
      An image of the shape and dtype of `pixels`; `pixels` themselves if all or none of them are visible.
    """
    visible = None if alpha is None else alpha > 0
    if visible is None or visible.all() or not visible.any():
        return pixels
    filled = pixels.reshape(*pixels.shape[:2], -1).copy()
    means = _mean_colors(*_sum_squares(filled, visible))
    for top in range(0, len(filled), _ROWS_AT_ONCE):  # to save memory
        rows = slice(top, top + _ROWS_AT_ONCE)
        part, hidden = filled[rows], ~visible[rows]
        near = means[top // 2 : (top + _ROWS_AT_ONCE) // 2].repeat(2, axis=0).repeat(2, axis=1)
        part[hidden] = np.round(near[: len(part), : part.shape[1]][hidden])
    return filled.reshape(pixels.shape)


def restore_hidden(restored: np.ndarray, pixels: np.ndarray, alpha: np.ndarray | None) -> np.ndarray:
    """Returns a restored image with the colors of `pixels` where `alpha` is 0. Args as in `fill_hidden`."""
    if alpha is None or alpha.all():
        return restored
    restored = restored.copy()
    restored[alpha == 0] = pixels[alpha == 0]
    return restored


def _sum_squares(pixels, visible):
    """Sums visible pixels over squares of 2 × 2. Returns (sums [rows, columns, channels], counts [rows, columns, 1])."""
    height, width = visible.shape
    shape = -(-height // 2), -(-width // 2)
    sums, counts = np.zeros((*shape, pixels.shape[-1]), np.float64), np.zeros((*shape, 1), np.float64)
    for top in range(2):
        for left in range(2):
            part, mask = pixels[top::2, left::2], visible[top::2, left::2, None]
            rows, columns = mask.shape[:2]
            sums[:rows, :columns] += np.where(mask, part, 0)
            counts[:rows, :columns] += mask
    return sums, counts


def _mean_colors(sums, counts):
    """Returns the mean color of each square, or of the smallest larger square if it has no visible pixel."""
    empty = counts[..., 0] == 0
    means = sums / np.maximum(counts, 1)
    if empty.any():
        every = np.ones(empty.shape, bool)
        larger = _mean_colors(_sum_squares(sums, every)[0], _sum_squares(counts, every)[0])
        rows, columns = np.nonzero(empty)
        means[rows, columns] = larger[rows // 2, columns // 2]
    return means
