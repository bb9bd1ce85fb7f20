"""Figures 1, 6 and 11 to 26, and HI-Diff's visual comparisons: fixed crops of test pictures, blurry, restored and sharp.

`FIGURES` holds one entry for each figure. The papers state the data set and the methods of a figure, but neither the pictures
nor the parts of them: these are chosen here, once for each scale, and other crops may be given. Every crop is a text:
NAME=LEFT,TOP,WIDTH,HEIGHT, in pixels, or NAME for the middle of a picture.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.evaluation.lazy_images import FileImage
from icdpm.evaluation.measure import measure_image
from icdpm.evaluation.metric_selection import select_metrics
from icdpm.evaluation.pairing import list_images, pair_name
from icdpm_datasets.image_files import find_images
from icdpm_datasets.photos import clock_motion_path
from icdpm_experiments.figures import write_gallery
from icdpm_experiments.pairs import SelectedPairs
from icdpm_experiments.paper.cost import restorings_by
from icdpm_experiments.paper.experiment import Experiment
from icdpm_experiments.paper.hidiff import GOPRO_MODEL
from icdpm_experiments.paper.models import OURS, UNGUIDED, Model
from icdpm_experiments.paper.runs import beside_others
from icdpm_experiments.results import RESULTS_FOLDER, SCALE_NOTES, abbreviate_home, make_command, write_results

MADE = {"icDPM": UNGUIDED, "Ours": OURS["Ours"]}
HIDIFF = {"HI-Diff": GOPRO_MODEL}
_SIDE = 256  # pixels: side of a crop without a box, and of what smaller crops are enlarged to
_MOST_PHOTOS = 4  # of a folder, where no crops are given


class Figure(NamedTuple):
    """A figure of fixed crops.

    Attributes:
      title: what it shows.
      dataset: name of the test set.
      methods: that the published figure shows and that are not made for this one; they are shown where they are given.
      paper, micro: crops at the scale of that name.
      made: {heading: Model} of the columns that are made here.
    """

    title: str
    dataset: str
    methods: tuple[str, ...]
    paper: tuple[str, ...]
    micro: tuple[str, ...]
    made: Mapping[str, Model] = MADE

    def crops(self, scale):
        """The crops at a scale of `scales`."""
        return {"paper": self.paper, "micro": self.micro}[scale.name]


_REALBLUR = ("UNet", "MPRNet", "DeblurGAN-v2", "Restormer", "UFormer", "DvSR")
_REDS = ("MPRNet", "HINet", "DeblurGAN-v2", "Restormer", "UFormer")
_HIDE = _GOPRO = ("MPRNet", "MIMO-UNet+", "SAPHNet", "Restormer", "UFormer", "DvSR")

# HI-Diff's own repository shows scene050/blur_6 and GOPR0410_11_00/000205. A crop at the paper's scale has a box where the
# picture was at hand when it was chosen. Figure 6's caption names three methods; it may show others too.
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
# Of each set four figures with one crop each: number, crop at the paper's scale, crop at the micro scale.
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
    HIDIFF,
)
_PHOTO_METHODS = ("DBGAN", "DMPHN", "MIMO-UNet+", "MPRNet", "Restormer", "Stripformer")


class Photos:
    """Photos without sharp counterparts; a `PairSource` whose pairs are (photo, None).

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

    def load(self, index):
        """(the photo at `index`, uint8 [height, width, 3]; None)."""
        return FileImage(self._files[index]).read(), None


class Crop(NamedTuple):
    """A part of a picture.

    Attributes:
      name: of the picture.
      box: (left, top, width, height) in pixels; None for the middle of it.
    """

    name: str
    box: tuple[int, ...] | None

    def within(self, picture):
        """The box in a picture, uint8 [height, width, 3]. Raises IcdpmError where it exceeds the picture."""
        height, width = picture.shape[:2]
        if self.box is None:
            side = min(_SIDE, height, width)
            return (width - side) // 2, (height - side) // 2, side, side
        left, top, across, down = self.box
        if left + across > width or top + down > height:
            raise IcdpmError(
                f"the crop of {across}×{down} pixels at ({left}, {top}) exceeds {self.name}, which has {width}×{height}; "
                "give another with --crops (CROPS)"
            )
        return self.box

    def described(self, box):
        """The crop in words."""
        left, top, width, height = box
        return f"{self.name} ({width}×{height} pixels at {left}, {top})"


def cut(picture, box):
    """The part of a picture [height, width, …] in a box (left, top, width, height)."""
    left, top, width, height = box
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def parse_crop(text):
    """The `Crop` of a text NAME or NAME=LEFT,TOP,WIDTH,HEIGHT; the name may be written as published sets and results do.

    Raises:
      IcdpmError: the text has another form.
    """
    name, equals, numbers = text.partition("=")
    box = tuple(int(number) for number in numbers.split(",") if number.strip().isdecimal())
    if not name or (equals and (len(box) != 4 or numbers.count(",") != 3 or 0 in box[2:])):
        raise IcdpmError(f"--crops must be NAME or NAME=LEFT,TOP,WIDTH,HEIGHT, in pixels. Received: {text!r}")
    return Crop(pair_name(name), box if equals else None)


def restorings(scale, figure):
    """Returns the models whose restorations the figure needs."""
    entry = FIGURES[figure]
    return restorings_by(entry.made.values(), scale, [entry.dataset], pictures=len(entry.crops(scale)))


def run(runs, figure, restored, crops):
    """Restores the figure's pictures and writes results/FIGURE, with .png, .md and .json.

    Args:
      runs: a `Runs`.
      figure: of `FIGURES`.
      restored: {name of another method: folder of its restored pictures}.
      crops: texts of `parse_crop` in place of the figure's own; may be empty.
    """
    entry = FIGURES[figure]
    chosen = [parse_crop(crop) for crop in crops or entry.crops(runs.scale)]
    notes = [] if crops else ["The paper states neither the pictures nor the parts of them: the crops are chosen here."]
    given = {"CROPS": " ".join(crops)}
    pairs, label = runs.scale.test_pairs(entry.dataset), runs.scale.label(entry.dataset)
    _compare(runs, figure, entry, pairs, label, chosen, restored, given, notes)


def restorings_of_photos(scale):
    """What the comparison of photos needs: the trained model. The photos are few, and not counted."""
    return restorings_by(HIDIFF.values(), scale, [FIGURES["hidiff-realblur"].dataset], pictures=0)


def run_photos(runs, restored, crops, photos):
    """Restores photos without sharp counterparts by HI-Diff and writes results/hidiff_photos, with .png, .md and .json.

    Args:
      runs, restored, crops: as of `run`; without crops the middle of the first photos is shown.
      photos: their folder; None for scikit-image's motion-blurred clock.
    """
    if photos is None:
        clock = clock_motion_path()
        source, place = Photos({clock.stem: clock}, "scikit-image's motion-blurred clock"), "clock"
    else:
        files = {pair_name(name): path for name, path in find_images(Path(photos)).items()}
        source = Photos(files, f"the photos in {abbreviate_home(photos)}")
        place = "photos" + re.sub(r"[^\w.]+", "-", str(Path(photos).resolve()))
    chosen = [parse_crop(crop) for crop in crops or source.names[:_MOST_PHOTOS]]
    title = "HI-Diff's visual comparison on photos without sharp counterparts, trained on GoPro"
    entry = Figure(title, place, _PHOTO_METHODS, (), (), HIDIFF)
    notes = ["HI-Diff's slides show photos of RWBI: PHOTOS=DIR takes a folder of them."]
    given = {"PHOTOS": photos and abbreviate_home(photos), "CROPS": " ".join(crops)}
    _compare(runs, "hidiff-photos", entry, source, source.description, chosen, restored, given, notes)


def _compare(runs, figure, entry, pairs, label, crops, restored, given, notes):
    """Restores the pictures of the crops, and writes the picture and what was measured of it.

    Args:
      runs, restored: as of `run`.
      figure: its name.
      entry: its `Figure`.
      pairs: the `PairSource` with the pictures.
      label: what it is called in the figure.
      crops: list of `Crop`.
      given: {make variable: value} for the command.
      notes: sentences.
    """
    indices = find_pairs(pairs, crops)
    # Under the whole set's description: pictures of tables are used, and tables use these.
    selected = SelectedPairs(pairs, sorted(set(indices)), pairs.description)
    own = {heading: runs.restored(model, entry.dataset, pairs=selected) for heading, model in entry.made.items()}
    files = {name: list_images(Path(folder), "restored") for name, folder in beside_others(own, restored).items()}
    metrics = select_metrics(["psnr"], runs.scale.alignment(entry.dataset)).image_metrics
    headings, cells, rows, places = ["blurry", *files, "sharp"], [], [], []
    for crop, index in zip(crops, indices):
        blurry, sharp = pairs.load(index)
        versions = {"blurry": blurry, **{name: _restored(name, of_name, crop.name, blurry) for name, of_name in files.items()}}
        box = crop.within(blurry)
        row = {"picture": crop.name, **dict(zip(("left", "top", "width", "height"), box))}
        if sharp is not None:
            for name, picture in versions.items():
                (value,) = measure_image(metrics, picture, sharp)[0].values()
                row[f"psnr {name}"] = round(value, 4)
            versions["sharp"] = sharp
        rows.append(row)
        places.append(crop.described(box))
        cells.append([_enlarged(cut(each, box)) for each in versions.values()])
    headings = headings[: len(cells[0])]
    name = figure.replace("-", "_")
    absent = [method for method in entry.methods if method not in files]
    picture = RESULTS_FOLDER / f"{name}.png"
    write_gallery(picture, headings, cells, caption_of(entry.title, label, places, runs.scale))
    path = write_results(
        name,
        command=make_command(f"bench-{figure}", SCALE=runs.scale.name, RESTORED=as_flag(restored), **given),
        data=f"crops of {label}, restored by {', '.join(model.variant for model in entry.made.values())}",
        scale=runs.scale.name,
        rows=rows,
        title=entry.title,
        notes=[
            f"{name}.png shows the crops. PSNR is that of whole pictures.",
            *notes,
            *([f"The published figure also shows {', '.join(absent)}: give RESTORED=NAME=DIR."] if absent else []),
        ],
        restored={name: abbreviate_home(str(folder)) for name, folder in restored.items()},
    )
    print(f"written to {path} and {picture}")


def find_pairs(pairs, crops):
    """The indices of the crops' pictures in a `PairSource`. Raises IcdpmError that names those which it lacks."""
    places = {pair_name(name): index for index, name in enumerate(pairs.names)}
    if absent := [crop.name for crop in crops if crop.name not in places]:
        raise IcdpmError(
            f"{pairs.description}: there is no {', '.join(absent)} among {', '.join(pairs.names[:3])}, …; "
            "name pictures of the set with --crops (CROPS)"
        )
    return [places[crop.name] for crop in crops]


def _restored(method, files, name, blurry):
    """A method's restored picture. Raises IcdpmError where it is missing or has another size than the blurry one."""
    if name not in files:
        raise IcdpmError(f"the folder of {method} has no picture of {name}; add it, or choose other crops with --crops (CROPS)")
    picture = FileImage(files[name]).read()
    if picture.shape != blurry.shape:
        sizes = ["×".join(map(str, each.shape[1::-1])) for each in (picture, blurry)]
        raise IcdpmError(f"{files[name]} of {method} has {sizes[0]} pixels; {name} has {sizes[1]}")
    return picture


def _enlarged(picture):
    """A picture whose pixels are repeated until its longer side would exceed `_SIDE`."""
    times = max(1, _SIDE // max(picture.shape[:2]))
    return picture.repeat(times, axis=0).repeat(times, axis=1)


def caption_of(title, label, places, scale):
    """Lines below a figure: its title, the crops of its rows from top to bottom, and what its scale is worth."""
    return "\n".join(filter(None, [f"{title}.", f"Crops of {label}: {'; '.join(places)}.", SCALE_NOTES.get(scale.name)]))


def as_flag(restored):
    """Folders of other methods, {name: folder}, as RESTORED takes them."""
    return " ".join(f"{name}={abbreviate_home(str(folder))}" for name, folder in restored.items())


EXPERIMENTS = {
    figure: Experiment(
        functools.partial(run, figure=figure), functools.partial(restorings, figure=figure), ("restored", "crops")
    )
    for figure in FIGURES
}
EXPERIMENTS["hidiff-photos"] = Experiment(run_photos, restorings_of_photos, ("restored", "crops", "photos"))
