"""Opens every picture of a data set: whole, of its partner's size, and on the right side of the pair?"""

from __future__ import annotations

import collections
import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.progress import progress_bar
from icdpm_datasets.console import listed, shortened, warn
from icdpm_datasets.published.layout import Pair, Splits


class _Picture(NamedTuple):
    size: tuple[int, int]  # width, height
    sharpness: float
    digest: bytes


class _Report(NamedTuple):
    pair: Pair
    blurry: _Picture | None
    sharp: _Picture | None
    problem: str | None


def verify_images(splits: Splits) -> None:
    """Decodes both pictures of every pair, on all cores.

    Raises IcdpmError that lists every picture that is damaged or truncated and every pair of two different sizes.
    Warns of folders whose blurry pictures are sharper on average than their partners (swapped?), and of one picture
    under two names.
    """
    pairs = [pair for pairs in splits.values() for pair in pairs]
    pool = ThreadPoolExecutor(os.cpu_count())
    try:
        reports = list(progress_bar("opening every picture", len(pairs), "pair", iterable=pool.map(_inspect, pairs)))
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupt does not wait for thousands of pictures
    problems = [report.problem for report in reports if report.problem]
    if problems:
        raise IcdpmError(listed(f"{len(problems)} of {len(pairs)} pairs cannot be used", problems))
    for message in shortened(_swapped(reports) + _repeated(reports)):
        warn(message)


def _inspect(pair: Pair) -> _Report:
    try:
        blurry, sharp = _open(pair.blurry), _open(pair.sharp)
    except _Damaged as error:
        return _Report(pair, None, None, str(error))
    if blurry.size != sharp.size:
        sizes = [f"{width}×{height} px" for width, height in (blurry.size, sharp.size)]
        return _Report(pair, blurry, sharp, f"{pair.blurry} is {sizes[0]} and {pair.sharp} is {sizes[1]}")
    return _Report(pair, blurry, sharp, None)


class _Damaged(Exception):
    pass


def _open(path) -> _Picture:
    data = path.read_bytes()
    try:
        with Image.open(io.BytesIO(data)) as picture:
            picture.verify()  # the checksums of a PNG's chunks, which decoding alone does not look at
        with Image.open(io.BytesIO(data)) as picture:
            gray = np.asarray(picture.convert("L"), np.float32)
    except (OSError, SyntaxError, ValueError) as error:
        raise _Damaged(f"{path}: damaged or truncated ({error})") from error
    return _Picture(gray.shape[::-1], _laplacian_variance(gray), hashlib.blake2b(data, digest_size=16).digest())


def _laplacian_variance(gray: np.ndarray) -> float:
    """The usual measure of focus: the variance of the 4-neighbour Laplacian of gray values [H, W]."""
    centre = gray[1:-1, 1:-1]
    return float(np.var(gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:] - 4 * centre))


def _swapped(reports: list[_Report]) -> list[str]:
    by_folder = collections.defaultdict(list)
    for report in reports:
        by_folder[report.pair.blurry.parent, report.pair.sharp.parent].append(report)
    return [
        f"{blurry}: sharper on average than {sharp}; are blurry and sharp swapped?"
        for (blurry, sharp), group in by_folder.items()
        if sum(report.blurry.sharpness for report in group) > sum(report.sharp.sharpness for report in group)
    ]


def _repeated(reports: list[_Report]) -> list[str]:
    seen, messages = {}, []
    for report in reports:
        for path, picture in ((report.pair.blurry, report.blurry), (report.pair.sharp, report.sharp)):
            if picture.digest in seen:
                messages.append(f"{path}: the same file as {seen[picture.digest]}")
            seen.setdefault(picture.digest, path)
    return messages
