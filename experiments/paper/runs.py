"""Shared state of the experiments: trained variants, restored test sets and measured values.

RUNS/SCALE/VARIANT/                                  workdir of a training run; VARIANT_seed1 with another seed
RUNS/SCALE/VARIANT/restored/DATASET/MODEL/NAME.png   a restored test set; MODEL has variant, step and settings
RUNS/SCALE/measured/DATASET/ROW.csv                  the values of each image
RUNS/SCALE/measured/grid.jsonl                       the values of each image with each setting of the sampling grid
RUNS/SCALE/measured/step_flops.jsonl                 the FLOPs of a training step of each config

Everything is kept: results that exist are reused, and interrupted runs continue.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.measure import measure
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.evaluation.pairing import BLURRY, pair_with_source
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm.images.color_drift import measure_drift
from icdpm.images.reading import read_rgb
from icdpm.metrics.registry import protocol_of_depth
from icdpm.models.workdir import checkpoint_steps, load
from icdpm.training.cost import estimate_cost
from icdpm.training.run import train
from icdpm_experiments.measurements.sweep import Journal, available_metrics, detail, mean_values, measure_settings
from icdpm_experiments.pairs import restored_files
from icdpm_experiments.paper.models import FINE_TUNED, SECOND_STAGES, TRAINED_ON, Variant, prerequisite
from icdpm_experiments.paper.scales import IN_DOMAIN
from icdpm_experiments.results import abbreviate_home
from icdpm_experiments.training_logs import unloaded_step_milliseconds

GRID_METRICS = ("psnr", "lpips_alex", "niqe")
# Below this number of images, starting worker processes takes longer than measuring.
_MIN_IMAGES_FOR_WORKERS = 100


class Runs:
    """The runs of one scale.

    Args:
      scale: a scale of `scales`.
      strategy: `tf.distribute.Strategy` of the training, from `icdpm.training.strategy.make_strategy`.
      folder: parent folder of the runs of all scales, RUNS above.
      trained_only: whether variants that are not trained yet are left out instead of trained.
    """

    def __init__(self, scale, strategy, folder="runs", trained_only=False):
        self.scale = scale
        self.trained_only = trained_only
        self._strategy = strategy
        self.folder = Path(folder) / scale.name
        self._loaded = None, None

    # Training.

    def workdir(self, variant) -> Path:
        """Returns the workdir of a variant. icdpm-train may have trained it there before."""
        return self.folder / str(Variant.parse(variant))

    def config(self, variant):
        """Returns a variant's config at this scale."""
        name, steps, seed = Variant.parse(variant)
        config = self.scale.config(name)
        if seed:
            config.seed = seed
        if steps:
            decay = [round(each * steps / config.run.steps) for each in config.optimizer.learning_rate_decay]
            config.optimizer.learning_rate_decay, config.run.steps = tuple(decay), steps
        return config

    def is_trained(self, variant) -> bool:
        """Returns whether a variant has been trained to its last step."""
        return self._step(variant) >= self.config(variant).run.steps

    def is_usable(self, variant) -> bool:
        """Returns whether a variant is trained, or may be trained."""
        return not self.trained_only or self.is_trained(variant)

    def usable(self, models) -> dict:
        """Selects the usable ones of {row: `models.ComparedModel`}."""
        return {row: model for row, model in models.items() if self.is_usable(model.variant)}

    def seeds_of(self, variant) -> list[str]:
        """Lists the usable variants of a variant with each seed of the scale."""
        variants = [str(Variant.parse(variant)._replace(seed=seed)) for seed in range(self.scale.seeds)]
        return [each for each in variants if self.is_usable(each)]

    def untrained_notes(self, models) -> list[str]:
        """Returns a sentence about the rows of {row: `models.ComparedModel`} that are left out; none if all are usable."""
        absent = [f"{row} ({model.variant})" for row, model in models.items() if not self.is_usable(model.variant)]
        return [f"Not trained yet, so without values: {', '.join(absent)}."] if absent else []

    def train(self, variant) -> None:
        """Trains a variant, after the variant that it starts from, and continues an interrupted training.

        Raises:
          IcdpmError: the variant is not trained, and `trained_only` is set.
          SystemExit: a signal ended the training. The exit status is 128 plus the signal's number.
        """
        if self.is_trained(variant):
            return
        if self.trained_only:
            raise IcdpmError(f"{self.workdir(variant)} is not trained to its end. Leave out TRAINED_ONLY to train it.")
        further = {}
        name = Variant.parse(variant).config
        if first := prerequisite(name):
            self.train(first)
            further = {"start_from": self.workdir(first)}
        if name in FINE_TUNED:
            further["target_pairs"] = self.scale.target_pairs()
        dataset = TRAINED_ON.get(name, IN_DOMAIN)
        pairs = self.scale.training_pairs(dataset), self.scale.validation_pairs(dataset)
        if signal := train(self.config(variant), self.workdir(variant), *pairs, self._strategy, **further):
            raise SystemExit(128 + signal)

    def load_model(self, variant):
        """Loads a variant's trained model. It is trained first if needed."""
        workdir = self.workdir(variant)
        if self._loaded[0] != workdir:
            self.train(variant)
            self._loaded = workdir, load(workdir)
        return self._loaded[1]

    def _step(self, variant):
        return max(checkpoint_steps(self.workdir(variant)), default=0)

    def training_cost(self, variant) -> dict[str, float | None]:
        """Returns the cost of a training step.

        Returns:
          {'ms': milliseconds, the 1st percentile in the run, or None without logs; 'GFLOP': operations of convolutions and
          matrix products}. The mean over both stages of a model of two stages.
        """
        first = SECOND_STAGES.get(Variant.parse(variant).config)
        stages = [each for each in (first, variant) if each]
        times = [unloaded_step_milliseconds(self.workdir(each)) for each in stages]
        flops = [self.step_flops(each) for each in stages]
        return {
            "ms": None if None in times else round(float(np.mean(times)), 1),
            "GFLOP": round(float(np.mean(flops)) / 1e9, 2),
        }

    def training_steps(self, variant) -> int:
        """Returns the number of training steps of a variant, over all its stages and the variants that it starts from."""
        first = prerequisite(Variant.parse(variant).config)
        return self.config(variant).run.steps + (self.training_steps(first) if first else 0)

    def step_flops(self, variant) -> int:
        """Returns the FLOPs of a training step of one stage: convolutions and matrix products."""
        config = self.config(Variant.parse(variant).config)  # neither seed nor number of steps change a step
        journal = Journal(self.folder / "measured" / "step_flops.jsonl")
        key = {"config": config.to_json(sort_keys=True)}
        if journal.get(key) is None:
            journal.add(key, {"flops": estimate_cost(config).step_flops[-1]})
        return journal.get(key)["flops"]

    # Restoring.

    def restore(self, model, dataset, settings=None, pairs=None) -> Path:
        """Restores images and returns their folder.

        Args:
          model: a `models.ComparedModel`.
          dataset: name of a test set, or of `pairs`.
          settings: `Settings` of the restoration; None for those of the model's config.
          pairs: the `PairSource` to restore; None for the whole test set. A part of the test set with the same description
            shares the folder with it.
        """
        loaded = self.load_model(model.variant)
        pairs = self.scale.test_pairs(dataset) if pairs is None else pairs
        settings, workdir = settings or model.settings(self.scale), self.workdir(model.variant)
        words = re.sub(r"[^\w.]+", "-", str(settings))
        name = f"{workdir.name}-step{self._step(model.variant)}-{words}-mean{settings.samples}"
        folder = workdir / "restored" / dataset / name
        restore_dataset(loaded, pairs, settings, 0, folder)
        return folder

    # Measuring.

    def measure(self, dataset, folders, metrics) -> tuple[dict, dict, dict]:
        """Measures folders of restored images of a test set, and its blurry images as the row 'blurry'.

        Args:
          dataset: name of the test set.
          folders: {row of the table: folder}.
          metrics: names of metrics.

        Returns:
          ({row: {metric: mean value}}, {metric: protocol}, {metric: reason why it is not available}). PSNR and SSIM have these
          names even if the scale aligns the images for them. Their protocols report the alignment.
        """
        results, values = self._measure(dataset, folders, metrics)
        rows = {
            row: {**{name: float(np.nanmean(each)) for name, each in of_each.items()}, **results.set_values[method]}
            for (row, of_each), method in zip(values.items(), results.set_values)
        }
        selection = results.metrics
        measured_by = {**selection.image_metrics, **selection.set_metrics}
        protocols = {
            _plain(name): protocol_of_depth(name, metric.protocol, results.bits) for name, metric in measured_by.items()
        }
        reasons = {_plain(metric): abbreviate_home(reason) for metric, reason in results.unavailable.items()}
        for method, reasons_of in results.undefined.items():
            for metric, images in reasons_of.items():
                reasons[f"{_plain(metric)} of {len(images)} images of {method}"] = next(iter(images.values()))
        return rows, protocols, reasons

    def measure_differences(self, dataset, folders, metric, other=BLURRY) -> dict:
        """Measures the differences of rows of a table from one of them, image by image.

        Args:
          dataset, folders: arguments of `measure`.
          metric: name of a metric.
          other: the row that is subtracted.

        Returns:
          {row: `Mean` of its differences with their interval}, without `other`.
        """
        _, values = self._measure(dataset, folders, [metric])
        return {row: mean_with_interval(each[metric] - values[other][metric]) for row, each in values.items() if row != other}

    def measure_images(self, dataset, folders, metric) -> dict[str, np.ndarray]:
        """Returns {row: float64 [images]} of a metric, in the order of the test set, the row BLURRY first.

        Args:
          dataset, folders: arguments of `measure`.
          metric: name of a metric.
        """
        return {row: each[metric] for row, each in self._measure(dataset, folders, [metric])[1].items()}

    def _measure(self, dataset, folders, metrics):
        """Returns (a `Measured`, {row, BLURRY first: {metric's plain name: float64 [images]}})."""
        pairs = self.scale.test_pairs(dataset)
        methods = {row.replace("/", " "): folder for row, folder in folders.items()}  # they also name files
        results = measure(
            pair_with_source(methods, pairs),
            select_metrics(metrics, self.scale.alignment(dataset)),
            self.folder / "measured" / dataset,
            workers=1 if len(pairs) * len(methods) < _MIN_IMAGES_FOR_WORKERS else None,
        )
        rows = zip((BLURRY, *folders), results.values.values())
        return results, {row: {_plain(name): each for name, each in of_each.items()} for row, of_each in rows}

    def measure_color_and_detail(self, dataset, folders) -> dict[str, dict[str, np.ndarray]]:
        """Measures color drift, in 8-bit steps, and fine detail relative to the sharp image.

        Returns:
          {row: {'color drift', 'detail': float64 [images]}}, in the order of the test set, the row BLURRY first.
        """
        pairs = self.scale.test_pairs(dataset)
        files = {row: restored_files(folder, pairs) for row, folder in folders.items()}
        values = {row: {"color drift": [], "detail": []} for row in (BLURRY, *folders)}
        for index in range(len(pairs)):
            blurry, sharp = pairs.load(index)
            for row, of_row in values.items():
                restored = blurry if row == BLURRY else read_rgb(files[row][index])
                of_row["color drift"].append(measure_drift(blurry, restored).largest)
                of_row["detail"].append(detail(restored, sharp))
        return {row: {name: np.array(each) for name, each in of_row.items()} for row, of_row in values.items()}

    # Sweeping.

    def sweep(self, variant, dataset) -> tuple[list, dict, dict]:
        """Measures every setting of the scale's grid on a test set, without keeping the restored images.

        Returns:
          ([{'steps', 'max_noise_variance', metrics…}], {metric: protocol}, {metric: reason why it is not available}).
        """
        values, metrics, reasons = self.sweep_images(variant, dataset)
        rows = [
            {"steps": each.steps, "max_noise_variance": each.max_noise_variance, **mean_values(of_each)}
            for each, of_each in zip(self.scale.grid(), values)
        ]
        reasons = {_plain(metric): abbreviate_home(reason) for metric, reason in reasons.items()}
        return rows, {name: metric.protocol for name, metric in metrics.items()}, reasons

    def sweep_images(self, variant, dataset) -> tuple[list, dict, dict]:
        """Measures as `sweep` does, image by image.

        Returns:
          (values from `measure_settings`, {metric: ImageMetric}, {metric: reason why it is not available}).
        """
        model, pairs = self.load_model(variant), self.scale.test_pairs(dataset)
        metrics, reasons = available_metrics(GRID_METRICS, pairs)
        # PSNR keeps its plain name even if the scale aligns the images for it.
        (metrics["psnr"],) = select_metrics(["psnr"], self.scale.alignment(dataset)).image_metrics.values()
        journal = Journal(self.folder / "measured" / "grid.jsonl")
        label = f"{self.workdir(variant).name}, {self.scale.label(dataset)}: "
        return measure_settings(model, pairs, self.scale.grid(), metrics, journal, label), metrics, reasons


def _plain(metric):
    return metric.removesuffix("_ecc")
