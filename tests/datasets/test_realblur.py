import pytest
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.realblur.layout import RealBlurLayout
from icdpm_datasets.realblur.realblur_dataset_builder import Builder

SPLITS = {"train": ["scene001/1", "scene001/2"], "test": ["scene050/10", "scene050/2", "scene244_reflect/1"]}


@pytest.fixture(scope="class")
def example_tree(request, published, tmp_path_factory):
    root = tmp_path_factory.mktemp("realblur")
    for camera in "JR":
        published.realblur(root, camera, SPLITS)
    request.cls.EXAMPLE_DIR = root


@pytest.mark.usefixtures("example_tree")
class RealBlurTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {split: len(names) for split, names in SPLITS.items()}

    def _make_builder(self, config=None):
        return Builder(data_dir=self.tmp_dir, config=config, partial=True)


def test_pairs_and_order_are_those_of_the_lists(published, tmp_path):
    splits = RealBlurLayout("J").find_pairs(published.realblur(tmp_path, "J", SPLITS), partial=True)
    assert [pair.name for pair in splits["test"]] == ["scene050/blur_10", "scene050/blur_2", "scene244_reflect/blur_1"]
    assert splits["test"][0].sharp.name == "gt_10.png"


def test_the_published_counts_are_required(published, tmp_path):
    with pytest.raises(IcdpmError, match="(?s)train: 2 pairs of 3758.*test: 3 pairs of 980"):
        RealBlurLayout("J").find_pairs(published.realblur(tmp_path, "J", SPLITS), partial=False)


def test_partial_accepts_a_subset_but_not_half_a_pair(published, tmp_path):
    published.realblur(tmp_path, "J", SPLITS)
    (pair,) = [pair for pair in RealBlurLayout("J").find_pairs(tmp_path, partial=True)["test"] if "244" in pair.name]
    pair.blurry.unlink()
    with pytest.raises(IcdpmError, match="gt_1.png: no blurry image .*scene244_reflect/blur/blur_1.png"):
        RealBlurLayout("J").find_pairs(tmp_path, partial=True)
    pair.sharp.unlink()
    assert len(RealBlurLayout("J").find_pairs(tmp_path, partial=True)["test"]) == 2


def test_a_missing_list_is_named(published, tmp_path):
    published.realblur(tmp_path, "J", SPLITS)
    (tmp_path / "RealBlur_J_test_list.txt").unlink()
    with pytest.raises(IcdpmError, match="RealBlur_J_test_list.txt: missing"):
        RealBlurLayout("J").find_pairs(tmp_path, partial=True)


@pytest.mark.parametrize("line", ["../gt.png ../blur.png", "/etc/gt.png /etc/blur.png", "only_one.png"])
def test_refuses_list_lines_that_are_not_two_paths_inside(published, tmp_path, line):
    published.realblur(tmp_path, "J", SPLITS)
    with open(tmp_path / "RealBlur_J_test_list.txt", "a") as file:
        file.write(line)
    with pytest.raises(IcdpmError, match="RealBlur_J_test_list.txt, line 4: not two paths below"):
        RealBlurLayout("J").find_pairs(tmp_path, partial=True)
