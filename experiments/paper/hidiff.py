"""HI-Diff: its table on GoPro, HIDE and RealBlur, photos without sharp counterparts, and images along its reverse chain.

The table has models trained on GoPro and on RealBlur itself. The row of another method is measured if a folder of its restored
images is given. The folder holds one folder for each set: gopro/, hide/, realblur_j/, realblur_r/, or some of them. Methods
trained on RealBlur are named as in the published rows: --restored='MPRNet, trained on RealBlur=DIR'.

The images along the chain are the transformer's outputs with the prior before each step of the reverse chain and after the
last. The slides show such images ("blur images gradually become sharp as the reverse process proceeds") without naming them or
the model.
"""

from __future__ import annotations

import re
from pathlib import Path

import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.evaluation.lazy_images import FileImage
from icdpm.evaluation.metric_selection import ALIGNED_METRICS
from icdpm.evaluation.pairing import pair_name
from icdpm.images.pixels import pad_to_multiple, to_pixels, to_values
from icdpm.images.search import normalize_name
from icdpm.metrics.psnr import PROTOCOL, psnr
from icdpm_datasets.image_files import find_images
from icdpm_datasets.photos import clock_motion_path
from icdpm_experiments.figures import crop_image, write_gallery
from icdpm_experiments.paper.comparison import merge_folders, restored_variable, result_row, write_comparison, write_experiment
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs
from icdpm_experiments.paper.models import HIDIFF_GOPRO, ComparedModel
from icdpm_experiments.paper.published import (
    HIDIFF_SSIM,
    HIDIFF_TEST_SETS,
    HIDIFF_TRAINED_ON_GOPRO,
    HIDIFF_TRAINED_ON_REALBLUR,
    REALBLUR_SETS,
)
from icdpm_experiments.paper.scales import IN_DOMAIN
from icdpm_experiments.paper.visual_comparison import (
    HIDIFF_MODELS,
    Figure,
    compare_crops,
    crop_caption,
    find_pairs,
    parse_crop,
)
from icdpm_experiments.results import abbreviate_home

REALBLUR = "{}, trained on RealBlur"
REALBLUR_MODELS = {"realblur_j": ComparedModel("hidiff_realblur"), "realblur_r": ComparedModel("hidiff_realblur_r")}
PUBLISHED = {name: dict(zip(HIDIFF_TEST_SETS, values)) for name, values in HIDIFF_TRAINED_ON_GOPRO.items()} | {
    REALBLUR.format(name): dict(zip(REALBLUR_SETS, values)) for name, values in HIDIFF_TRAINED_ON_REALBLUR.items()
}
PHOTO_METHODS = ("DBGAN", "DMPHN", "MIMO-UNet+", "MPRNet", "Restormer", "Stripformer")
_MAX_PHOTOS = 4  # photos of a folder that are shown without --crops
CHAIN_CROPS = {
    "paper": ("GOPR0410_11_00/000205", "GOPR0384_11_00/000001=1016,110,256,256"),
    "micro": ("photo_chelsea_2=112,32,112,112", "photo_camera_1=40,16,112,112"),
}


# The table.


def models_of(dataset) -> dict[str, ComparedModel]:
    """Returns {row: model} of the models that restore a set."""
    own = {"HI-Diff": HIDIFF_GOPRO}
    if dataset in REALBLUR_MODELS:
        own[REALBLUR.format("HI-Diff")] = REALBLUR_MODELS[dataset]
    return own


def columns_of(scale, dataset) -> dict[str, str]:
    """Returns {metric: heading of its column} of a test set, in the order of the published values.

    The heading names the protocol: `ssim_matlab_rgb`, or `psnr_ecc` and `ssim_ecc` if the scale aligns the images.
    """
    metrics = ("psnr", HIDIFF_SSIM[dataset])
    if scale.alignment(dataset) == "none":
        return dict(zip(metrics, metrics))
    return {metric: ALIGNED_METRICS[metric][0] for metric in metrics}


def required_for_table(scale) -> list[RequiredRun]:
    """Lists the required runs of the table."""
    return [each for dataset in HIDIFF_TEST_SETS for each in required_runs(models_of(dataset).values(), scale, [dataset])]


def run_table(runs, restored) -> None:
    """Restores and measures the four sets; writes results/hidiff.

    Args:
      runs: a `Runs`.
      restored: {name of another method, published or new: folder with a folder of restored images for each set}.

    Raises:
      IcdpmError: a folder of `restored` has none of the sets.
    """
    restored = {name: Path(folder) for name, folder in restored.items()}
    for name, folder in restored.items():
        if not any((folder / dataset).is_dir() for dataset in HIDIFF_TEST_SETS):
            raise IcdpmError(
                f"The folder of {name} needs one of the folders {', '.join(HIDIFF_TEST_SETS)}. Received: {folder}."
            )
    rows, protocols, not_available = [], {}, {}
    for dataset in HIDIFF_TEST_SETS:
        own = {row: runs.restore(model, dataset) for row, model in models_of(dataset).items()}
        others = {name: folder / dataset for name, folder in restored.items() if (folder / dataset).is_dir()}
        headings = columns_of(runs.scale, dataset)
        measured, its_protocols, its_reasons = runs.measure(dataset, merge_folders(own, others), list(headings))
        protocols |= {f"{headings[metric]}, {dataset}": protocol for metric, protocol in its_protocols.items()}
        not_available |= {f"{headings[metric]}, {dataset}": reason for metric, reason in its_reasons.items()}
        for name in dict.fromkeys(["blurry", *restored, *PUBLISHED]):
            published = PUBLISHED.get(name, {}).get(dataset) or (None, None)
            values = [measured.get(name, {}).get(metric) for metric in headings]
            rows += [result_row(name, runs.scale.label(dataset), *cell) for cell in zip(headings.values(), values, published)]
    notes = [
        "Rows 'trained on RealBlur': the model of RealBlur-J was trained on RealBlur-J, that of RealBlur-R on RealBlur-R.",
        "HI-Diff's published SSIM follows its evaluation scripts: MATLAB's ssim of the RGB array on GoPro and HIDE, the "
        "official protocol, masked after alignment, on RealBlur-R and RealBlur-J. The protocols of the other published rows "
        "are not stated.",
    ]
    if all(runs.scale.alignment(dataset) == "none" for dataset in REALBLUR_SETS):
        notes.append("At this scale the stand-ins for RealBlur need no alignment: their SSIM is per channel, without a mask.")
    write_comparison(
        "hidiff",
        "HI-Diff: trained on GoPro, and on RealBlur",
        runs.scale,
        rows,
        notes=notes,
        variables={"RESTORED": restored_variable(restored)},
        protocols=protocols,
        not_available=not_available,
    )


# Photos without sharp counterparts.


class Photos:
    """Photos without sharp counterparts: a `PairSource` of pairs (photo, None).

    Args:
      files: {name: path}.
      description: one line for logs and results.
    """

    def __init__(self, files, description):
        self.names = list(files)
        self.description = description
        self._files = list(files.values())

    def __len__(self):
        return len(self.names)

    def files(self, index):
        """Returns the file of the photo at `index`, in a list."""
        return [self._files[index]]

    def load(self, index):
        """Returns (the photo at `index`, uint8 [height, width, 3]; None)."""
        return FileImage(self._files[index]).read(), None


def required_for_photos(scale) -> list[RequiredRun]:
    """Lists the required runs of `run_photos`: the trained model. The few photos are not counted."""
    return required_runs(HIDIFF_MODELS.values(), scale, ["realblur_j"], images=0)


def run_photos(runs, restored, crops, photos) -> None:
    """Restores photos without sharp counterparts by HI-Diff and writes results/hidiff_photos, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      restored: {name of another method: folder of its restored images}.
      crops: texts for `visual_comparison.parse_crop`. If empty, the middle of the first photos is shown.
      photos: folder of the photos; None for scikit-image's motion-blurred clock.
    """
    if photos is None:
        clock = clock_motion_path()
        source, folder = Photos({clock.stem: clock}, "scikit-image's motion-blurred clock"), "clock"
    else:
        files = {normalize_name(pair_name(name)): path for name, path in find_images(Path(photos)).items()}
        source = Photos(files, f"the photos in {abbreviate_home(photos)}")
        folder = "photos" + re.sub(r"[^\w.]+", "-", str(Path(photos).resolve()))
    parsed = [parse_crop(crop) for crop in crops or source.names[:_MAX_PHOTOS]]
    title = "HI-Diff's visual comparison on photos without sharp counterparts, trained on GoPro"
    entry = Figure(title, folder, PHOTO_METHODS, (), (), HIDIFF_MODELS)
    notes = ["HI-Diff's slides show photos of RWBI. PHOTOS=DIR takes a folder of them."]
    variables = {"PHOTOS": photos and abbreviate_home(photos), "CROPS": " ".join(crops)}
    compare_crops(runs, "hidiff-photos", entry, source, source.description, parsed, restored, variables, notes)


# The images along the chain.


def required_for_chain(scale) -> list[RequiredRun]:
    """Lists the required runs of the chain's images."""
    return required_runs([HIDIFF_GOPRO], scale, [IN_DOMAIN], images=len(CHAIN_CROPS[scale.name]))


def run_chain(runs, crops) -> None:
    """Writes results/hidiff_chain, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      crops: texts for `visual_comparison.parse_crop` in place of `CHAIN_CROPS`; may be empty.
    """
    variables = {"CROPS": " ".join(crops)}
    crops = [parse_crop(crop) for crop in crops or CHAIN_CROPS[runs.scale.name]]
    pairs, label = runs.scale.test_pairs(IN_DOMAIN), runs.scale.label(IN_DOMAIN)
    model = runs.load_model(HIDIFF_GOPRO.variant)
    rows, cells, headings, places = [], [], [], []
    for crop, index in zip(crops, find_pairs(pairs, crops)):
        blurry, sharp = pairs.load(index)
        priors, outputs = restore_along_chain(model, blurry)
        headings = ["blurry", "noise", *(f"step {step}" for step in range(1, len(outputs))), "sharp"]
        distances = [float(tf.reduce_mean(tf.abs(prior - priors[-1]))) for prior in priors]
        rows += [
            {"image": crop.name, "step": step, "psnr": round(psnr(output, sharp), 4), "prior_to_last": round(distance, 4)}
            for step, (output, distance) in enumerate(zip(outputs, distances))
        ]
        box = crop.box_within(blurry)
        places.append(crop.describe(box))
        cells.append([crop_image(each, box) for each in (blurry, *outputs, sharp)])
    image = runs.scale.image_path("hidiff-chain")
    title = "HI-Diff: outputs along the reverse chain"
    write_gallery(image, headings, cells, crop_caption(title, label, places, runs.scale))
    path = write_experiment(
        runs.scale,
        "hidiff-chain",
        variables=variables,
        data=f"images of {label}, restored by {HIDIFF_GOPRO.variant} with the prior of each step of its chain",
        rows=rows,
        title=title,
        notes=[
            "Step 0: the noise at the start of the chain. prior_to_last: mean absolute difference of the prior from that of "
            f"the last step. PSNR of whole images; hidiff_chain.png shows crops. {PROTOCOL}."
        ],
    )
    print(f"Written to {path} and {image}.")


def restore_along_chain(model, image) -> tuple[list, list]:
    """Restores an image with the prior before each step of the reverse chain and after the last.

    Args:
      model: a HI-Diff after its second stage.
      image: the blurry image, uint8 [height, width, 3].

    Returns:
      ([z_T, …, z_0], float32 [1, tokens, width]; [output with each prior, uint8 [height, width, 3]]).
    """
    blurry = tf.constant(pad_to_multiple(to_values(image), model.size_multiple)[None])
    priors = model.priors_along_chain(blurry)
    height, width = image.shape[:2]
    outputs = [model.denoise(None, blurry, None, {"prior": prior})[0, :height, :width].numpy() for prior in priors]
    return priors, [to_pixels(output, image) for output in outputs]


EXPERIMENTS = {
    "hidiff": Experiment(run_table, required_for_table, ("restored",)),
    "hidiff-photos": Experiment(run_photos, required_for_photos, ("restored", "crops", "photos")),
    "hidiff-chain": Experiment(run_chain, required_for_chain, ("crops",)),
}
