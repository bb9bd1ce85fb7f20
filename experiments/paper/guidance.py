"""Experiments about the guidance networks: Table 1 and Figures 4, 8 and 9.

Table 1 measures the gap between two domains, Figure 4 shows the guidance's regressions and Figure 8 its features. Figure 9
trains a model further, with and without alignment of its guidance features with those of another domain.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from icdpm.images.pixels import pad_to_multiple, to_pixels, to_values
from icdpm.images.reading import read_rgb
from icdpm.metrics.inception_features import inception_features
from icdpm.metrics.psnr import PROTOCOL, psnr
from icdpm.metrics.registry import SET_METRICS
from icdpm.metrics.weights import MetricUnavailable
from icdpm.progress import progress_bar
from icdpm_experiments.figures import enlarge, write_gallery
from icdpm_experiments.pairs import center_crop
from icdpm_experiments.paper.comparison import (
    FURTHER_METRICS,
    extend_table,
    result_row,
    write_comparison,
    write_experiment,
)
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs
from icdpm_experiments.paper.models import GUIDED, UNGUIDED, ComparedModel
from icdpm_experiments.paper.published import TABLE1
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN
from icdpm_experiments.results import SCALE_NOTES, abbreviate_home

FIGURE4_MODELS = {"icdpm": UNGUIDED, "guided": GUIDED}
FIGURE9_MODELS = {
    "as trained": ComparedModel("table2_c"),
    "further trained, without alignment": ComparedModel("fig9_unaligned"),
    "further trained, with alignment": ComparedModel("fig9_aligned"),
}
FIGURE9_METRICS = ("psnr", "lpips_alex")
FIGURE8_ROWS, FIGURE8_COLUMNS = 3, 4
_SHOWN = 3  # images of Figures 4 and 9
_SIDE = 256  # pixels: side of the central crop that is shown


class GuidanceOutputs(NamedTuple):
    """Inputs and outputs of the guidance networks for one image, by scale k in ascending order.

    Attributes:
      gray: the blurry image in gray, uint8 [height, width, 3] with equal channels.
      inputs: {k: input of the network of scale k, uint8 [height/2^k, width/2^k, 3]}.
      regressions: {k: its regression output, uint8 [height/2^k, width/2^k, 3]}.
      features: {k: h_k, float32 [height/2^k, width/2^k, channels]}.
    """

    gray: np.ndarray
    inputs: dict[int, np.ndarray]
    regressions: dict[int, np.ndarray]
    features: dict[int, np.ndarray]


def compute_guidance(model, image) -> GuidanceOutputs:
    """Evaluates the guidance networks of a model on a blurry image, uint8 [height, width, 3]."""
    height, width = image.shape[:2]
    padded = tf.constant(pad_to_multiple(to_values(image), model.size_multiple)[None])

    def unpadded(values, k):
        return values[0, : -(-height // 2**k), : -(-width // 2**k)].numpy()

    def as_image(values, k):
        return to_pixels(np.broadcast_to(unpadded(values, k), (*unpadded(values, k).shape[:2], 3)), image)

    guidance = {int(k): outputs for k, outputs in model.compiled_encode_condition(padded).items()}
    structure = {int(k): values for k, values in model.structure(padded).items()}
    scales = sorted(guidance)
    return GuidanceOutputs(
        as_image(tf.image.rgb_to_grayscale(padded), 0),
        {k: as_image(structure[k], k) for k in scales},
        {k: as_image(guidance[k][1], k) for k in scales},
        {k: unpadded(guidance[k][0], k) for k in scales},
    )


# Table 1.


def required_for_table1(scale) -> list[RequiredRun]:
    """Lists the required runs: the trained model, without any evaluation of its denoiser."""
    return [RequiredRun(GUIDED.variant, dataset, 0) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN)]


def run_table1(runs) -> None:
    """Measures FID and KID between two test sets, of inputs and of regressions; writes results/table1."""
    model = runs.load_model(GUIDED.variant)
    domains = [runs.scale.test_pairs(dataset) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN)]
    metrics = {name: SET_METRICS[name] for name in ("fid", "kid")}
    try:
        values, not_available = compute_gaps(*(compute_features(model, pairs) for pairs in domains), metrics), {}
    except MetricUnavailable as error:
        values, not_available = {}, dict.fromkeys(metrics, abbreviate_home(str(error)))
    label = " against ".join(runs.scale.label(dataset) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN))
    rows = []
    for space, (fid, kid) in TABLE1.items():
        measured = values.get(space, {"fid": None, "kid": None})
        rows.append(result_row(space, label, "fid", measured["fid"], fid))
        rows.append(result_row(space, label, "kid_x100", measured["kid"] and 100 * measured["kid"], kid))
    write_comparison(
        "table1",
        "Table 1: gap between two domains",
        runs.scale,
        rows,
        notes=["input: the blurry images in gray; ×2, ×4, ×8: downsampled; guidance: the regressions of Table 2 (f)."],
        protocols={name: metric.protocol for name, metric in metrics.items()},
        not_available=not_available,
    )


def compute_features(model, pairs) -> dict[str, np.ndarray]:
    """Computes Inception features of a set's blurry images in each space: {space: float32 [images, features]}."""
    features = {}
    for index in progress_bar(f"spaces of {pairs.description}", len(pairs), iterable=range(len(pairs))):
        for space, image in images_by_space(model, pairs.load(index)[0]).items():
            features.setdefault(space, []).append(inception_features(image))
    return {space: np.concatenate(each) for space, each in features.items()}


def images_by_space(model, image) -> dict[str, np.ndarray]:
    """Returns {row of the table: uint8 image} of a blurry image, uint8 [height, width, 3]."""
    outputs = compute_guidance(model, image)
    found = {"input": outputs.gray}
    for k, regression in outputs.regressions.items():
        found[f"input ×{2**k}"], found[f"guidance ×{2**k}"] = outputs.inputs[k], regression
    return found


def compute_gaps(one, other, metrics) -> dict[str, dict[str, float]]:
    """Computes {space: {metric: value}} between the features of two sets in each space."""
    return {space: {name: metric.function(one[space], other[space]) for name, metric in metrics.items()} for space in one}


# Figure 4.


def required_for_figure4(scale) -> list[RequiredRun]:
    """Lists the required runs."""
    return required_runs(FIGURE4_MODELS.values(), scale, [OUT_OF_DOMAIN])


def run_figure4(runs) -> None:
    """Shows images without and with guidance, and the regressions of each scale; writes results/fig4."""
    pairs, label = runs.scale.test_pairs(OUT_OF_DOMAIN), runs.scale.label(OUT_OF_DOMAIN)
    folders = {name: runs.restore(model, OUT_OF_DOMAIN) for name, model in FIGURE4_MODELS.items()}
    model = runs.load_model(GUIDED.variant)
    rows, measured, scales = [], [], []
    for index in _shown_indices(pairs):
        blurry, sharp = pairs.load(index)
        restored = _read_restored(folders, pairs.names[index])
        values = {name: round(psnr(image, sharp), 4) for name, image in {"blurry": blurry, **restored}.items()}
        measured.append({"image": pairs.names[index], **{f"psnr_{name}": value for name, value in values.items()}})
        regressions = compute_guidance(model, blurry).regressions
        scales = sorted(regressions, reverse=True)
        enlarged = [enlarge(regressions[k], 2**k) for k in scales]
        rows.append([center_crop(image, _SIDE) for image in (blurry, *restored.values(), sharp, *enlarged)])
    headings = ["blurry", "icDPM", "icDPM w/ Guide", "sharp", *(f"regression at 1/{2**k}" for k in scales)]
    _write_gallery("fig4", f"Figure 4, {label}, one sample.", headings, rows, runs.scale)
    path = write_experiment(
        runs.scale,
        "fig4",
        data=f"images of {label}, restored by one sample of Table 2 (b), icDPM, and (f), with guidance",
        rows=measured,
        title="Figure 4: with and without guidance, and the regression outputs",
        notes=[f"PSNR of whole images; {runs.scale.image_path('fig4').name} shows their middle. {PROTOCOL}."],
    )
    print(f"Written to {path} and {runs.scale.image_path('fig4')}.")


# Figure 8.


def required_for_figure8(scale) -> list[RequiredRun]:
    """Lists the required runs."""
    return required_runs([GUIDED], scale, [OUT_OF_DOMAIN])


def run_figure8(runs) -> None:
    """Shows an image and 12 channels of its guidance features at half its size (k = 1); writes results/fig8."""
    pairs = runs.scale.test_pairs(OUT_OF_DOMAIN)
    blurry, sharp = pairs.load(0)
    restored = _read_restored({"restored": runs.restore(GUIDED, OUT_OF_DOMAIN)}, pairs.names[0])["restored"]
    features = compute_guidance(runs.load_model(GUIDED.variant), blurry).features[1]
    channels = strongest_channels(features)
    maps = [enlarge(center_crop(stretch_contrast(features[..., channel]), _SIDE // 2), 2) for channel in channels]
    maps += [None] * (FIGURE8_ROWS * FIGURE8_COLUMNS - len(maps))
    left = [center_crop(image, _SIDE) for image in (blurry, restored, sharp)]
    rows = [[left[row], *maps[row::FIGURE8_ROWS]] for row in range(FIGURE8_ROWS)]
    label = f"{pairs.names[0]} of {runs.scale.label(OUT_OF_DOMAIN)}"
    headings = ["image", *["channels of h1"] * FIGURE8_COLUMNS]
    _write_gallery("fig8", f"Figure 8, {label}: blurry, restored, sharp.", headings, rows, runs.scale)
    path = write_experiment(
        runs.scale,
        "fig8",
        data=f"guidance features of Table 2 (f) at half the size of {label}",
        rows=[{"channel": int(each), "standard_deviation": float(features[..., each].std())} for each in channels],
        title="Figure 8: guidance feature maps",
        notes=[
            f"The channels with the largest standard deviation, of {features.shape[-1]}. "
            f"{runs.scale.image_path('fig8').name} shows them from top to bottom and left to right."
        ],
    )
    print(f"Written to {path} and {runs.scale.image_path('fig8')}.")


def strongest_channels(features) -> np.ndarray:
    """Returns the 12 channels of h_k, float32 [height, width, channels], with the largest standard deviation."""
    return np.argsort(-features.std(axis=(0, 1)), kind="stable")[: FIGURE8_ROWS * FIGURE8_COLUMNS]


def stretch_contrast(channel) -> np.ndarray:
    """Maps the 1st to the 99th percentile of a channel [height, width] to a gray image, uint8 [height, width, 3]."""
    low, high = np.percentile(channel, [1, 99])
    gray = np.round(255 * np.clip((channel - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


# Figure 9.


def required_for_figure9(scale) -> list[RequiredRun]:
    """Lists the required runs."""
    return required_runs(FIGURE9_MODELS.values(), scale, [OUT_OF_DOMAIN])


def run_figure9(runs) -> None:
    """Trains, restores and measures the three models; writes results/fig9: a table and images."""
    pairs, label = runs.scale.test_pairs(OUT_OF_DOMAIN), runs.scale.label(OUT_OF_DOMAIN)
    folders = {row: runs.restore(model, OUT_OF_DOMAIN) for row, model in FIGURE9_MODELS.items()}
    metrics = (*FIGURE9_METRICS, *(FURTHER_METRICS if runs.scale.extended else ()))
    measured, protocols, not_available = runs.measure(OUT_OF_DOMAIN, folders, metrics)
    images = []
    for index in _shown_indices(pairs):
        blurry, sharp = pairs.load(index)
        restored = _read_restored(folders, pairs.names[index])
        images.append([center_crop(image, _SIDE) for image in (blurry, *restored.values(), sharp)])
    headings = ["blurry", "as trained", "without alignment", "with alignment", "sharp"]
    _write_gallery("fig9", f"Figure 9, {label}, one sample.", headings, images, runs.scale)
    rows = [
        result_row(row, label, metric, measured[row].get(metric), None)
        for row in ("blurry", *FIGURE9_MODELS)
        for metric in metrics
    ]
    compared_with = ("blurry", "further trained, without alignment")
    extension, extension_notes = extend_table(runs, OUT_OF_DOMAIN, FIGURE9_MODELS, folders, compared_with, cost=False)
    write_comparison(
        "fig9",
        "Figure 9: alignment of the guidance features with those of another domain",
        runs.scale,
        rows + extension,
        notes=[
            "The paper prints no values. It found no benefit and perhaps harm. Both further trainings have the same steps.",
            f"Unlabeled images of the other domain: {runs.scale.target_pairs().description}.",
            *extension_notes,
        ],
        protocols=protocols,
        not_available=not_available,
    )


def _shown_indices(pairs):
    return range(0, len(pairs), -(-len(pairs) // _SHOWN))


def _read_restored(folders, name):
    """Reads {row: restored image} of one pair from {row: folder}."""
    return {row: read_rgb(folder / f"{name}.png") for row, folder in folders.items()}


def _write_gallery(name, caption, headings, rows, scale):
    write_gallery(scale.image_path(name), headings, rows, f"{caption}\n{SCALE_NOTES.get(scale.name, '')}")


EXPERIMENTS = {
    "table1": Experiment(run_table1, required_for_table1),
    "fig4": Experiment(run_figure4, required_for_figure4),
    "fig8": Experiment(run_figure8, required_for_figure8),
    "fig9": Experiment(run_figure9, required_for_figure9),
}
