"""Synthetic blur: pairs of a blurry and a sharp image, made as a camera makes them by summing light during the exposure.

All sums are over linear light. Scenes are painted larger than the pair by `MARGIN` on every side, so that what crosses a border
during the exposure is real. Given images are reflected at their borders instead.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
from scipy import ndimage, signal

from icdpm.images.srgb import to_linear, to_srgb
from icdpm_datasets.camera import add_noise, brighten_highlights
from icdpm_datasets.motion import kernel_radius, motion_path, shake_kernel

MAX_EXTENT = 21.0  # px
MARGIN = kernel_radius(MAX_EXTENT)  # px
_SATURATED = 0.3  # fraction of pairs with lights brighter than the sensor can record
_TURNED = 0.3  # fraction of moving backgrounds that also rotate and zoom
_MAX_TURN = 5.0  # px, largest shift of the image's corners by rotation and zoom, to either side of the middle instant


def convolve(linear: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Convolves linear light [H, W, 3] with a kernel [k, k]; returns the part without border effects, [H-k+1, W-k+1, 3]."""
    return signal.fftconvolve(linear, kernel[..., None], mode="valid", axes=(0, 1))


def remove_border(image: np.ndarray, border: int) -> np.ndarray:
    """Removes `border` pixels on every side of [H, W, ...]."""
    return image[border : image.shape[0] - border, border : image.shape[1] - border]


def reflected_window(image: np.ndarray, corner: tuple[int, ...], size: tuple[int, ...], border: int) -> np.ndarray:
    """Cuts a window with a border from an image [H, W, ...], which is reflected at its own borders.

    The pixels on the image's borders are not repeated, as in `np.pad(mode="reflect")`.

    Args:
      image: the image.
      corner: top and left of the window.
      size: height and width of the window, without its border.
      border: width of the border.

    Returns:
      [height + 2·border, width + 2·border, ...].
    """

    def reflect(start: int, length: int, side: int) -> np.ndarray:
        period = max(2 * side - 2, 1)
        indices = np.arange(start - border, start + length + border) % period
        return np.minimum(indices, period - indices)

    rows, columns = (reflect(*axis) for axis in zip(corner, size, image.shape))
    return image[rows[:, None], columns]


def _scene_light(rng: np.random.Generator, *scenes: np.ndarray) -> list[np.ndarray]:
    """Returns linear light of 8-bit scenes; in a fraction of calls all of them have highlights above 1."""
    lights = [to_linear(scene) for scene in scenes]
    if rng.random() < _SATURATED:
        state = rng.integers(2**63)
        lights = [brighten_highlights(np.random.default_rng(state), light) for light in lights]
    return lights


def _record(rng: np.random.Generator, exposed: np.ndarray, instant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns 8-bit images of linear light: the exposure with sensor noise, the sharp instant without."""
    return to_srgb(add_noise(rng, exposed)), to_srgb(instant)


def shake_scene(rng: np.random.Generator, scene: np.ndarray, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Blurs a scene by camera shake, uniformly over the image.

    Args:
      rng: source of randomness.
      scene: uint8 [H + 2·MARGIN, W + 2·MARGIN, 3], sharp sRGB.
      extent: extent of the shake in pixels, 0 (noise only) to MAX_EXTENT.

    Returns:
      (blurry, sharp), uint8 [H, W, 3], aligned, since the kernel's centroid is at zero.
    """
    (light,) = _scene_light(rng, scene)
    kernel = shake_kernel(rng, extent)
    exposed = convolve(remove_border(light, MARGIN - kernel.shape[0] // 2), kernel)
    return _record(rng, exposed, remove_border(light, MARGIN))


def blur_pair(rng: np.random.Generator, sharp: np.ndarray, extent: float) -> tuple[np.ndarray, np.ndarray]:
    """Blurs a sharp image, uint8 [H, W, 3], by camera shake of `extent` pixels; see `blur_by_kernel`."""
    return blur_by_kernel(rng, sharp, shake_kernel(rng, extent))


def blur_by_kernel(rng: np.random.Generator, sharp: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blurs a whole image as `blur_window` does, with reflected borders.

    Args:
      rng: source of randomness.
      sharp: uint8 [H, W, 3].
      kernel: [2r+1, 2r+1] with sum 1.

    Returns:
      (blurry, sharp), uint8 [H, W, 3].

    Raises:
      ValueError: the image is not larger than r.
    """
    border = kernel.shape[0] // 2
    if min(sharp.shape[:2]) <= border:
        height, width = sharp.shape[:2]
        raise ValueError(f"an image of {width}×{height} px is too small for a kernel of {kernel.shape[0]} px")
    padded = np.pad(sharp, ((border, border), (border, border), (0, 0)), mode="reflect")
    return blur_window(rng, padded, kernel)


def blur_window(rng: np.random.Generator, window: np.ndarray, kernel: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Blurs a window of a sharp image with a kernel.

    In a fraction of calls, the highlights are assumed to have been brighter than the window records. The sharp image is then
    clipped as well, so it may differ from the input.

    Args:
      rng: source of randomness.
      window: uint8 [H + 2r, W + 2r, 3], sharp sRGB.
      kernel: [2r+1, 2r+1] with sum 1, convolved (not correlated).

    Returns:
      (blurry, sharp), uint8 [H, W, 3].
    """
    (light,) = _scene_light(rng, window)
    return _record(rng, convolve(light, kernel), remove_border(light, kernel.shape[0] // 2))


@dataclasses.dataclass
class Motion:
    """Motion of a layer at T instants of the exposure, relative to the middle one.

    Attributes:
      path: [T, 2], shift (dy, dx) in pixels.
      angle: [T], rotation about the image's center in radians.
      zoom: [T], relative change of size.
    """

    path: np.ndarray
    angle: np.ndarray
    zoom: np.ndarray


def layer_motion(rng: np.random.Generator, extent: float, instants: int, anxiety: float, turn: float = 0.0) -> Motion:
    """Returns a random motion along a path of `extent` pixels; `turn` bounds its rotation (radians) and its zoom."""
    path = motion_path(rng, extent, instants, anxiety)
    time = np.linspace(-1.0, 1.0, instants)
    angle, zoom = rng.uniform(-turn, turn, 2)
    return Motion(path - path[instants // 2], angle * time, zoom * time)


def _translated(layer: np.ndarray, dy: float, dx: float) -> np.ndarray:
    """Returns the layer without its MARGIN after a shift by (dy, dx), bilinear, float32 [H, W, C]."""
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
    """Returns what `_translated` does, with a rotation and a zoom about the center before the shift."""
    height, width = layer.shape[0] - 2 * MARGIN, layer.shape[1] - 2 * MARGIN
    cos, sin = np.cos(angle) / (1 + zoom), np.sin(angle) / (1 + zoom)
    matrix = np.array([[cos, -sin], [sin, cos]])  # from output to input, as ndimage requires
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


def expose_layers(background: np.ndarray, objects: list[np.ndarray], motions: list[Motion]) -> tuple[np.ndarray, np.ndarray]:
    """Computes one exposure of objects that move independently before a background that moves with the camera.

    Args:
      background: linear light, float32 [H + 2·MARGIN, W + 2·MARGIN, 3].
      objects: layers from back to front, float32 [.., .., 4]: light times coverage, and coverage in [0, 1].
      motions: motion of the background and of each object, all with the same odd number of instants.

    Returns:
      (exposure, middle instant), float32 [H, W, 3]. The exposure is the mean of all instants, as the frames of high-speed video
      are averaged for GoPro (Nah et al., 2017) and REDS (Nah et al., 2019).
    """
    instants = len(motions[0].path)
    total: Any = 0.0
    middle: Any = None
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
    """Blurs a scene with moving objects: the objects move, or the camera follows them, or all move differently.

    Args:
      rng: source of randomness.
      scene: uint8 [H + 2·MARGIN, W + 2·MARGIN, 3], the sharp background.
      objects: (color, mask) of each object, uint8 [.., .., 3] and [.., ..] of the scene's size; may be empty.
      extent: extent of the fastest layer's path in pixels, up to MAX_EXTENT.

    Returns:
      (blurry, sharp), uint8 [H, W, 3]; sharp is the middle instant.
    """
    instants = 2 * int(np.clip(np.ceil(extent / 2) + rng.integers(0, 3), 4, 12)) + 1  # 9 to 25, odd
    extents = extent * rng.uniform(0.3, 1.0, 1 + len(objects))
    extents[rng.integers(len(extents))] = extent
    kind = rng.random()
    if objects and kind < 0.4:  # a static camera
        extents[0], extents[-1] = 0.0, extent
    elif objects and kind < 0.6:  # a camera that follows the objects
        extents[0], extents[1:] = extent, 0.0
    corner = np.hypot(scene.shape[0] / 2 - MARGIN, scene.shape[1] / 2 - MARGIN)  # px from the center
    turn = 0.0
    if extents[0] > 0 and rng.random() < _TURNED:
        turn = min(_MAX_TURN, MAX_EXTENT - extents[0]) / (np.sqrt(2) * corner)  # rotation and zoom add at right angles
    anxieties = [rng.uniform(0.0, 0.6), *rng.uniform(0.0, 0.15, len(objects))]
    motions = [
        layer_motion(rng, *arguments, turn=turn if k == 0 else 0.0)
        for k, arguments in enumerate(zip(extents, [instants] * len(extents), anxieties))
    ]
    background, *colors = _scene_light(rng, scene, *(color for color, _ in objects))
    coverage = [(mask / np.float32(255))[..., None] for _, mask in objects]
    layers = [np.concatenate([c * a, a], axis=-1) for c, a in zip(colors, coverage)]
    exposed, instant = expose_layers(background, layers, motions)
    return _record(rng, exposed, instant)
