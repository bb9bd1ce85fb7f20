"""Selection of metrics by name, and fitting of a NIQE model to other photos."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable, NamedTuple

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation import alignment
from icdpm.evaluation.lazy_images import FileImage
from icdpm.images.search import find_image_files
from icdpm.metrics.inception_features import inception_features
from icdpm.metrics.niqe import fit_pristine_model, load_pristine_model, niqe, save_pristine_model
from icdpm.metrics.registry import PAIR_METRICS, SET_METRICS, SINGLE_METRICS, Metric
from icdpm.progress import progress_bar

NAMES = (*PAIR_METRICS, *SINGLE_METRICS, *SET_METRICS)
# The metrics that the paper reports.
DEFAULT = ("psnr", "ssim", "lpips_alex", "niqe", "fid", "kid")
# {metric: (name, metric of an aligned pair that replaces it where images are aligned)}
ALIGNED_METRICS = {
    "psnr": ("psnr_ecc", Metric(alignment.psnr_ecc, alignment.PSNR_PROTOCOL, True)),
    "ssim": ("ssim_ecc", Metric(alignment.ssim_ecc, alignment.SSIM_PROTOCOL, True)),
}
# Metrics that run in TensorFlow, which uses all cores and accelerators by itself.
_TENSORFLOW_METRICS = {"lpips_alex", "lpips_vgg"}


class ImageMetric(NamedTuple):
    """A metric of single images.

    Attributes:
      function, protocol, higher_is_better: as in `icdpm.metrics.registry.Metric`.
      of: arguments of `function`: 'pair' (restored, sharp), 'restored', or 'aligned' (an `alignment.AlignedPair`).
      in_tensorflow: whether it runs in TensorFlow.
    """

    function: Callable[..., float]
    protocol: str
    higher_is_better: bool
    of: str
    in_tensorflow: bool = False


class MetricSelection(NamedTuple):
    """The metrics of an evaluation.

    Attributes:
      image_metrics: {name: ImageMetric}.
      set_metrics: {name: Metric} of Inception features of whole sets.
      features: function that returns the Inception features of an image, float32 [patches, 2048].
    """

    image_metrics: dict[str, ImageMetric]
    set_metrics: dict[str, Metric]
    features: Callable[[np.ndarray], np.ndarray] | None


def check_names(names: Sequence[str]) -> None:
    """Raises `IcdpmError` if names of metrics are not among `NAMES`, or none is given."""
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise IcdpmError(f"Unknown metrics: {', '.join(unknown) or 'none given'}. The metrics are {', '.join(NAMES)}.")


def select_metrics(
    names: Sequence[str],
    align: str = "none",
    niqe_model: str | os.PathLike | None = None,
    patch_size: int | None = None,
) -> MetricSelection:
    """Selects metrics by name.

    Args:
      names: names among `NAMES`.
      align: 'ecc' for RealBlur's protocol, or 'none'. 'ecc' replaces psnr and ssim by psnr_ecc and ssim_ecc; the other metrics
        are measured without alignment.
      niqe_model: file of a NIQE model to use instead of the published one. The name of the metric then contains the checksum
        of the model, as its values differ from published NIQE values.
      patch_size: side in pixels of the patches for FID and KID. Default: whole images.

    Returns:
      A `MetricSelection`.

    Raises:
      IcdpmError: a name is unknown, the NIQE model is not readable, or OpenCV is required and not installed.
    """
    check_names(names)
    image_metrics, set_metrics = {}, {}
    for name in names:
        if name in SET_METRICS:
            patches = f"patches of {patch_size}×{patch_size}" if patch_size else "whole images"
            set_metrics[name] = SET_METRICS[name]._replace(protocol=f"{SET_METRICS[name].protocol}; here of {patches}")
        elif name == "niqe" and niqe_model:
            name, metric = _niqe_with_model(Path(niqe_model))
            image_metrics[name] = ImageMetric(*metric, of="restored")
        elif name in SINGLE_METRICS:
            image_metrics[name] = ImageMetric(*SINGLE_METRICS[name], of="restored")
        elif align == "ecc" and name in ALIGNED_METRICS:
            alignment.import_opencv()
            name, metric = ALIGNED_METRICS[name]
            image_metrics[name] = ImageMetric(*metric, of="aligned")
        else:
            function, protocol, higher_is_better = PAIR_METRICS[name]
            protocol += "; the images not aligned" if align == "ecc" else ""
            image_metrics[name] = ImageMetric(function, protocol, higher_is_better, "pair", name in _TENSORFLOW_METRICS)
    return MetricSelection(image_metrics, set_metrics, functools.partial(inception_features, patch_size=patch_size))


def _niqe_with_model(path: Path) -> tuple[str, Metric]:
    """Returns (name, metric) of NIQE with another model."""
    if not path.is_file():
        raise IcdpmError(f"{path} is not a file. icdpm-evaluate fit-niqe writes a NIQE model.")
    function = functools.partial(niqe, model=load_pristine_model(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    metric = SINGLE_METRICS["niqe"]
    protocol = f"{metric.protocol}; here {path.name} (sha256 {digest}…)"
    return f"niqe_{digest}", Metric(function, protocol, metric.higher_is_better)


def fit_niqe(folder: str | os.PathLike, output: str | os.PathLike) -> int:
    """Fits a NIQE model to all photos in a folder and its subfolders.

    Args:
      folder: folder of sharp photos.
      output: file of the model, `*.npz`.

    Returns:
      Number of photos.

    Raises:
      IcdpmError: the folder does not exist or has no photos, a photo is not readable, or the photos have too little texture.
    """
    photos = find_image_files(Path(folder))
    with progress_bar("fitting", len(photos), "photo") as bar:

        def read_photos() -> Iterator[np.ndarray]:
            for photo in photos:
                yield FileImage(photo).read()
                bar.update()

        try:
            model = fit_pristine_model(read_photos())
        except IcdpmError:
            raise
        except ValueError as error:
            raise IcdpmError(f"{folder}: {error}") from error
    save_pristine_model(output, model)
    return len(photos)
