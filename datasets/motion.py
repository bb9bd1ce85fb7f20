"""Random motion of a hand-held camera, or of an object in front of it, during one exposure.

The path is that of a particle with inertia, in the manner of Boracchi and Foi, "Modeling the Performance of Image Restoration
from Motion Blur", IEEE TIP 2012: random acceleration, a pull back to the start (corrections by the hand), and sudden jerks.
Samples are evenly spaced in time, so that slow parts of the path collect more light than fast ones.
"""

from __future__ import annotations

import math

import numpy as np

_KERNEL_SAMPLES = 160  # at most about a third of a pixel apart at the longest extents, so kernels have no holes
_JERKS_PER_EXPOSURE = 1.2  # expected number at anxiety 1


def motion_path(rng: np.random.Generator, extent: float, samples: int, anxiety: float) -> np.ndarray:
    """Returns a random path.

    Args:
      rng: source of randomness.
      extent: largest distance between two positions in pixels; 0 is no motion.
      samples: number of positions, evenly spaced in time; at least 2.
      anxiety: 0 (a steady sweep with constant acceleration, such as a passing car) to 1 (a trembling hand).

    Returns:
      Positions (dy, dx) in pixels, float64 [samples, 2], with mean zero.
    """
    noise = rng.normal(size=samples) + 1j * rng.normal(size=samples)
    jerks = rng.random(samples) < anxiety * _JERKS_PER_EXPOSURE / samples
    directions = np.exp(2j * np.pi * rng.random(samples))
    acceleration = rng.uniform(-0.8, 0.8) / samples
    heading = np.exp(2j * np.pi * rng.random())
    velocity, position = heading, 0j
    path = np.empty(samples, np.complex128)
    shiver, pull = 2.5 * anxiety / math.sqrt(samples), 6.0 * anxiety / samples**2
    for k in range(samples):
        path[k] = position
        velocity += acceleration * heading + shiver * noise[k] - pull * position
        if jerks[k]:
            velocity += 2.0 * abs(velocity) * directions[k]
        position += velocity
    path -= path.mean()
    diameter = np.abs(path[:, None] - path[None, :]).max()
    path *= extent / diameter
    return np.stack([path.imag, path.real], axis=-1)


def rasterize(path: np.ndarray, radius: int) -> np.ndarray:
    """Converts a path to a point-spread function.

    Each position is distributed over its four nearest pixels by bilinear weights, which preserves the centroid exactly.

    Args:
      path: [samples, 2], (dy, dx) in pixels.
      radius: radius of the kernel.

    Returns:
      float32 [2·radius + 1, 2·radius + 1] with sum 1.

    Raises:
      ValueError: the path leaves the kernel.
    """
    if np.abs(path).max(initial=0.0) > radius:
        raise ValueError(f"the path reaches {np.abs(path).max():.1f} px, farther than the kernel's radius of {radius}")
    width = 2 * radius + 1
    corner = np.minimum(np.floor(path), radius - 1).astype(int)
    fy, fx = (path - corner).T
    row, column = (corner + radius).T
    kernel = np.zeros(width * width)
    for dy, wy in ((0, 1 - fy), (1, fy)):
        for dx, wx in ((0, 1 - fx), (1, fx)):
            kernel += np.bincount((row + dy) * width + column + dx, wy * wx, width * width)
    return (kernel / len(path)).reshape(width, width).astype(np.float32)


def kernel_radius(extent: float) -> int:
    """Returns the radius in pixels of a kernel that contains every path of this extent, relative to its centroid."""
    return math.ceil(extent) + 1


def shake_kernel(rng: np.random.Generator, extent: float) -> np.ndarray:
    """Returns a random camera-shake kernel with its centroid in the middle.

    The anxiety is random, so that both straight streaks and tangled paths occur.

    Args:
      rng: source of randomness.
      extent: extent of the path in pixels, 0 (the identity) to about 21.

    Returns:
      float32 [2r+1, 2r+1] with r = `kernel_radius(extent)` and sum 1.
    """
    path = motion_path(rng, extent, _KERNEL_SAMPLES, anxiety=rng.uniform(0.0, 1.0) ** 2)
    return rasterize(path, kernel_radius(extent))
