"""Verification of every image of a data set: integrity, equal sizes in a pair, swapped sides and duplicates."""

from __future__ import annotations

import collections
import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError, format_list, shorten_list
from icdpm.progress import print_warning, progress_bar
from icdpm_datasets.published.layout import Pair, Splits


class _ImageReport(NamedTuple):
    size: tuple[int, int]  # width, height
    sharpness: float
    digest: bytes


class _PairReport(NamedTuple):
    pair: Pair
    blurry: _ImageReport
    sharp: _ImageReport


def verify_images(splits: Splits) -> None:
    """Decodes both images of every pair on all cores.

    Prints warnings about folders whose blurry images are sharper on average than their partners, which suggests that they are
    swapped, and about identical files under several names.

    Raises:
      IcdpmError: lists all damaged images and all pairs of different sizes.
    """
    pairs = [pair for pairs in splits.values() for pair in pairs]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        reports = list(progress_bar("verifying images", len(pairs), "pair", iterable=pool.map(_inspect, pairs)))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt does not wait for thousands of images
    problems = [report for report in reports if isinstance(report, str)]
    if problems:
        raise IcdpmError(format_list(f"{len(problems)} of {len(pairs)} pairs cannot be used", problems))
    inspected = [report for report in reports if isinstance(report, _PairReport)]
    for message in shorten_list(_find_swapped(inspected) + _find_duplicates(inspected)):
        print_warning(message)


def _inspect(pair: Pair) -> _PairReport | str:
    """Returns a report, or the problem of the pair."""
    try:
        blurry, sharp = _inspect_image(pair.blurry), _inspect_image(pair.sharp)
    except _Damaged as error:
        return str(error)
    if blurry.size != sharp.size:
        sizes = [f"{width}×{height} px" for width, height in (blurry.size, sharp.size)]
        return f"{pair.blurry} is {sizes[0]} and {pair.sharp} is {sizes[1]}"
    return _PairReport(pair, blurry, sharp)


class _Damaged(Exception):
    pass


def _inspect_image(path: Path) -> _ImageReport:
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.verify()  # checks a PNG's checksums, which decoding ignores
        with Image.open(io.BytesIO(data)) as image:
            gray = np.asarray(image.convert("L"), np.float32)
    except (OSError, SyntaxError, ValueError) as error:
        raise _Damaged(f"{path} is damaged or truncated ({error})") from error
    height, width = gray.shape
    return _ImageReport((width, height), _laplacian_variance(gray), hashlib.blake2b(data, digest_size=16).digest())


def _laplacian_variance(gray: np.ndarray) -> float:
    """Returns the variance of the 4-neighbor Laplacian of gray values [H, W], a common measure of focus."""
    center = gray[1:-1, 1:-1]
    return float(np.var(gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * center))


def _find_swapped(reports: list[_PairReport]) -> list[str]:
    by_folder = collections.defaultdict(list)
    for report in reports:
        by_folder[report.pair.blurry.parent, report.pair.sharp.parent].append(report)
    return [
        f"{blurry} is sharper on average than {sharp}. Check whether they are swapped."
        for (blurry, sharp), group in by_folder.items()
        if sum(each.blurry.sharpness for each in group) > sum(each.sharp.sharpness for each in group)
    ]


def _find_duplicates(reports: list[_PairReport]) -> list[str]:
    seen: dict[bytes, Path] = {}
    messages = []
    for report in reports:
        for path, image in ((report.pair.blurry, report.blurry), (report.pair.sharp, report.sharp)):
            if image.digest in seen:
                messages.append(f"{path} is identical to {seen[image.digest]}")
            seen.setdefault(image.digest, path)
    return messages
