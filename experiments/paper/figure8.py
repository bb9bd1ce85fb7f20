"""Figure 8: an out-of-domain picture restored, and 12 channels of its guidance features at half its size (k = 1)."""

import numpy as np

from icdpm.images.reading import read_rgb
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.pairs import center_crop
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.guidance_pictures import guidance_pictures
from icdpm_experiments.paper.models import GUIDED
from icdpm_experiments.paper.scales import OUT_OF_DOMAIN
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, write_results

ROWS, COLUMNS = 3, 4
_SIDE = 256  # px of the picture's middle that is shown


def restorings(scale):
    """What the figure needs restored."""
    return restorings_by([GUIDED], scale, [OUT_OF_DOMAIN])


def run(runs):
    """Writes results/fig8, of the set's first picture."""
    pairs = runs.scale.test_pairs(OUT_OF_DOMAIN)
    blurry, sharp = pairs.load(0)
    restored = read_rgb(runs.restored(GUIDED, OUT_OF_DOMAIN) / f"{pairs.names[0]}.png")
    features = guidance_pictures(runs.system(GUIDED.variant), blurry).features[1]
    channels = strongest_channels(features)
    maps = [center_crop(stretched(features[..., channel]), _SIDE // 2) for channel in channels]
    left = [center_crop(picture, _SIDE) for picture in (blurry, restored, sharp)]
    enlarged = [each.repeat(2, axis=0).repeat(2, axis=1) for each in maps] + [None] * (ROWS * COLUMNS - len(maps))
    rows = [[left[row], *enlarged[row::ROWS]] for row in range(ROWS)]
    label = f"{pairs.names[0]} of {runs.scale.label(OUT_OF_DOMAIN)}"
    caption = f"Figure 8, {label}: blurry, restored, sharp.\n{SCALE_NOTES.get(runs.scale.name, '')}"
    write_gallery(RESULTS_FOLDER / "fig8.png", ["picture", *["channels of h1"] * COLUMNS], rows, caption)
    path = write_results(
        "fig8",
        command=f"make bench-fig8 SCALE={runs.scale.name}",
        data=f"Table 2 (f)'s guidance features at half the size of {label}",
        scale=runs.scale.name,
        rows=[{"channel": int(each), "standard_deviation": float(features[..., each].std())} for each in channels],
        title="Figure 8: guidance feature maps",
        notes=[f"Of {features.shape[-1]} channels those that vary most, in fig8.png from top to bottom and left to right."],
    )
    print(f"written to {path} and {RESULTS_FOLDER / 'fig8.png'}")


def strongest_channels(features):
    """The 12 channels of h_k, float32 [height, width, channels], that vary most; all, where there are fewer."""
    return np.argsort(-features.std(axis=(0, 1)), kind="stable")[: ROWS * COLUMNS]


def stretched(channel):
    """A channel [height, width] as a gray picture, uint8 [height, width, 3]: from its 1st to its 99th percentile."""
    low, high = np.percentile(channel, [1, 99])
    gray = np.round(255 * np.clip((channel - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)
    return np.repeat(gray[..., None], 3, axis=-1)


EXPERIMENTS = {"fig8": Experiment(run, restorings)}
