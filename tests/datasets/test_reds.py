import pytest
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.published.sets import REDS
from icdpm_datasets.reds.layout import RedsLayout
from icdpm_datasets.reds.reds_dataset_builder import Builder


@pytest.fixture(scope="class")
def example_tree(request, published, tmp_path_factory):
    root = tmp_path_factory.mktemp("reds")
    for part in ("train", "val"):
        published.reds(root, part, clips=["000"])
        for frame in range(11):  # the same images again, as JPEG
            png = root / part / f"{part}_blur/000/{frame:08d}.png"
            jpeg = root / part / f"{part}_blur_jpeg/000/{frame:08d}.jpg"
            request.getfixturevalue("recompress")(png, jpeg)
    request.cls.EXAMPLE_DIR = root


@pytest.fixture(scope="session")
def recompress(write_image):
    import numpy as np
    from PIL import Image

    return lambda source, target: write_image(target, np.asarray(Image.open(source)))


class _RedsTestCase(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder

    def _make_builder(self, config=None):
        return Builder(data_dir=self.tmp_dir, config=config, partial=True)


@pytest.mark.usefixtures("example_tree")
class RedsVal300Test(_RedsTestCase):
    SPLITS = {"test": 1}
    BUILDER_CONFIG_NAMES_TO_TEST = ["val_blur_300", "val_blur_jpeg_300"]


@pytest.mark.usefixtures("example_tree")
class RedsValTest(_RedsTestCase):
    SPLITS = {"validation": 11}
    BUILDER_CONFIG_NAMES_TO_TEST = ["val_blur", "val_blur_jpeg"]


@pytest.mark.usefixtures("example_tree")
class RedsTrainTest(_RedsTestCase):
    SPLITS = {"train": 11}
    BUILDER_CONFIG_NAMES_TO_TEST = ["train_blur", "train_blur_jpeg"]


del _RedsTestCase  # not a test itself


def test_val_300_is_every_tenth_frame_from_the_ninth(published, tmp_path):
    published.reds(tmp_path, "val", frames=range(100))
    pairs = RedsLayout("val", "blur", every_tenth=True).find_pairs(tmp_path, partial=True)["test"]
    assert [pair.name for pair in pairs] == [f"00{clip}/{frame:08d}" for clip in (0, 1) for frame in range(9, 100, 10)]


def test_counts_are_those_published():
    assert RedsLayout("val", "blur", every_tenth=True).counts == {"test": 300}
    assert RedsLayout("val", "blur_jpeg").counts == {"validation": 3000}
    assert RedsLayout("train", "blur").counts == {"train": 24000}


def test_names_the_clips_that_are_not_complete(published, tmp_path):
    published.reds(tmp_path, "val", clips=["000"])
    with pytest.raises(IcdpmError, match="(?s)validation/000: 11 pairs of 100.*validation/001: 0 pairs of 100"):
        RedsLayout("val", "blur").find_pairs(tmp_path, partial=False)


def test_each_config_needs_its_own_archives():
    names = {name: [a.name for a in variant.layout.archives] for name, variant in REDS.variants.items()}
    assert list(Builder.builder_configs) == list(names)
    assert names["val_blur_300"] == names["val_blur"] == ["val_blur.zip", "val_sharp.zip"]
    assert names["train_blur_jpeg"] == ["train_blur_jpeg.zip", "train_sharp.zip"]


def test_a_clip_on_one_side_only_is_named(published, tmp_path):
    published.reds(tmp_path, "val")
    (tmp_path / "val/val_sharp/001").rename(tmp_path / "val/val_sharp/.hidden")
    with pytest.raises(IcdpmError, match="val_sharp/001: missing folder"):
        RedsLayout("val", "blur").find_pairs(tmp_path, partial=True)
