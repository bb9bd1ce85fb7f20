"""What the experiments share: variants that are trained once, test sets restored by them, and what was measured.

RUNS/SCALE/VARIANT/                                  the workdir of a training run
RUNS/SCALE/VARIANT/restored/DATASET/MODEL/NAME.png   a test set, restored; MODEL has variant, step and settings
RUNS/SCALE/measured/DATASET/ROW.csv                  the values of each picture
RUNS/SCALE/measured/grid.jsonl                       the values of each picture under each setting of the sampler

All of it is kept: what is there is not made again, and what was interrupted is continued.
"""

import re
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation.intervals import mean_with_interval
from icdpm.evaluation.measure import measure, measure_image
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.evaluation.pairing import BLURRY, pair_with_source
from icdpm.evaluation.restore_dataset import restore_dataset
from icdpm.models.workdir import checkpoint_steps, load
from icdpm.training.run import train
from icdpm_experiments.paper.models import FINE_TUNED, SAME, SECOND_STAGES, TRAINED_ON
from icdpm_experiments.paper.scales import IN_DOMAIN
from icdpm_experiments.results import abbreviate_home
from icdpm_experiments.sweeping.sweep import Journal, available_metrics, mean_values, measure_settings

GRID_METRICS = ("psnr", "lpips_alex", "niqe")
# Of so few pictures, starting worker processes would take longer than measuring.
_FEW = 100


class Runs:
    """The runs of one scale.

    Args:
      scale: a scale of `scales`.
      strategy: what is trained on, of `icdpm.training.strategy.make_strategy`.
      folder: RUNS.
    """

    def __init__(self, scale, strategy, folder="runs"):
        self.scale = scale
        self._strategy = strategy
        self.folder = Path(folder) / scale.name
        self._loaded = None, None

    # Training.

    def workdir(self, variant):
        """The folder in which a variant is trained; icdpm-train may have done so before."""
        return self.folder / SAME.get(variant, variant)

    def config(self, variant):
        """A variant's config at this scale."""
        return self.scale.config(SAME.get(variant, variant))

    def is_trained(self, variant):
        """Whether a variant's training has come to its end."""
        return self._step(variant) >= self.config(variant).run.steps

    def train(self, variant):
        """Trains a variant, from where an earlier run stopped, after what it begins with; does nothing where it is trained.

        Raises SystemExit, with 128 and its number, where a signal ends the training.
        """
        if self.is_trained(variant):
            return
        further = {}
        if first := FINE_TUNED.get(variant):
            self.train(first)
            further = {"start_from": self.workdir(first), "target_pairs": self.scale.target_pairs()}
        if first := SECOND_STAGES.get(variant):
            self.train(first)
            further = {"start_from": self.workdir(first)}
        own = {"dataset": TRAINED_ON[variant]} if variant in TRAINED_ON else {}
        pairs = self.scale.training_pairs(**own), self.scale.test_pairs(own.get("dataset", IN_DOMAIN))
        if signal := train(self.config(variant), self.workdir(variant), *pairs, self._strategy, **further):
            raise SystemExit(128 + signal)

    def system(self, variant):
        """A variant's trained system; it is trained first where it is not."""
        workdir = self.workdir(variant)
        if self._loaded[0] != workdir:
            self.train(variant)
            self._loaded = workdir, load(workdir)
        return self._loaded[1]

    def _step(self, variant):
        return max(checkpoint_steps(self.workdir(variant)), default=0)

    # Restoring.

    def restored(self, model, dataset, settings=None, pairs=None):
        """Restores pictures and returns their folder.

        Args:
          model: a `models.Model`.
          dataset: name of a test set, or of `pairs`.
          settings: `Settings` of the restoration; None: those of the model's config.
          pairs: the `PairSource` that is restored; None: the whole test set. A part of the test set that has its description
            shares the folder with it.
        """
        system = self.system(model.variant)
        pairs = self.scale.test_pairs(dataset) if pairs is None else pairs
        settings, workdir = settings or model.settings(self.scale), self.workdir(model.variant)
        words = re.sub(r"[^\w.]+", "-", str(settings))
        name = f"{workdir.name}-step{self._step(model.variant)}-{words}-mean{settings.samples}"
        folder = workdir / "restored" / dataset / name
        restore_dataset(system, pairs, settings, 0, folder)
        return folder

    # Measuring.

    def measured(self, dataset, folders, metrics):
        """Measures folders of restored pictures of a test set, and its blurry pictures as the row 'blurry'.

        Args:
          dataset: of the scale.
          folders: {row of the table: folder}.
          metrics: names of metrics.

        Returns:
          ({row: {metric: mean value}}, {metric: protocol}, {metric: why it is not available}). PSNR and SSIM go by these
          names also where the scale aligns the pictures for them, and their protocols say so.
        """
        results, values = self._measure(dataset, folders, metrics)
        rows = {
            row: {**{name: float(each.mean()) for name, each in of_each.items()}, **results.set_values[method]}
            for (row, of_each), method in zip(values.items(), results.set_values)
        }
        choice = results.metrics
        protocols = {_plain(name): metric.protocol for name, metric in {**choice.image_metrics, **choice.set_metrics}.items()}
        return rows, protocols, _presentable(results.unavailable)

    def differences(self, dataset, folders, metric, other=BLURRY):
        """How far rows of a table lie above one of them, picture by picture.

        Args:
          dataset, folders: as of `measured`.
          metric: a name of a metric.
          other: the row that they are compared with.

        Returns:
          {row: `Mean` of its differences with their interval}, without `other`; of BLURRY there is a row too.
        """
        _, values = self._measure(dataset, folders, [metric])
        return {row: mean_with_interval(each[metric] - values[other][metric]) for row, each in values.items() if row != other}

    def picture_values(self, dataset, folders, metric):
        """{row: float64 [pictures]} of a metric, in the order of the test set; the row BLURRY comes first.

        Args:
          dataset, folders: as of `measured`.
          metric: a name of a metric.
        """
        return {row: each[metric] for row, each in self._measure(dataset, folders, [metric])[1].items()}

    def _measure(self, dataset, folders, metrics):
        """(a `Measured`, {row, with that of the blurry pictures first: {metric's plain name: float64 [pictures]}})."""
        pairs = self.scale.test_pairs(dataset)
        methods = {row.replace("/", " "): folder for row, folder in folders.items()}  # they name files too
        results = measure(
            pair_with_source(methods, pairs),
            select_metrics(metrics, self.scale.alignment(dataset)),
            self.folder / "measured" / dataset,
            workers=1 if len(pairs) * len(methods) < _FEW else None,
        )
        rows = zip((BLURRY, *folders), results.values.values())
        return results, {row: {_plain(name): each for name, each in of_each.items()} for row, of_each in rows}

    def swept(self, variant, dataset):
        """Measures every setting of the scale's grid on a test set, without keeping the restored pictures.

        Returns:
          ([{'steps', 'max_noise_variance', metrics…}], {metric: protocol}, {metric: why it is not available}).
        """
        values, metrics, reasons = self._sweep(variant, dataset)
        rows = [
            {"steps": each.steps, "max_noise_variance": each.max_noise_variance, **mean_values(of_each)}
            for each, of_each in zip(self.scale.grid(), values)
        ]
        return rows, {name: metric.protocol for name, metric in metrics.items()}, _presentable(reasons)

    def best_gain(self, variant, dataset):
        """The `Mean` of what the setting of the grid with the best PSNR gains over the blurry pictures, with its interval."""
        values, metrics, _ = self._sweep(variant, dataset)
        pairs, psnr = self.scale.test_pairs(dataset), {"psnr": metrics["psnr"]}
        blurry = [measure_image(psnr, *pairs.load(index))[0]["psnr"] for index in range(len(pairs))]
        gains = [np.subtract([picture["psnr"] for picture in of_each], blurry) for of_each in values]
        return mean_with_interval(max(gains, key=np.mean))

    def _sweep(self, variant, dataset):
        """(values as of `measure_settings`, {metric: ImageMetric}, {metric: why it is not available}) of the grid."""
        system, pairs = self.system(variant), self.scale.test_pairs(dataset)
        metrics, reasons = available_metrics(GRID_METRICS, pairs)
        # By the name of psnr also where the scale aligns the pictures for it.
        (metrics["psnr"],) = select_metrics(["psnr"], self.scale.alignment(dataset)).image_metrics.values()
        journal = Journal(self.folder / "measured" / "grid.jsonl")
        label = f"{self.workdir(variant).name}, {self.scale.label(dataset)}: "
        return measure_settings(system, pairs, self.scale.grid(), metrics, journal, label), metrics, reasons


def beside_others(own, others):
    """{row: folder} of what others restored and then of what was restored here. Raises IcdpmError where both have a row."""
    if taken := sorted(own.keys() & others.keys()):
        raise IcdpmError(f"{taken[0]} is the name of a row that is made here; give --restored another name")
    return {**others, **own}


def _plain(metric):
    return metric.removesuffix("_ecc")


def _presentable(reasons):
    return {_plain(metric): abbreviate_home(reason) for metric, reason in reasons.items()}
