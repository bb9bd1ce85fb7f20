import pytest
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.hide.hide_dataset_builder import Builder
from icdpm_datasets.hide.layout import HideLayout

NAMES = [
    "train/1fromGOPR0833", "train/2fromGOPR0833", "test/test-close-ups/9fromGOPR0950",
    "test/test-long-shot/1fromGOPR1096.MP4", "test/test-long-shot/7fromGOPR0977",
]  # fmt: skip


@pytest.fixture(scope="class")
def example_tree(request, published, tmp_path_factory):
    request.cls.EXAMPLE_DIR = published.hide(tmp_path_factory.mktemp("hide"), NAMES)


@pytest.mark.usefixtures("example_tree")
class HideTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {"train": 2, "test": 3}

    def _make_builder(self, config=None):
        return Builder(data_dir=self.tmp_dir, config=config, partial=True)


def test_names_are_those_of_files_and_close_ups_come_first(published, tmp_path):
    splits = HideLayout().find_pairs(published.hide(tmp_path, NAMES), partial=True)
    assert [pair.name for pair in splits["test"]] == ["9fromGOPR0950", "1fromGOPR1096.MP4", "7fromGOPR0977"]
    assert all(pair.sharp.parent.name == "GT" for pair in splits["test"])


def test_counts_are_those_published(published, tmp_path):
    with pytest.raises(IcdpmError, match="(?s)train: 2 pairs of 6397.*test: 3 pairs of 2025"):
        HideLayout().find_pairs(published.hide(tmp_path, NAMES), partial=False)


def test_names_images_without_a_partner(published, tmp_path):
    published.hide(tmp_path, NAMES)
    (tmp_path / "GT/1fromGOPR0833.png").unlink()
    (tmp_path / "train/2fromGOPR0833.png").unlink()
    with pytest.raises(IcdpmError) as error:
        HideLayout().find_pairs(tmp_path, partial=True)
    assert "train/1fromGOPR0833.png: no sharp image" in str(error.value)
    assert "GT/2fromGOPR0833.png: no blurry image" in str(error.value)


def test_refuses_one_image_in_both_splits(published, tmp_path):
    published.hide(tmp_path, [*NAMES, "test/test-close-ups/1fromGOPR0833"])
    with pytest.raises(IcdpmError, match="test/1fromGOPR0833: duplicates train/1fromGOPR0833"):
        HideLayout().find_pairs(tmp_path, partial=True)


def test_the_test_split_alone_is_a_subset(published, tmp_path):
    published.hide(tmp_path, NAMES)
    (tmp_path / "train").rename(tmp_path / ".elsewhere")
    assert [*HideLayout().find_pairs(tmp_path, partial=True)] == ["test"]
