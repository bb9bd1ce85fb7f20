"""Outlines of things: blobs, polygons and ellipses of a given size, as point lists that Pillow fills."""

import numpy as np


def outline(rng: np.random.Generator, x: float, y: float, radius: float) -> list[float]:
    """A closed outline around (x, y), flat [x0, y0, x1, y1, …]: an ellipse, a polygon with corners, or a smooth blob.

    Its points are at most about 1.3 `radius` from the centre; elongation and orientation are random.
    """
    kind = rng.integers(4)
    if kind <= 1:  # a disc or an ellipse
        corners = max(10, int(radius))
        angles, radii = np.linspace(0, 2 * np.pi, corners, endpoint=False), np.ones(corners)
    elif kind == 2:  # three to seven corners
        corners = int(rng.integers(3, 8))
        angles = (np.arange(corners) + rng.uniform(-0.3, 0.3, corners)) * 2 * np.pi / corners
        radii = rng.uniform(0.75, 1.25, corners)
    else:  # a smooth closed curve with a few lobes
        corners = max(14, int(radius))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
        lobes, phase = rng.uniform(-0.16, 0.16, 3), rng.uniform(0, 2 * np.pi, 3)
        radii = 1 + sum(lobes[k] * np.sin((k + 2) * angles + phase[k]) for k in range(3))
    aspect, turn = rng.uniform(0.4, 1.0), rng.uniform(0, 2 * np.pi)
    u, v = radius * radii * np.cos(angles), aspect * radius * radii * np.sin(angles)
    points = np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], axis=-1)
    return points.ravel().tolist()
