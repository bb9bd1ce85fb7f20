import numpy as np
import pytest
import tensorflow_datasets as tfds

from icdpm.errors import IcdpmError
from icdpm_datasets.gopro.gopro_dataset_builder import Builder
from icdpm_datasets.gopro.layout import GoProLayout

TRAIN, TEST = "train/GOPR0372_07_00", "test/GOPR0384_11_00"


@pytest.fixture(scope="class")
def example_tree(request, published, tmp_path_factory):
    request.cls.EXAMPLE_DIR = published.gopro(tmp_path_factory.mktemp("gopro"), [TRAIN, TEST])


@pytest.mark.usefixtures("example_tree")
class GoProTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = Builder
    SPLITS = {"train": 3, "test": 3}

    def _make_builder(self, config=None):
        return Builder(data_dir=self.tmp_dir, config=config, partial=True)


@pytest.fixture
def tree(tmp_path, published):
    return published.gopro(tmp_path / "GOPRO_Large", [TRAIN, TEST, "test/GOPR0854_11_00"])


def test_after_the_import_tfds_loads_it_in_the_published_order_with_the_published_bytes(tree, tmp_path):
    import icdpm_datasets  # noqa: F401

    config = tfds.download.DownloadConfig(manual_dir=tree, try_download_gcs=False)
    dataset = tfds.load(
        "gopro",
        split="test",
        data_dir=tmp_path / "records",
        builder_kwargs={"partial": True},
        download_and_prepare_kwargs={"download_config": config},
        decoders={"blurry": tfds.decode.SkipDecoding(), "sharp": tfds.decode.SkipDecoding()},
    )
    examples = list(dataset.as_numpy_iterator())
    names = [example["name"].decode() for example in examples]
    assert names == [f"GOPR{sequence}_11_00/00000{k}" for sequence in ("0384", "0854") for k in (1, 2, 3)]
    for example, name in zip(examples, names):
        sequence, frame = name.split("/")
        assert example["blurry"] == (tree / "test" / sequence / "blur" / f"{frame}.png").read_bytes()
        assert example["sharp"] == (tree / "test" / sequence / "sharp" / f"{frame}.png").read_bytes()


def test_both_kinds_of_blur_are_configs(tree, tmp_path):
    for config, folder in (("blur", "blur"), ("blur_gamma", "blur_gamma")):
        builder = tfds.builder(f"gopro/{config}", data_dir=tmp_path / "records", partial=True)
        builder.verify(tree)
        builder.download_and_prepare(download_config=tfds.download.DownloadConfig(try_download_gcs=False))
        first = next(iter(builder.as_dataset(split="test").as_numpy_iterator()))
        assert first["blurry"].shape == (24, 32, 3)
        assert np.ptp(first["blurry"]) == 0 if folder == "blur_gamma" else np.ptp(first["blurry"]) > 0


def test_published_counts_sum_up():
    layout = GoProLayout("blur")
    assert {split: sum(counts.values()) for split, counts in layout.sequence_counts.items()} == layout.counts
    assert layout.counts == {"train": 2103, "test": 1111}


def test_names_every_sequence_that_is_not_complete(tree):
    with pytest.raises(IcdpmError) as error:
        GoProLayout("blur").find_pairs(tree, partial=False)
    message = str(error.value)
    assert "train/GOPR0372_07_00: 3 pairs of 100" in message
    assert "test/GOPR0410_11_00: 0 pairs of 134" in message
    assert "test/GOPR0862_11_00: 0 pairs of 77" in message
    assert "https://seungjunnah.github.io/Datasets/gopro" in message


def test_accepts_what_is_complete(tree, monkeypatch):
    counts = {"train": {"GOPR0372_07_00": 3}, "test": {"GOPR0384_11_00": 3, "GOPR0854_11_00": 3}}
    monkeypatch.setattr(GoProLayout, "sequence_counts", counts)
    monkeypatch.setattr(GoProLayout, "counts", {"train": 3, "test": 6})
    splits = GoProLayout("blur").find_pairs(tree, partial=False)
    assert [len(pairs) for pairs in splits.values()] == [3, 6]


@pytest.mark.parametrize("side, other", [("blur", "sharp"), ("sharp", "blur")])
def test_names_an_image_without_its_partner(tree, side, other):
    (tree / TEST / side / "000002.png").unlink()
    with pytest.raises(IcdpmError, match=f"{TEST}/{other}/000002.png: no .* image .*{TEST}/{side}/000002"):
        GoProLayout("blur").find_pairs(tree, partial=True)


def test_names_a_missing_folder(tree):
    (tree / TEST / "sharp").rename(tree / TEST / "gt")
    with pytest.raises(IcdpmError, match=f"{TEST}/sharp: missing folder"):
        GoProLayout("blur").find_pairs(tree, partial=True)


def test_refuses_a_training_sequence_in_the_test_split(published, tmp_path):
    published.gopro(tmp_path, ["test/GOPR0372_07_00"])
    with pytest.raises(IcdpmError, match="test/GOPR0372_07_00: belongs to the train split"):
        GoProLayout("blur").find_pairs(tmp_path, partial=True)


def test_refuses_other_folders_and_two_images_of_one_name(tree, write_image):
    (tree / "test" / "input").mkdir()
    write_image(tree / TEST / "blur" / "000001.jpg", np.zeros((24, 32, 3), np.uint8))
    with pytest.raises(IcdpmError) as error:
        GoProLayout("blur").find_pairs(tree, partial=True)
    assert "test/input: the name is not that of a sequence" in str(error.value)
    assert "blur/000001.png: duplicates 000001.jpg" in str(error.value)


def test_warns_of_an_unknown_sequence(published, tmp_path, capsys):
    published.gopro(tmp_path, ["test/GOPR9999_11_00"])
    GoProLayout("blur").find_pairs(tmp_path, partial=True)
    assert "test/GOPR9999_11_00: GoPro has no sequence of that name" in capsys.readouterr().err


def test_ignores_folders_of_macos(tree):
    (tree / "test" / "__MACOSX").mkdir()
    (tree / TEST / "blur" / "._000001.png").write_bytes(b"")
    assert len(GoProLayout("blur").find_pairs(tree, partial=True)["test"]) == 6
