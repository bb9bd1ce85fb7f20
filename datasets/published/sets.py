"""Table of the published data sets: names, variants, benchmarks, and folder layouts of the sets and of results on them.

A new set is an entry here and a folder of its name with its layout and TFDS builder.
"""

from __future__ import annotations

import dataclasses
import textwrap
from collections.abc import Mapping

from icdpm.errors import IcdpmError
from icdpm_datasets.gopro.layout import GoProLayout
from icdpm_datasets.hide.layout import HideLayout
from icdpm_datasets.published.layout import Layout
from icdpm_datasets.realblur.layout import RealBlurLayout
from icdpm_datasets.reds.layout import RedsLayout


@dataclasses.dataclass(frozen=True)
class Variant:
    """Variant of a data set, which is a config of its TFDS builder.

    Attributes:
      description: one line.
      layout: its folder layout, archives and counts.
    """

    description: str
    layout: Layout


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Splits on which methods are trained and compared.

    Attributes:
      title: name of the test split in tables.
      train, test: variants with the training and the test split.
    """

    title: str
    train: str
    test: str


@dataclasses.dataclass(frozen=True)
class PublishedSet:
    """A published data set.

    Attributes:
      name: name of its folder in this package and of its TFDS builder.
      variants: {config of the builder: variant}; the first is the default. A builder without configs has one variant "".
      benchmarks: {name as in --data=reds: benchmark}.
      pair_names: a regular expression for the paths (without suffix) of a pair's images, in the data set and in folders of
        results, and the replacement that makes the pair's name.
      blurry_folders, sharp_folders: names of a sequence's folders for the two sides, if it has such. Methods are compared on
        the first of the blurry ones.
    """

    name: str
    variants: Mapping[str, Variant]
    benchmarks: Mapping[str, Benchmark]
    pair_names: tuple[str, str]
    blurry_folders: tuple[str, ...] = ()
    sharp_folders: tuple[str, ...] = ()

    @property
    def default_layout(self) -> Layout:
        """Layout of the default variant."""
        return next(iter(self.variants.values())).layout


GOPRO = PublishedSet(
    name="gopro",
    variants={
        "blur": Variant(
            "Frames averaged as they are (the camera response taken as linear); used by recent papers.",
            GoProLayout("blur"),
        ),
        "blur_gamma": Variant(
            "Frames averaged in light by a gamma of 2.2; used by Nah et al.",
            GoProLayout("blur_gamma"),
        ),
    },
    benchmarks={"gopro": Benchmark("GoPro test", train="blur", test="blur")},
    # GOPR0384_11_00/000001: also …/sharp/000001, GOPR0384_11_00-000001, GOPR0384_11_00_000001
    pair_names=(r"(GOPR\d{4}_\d{2}_\d{2})[-_/](?:(?:blur|blur_gamma|sharp)[-_/])?(\d{6})", r"\1/\2"),
    blurry_folders=("blur", "blur_gamma"),
    sharp_folders=("sharp",),
)

HIDE = PublishedSet(
    name="hide",
    variants={"": Variant("People in motion, close up and far away.", HideLayout())},
    benchmarks={"hide": Benchmark("HIDE test", train="", test="")},
    # 1fromGOPR0950: also test/test-close-ups/1fromGOPR0950
    pair_names=(r"(?:test[-_/])?test-(?:close-ups|long-shot)[-_/]([^/]+)", r"\1"),
)

REALBLUR = PublishedSet(
    name="realblur",
    variants={
        "j": Variant("RealBlur-J: JPEGs as the camera developed them.", RealBlurLayout("J")),
        "r": Variant("RealBlur-R: developed from raw, denoised.", RealBlurLayout("R")),
    },
    benchmarks={
        "realblur_j": Benchmark("RealBlur-J test", train="j", test="j"),
        "realblur_r": Benchmark("RealBlur-R test", train="r", test="r"),
    },
    # scene050/blur_1: also scene050/gt/gt_1, scene050/blur/blur_1, scene050_blur_1, scene050-1. One scene's folder is called
    # scene244_reflect; the official evaluation finds it by scene244 too.
    pair_names=(r"(scene\d{3})(?:_reflect)?[-_/](?:(?:blur|gt)[-_/])?(?:(?:blur|gt)_)?(\d+)", r"\1/blur_\2"),
    blurry_folders=("blur",),
    sharp_folders=("gt",),
)

_DEGRADATIONS = {"blur": "blur", "blur_jpeg": "blur and JPEG compression"}
REDS = PublishedSet(
    name="reds",
    # One for each published folder of blurry frames; REDS-val-300, on which methods are compared, is the default.
    variants={
        f"{part}_{degradation}{'_300' if every_tenth else ''}": Variant(
            f"{'Frames 9, 19, ..., 99 (REDS-val-300)' if every_tenth else 'All frames'} of the clips in {part}_{degradation}: "
            f"{what}.",
            RedsLayout(part, degradation, every_tenth),
        )
        for part, every_tenth in (("val", True), ("val", False), ("train", False))
        for degradation, what in _DEGRADATIONS.items()
    },
    benchmarks={"reds": Benchmark("REDS-val-300", train="train_blur", test="val_blur_300")},
    # 000/00000009: also 000_00000009, 000-00000009
    pair_names=(r"(\d{3})[-_/](\d{8})", r"\1/\2"),
)

PUBLISHED = (GOPRO, HIDE, REALBLUR, REDS)
NAMES = tuple(name for each in PUBLISHED for name in each.benchmarks)


# Name of the records that icdpm-prepare makes from other sources of pairs, and of their TFDS builder.
OWN_RECORDS = "records"


def is_recorded(name: str) -> bool:
    """Returns whether `name` is a data set of icdpm-prepare: a published one or own records, optionally with a variant."""
    return name.partition("/")[0] in {*NAMES, *(each.name for each in PUBLISHED), OWN_RECORDS}


def tfds_name(name: str, split: str = "test") -> str:
    """Returns TFDS' name of a data set.

    Args:
      name: one of `NAMES`, such as realblur_j; TFDS' name with or without a config, such as gopro/blur_gamma; or own records,
        such as records/street.
      split: the split that is needed; REDS has 'train' and the others in different configs.

    Raises:
      IcdpmError: the data set or variant is unknown.
    """
    if name.partition("/")[0] == OWN_RECORDS:
        return name
    for each in PUBLISHED:
        if name in each.benchmarks:
            benchmark = each.benchmarks[name]
            variant = benchmark.train if split == "train" else benchmark.test
        elif name.partition("/")[0] == each.name:
            variant = name.partition("/")[2] or next(iter(each.variants))
        else:
            continue
        if variant not in each.variants:
            known = ", ".join(_joined(each.name, each_variant) for each_variant in each.variants)
            raise IcdpmError(f"The variant must be one of {known}. Received: {name}.")
        return _joined(each.name, variant)
    raise IcdpmError(f"The data set must be one of {', '.join(NAMES)}. Received: {name}.")


def overview() -> str:
    """Returns a line of text for each set with its names, official page and variants."""
    width = max(len(", ".join(each.benchmarks)) for each in PUBLISHED)
    lines = []
    for each in PUBLISHED:
        variants = f" (variants {', '.join(each.variants)})" if len(each.variants) > len(each.benchmarks) else ""
        line = f"{', '.join(each.benchmarks):{width}}  {each.default_layout.page}{variants}"
        lines.append(textwrap.fill(line, 100, initial_indent="  ", subsequent_indent=" " * (width + 4)))
    return "\n".join(lines)


def _joined(name: str, variant: str) -> str:
    return f"{name}/{variant}" if variant else name
