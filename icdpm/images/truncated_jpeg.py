"""JPEG files that lack pixels, at their end or in the middle, or only the end-of-image marker.

Decoders fill what is missing without an error. The missing pixels depend on what is added to the data, so that decoding a file
with and without additional data shows them.
"""

from __future__ import annotations

import io
import re

import numpy as np
import PIL.Image

_END = b"\xff\xd9"
_START_OF_SCAN, _END_OF_IMAGE = 0xDA, 0xD9
_RESTARTS = range(0xD0, 0xD8)
_WITHOUT_LENGTH = (0x01, *_RESTARTS, 0xD8)
_ARITHMETIC = range(0xC9, 0xD0)  # whose data may omit zeros at their end
_MARKER = re.compile(rb"\xff+([^\x00\xff])")
_PROGRESSIVE = (0xC2, 0xC6, 0xCA, 0xCE)
_FRAMES = (*range(0xC0, 0xC4), *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
_COEFFICIENTS = 64
_FILLERS = 4
_NOISE_BYTES = 64
_MAX_PADDING_BYTES = 2**26  # a file with more has far more markers than blocks of pixels
_ROWS_AT_ONCE = 256


def count_intact_rows(content: bytes, image: PIL.Image.Image) -> int | None:
    """Finds data that a JPEG file lacks although it has its end marker, as after an incomplete copy or recovery.

    Decodes the file once more. Data that are damaged but not missing are not found.

    Args:
      content: bytes of the file.
      image: its decoded image.

    Returns:
      `None` if no data are missing. Otherwise the number of rows above those that depend on the missing data; rows above may be
      damaged as well, as decoders continue behind a gap.
    """
    padded = _pad_data(content)
    if padded is None:
        return 0
    if padded == content:
        return None
    with PIL.Image.open(io.BytesIO(padded), formats=("JPEG",)) as other:
        other.load()
        for top in range(0, image.height, _ROWS_AT_ONCE):  # arrays of whole images would take twice their memory
            box = (0, top, image.width, min(top + _ROWS_AT_ONCE, image.height))
            rows = _common_rows(np.asarray(image.crop(box)), np.asarray(other.crop(box)))
            if rows is not None:
                return top + rows
    return None


def _pad_data(content):
    """Returns the bytes of a JPEG file with noise behind the data of each scan and restart interval.

    Decoders skip it if the data are intact. Returns `None` if restart intervals are missing, and the content itself if it has
    arithmetic coding or too many markers.
    """
    noise = np.random.default_rng(0).integers(1, 255, _NOISE_BYTES, dtype=np.uint8).tobytes()
    padded, copied, position, in_data, restarts = bytearray(), 0, 2, False, 0
    while match := _MARKER.search(content, position):
        marker, position = match[1][0], match.end()
        if marker in _ARITHMETIC and not in_data:
            return content
        if in_data:
            in_data = marker in _RESTARTS
            if in_data and marker != _RESTARTS[restarts % len(_RESTARTS)]:
                return None
            restarts += 1
            padded += content[copied : match.start()] + (noise if in_data else _filler(0))
            copied = match.start()
            if len(padded) - copied > _MAX_PADDING_BYTES:
                return content
        if marker == _END_OF_IMAGE:
            break
        if marker not in _WITHOUT_LENGTH:
            position += int.from_bytes(content[position : position + 2], "big")
            in_data, restarts = marker == _START_OF_SCAN, 0
    padded += content[copied:]
    return padded


def complete_jpeg(content: bytes) -> tuple[bytes, int | None, bool]:
    """Ends a JPEG file that ends early, so that it can be decoded.

    Pixels that the file lacks depend on what is added to it, so the file is decoded with different ends.

    Args:
      content: bytes of the file.

    Returns:
      (bytes that can be decoded; the number of its rows that exist, or `None` if they all do; whether detail of existing rows
      is missing, as a progressive file refines all rows again and again).

    Raises:
      OSError: even the beginning of the image is missing.
    """
    scans, is_progressive = _read_scans(content)
    if not scans:
        raise OSError("its pixels are missing")
    content = content.rstrip(b"\xff")  # half a marker
    ended = content + _END
    pixels, rows = _decode(ended), None
    for seed in range(_FILLERS):  # noise may by chance decode to the same pixels
        common = _common_rows(pixels, _decode(content + _filler(seed) + _END))
        rows = common if rows is None else min(rows, rows if common is None else common)
    lacks_refinement = is_progressive and not _is_refined(scans)
    if is_progressive and not _is_first(scans[-1]):
        # All rows exist, but the last scan may have been cut off.
        return ended, None, lacks_refinement or rows is not None
    return ended, rows, lacks_refinement


def _decode(content):
    with PIL.Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
        image.load()
        return np.asarray(image)


def _filler(seed):
    """Returns bytes that continue entropy-coded data with noise, in all restart intervals."""
    noise = np.random.default_rng(seed).integers(1, 255, (32, 2048), dtype=np.uint8)
    return b"".join(each.tobytes() + bytes([0xFF, 0xD0 + number % 8]) for number, each in enumerate(noise))


def _common_rows(first, second):
    """Returns the number of equal rows at the top, in whole blocks; `None` if all are equal."""
    different = (first != second).reshape(len(first), -1).any(axis=1)
    if not different.any():
        return None
    # The colors of a row also depend on the next block, and blocks of reduced colors have 16 rows.
    return max(0, int(different.argmax()) // 16 * 16 - 16)


def _read_scans(content):
    """Returns ([(components, first and last coefficient, precision before, precision)], whether the file is progressive)."""
    at, scans, is_progressive = 2, [], False
    while at + 4 <= len(content):
        at = content.find(b"\xff", at)
        if at < 0 or at + 4 > len(content):
            break
        marker = content[at + 1]
        if marker in (0x00, 0xFF) or 0xD0 <= marker <= 0xD7:  # within entropy-coded data
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(content[at + 2 : at + 4], "big")
        segment = content[at + 4 : at + 2 + length]
        if len(segment) < length - 2:
            break
        if marker in _FRAMES:
            is_progressive = marker in _PROGRESSIVE
        if marker == _START_OF_SCAN and segment:
            count = segment[0]
            components = segment[1 : 1 + 2 * count : 2]
            first, last, precisions = segment[1 + 2 * count : 4 + 2 * count]
            scans.append((components, first, last, precisions >> 4, precisions & 15))
        at += 2 + length
    return scans, is_progressive


def _is_first(scan):
    """Returns whether a progressive scan gives a pixel its first value."""
    return scan[1] == 0 and scan[3] == 0


def _is_refined(scans):
    """Returns whether all coefficients have their last scan."""
    components = {each for scan in scans for each in scan[0]}
    left = {(component, number) for component in components for number in range(_COEFFICIENTS)}
    for names, first, last, _, precision in scans:
        if precision == 0:
            left -= {(component, number) for component in names for number in range(first, last + 1)}
    return not left
