"""What restored pictures are measured by, as far as this machine can, and which of it stands for perception in plots."""

from icdpm.errors import IcdpmError
from icdpm.evaluation.measure import measure_image
from icdpm.evaluation.metric_selection import ImageMetric, select_metrics
from icdpm_experiments.results import without_home
from icdpm_experiments.sweeping import detail

# {metric: label of its axis}; the first that is available is drawn.
_PERCEPTION = {
    "lpips_alex": "LPIPS (less is better)",
    "niqe": "NIQE (less is better)",
    "detail": "fine detail, relative to the sharp picture (1 is right)",
}


def available_metrics(names, pairs):
    """Those of the metrics that can be measured here of these pictures, and `detail`, which always can.

    Args:
      names: of `icdpm.evaluation.metric_selection.select_metrics`.
      pairs: a `PairSource`; its first pair is tried.

    Returns:
      ({name: ImageMetric}, {name: why it cannot be measured}).
    """
    metrics = {**select_metrics(names).image_metrics, "detail": ImageMetric(detail.detail, detail.PROTOCOL, False, of="pair")}
    reasons = {}
    for name, metric in metrics.items():
        try:
            reasons.update(measure_image({name: metric}, *pairs.load(0))[1])
        except IcdpmError as error:
            reasons[name] = str(error)
    reasons = {name: without_home(reason) for name, reason in reasons.items()}
    return {name: metric for name, metric in metrics.items() if name not in reasons}, reasons


def perception_of(metrics):
    """(name, label of the axis) of the metric that stands for perception, of those that were measured."""
    return next((name, label) for name, label in _PERCEPTION.items() if name in metrics)
