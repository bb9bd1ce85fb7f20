"""Blurred and sharp pictures of one scene, made as a camera makes them: light is summed during the exposure.

All sums are over linear light. A scene is drawn larger than the pair by `MARGIN` on every side, so that what moves in
over a border during the exposure is real; a given photo is reflected at its borders instead.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import ndimage, signal

from icdpm.srgb import to_linear, to_srgb
from icdpm_datasets.camera import add_noise, brighten_highlights
from icdpm_datasets.motion import kernel_radius, motion_path, shake_kernel

MAX_EXTENT = 21.0  # px
MARGIN = kernel_radius(MAX_EXTENT)  # px
_SATURATED = 0.3  # fraction of pairs with lights brighter than the sensor can record
_TURNED = 0.3  # fraction of moving backgrounds that also rotate and zoom
_MAX_TURN = 5.0  # px that rotation and zoom move the picture's corners, at most, to either side of the middle instant


def convolve(linear: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves linear light [H, W, 3] with one kernel [k, k]; returns only what needs no border: [H-k+1, W-k+1, 3]."""
    return signal.fftconvolve(linear, kernel[..., None], mode="valid", axes=(0, 1))


def without_border(picture: np.ndarray, border: int) -> np.ndarray:
    """Removes `border` pixels on every side of [H, W, ...]."""
    return picture[border : picture.shape[0] - border, border : picture.shape[1] - border]


def _scene_light(rng: np.random.Generator, *scenes: np.ndarray) -> list[np.ndarray]:
    """Linear light of 8-bit scenes; in a fraction of draws all of them have highlights above 1."""
    lights = [to_linear(scene) for scene in scenes]
    if rng.random() < _SATURATED:
        state = rng.integers(2**63)
        lights = [brighten_highlights(np.random.default_rng(state), light) for light in lights]
    return lights


def _record(rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The two 8-bit pictures of linear light: the exposure with sensor noise, the sharp instant without."""
    return to_srgb(add_noise(rng, exposed)), to_srgb(instant)


def shake_scene(rng: np.random.Generator, scene: np.ndarray, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Camera shake, the same over the whole picture.

    Args:
      rng: source of randomness.
      scene: uint8 [H + 2·MARGIN, W + 2·MARGIN, 3], sharp sRGB.
      extent: of the shake in pixels, 0 (no blur, only noise) to MAX_EXTENT.

    Returns:
      (blurry, sharp), uint8 [H, W, 3], aligned: the kernel's centroid is at zero.
    """
    (light,) = _scene_light(rng, scene)
    kernel = shake_kernel(rng, extent)
    exposed = convolve(without_border(light, MARGIN - kernel.shape[0] // 2), kernel)
    return _record(rng, exposed, without_border(light, MARGIN))


def blur_pair(rng: np.random.Generator, sharp: np.ndarray, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Camera shake for a given sharp photo, uint8 [H, W, 3], of any size; the borders are reflected.

    Returns and raises as `blur_by_kernel`.
    """
    return blur_by_kernel(rng, sharp, shake_kernel(rng, extent))


def blur_by_kernel(rng: np.random.Generator, sharp: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As `blur_window`, for a whole photo, uint8 [H, W, 3], whose borders are reflected.

    Returns (blurry, sharp) of the photo's own size. Raises ValueError where it is smaller than the kernel's border.
    """
    border = kernel.shape[0] // 2
    if min(sharp.shape[:2]) <= border:
        height, width = sharp.shape[:2]
        raise ValueError(f"a photo of {width}×{height} px is too small for a kernel of {kernel.shape[0]} px")
    padded = np.pad(sharp, ((border, border), (border, border), (0, 0)), mode="reflect")
    return blur_window(rng, padded, kernel)


def blur_window(rng: np.random.Generator, window: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A pair from a window of a sharp picture and one kernel.

    Args:
      rng: source of randomness.
      window: uint8 [H + 2r, W + 2r, 3], sharp sRGB.
      kernel: [2r+1, 2r+1] with sum 1, convolved (not flipped).

    Returns (blurry, sharp), uint8 [H, W, 3]. In a fraction of draws the highlights are taken to have been brighter than
    the window records; the sharp picture is then clipped there as well, so it may differ from the input.
    """
    (light,) = _scene_light(rng, window)
    return _record(rng, convolve(light, kernel), without_border(light, kernel.shape[0] // 2))


@dataclasses.dataclass
class Motion:
    """Where a layer is at each of T instants of the exposure, relative to the middle one (which is all zero)."""

    path: np.ndarray  # [T, 2] (dy, dx) in pixels
    angle: np.ndarray  # [T] in radians, about the picture's centre
    zoom: np.ndarray  # [T] relative change of size


def layer_motion(rng: np.random.Generator, extent: float, instants: int, anxiety: float, turn: float = 0.0) -> Motion:
    """A layer's motion along a path of `extent` pixels; `turn` bounds its rotation (radians) and its relative zoom."""
    path = motion_path(rng, extent, instants, anxiety)
    time = np.linspace(-1.0, 1.0, instants)
    angle, zoom = rng.uniform(-turn, turn, 2)
    return Motion(path - path[instants // 2], angle * time, zoom * time)


def _translated(layer: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """The layer's centre (without MARGIN) after the layer has moved by (dy, dx), bilinear, float32 [H, W, C]."""
    height, width = layer.shape[0] - 2 * MARGIN, layer.shape[1] - 2 * MARGIN
    y, x = MARGIN - dy, MARGIN - dx
    row, column = int(np.floor(y)), int(np.floor(x))
    fy, fx = np.float32(y - row), np.float32(x - column)
    if fy == 0 and fx == 0:
        return layer[row : row + height, column : column + width]
    window = layer[row : row + height + 1, column : column + width + 1]
    rows = window[:-1] + fy * (window[1:] - window[:-1])
    return rows[:, :-1] + fx * (rows[:, 1:] - rows[:, :-1])


def _transformed(layer: np.ndarray, dy: float, dx: float, angle: float, zoom: float) -> np.ndarray:
    """As `_translated`, with a rotation and a zoom about the centre before it."""
    height, width = layer.shape[0] - 2 * MARGIN, layer.shape[1] - 2 * MARGIN
    cos, sin = np.cos(angle) / (1 + zoom), np.sin(angle) / (1 + zoom)
    matrix = np.array([[cos, -sin], [sin, cos]])  # from output to input, as ndimage wants it
    middle_out = np.array([(height - 1) / 2, (width - 1) / 2])
    middle_in = np.array([(layer.shape[0] - 1) / 2, (layer.shape[1] - 1) / 2])
    offset = middle_in - matrix @ (middle_out + np.array([dy, dx]))
    planes = [
        ndimage.affine_transform(plane, matrix, offset, (height, width), order=1, mode="nearest")
        for plane in np.moveaxis(layer, -1, 0)
    ]
    return np.stack(planes, axis=-1)


def _at_instant(layer: np.ndarray, motion: Motion, instant: int) -> np.ndarray:
    dy, dx = motion.path[instant]
    angle, zoom = motion.angle[instant], motion.zoom[instant]
    if angle == 0 and zoom == 0:
        return _translated(layer, dy, dx)
    return _transformed(layer, dy, dx, angle, zoom)


def expose_layers(
    background: np.ndarray, objects: list[np.ndarray], motions: list[Motion]
) -> tuple[np.ndarray, np.ndarray]:
    """One exposure of objects that move, each its own way, before a background that moves as the camera does.

    Args:
      background: linear light, float32 [H + 2·MARGIN, W + 2·MARGIN, 3].
      objects: layers from back to front, float32 [.., .., 4]: light times coverage, and coverage in [0, 1].
      motions: of the background, then of each object, all with the same odd number of instants.

    Returns:
      (exposed, instant): the mean of all instants and the middle one, float32 [H, W, 3], as the frames of high-speed
      video are averaged for GoPro (Nah et al., 2017) and REDS (Nah et al., 2019).
    """
    instants = len(motions[0].path)
    total, middle = 0.0, None
    for instant in range(instants):
        frame = _at_instant(background, motions[0], instant)
        for layer, motion in zip(objects, motions[1:]):
            moved = _at_instant(layer, motion, instant)
            frame = moved[..., :3] + (1 - moved[..., 3:]) * frame
        if instant == instants // 2:
            middle = frame
        total = total + frame
    return total / instants, middle


def move_objects(
    rng: np.random.Generator, scene: np.ndarray, objects: list[tuple[np.ndarray, np.ndarray]], extent: float
) -> tuple[np.ndarray, np.ndarray]:
    """Objects moving against a background: the objects move, or the camera follows them, or all move differently.

    Args:
      rng: source of randomness.
      scene: uint8 [H + 2·MARGIN, W + 2·MARGIN, 3], the sharp background.
      objects: (colour, mask) of each object, uint8 [.., .., 3] and [.., ..] of the scene's size; may be empty.
      extent: of the fastest layer's path in pixels, up to MAX_EXTENT.

    Returns:
      (blurry, sharp), uint8 [H, W, 3]; sharp is the middle instant.
    """
    instants = 2 * int(np.clip(np.ceil(extent / 2) + rng.integers(0, 3), 4, 12)) + 1  # 9 to 25, odd
    extents = extent * rng.uniform(0.3, 1.0, 1 + len(objects))
    extents[rng.integers(len(extents))] = extent
    what = rng.random()
    if objects and what < 0.4:  # a camera at rest
        extents[0], extents[-1] = 0.0, extent
    elif objects and what < 0.6:  # a camera that follows the objects
        extents[0], extents[1:] = extent, 0.0
    corner = np.hypot(scene.shape[0] / 2 - MARGIN, scene.shape[1] / 2 - MARGIN)  # px from the centre
    turn = 0.0
    if extents[0] > 0 and rng.random() < _TURNED:
        turn = min(_MAX_TURN, MAX_EXTENT - extents[0]) / (np.sqrt(2) * corner)  # rotation and zoom add at right angles
    anxieties = [rng.uniform(0.0, 0.6), *rng.uniform(0.0, 0.15, len(objects))]
    motions = [
        layer_motion(rng, *arguments, turn=turn if k == 0 else 0.0)
        for k, arguments in enumerate(zip(extents, [instants] * len(extents), anxieties))
    ]
    background, *colours = _scene_light(rng, scene, *(colour for colour, _ in objects))
    coverage = [(mask / np.float32(255))[..., None] for _, mask in objects]
    layers = [np.concatenate([c * a, a], axis=-1) for c, a in zip(colours, coverage)]
    exposed, instant = expose_layers(background, layers, motions)
    return _record(rng, exposed, instant)
