"""Which metrics are measured, by their names, and of what."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Callable, NamedTuple

from icdpm.batch.selection import select_images
from icdpm.errors import IcdpmError
from icdpm.evaluation import alignment
from icdpm.evaluation.lazy_images import FileImage
from icdpm.metrics.inception_features import inception_features
from icdpm.metrics.niqe import fit_pristine_model, load_pristine_model, niqe, save_pristine_model
from icdpm.metrics.registry import PAIR_METRICS, SET_METRICS, SINGLE_METRICS, Metric
from icdpm.progress import progress_bar

NAMES = (*PAIR_METRICS, *SINGLE_METRICS, *SET_METRICS)
# What the paper reports.
DEFAULT = ("psnr", "ssim", "lpips_alex", "niqe", "fid", "kid")
# Metrics of an aligned pair, and the metrics that they stand for where pictures are aligned.
ALIGNED_METRICS = {
    "psnr": ("psnr_ecc", Metric(alignment.psnr_ecc, alignment.PSNR_PROTOCOL, True)),
    "ssim": ("ssim_ecc", Metric(alignment.ssim_ecc, alignment.SSIM_PROTOCOL, True)),
}
# These run in TensorFlow, which takes all cores and accelerators by itself.
_IN_TENSORFLOW = {"lpips_alex", "lpips_vgg"}


class ImageMetric(NamedTuple):
    """A metric of single pictures.

    Attributes:
      function, protocol, higher_is_better: as in the registry.
      of: what `function` takes: 'pair' (restored, sharp), 'restored', or 'aligned' (an `alignment.Aligned`).
      in_tensorflow: whether it runs in TensorFlow.
    """

    function: Callable[..., float]
    protocol: str
    higher_is_better: bool
    of: str
    in_tensorflow: bool = False


class MetricSelection(NamedTuple):
    """The metrics to measure.

    Attributes:
      image_metrics: {name: ImageMetric}.
      set_metrics: {name: Metric} of Inception features.
      features: gives the features of a picture.
    """

    image_metrics: dict
    set_metrics: dict
    features: Callable


def select_metrics(names, align="none", niqe_model=None, patch_size=None):
    """The metrics that are asked for.

    Args:
      names: of `NAMES`.
      align: 'ecc' for RealBlur's protocol. It defines PSNR and SSIM, which are then called psnr_ecc and ssim_ecc; other
        metrics are measured as without.
      niqe_model: path of a pristine model to measure NIQE with. The metric then has a name of its own, made of the model's
        checksum: its numbers are not those of NIQE as published.
      patch_size: side of the patches of which FID and KID are taken; None for whole pictures.

    Returns:
      A MetricSelection.

    Raises:
      IcdpmError: an unknown name, a model that cannot be read, or OpenCV is needed and not installed.
    """
    unknown = [name for name in names if name not in NAMES]
    if unknown or not names:
        raise IcdpmError(f"{', '.join(unknown) or 'nothing'} is not a metric; the metrics are {', '.join(NAMES)}")
    image_metrics, set_metrics = {}, {}
    for name in names:
        if name in SET_METRICS:
            patches = f"patches of {patch_size}×{patch_size}" if patch_size else "whole pictures"
            set_metrics[name] = SET_METRICS[name]._replace(protocol=f"{SET_METRICS[name].protocol}; here of {patches}")
        elif name == "niqe" and niqe_model:
            name, metric = _niqe_with(Path(niqe_model))
            image_metrics[name] = ImageMetric(*metric, of="restored")
        elif name in SINGLE_METRICS:
            image_metrics[name] = ImageMetric(*SINGLE_METRICS[name], of="restored")
        elif align == "ecc" and name in ALIGNED_METRICS:
            alignment.import_opencv()
            name, metric = ALIGNED_METRICS[name]
            image_metrics[name] = ImageMetric(*metric, of="aligned")
        else:
            function, protocol, higher_is_better = PAIR_METRICS[name]
            protocol += "; the pictures not aligned" if align == "ecc" else ""
            image_metrics[name] = ImageMetric(function, protocol, higher_is_better, "pair", name in _IN_TENSORFLOW)
    return MetricSelection(image_metrics, set_metrics, functools.partial(inception_features, patch_size=patch_size))


def _niqe_with(path):
    """(name, Metric) of NIQE with another pristine model."""
    if not path.is_file():
        raise IcdpmError(f"{path} is not a file; icdpm-evaluate fit-niqe makes a pristine model")
    function = functools.partial(niqe, model=load_pristine_model(path))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    metric = SINGLE_METRICS["niqe"]
    protocol = f"{metric.protocol}; here {path.name} (sha256 {digest}…)"
    return f"niqe_{digest}", Metric(function, protocol, metric.higher_is_better)


def fit_niqe(folder, output):
    """Fits a pristine model to all photos in a folder and the folders in it, and writes it (.npz).

    Returns:
      The number of photos.

    Raises:
      IcdpmError: no photos, one that cannot be read, or too little texture in them.
    """
    photos = select_images([str(folder)]).images
    with progress_bar("fitting", len(photos), "photo") as bar:

        def pictures():
            for photo in photos:
                yield FileImage(photo.source).read()
                bar.update()

        try:
            model = fit_pristine_model(pictures())
        except IcdpmError:
            raise
        except ValueError as error:
            raise IcdpmError(f"{folder}: {error}") from error
    save_pristine_model(output, model)
    return len(photos)
