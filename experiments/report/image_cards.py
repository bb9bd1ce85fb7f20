"""Test pictures for the report: every version of a picture, and the place where they are compared most closely."""

import base64
import html
import io

import numpy as np
import PIL.Image
from scipy import ndimage

from icdpm.metrics.psnr import psnr

# A picture of more pixels than this is embedded with loss, lest the page grow too large.
_LOSSLESS_PIXELS = 512 * 512


def card(name, versions):
    """HTML of one test picture: its versions over each other for the slider, and a zoomed crop of each.

    Args:
      name: of the picture.
      versions: {name of the version: uint8 [height, width, 3]}, all of one size, with 'blurry' and 'sharp'.
    """
    height, width = versions["sharp"].shape[:2]
    side = crop_side(width)
    x, y = find_largest_difference(versions["blurry"], versions["sharp"], side)
    escaped = html.escape(name)
    images = "".join(
        f'<img data-version="{html.escape(version)}" src="{data_url(picture)}" width="{width}" height="{height}" '
        f'alt="{escaped}, {html.escape(version)}">'
        for version, picture in versions.items()
    )
    crops = "".join(
        f'<figure><canvas data-version="{html.escape(version)}" width="{side}" height="{side}"></canvas>'
        f"<figcaption>{html.escape(version)}{_quality(picture, versions['sharp'])}</figcaption></figure>"
        for version, picture in versions.items()
    )
    return (
        f'<article class="picture" data-x="{x}" data-y="{y}" data-side="{side}" style="--ratio: {width} / {height}">'
        f"<h4>{escaped}</h4>"
        f'<div class="stage">{images}<span class="lens"></span><span class="line"></span>'
        f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{escaped}: how much of the left picture shows">'
        f'</div><div class="crops" tabindex="0" role="group" '
        f'aria-label="{escaped}: zoomed crops; the arrow keys move the place">{crops}</div></article>'
    )


def crop_side(width):
    """Side of the zoomed crops of a picture of that width, in its pixels."""
    return max(48, width // 12)


def find_largest_difference(blurry, sharp, side):
    """(x, y), the middle of the square of that side in which the blurry picture differs most from the sharp one."""
    difference = np.abs(blurry.astype(np.float32) - sharp).sum(axis=-1)
    summed = ndimage.uniform_filter(difference, side, mode="constant")
    y, x = np.unravel_index(np.argmax(summed), summed.shape)
    return int(x), int(y)


def data_url(picture):
    """A uint8 picture as a data URL: lossless WebP, or WebP of quality 95 where it is large."""
    file = io.BytesIO()
    small = picture.shape[0] * picture.shape[1] <= _LOSSLESS_PIXELS
    PIL.Image.fromarray(picture).save(file, "WEBP", lossless=small, quality=60 if small else 95)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _quality(picture, sharp):
    value = psnr(picture, sharp)
    return f" <small>{value:.2f} dB</small>" if np.isfinite(value) else ""
