"""Test images in the report: HTML with all versions of an image and zoomed crops."""

import base64
import html
import io

import numpy as np
import PIL.Image
from scipy import ndimage

from icdpm.metrics.inputs import as_uint8
from icdpm.metrics.psnr import psnr

# Images of more pixels are embedded with lossy compression to limit the size of the page.
_LOSSLESS_PIXELS = 512 * 512


def image_card(name, versions):
    """Returns the HTML of one test image: its versions on top of each other with a slider, and a zoomed crop of each.

    Args:
      name: name of the image.
      versions: {name of the version: uint8 [height, width, 3]} of one size, including 'blurry' and 'sharp'.
    """
    height, width = versions["sharp"].shape[:2]
    side = crop_side(width)
    x, y = find_largest_difference(versions["blurry"], versions["sharp"], side)
    escaped = html.escape(name)
    images = "".join(
        f'<img data-version="{html.escape(version)}" src="{data_url(image)}" width="{width}" height="{height}" '
        f'alt="{escaped}, {html.escape(version)}">'
        for version, image in versions.items()
    )
    crops = "".join(
        f'<figure><canvas data-version="{html.escape(version)}" width="{side}" height="{side}"></canvas>'
        f"<figcaption>{html.escape(version)}{_format_psnr(image, versions['sharp'])}</figcaption></figure>"
        for version, image in versions.items()
    )
    return (
        f'<article class="picture" data-x="{x}" data-y="{y}" data-side="{side}" style="--ratio: {width} / {height}">'
        f"<h4>{escaped}</h4>"
        f'<div class="stage">{images}<span class="lens"></span><span class="line"></span>'
        f'<input type="range" min="0" max="100" step="1" value="50" aria-label="{escaped}: visible part of the left image">'
        f'</div><div class="crops" tabindex="0" role="group" '
        f'aria-label="{escaped}: zoomed crops, moved by the arrow keys">{crops}</div></article>'
    )


def crop_side(width):
    """Returns the side in pixels of the zoomed crops of an image of the given width."""
    return max(48, width // 12)


def find_largest_difference(blurry, sharp, side):
    """Returns (x, y), the center of the side×side square in which the blurry and the sharp image differ most."""
    difference = np.abs(blurry.astype(np.float32) - sharp).sum(axis=-1)
    summed = ndimage.uniform_filter(difference, side, mode="constant")
    y, x = np.unravel_index(np.argmax(summed), summed.shape)
    return int(x), int(y)


def data_url(image):
    """Returns an image as data URL: WebP, lossless for small images, otherwise of quality 95."""
    file = io.BytesIO()
    small = image.shape[0] * image.shape[1] <= _LOSSLESS_PIXELS
    pillow = PIL.Image.fromarray(image if image.dtype == np.uint8 else as_uint8(image))
    pillow.save(file, "WEBP", lossless=small, quality=60 if small else 95)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _format_psnr(image, sharp):
    value = psnr(image, sharp)
    return f" <small>{value:.2f} dB</small>" if np.isfinite(value) else ""
