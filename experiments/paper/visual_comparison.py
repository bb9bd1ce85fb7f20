"""Figures 1, 6 and 11 to 26, and HI-Diff's visual comparison: fixed crops of blurry, restored and sharp test images.

`FIGURES` has one entry for each figure. The papers state the data set and the methods of a figure, but neither the images nor
the crops. These are chosen here, once for each scale, and can be replaced. A crop is a text: NAME=LEFT,TOP,WIDTH,HEIGHT in
pixels, or NAME for the middle of an image.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from icdpm.errors import IcdpmError
from icdpm.evaluation.lazy_images import FileImage
from icdpm.evaluation.measure import measure_image
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.evaluation.pairing import list_images, pair_name
from icdpm.images.search import normalize_name
from icdpm_experiments.figures import crop_image, enlarge, write_gallery
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.comparison import merge_folders, restored_variable, write_experiment
from icdpm_experiments.paper.experiment import Experiment, RequiredRun, required_runs
from icdpm_experiments.paper.models import HIDIFF_GOPRO, OURS, UNGUIDED, ComparedModel
from icdpm_experiments.results import SCALE_NOTES, abbreviate_home

MODELS = {"icDPM": UNGUIDED, "Ours": OURS["Ours"]}
HIDIFF_MODELS = {"HI-Diff": HIDIFF_GOPRO}
_SIDE = 256  # pixels: side of a crop without a box, and size up to which smaller crops are enlarged


class Figure(NamedTuple):
    """A figure of fixed crops.

    Attributes:
      title: title of the figure.
      dataset: name of the test set.
      methods: further methods of the published figure. They are shown if folders of their images are given.
      paper, micro: crops at the scale of that name.
      models: {heading: ComparedModel} of the columns that are restored here.
    """

    title: str
    dataset: str
    methods: tuple[str, ...]
    paper: tuple[str, ...]
    micro: tuple[str, ...]
    models: Mapping[str, ComparedModel] = MODELS

    def crops(self, scale) -> tuple[str, ...]:
        """Returns the crops at a scale of `scales`."""
        return {"paper": self.paper, "micro": self.micro}[scale.name]


_REALBLUR = ("UNet", "MPRNet", "DeblurGAN-v2", "Restormer", "UFormer", "DvSR")
_REDS = ("MPRNet", "HINet", "DeblurGAN-v2", "Restormer", "UFormer")
_HIDE = _GOPRO = ("MPRNet", "MIMO-UNet+", "SAPHNet", "Restormer", "UFormer", "DvSR")

# HI-Diff's own repository shows scene050/blur_6 and GOPR0410_11_00/000205. A crop at the paper's scale has a box if the image
# was available when it was chosen. The caption of Figure 6 names three methods; the figure may show others too.
FIGURES = {
    "fig1": Figure(
        "Figure 1: out-of-domain deblurring, RealBlur-J",
        "realblur_j",
        ("MPRNet", "UFormer", "DeblurGAN-v2"),
        ("scene050/blur_6",),
        ("text_02=0,24,128,128",),
    ),
    "fig6": Figure(
        "Figure 6: out-of-domain deblurring, RealBlur-J",
        "realblur_j",
        ("DeblurGAN-v2", "DvSR", "UFormer"),
        ("scene230/blur_7", "scene205/blur_7", "scene097/blur_7"),
        ("text_00=0,0,128,128", "text_01=64,32,128,128", "night_00=96,0,128,128"),
    ),
}
# {(name of the set, test set, methods): (figure number, crop at the paper's scale, crop at the micro scale)}.
_ONE_CROP = {
    ("REDS", "reds", _REDS): (
        (11, "000/00000009", "deadleaves_00=64,64,128,128"),
        (12, "007/00000049", "deadleaves_01=0,0,128,128"),
        (13, "015/00000059", "mixed_00=128,128,128,128"),
        (14, "022/00000099", "mixed_01=64,96,128,128"),
    ),
    ("HIDE", "hide", _HIDE): (
        (15, "1fromGOPR0950=400,260,256,256", "architecture_00=64,64,128,128"),
        (16, "1fromGOPR1096.MP4=370,100,256,256", "architecture_01=80,0,128,128"),
        (17, "109fromGOPR1096.MP4=780,140,256,256", "architecture_02=128,16,128,128"),
        (18, "110fromGOPR1087.MP4=880,110,256,256", "architecture_03=100,30,128,128"),
    ),
    ("GoPro", "gopro", _GOPRO): (
        (19, "GOPR0384_11_00/000001=1016,110,256,256", "photo_chelsea_2=96,32,128,128"),
        (20, "GOPR0410_11_00/000205", "photo_camera_1=40,16,128,128"),
        (21, "GOPR0396_11_00/000001", "photo_camera_3=0,0,128,128"),
        (22, "GOPR0871_11_00/000078", "photo_brick_1=64,64,128,128"),
    ),
    ("RealBlur-J", "realblur_j", _REALBLUR): (
        (23, "scene015/blur_7", "text_00=0,128,128,128"),
        (24, "scene101/blur_7", "text_01=0,128,128,128"),
        (25, "scene218/blur_7", "text_02=128,0,128,128"),
        (26, "scene047/blur_7", "night_00=96,96,128,128"),
    ),
}
FIGURES |= {
    f"fig{number}": Figure(f"Figure {number}: deblurring {name}", dataset, methods, (paper,), (micro,))
    for (name, dataset, methods), figures in _ONE_CROP.items()
    for number, paper, micro in figures
}
FIGURES["hidiff-realblur"] = Figure(
    "HI-Diff's visual comparison on RealBlur-J, trained on GoPro",
    "realblur_j",
    ("DBGAN", "MIMO-UNet+", "MPRNet", "Restormer", "Stripformer"),
    ("scene050/blur_6", "scene230/blur_7"),
    ("text_02=0,24,128,128", "text_00=0,128,128,128"),
    HIDIFF_MODELS,
)


class Crop(NamedTuple):
    """A part of an image.

    Attributes:
      name: name of the image.
      box: (left, top, width, height) in pixels; None for the middle of the image.
    """

    name: str
    box: tuple[int, ...] | None

    def box_within(self, image) -> tuple[int, ...]:
        """Returns the box in an image, uint8 [height, width, 3].

        Raises:
          IcdpmError: the box exceeds the image.
        """
        height, width = image.shape[:2]
        if self.box is None:
            side = min(_SIDE, height, width)
            return (width - side) // 2, (height - side) // 2, side, side
        left, top, across, down = self.box
        if left + across > width or top + down > height:
            raise IcdpmError(
                f"The crop of {across}×{down} pixels at ({left}, {top}) exceeds {self.name}, which has {width}×{height}. "
                "Pass another crop with --crops (CROPS)."
            )
        return self.box

    def describe(self, box) -> str:
        """Returns a description of the crop for captions."""
        left, top, width, height = box
        return f"{self.name} ({width}×{height} pixels at {left}, {top})"


def parse_crop(text: str) -> Crop:
    """Parses NAME or NAME=LEFT,TOP,WIDTH,HEIGHT. The name may have any of the forms of published sets and results.

    Raises:
      IcdpmError: the text has another form.
    """
    name, equals, numbers = text.partition("=")
    box = tuple(int(number) for number in numbers.split(",") if number.strip().isdecimal())
    if not name or (equals and (len(box) != 4 or numbers.count(",") != 3 or 0 in box[2:])):
        raise IcdpmError(f"--crops must be NAME or NAME=LEFT,TOP,WIDTH,HEIGHT, in pixels. Received: {text!r}.")
    return Crop(normalize_name(pair_name(name)), box if equals else None)


def required(scale, figure) -> list[RequiredRun]:
    """Lists the required runs of a figure in `FIGURES`."""
    entry = FIGURES[figure]
    return required_runs(entry.models.values(), scale, [entry.dataset], images=len(entry.crops(scale)))


def run(runs, figure, restored, crops) -> None:
    """Restores the images of a figure and writes results/FIGURE, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      figure: a key of `FIGURES`.
      restored: {name of another method: folder of its restored images}.
      crops: texts for `parse_crop` in place of the figure's own; may be empty.
    """
    entry = FIGURES[figure]
    parsed = [parse_crop(crop) for crop in crops or entry.crops(runs.scale)]
    notes = [] if crops else ["The paper states neither the images nor the crops: both are chosen here."]
    variables = {"CROPS": " ".join(crops)}
    pairs, label = runs.scale.test_pairs(entry.dataset), runs.scale.label(entry.dataset)
    compare_crops(runs, figure, entry, pairs, label, parsed, restored, variables, notes)


def compare_crops(runs, figure, entry, pairs, label, crops, restored, variables, notes):
    """Restores the images of the crops, and writes the gallery and the measured PSNR.

    Args:
      runs, restored: arguments of `run`.
      figure: name of the figure.
      entry: its `Figure`.
      pairs: the `PairSource` with the images.
      label: name of the pairs in the figure.
      crops: list of `Crop`.
      variables: {make variable: value} of the command.
      notes: sentences.
    """
    indices = find_pairs(pairs, crops)
    # With the description of the whole set, so that figures and tables share restored images.
    selected = SelectedPairs(pairs, sorted(set(indices)), pairs.description)
    own = {heading: runs.restore(model, entry.dataset, pairs=selected) for heading, model in entry.models.items()}
    files = {name: list_images(Path(folder), "restored") for name, folder in merge_folders(own, restored).items()}
    metrics = select_metrics(["psnr"], runs.scale.alignment(entry.dataset)).image_metrics
    headings, cells, rows, places = ["blurry", *files, "sharp"], [], [], []
    for crop, index in zip(crops, indices):
        blurry, sharp = pairs.load(index)
        versions = {"blurry": blurry, **{name: _read(name, of_name, crop.name, blurry) for name, of_name in files.items()}}
        box = crop.box_within(blurry)
        row = {"image": crop.name, **dict(zip(("left", "top", "width", "height"), box))}
        if sharp is not None:
            for name, image in versions.items():
                (value,) = measure_image(metrics, image, sharp)[0].values()
                row[f"psnr {name}"] = round(value, 4)
            versions["sharp"] = sharp
        rows.append(row)
        places.append(crop.describe(box))
        cells.append([_enlarge_to_side(crop_image(each, box)) for each in versions.values()])
    headings = headings[: len(cells[0])]
    absent = [method for method in entry.methods if method not in files]
    gallery = runs.scale.image_path(figure)
    write_gallery(gallery, headings, cells, crop_caption(entry.title, label, places, runs.scale))
    path = write_experiment(
        runs.scale,
        figure,
        variables={"RESTORED": restored_variable(restored), **variables},
        data=f"crops of {label}, restored by {', '.join(model.variant for model in entry.models.values())}",
        rows=rows,
        title=entry.title,
        notes=[
            f"{gallery.name} shows the crops. PSNR is that of whole images.",
            *notes,
            *([f"The published figure also shows {', '.join(absent)}. RESTORED=NAME=DIR adds a method."] if absent else []),
        ],
        restored={name: abbreviate_home(str(folder)) for name, folder in restored.items()},
    )
    print(f"Written to {path} and {gallery}.")


def find_pairs(pairs, crops) -> list[int]:
    """Returns the indices of the crops' images in a `PairSource`.

    Raises:
      IcdpmError: the source lacks an image.
    """
    indices = {normalize_name(pair_name(name)): index for index, name in enumerate(pairs.names)}
    if absent := [crop.name for crop in crops if crop.name not in indices]:
        raise IcdpmError(
            f"{pairs.description} has no {', '.join(absent)}. It has {', '.join(pairs.names[:3])}, …. "
            "Name images of the set with --crops (CROPS)."
        )
    return [indices[crop.name] for crop in crops]


def _read(method, files, name, blurry):
    """Reads a method's restored image.

    Raises:
      IcdpmError: the image is missing or has another size than the blurry one.
    """
    if name not in files:
        raise IcdpmError(f"The folder of {method} has no image of {name}. Add it, or choose other crops with --crops (CROPS).")
    image = FileImage(files[name]).read()
    if image.shape != blurry.shape:
        sizes = ["×".join(map(str, each.shape[1::-1])) for each in (image, blurry)]
        raise IcdpmError(f"{files[name]} of {method} must have {sizes[1]} pixels, as {name} has. Received: {sizes[0]}.")
    return image


def _enlarge_to_side(image):
    """Repeats the pixels of an image as often as its longer side stays within `_SIDE`."""
    return enlarge(image, max(1, _SIDE // max(image.shape[:2])))


def crop_caption(title, label, places, scale) -> str:
    """Returns the lines below a figure: its title, the crops of its rows from top to bottom, and the note of its scale."""
    return "\n".join(filter(None, [f"{title}.", f"Crops of {label}: {'; '.join(places)}.", SCALE_NOTES.get(scale.name)]))


EXPERIMENTS = {
    figure: Experiment(functools.partial(run, figure=figure), functools.partial(required, figure=figure), ("restored", "crops"))
    for figure in FIGURES
}
