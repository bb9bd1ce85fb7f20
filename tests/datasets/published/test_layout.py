import tarfile
import zipfile

import pytest

from icdpm.errors import IcdpmError
from icdpm_datasets.gopro.layout import GoProLayout
from icdpm_datasets.published.layout import find_tree
from icdpm_datasets.realblur.layout import RealBlurLayout
from icdpm_datasets.reds.layout import RedsLayout

SEQUENCE = "test/GOPR0384_11_00"


def zip_tree(tree, archive, prefix=""):
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(tree.rglob("*.*")):
            file.write(path, f"{prefix}{path.relative_to(tree)}")
    return archive


@pytest.mark.parametrize("inside", ["", "GOPRO_Large", "data/GOPRO_Large"])
def test_finds_the_tree_up_to_two_folders_below(tmp_path, published, inside):
    root = published.gopro(tmp_path / "given" / inside, [SEQUENCE])
    assert find_tree(GoProLayout("blur"), tmp_path / "given", tmp_path / "unpacked") == root


@pytest.mark.parametrize("prefix", ["", "GOPRO_Large/"])
def test_unpacks_an_archive_given_as_a_file_or_by_its_folder(tmp_path, published, prefix, capsys):
    tree = published.gopro(tmp_path / "tree", [SEQUENCE])
    (tmp_path / "given").mkdir()
    archive = zip_tree(tree, tmp_path / "given/GOPRO_Large.zip", prefix)
    roots = [find_tree(GoProLayout("blur"), source, tmp_path / "out") for source in (archive, archive.parent)]
    assert roots[0] == roots[1]
    assert (roots[0] / SEQUENCE / "blur/000001.png").is_file()
    assert "Only one source gives that checksum" in capsys.readouterr().err  # the archive is not GOPRO_Large


def test_reads_either_half_of_realblurs_archive(tmp_path, published, capsys):
    for camera in "JR":
        published.realblur(tmp_path / "tree", camera, {"train": ["scene001/1"], "test": ["scene050/1"]})
    with tarfile.open(tmp_path / "RealBlur.tar.gz", "w:gz") as file:
        file.add(tmp_path / "tree", "RealBlur")
    for camera in "JR":
        layout = RealBlurLayout(camera)
        splits = layout.find_pairs(find_tree(layout, tmp_path / "RealBlur.tar.gz", tmp_path / "out"), partial=True)
        assert f"RealBlur-{camera}" in str(splits["test"][0].sharp)
    assert "no checksum of RealBlur.tar.gz is known" in capsys.readouterr().err


def test_unpacks_several_archives_to_one_tree(tmp_path, published, monkeypatch):
    tree = published.reds(tmp_path / "tree", "val")
    (tmp_path / "given").mkdir()
    for name in ("val_blur", "val_sharp"):
        zip_tree(tree / "val" / name, tmp_path / f"given/{name}.zip", f"val/{name}/")
    layout = RedsLayout("val", "blur")
    with pytest.raises(IcdpmError, match="val_blur.zip: the sha256 is .*Download it again from .*reds"):
        find_tree(layout, tmp_path / "given", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr("icdpm_datasets.published.layout.verify_checksum", lambda *arguments: None)
    root = find_tree(layout, tmp_path / "given", tmp_path / "out")
    assert len(layout.find_pairs(root, partial=True)["validation"]) == 22


def test_names_missing_archives_and_the_official_page(tmp_path, published):
    with pytest.raises(IcdpmError, match="lacks GOPRO_Large.zip of GoPro.*https://seungjunnah.github.io/Datasets/gopro"):
        find_tree(GoProLayout("blur"), published.hide(tmp_path, ["train/1"]), tmp_path / "out")
    with pytest.raises(IcdpmError, match="nowhere does not exist.*https://seungjunnah"):
        find_tree(GoProLayout("blur"), tmp_path / "nowhere", tmp_path / "out")


def test_refuses_an_archive_of_something_else(tmp_path, published):
    archive = zip_tree(published.hide(tmp_path / "tree", ["train/1"]), tmp_path / "GOPRO_Large.zip")
    with pytest.raises(IcdpmError, match="does not contain GoPro"):
        find_tree(GoProLayout("blur"), archive, tmp_path / "out")


def test_two_trees_are_an_error(tmp_path, published):
    for name in ("one", "two"):
        published.gopro(tmp_path / name, [SEQUENCE])
    with pytest.raises(IcdpmError, match="contains GoPro twice, in .*one and .*two"):
        find_tree(GoProLayout("blur"), tmp_path, tmp_path / "out")


def test_archives_are_unpacked_to_separate_folders(tmp_path, published):
    archive, roots = tmp_path / "GOPRO_Large.zip", []
    for sequence in (SEQUENCE, "test/GOPR0854_11_00"):
        tree = published.gopro(tmp_path / sequence, [sequence], frames=2 + len(roots))
        zip_tree(tree, archive)
        roots.append(find_tree(GoProLayout("blur"), archive, tmp_path / "out"))
    assert [path.name for path in (roots[1] / "test").iterdir()] == ["GOPR0854_11_00"]
