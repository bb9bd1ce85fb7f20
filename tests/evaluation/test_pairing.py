"""Tests of pairing by name: published data sets, folders of results, and errors."""

import itertools
import os
import unicodedata

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.evaluation.pairing import pair_folders, pair_methods, pair_name, pair_with_source, parse_named_folders
from icdpm_datasets.folders import FolderPairs


@pytest.fixture
def plant(tmp_path):
    """Function (folder, paths) that writes images of different shades and returns the folder and {path: shade}."""
    shades = itertools.cycle(range(256))

    def plant(folder, paths):
        planted = {}
        for path in paths:
            file = tmp_path / folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            planted[path] = next(shades)
            PIL.Image.new("RGB", (4, 3), (planted[path],) * 3).save(file)
        return tmp_path / folder, planted

    return plant


def shades(images):
    return {name: int(image.read()[0, 0, 0]) for name, image in images.items()}


def test_gopro_and_results_in_three_forms(plant):
    sequences = {"train": "GOPR0372_07_00", "test": "GOPR0384_11_00"}
    frames = [
        f"{split}/{sequence}/{side}/{frame}.png"
        for split, sequence in sequences.items()
        for side in ("blur", "blur_gamma", "sharp")
        for frame in ("000001", "000014")
    ]
    root, planted = plant("GOPRO_Large", frames)
    names = ["GOPR0384_11_00/000001", "GOPR0384_11_00/000014"]
    flat, of_flat = plant("flat", [f"GOPR0384_11_00-{frame}.png" for frame in ("000014", "000001")])
    tree, _ = plant("tree", [f"GOPR0384_11_00/blur/{frame}.jpg" for frame in ("000001", "000014")])
    for sharp in (root, root / "test", root / "test" / "GOPR0384_11_00"):
        paired = pair_folders({"flat": flat, "tree": tree}, sharp, blurry=root)
        assert list(paired.methods) == ["blurry", "flat", "tree"]
        assert list(paired.sharp) == names and paired.description.startswith(f"2 pairs of GoPro test in {sharp}")
        assert "(blur)" in paired.description
        frames = [name.replace("/", "/{}/") for name in names]
        assert list(shades(paired.sharp).values()) == [planted[f"test/{each.format('sharp')}.png"] for each in frames]
        of_blurry = shades(paired.methods["blurry"])
        assert list(of_blurry.values()) == [planted[f"test/{each.format('blur')}.png"] for each in frames]
        assert list(shades(paired.methods["flat"]).values()) == [
            of_flat["GOPR0384_11_00-000001.png"],
            of_flat["GOPR0384_11_00-000014.png"],
        ]
    # Without the published folder.
    assert list(pair_folders({"tree": tree}, flat).sharp) == names


def test_hide_with_sharp_images_of_both_splits_in_one_folder(plant):
    root, planted = plant(
        "HIDE",
        ["GT/a.png", "GT/b.png", "GT/c.png", "train/c.png", "test/test-close-ups/a.png", "test/test-long-shot/b.png"],
    )
    results, _ = plant("results", ["b.png", "a.png"])
    for sharp in (root, root / "GT"):
        paired = pair_folders({"results": results}, sharp, blurry=root / "test")
        assert shades(paired.sharp) == {"a": planted["GT/a.png"], "b": planted["GT/b.png"]}
        assert shades(paired.methods["blurry"])["b"] == planted["test/test-long-shot/b.png"]
    # The restored images correspond to all images of the folder.
    every, _ = plant("every", ["a.png", "b.png", "c.png"])
    assert list(pair_folders({"every": every}, root / "GT").sharp) == ["a", "b", "c"]


def test_realblur_with_and_without_lists(plant):
    folder = "RealBlur-J_ECC_IMCORR_centroid_itensity_ref"
    scenes = ["scene001", "scene050", "scene244_reflect"]
    paths = [f"{folder}/{scene}/{part}_1.png" for scene in scenes for part in ("blur/blur", "gt/gt")]
    root, planted = plant("RealBlur", paths)
    results, _ = plant("results", ["scene050_1.png", "scene244_1.png"])
    lines = [f"{folder}/{scene}/gt/gt_1.png {folder}/{scene}/blur/blur_1.png \n" for scene in scenes]
    (root / "RealBlur_J_train_list.txt").write_text(lines[0])
    (root / "RealBlur_J_test_list.txt").write_text("".join(lines[1:]))
    for sharp in (root, root / folder):
        paired = pair_folders({"results": results}, sharp, blurry=sharp)
        assert shades(paired.sharp) == {
            "scene050/blur_1": planted[f"{folder}/scene050/gt/gt_1.png"],
            "scene244/blur_1": planted[f"{folder}/scene244_reflect/gt/gt_1.png"],
        }
        assert shades(paired.methods["blurry"])["scene050/blur_1"] == planted[f"{folder}/scene050/blur/blur_1.png"]
    # Without the lists all scenes are expected.
    (root / "RealBlur_J_test_list.txt").unlink()
    with pytest.raises(IcdpmError, match="scene001/blur_1 has no results image"):
        pair_folders({"results": results}, root / folder)


def test_realblur_j_and_r_in_one_folder_are_ambiguous(plant):
    paths = [
        f"RealBlur-{kind}_ECC_IMCORR_centroid_itensity_ref/scene050/{part}_1.png"
        for kind in ("J", "R_BM3D")
        for part in ("blur/blur", "gt/gt")
    ]
    root, _ = plant("RealBlur", paths)
    for kind, gt, blur in (("J", 1, 0), ("R", 3, 2)):
        (root / f"RealBlur_{kind}_test_list.txt").write_text(f"{paths[gt]} {paths[blur]}\n")
    results, _ = plant("results", ["scene050_1.png"])
    with pytest.raises(IcdpmError, match="RealBlur-J test .* and RealBlur-R test .* Give the folder of one"):
        pair_folders({"results": results}, root)
    assert "RealBlur-R test" in pair_folders({"results": results}, root / paths[2].split("/")[0]).description


def test_reds_val_300_and_all_frames(plant):
    frames = [f"{clip:03d}/{frame:08d}.png" for clip in (0, 29) for frame in (8, 9, 19)]
    root, _ = plant("REDS", [f"val/val_{side}/{frame}" for side in ("blur", "sharp") for frame in frames])
    some, _ = plant("some", [frame.replace("/", "_") for frame in frames if frame.endswith("9.png")])
    every, _ = plant("every", frames)
    for sharp in (root, root / "val", root / "val" / "val_sharp"):
        assert pair_folders({"some": some}, sharp).description.startswith("4 pairs of REDS-val-300")
    paired = pair_folders({"every": every}, root / "val" / "val_sharp")
    assert len(paired.sharp) == 6 and "REDS-val-300" not in paired.description


def test_pair_source(plant, random_pairs):
    results, planted = plant("results", [f"pair_{i}.png" for i in reversed(range(10))])
    paired = pair_with_source({"results": results}, random_pairs)
    assert list(paired.sharp) == random_pairs.names and list(paired.methods) == ["blurry", "results"]
    assert np.array_equal(paired.sharp["pair_3"].read(), random_pairs.sharp[3])
    assert np.array_equal(paired.methods["blurry"]["pair_3"].read(), random_pairs.blurry[3])
    assert shades(paired.methods["results"])["pair_3"] == planted["pair_3.png"]
    (results / "pair_7.png").unlink()
    with pytest.raises(IcdpmError, match="results and of random pairs do not match by name:\n  pair_7 has no results image"):
        pair_with_source({"results": results}, random_pairs)


def test_all_images_without_partner_are_listed(plant):
    sharp, _ = plant("sharp", ["a.png", "b.png", "c.png"])
    restored, _ = plant("restored", ["a.png", "x/d.png"])
    with pytest.raises(IcdpmError) as raised:
        pair_folders({"restored": restored}, sharp)
    lines = str(raised.value).splitlines()
    assert lines[0] == f"the images of restored and of {sharp} do not match by name:"
    assert [line.strip(" ;") for line in lines[1:]] == [
        "x/d has no sharp image",
        "b has no restored image",
        "c has no restored image",
    ]
    good, _ = plant("good", ["a.png", "b.png", "c.png"])
    with pytest.raises(IcdpmError, match="restored and of .*sharp do not match"):
        pair_folders({"good": good, "restored": restored}, sharp)
    with pytest.raises(IcdpmError, match="b has no blurry image;\n  c has no blurry image;\n  x/d has no sharp image"):
        pair_folders({"good": good}, sharp, blurry=restored)
    with pytest.raises(IcdpmError, match="x/d has no good image"):
        pair_methods({"good": good, "restored": restored})


def test_two_files_of_one_name(plant):
    sharp, _ = plant("sharp", ["000/00000009.png"])
    restored, _ = plant("restored", ["000_00000009.png", "000-00000009.png"])
    with pytest.raises(IcdpmError, match="are both the restored image of 000/00000009"):
        pair_folders({"restored": restored}, sharp)


def test_differing_sizes_and_colors_are_listed(write, noise):
    sharp = write("sharp", {f"{name}.png": noise(0) for name in "abcd"})
    write("restored", {"a.png": noise(1, 20, 30), "b.png": noise(1)[..., 0], "c.png": noise(1), "d.png": noise(1)})
    # Stored rotated, with an orientation tag.
    turned = PIL.Image.fromarray(np.rot90(noise(1)))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    turned.save(sharp.parent / "restored" / "d.png", exif=exif)
    with pytest.raises(IcdpmError) as raised:
        pair_folders({"restored": sharp.parent / "restored"}, sharp)
    lines = [line.strip(" ;") for line in str(raised.value).splitlines()[1:]]
    assert lines == [
        f"{sharp.parent / 'restored' / 'a.png'} is 30×20, not 48×40 as {sharp / 'a.png'}",
        f"{sharp.parent / 'restored' / 'b.png'} is gray, not RGB as {sharp / 'b.png'}",
    ]


def test_gray_pairs_are_measured_as_rgb_and_16_bits_are_kept(write, noise):
    gray = write("gray", {"a.png": noise(0)[..., 0]})
    paired = pair_folders({"gray": gray}, gray)
    assert np.array_equal(paired.sharp["a"].read(), np.repeat(noise(0)[..., :1], 3, axis=-1))
    deep = write("deep", {"a.png": noise(0)[..., 0].astype(np.uint16) * 256 + 128})
    of_16 = pair_folders({"deep": deep}, deep)
    assert np.array_equal(of_16.sharp["a"].read()[..., 0], noise(0)[..., 0].astype(np.uint16) * 256 + 128)
    assert (paired.bits, of_16.bits) == (8, 16)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "is empty"),
        (b"not an image", "is not an image"),
        ("float", "has 32 bits per channel"),
        ("transparent", "has transparent parts"),
    ],
)
def test_unsuitable_files(write, noise, content, words):
    folder = write("sharp", {"a.tif": noise(0)})
    path = folder / "a.tif"
    if content == "float":  # a image that could hold NaN
        PIL.Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(path)
    elif content == "transparent":
        PIL.Image.new("RGBA", (4, 4), (9, 9, 9, 128)).save(path)
    else:
        path.write_bytes(content)
    with pytest.raises(IcdpmError, match=f"a.tif {words}"):
        pair_folders({"restored": folder}, folder).sharp["a"].read()


def test_missing_and_empty_folders(tmp_path, plant):
    sharp, _ = plant("sharp", ["a.png"])
    with pytest.raises(IcdpmError, match="nowhere does not exist"):
        pair_folders({"restored": tmp_path / "nowhere"}, sharp)
    (tmp_path / "empty").mkdir()
    with pytest.raises(IcdpmError, match="empty has no images"):
        pair_folders({"restored": sharp}, tmp_path / "empty")


def test_large_images_are_paired_without_a_warning_of_pillow(write, noise, monkeypatch, recwarn):
    sharp = write("sharp", {"a.png": noise(0)})
    monkeypatch.setattr(PIL.Image, "MAX_IMAGE_PIXELS", 40 * 48 - 1)
    pair_folders({"restored": sharp}, sharp)
    assert not recwarn.list


def test_a_name_that_is_not_utf8_is_an_error(plant):
    sharp, _ = plant("sharp", ["a.png"])
    restored, _ = plant("restored", ["a.png"])
    try:
        (restored / "a.png").rename(os.fsdecode(os.fsencode(restored) + b"/\xff.png"))
    except OSError:
        pytest.skip("the file system accepts only UTF-8")
    with pytest.raises(IcdpmError, match=r"\.png: the name is not valid UTF-8. Rename the file."):
        pair_folders({"restored": restored}, sharp)


def test_names_in_two_forms_of_unicode_are_one(write, noise):
    composed, decomposed = (unicodedata.normalize(form, "déjà/café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    sharp = write("sharp", {f"{composed}.png": noise(0), "zoo.png": noise(1)})
    restored = write("restored", {f"{decomposed}.png": noise(2), "zoo.png": noise(3)})
    pairs = pair_folders({"mine": restored}, sharp, restored)
    assert list(pairs.sharp) == list(pairs.methods["mine"]) == list(pairs.methods["blurry"]) == [composed, "zoo"]
    assert np.array_equal(pairs.methods["mine"][composed].read(), noise(2))
    # The names are those that were given.
    assert set(pair_folders({"mine": sharp}, restored).sharp) == {decomposed, "zoo"}
    methods, blurry = pair_methods({"a": restored, "b": sharp}, sharp)
    assert set(methods["a"]) == set(methods["b"]) == set(blurry) == {decomposed, "zoo"}


def test_a_source_with_names_in_another_form_of_unicode(write, noise, tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    write("pairs/blur", {f"{decomposed}.png": noise(0)})
    write("pairs/sharp", {f"{composed}.png": noise(1)})
    restored = write("restored", {f"{composed}.png": noise(2)})
    pairs = pair_with_source({"mine": restored}, FolderPairs(tmp_path / "pairs"))
    assert list(pairs.sharp) == list(pairs.methods["mine"]) == [decomposed]
    (restored / f"{decomposed}.png").write_bytes((restored / f"{composed}.png").read_bytes())
    with pytest.raises(IcdpmError, match="are both the restored image of café"):
        pair_with_source({"mine": restored}, FolderPairs(tmp_path / "pairs"))


def test_parse_named_folders(tmp_path):
    (tmp_path / "a=b").mkdir()
    folders = parse_named_folders(["results/mine/", "theirs=results/x", str(tmp_path / "a=b")])
    assert folders == {"mine": "results/mine/", "theirs": "results/x", "a=b": str(tmp_path / "a=b")}
    for arguments, words in [
        (["a/out", "b/out"], "a/out and b/out are both called out. Name them: NAME=DIR"),
        (["blurry=x"], "a name other than blurry"),
        (["=x"], "NAME=DIR"),
        (["x="], "NAME=DIR"),
    ]:
        with pytest.raises(IcdpmError, match=words):
            parse_named_folders(arguments)


@pytest.mark.parametrize(
    "name, paths",
    [
        (
            "GOPR0384_11_00/000001",
            [
                "GOPR0384_11_00/000001",
                "GOPR0384_11_00/sharp/000001",
                "GOPR0384_11_00/blur/000001",
                "GOPR0384_11_00/blur_gamma/000001",
                "GOPR0384_11_00-000001",
                "GOPR0384_11_00_000001",
                "GOPR0384_11_00_blur_000001",
            ],
        ),
        ("1fromGOPR0950", ["1fromGOPR0950", "test/test-close-ups/1fromGOPR0950", "test-long-shot/1fromGOPR0950"]),
        (
            "scene050/blur_12",
            ["scene050/blur_12", "scene050/gt/gt_12", "scene050/blur/blur_12", "scene050_blur_12", "scene050-12"],
        ),
        ("scene244/blur_1", ["scene244_reflect/gt/gt_1", "scene244_reflect/blur_1", "scene244_1", "scene244_reflect_blur_1"]),
        ("000/00000009", ["000/00000009", "000_00000009", "000-00000009"]),
        ("mine/GOPR0384_11_00/000001", ["mine/GOPR0384_11_00-000001"]),
        ("mine/photo", ["mine/photo"]),
        ("2000_00000009", ["2000_00000009"]),
        ("xGOPR0384_11_00-000001", ["xGOPR0384_11_00-000001"]),
    ],
)
def test_all_forms_of_a_name(name, paths):
    assert {pair_name(path) for path in paths} == {name}
    assert pair_name(name) == name
