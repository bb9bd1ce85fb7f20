"""Table 1, the domain gap: FID and KID between two test sets' gray inputs, and between what the guidance regresses of them."""

import numpy as np

from icdpm.metrics.inception_features import inception_features
from icdpm.metrics.registry import SET_METRICS
from icdpm.metrics.unavailable import MetricUnavailable
from icdpm.progress import progress_bar
from icdpm_experiments.paper.comparison import row_of, write_comparison
from icdpm_experiments.paper.cost import Restoring
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.guidance_pictures import guidance_pictures
from icdpm_experiments.paper.models import GUIDED
from icdpm_experiments.paper.published import TABLE1
from icdpm_experiments.paper.scales import IN_DOMAIN, OUT_OF_DOMAIN
from icdpm_experiments.results import abbreviate_home


def restorings(scale):
    """What the table needs: the trained model, whose denoiser is not asked."""
    return [Restoring(GUIDED.variant, dataset, 0) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN)]


def run(runs):
    """Measures the gap in each space; writes results/table1."""
    model = runs.system(GUIDED.variant)
    domains = [runs.scale.test_pairs(dataset) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN)]
    metrics = {name: SET_METRICS[name] for name in ("fid", "kid")}
    try:
        values, not_available = gaps(*(space_features(model, pairs) for pairs in domains), metrics), {}
    except MetricUnavailable as error:
        values, not_available = {}, dict.fromkeys(metrics, abbreviate_home(str(error)))
    label = " against ".join(runs.scale.label(dataset) for dataset in (IN_DOMAIN, OUT_OF_DOMAIN))
    rows = []
    for space, (fid, kid) in TABLE1.items():
        measured = values.get(space, {"fid": None, "kid": None})
        rows.append(row_of(space, label, "fid", measured["fid"], fid))
        rows.append(row_of(space, label, "kid_x100", measured["kid"] and 100 * measured["kid"], kid))
    write_comparison(
        "table1",
        "Table 1: the gap between two domains",
        runs.scale,
        rows,
        notes=["input: the blurry pictures in gray; ×2, ×4, ×8: downsampled; guidance: what Table 2 (f) regresses from them."],
        protocols={name: metric.protocol for name, metric in metrics.items()},
        not_available=not_available,
    )


def space_features(model, pairs):
    """{space: float32 [pictures, features]}: Inception's features of a set's blurry pictures in each space."""
    features = {}
    for index in progress_bar(f"spaces of {pairs.description}", len(pairs), iterable=range(len(pairs))):
        for space, picture in spaces(model, pairs.load(index)[0]).items():
            features.setdefault(space, []).append(inception_features(picture))
    return {space: np.concatenate(each) for space, each in features.items()}


def spaces(model, picture):
    """A blurry picture, uint8 [height, width, 3], as each row of the table sees it: {space: uint8 picture, smaller by ×}."""
    outputs = guidance_pictures(model, picture)
    found = {"input": outputs.gray}
    for k, regressed in outputs.regressions.items():
        found[f"input ×{2**k}"], found[f"guidance ×{2**k}"] = outputs.inputs[k], regressed
    return found


def gaps(one, other, metrics):
    """{space: {metric: value}} between two sets' features of each space."""
    return {space: {name: metric.function(one[space], other[space]) for name, metric in metrics.items()} for space in one}


EXPERIMENTS = {"table1": Experiment(run, restorings)}
