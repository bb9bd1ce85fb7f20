"""Pairs in folders."""

import io
import unicodedata

import numpy as np
import pytest
from PIL import Image

from icdpm.errors import IcdpmError
from icdpm.images import formats
from icdpm.images.writing import encode_image, write_image
from icdpm_datasets import image_files
from icdpm_datasets.folders import FolderPairs


def random_image(seed, height=20, width=30):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)


@pytest.fixture
def folder(tmp_path):
    """Three pairs whose sorted order differs between the sides by their suffixes."""
    for index, name in enumerate(("a", "b.1", "c")):
        save(tmp_path / "blur" / f"{name}.png", random_image(index))
        save(tmp_path / "sharp" / f"{name}{('.png', '.bmp', '.PNG')[index]}", random_image(10 + index))
    return tmp_path


def test_pairs_are_matched_by_name(folder):
    (folder / "blur" / "notes.txt").write_text("not an image")
    (folder / "sharp" / ".hidden.png").write_bytes(b"left behind by some tool")
    pairs = FolderPairs(folder)
    assert pairs.names == ["a", "b.1", "c"]
    assert len(pairs) == 3
    assert pairs.description == f"3 pairs in {folder}"
    for index in (2, 0, 1, 2):
        blurry, sharp = pairs.load(index)
        np.testing.assert_array_equal(blurry, random_image(index))
        np.testing.assert_array_equal(sharp, random_image(10 + index))
    assert FolderPairs(str(folder)).names == pairs.names


@pytest.mark.parametrize("ending", ["png", "bmp", "tif", "tiff", "webp", "jpg", "jpeg", "JPG"])
def test_every_format(folder, ending):
    smooth = np.repeat(np.repeat(random_image(0, 4, 6), 5, 0), 5, 1)
    (folder / "blur" / "a.png").unlink()
    save(
        folder / "blur" / f"a.{ending}",
        smooth,
        **({"lossless": True} if ending == "webp" else {"quality": 98, "subsampling": 0}),
    )
    blurry, _ = FolderPairs(folder).load(0)
    lossy = ending.lower() in ("jpg", "jpeg")
    assert np.abs(blurry.astype(int) - smooth).mean() <= (6 if lossy else 0)


@pytest.mark.parametrize("mode", ["L", "RGBA", "LA", "P", "1", "CMYK"])
def test_other_modes_become_rgb(folder, mode):
    image = Image.fromarray(random_image(0)).convert(mode)
    image.save(folder / "blur" / "a.tif")
    (folder / "blur" / "a.png").unlink()
    blurry, _ = FolderPairs(folder).load(0)
    np.testing.assert_array_equal(blurry, np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("side", ["blur", "sharp"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_transparent_parts_are_an_error_that_names_the_image(folder, side, dtype):
    pixels, alpha = random_image(0).astype(dtype), np.full((20, 30), np.iinfo(dtype).max, dtype)
    file = folder / side / "a.png"
    file.write_bytes(encode_image(formats.Image(pixels, alpha), formats.FORMATS["png"]))
    np.testing.assert_array_equal(FolderPairs(folder).load(0)[side == "sharp"], pixels)  # opaque everywhere
    alpha[3, 4] -= 1
    file.write_bytes(encode_image(formats.Image(pixels, alpha), formats.FORMATS["png"]))
    with pytest.raises(IcdpmError, match=f"{side}/a.png has transparent parts, whose color is not defined. Save it without"):
        FolderPairs(folder).load(0)


@pytest.mark.parametrize("ending", ["jpg", "png", "tif"])
def test_exif_orientation_is_applied(folder, ending):
    smooth = np.repeat(np.repeat(random_image(5, 3, 2), 10, 0), 10, 1)  # 30×20, upright
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90° clockwise
    (folder / "blur" / "a.png").unlink()
    Image.fromarray(np.rot90(smooth).copy()).save(folder / "blur" / f"a.{ending}", exif=exif, quality=98)
    save(folder / "sharp" / "a.png", random_image(10, 30, 20))
    blurry, sharp = FolderPairs(folder).load(0)
    assert blurry.shape == sharp.shape == (30, 20, 3)
    assert np.abs(blurry.astype(int) - smooth).mean() < 6


@pytest.mark.parametrize("blurry_form, sharp_form", [("NFC", "NFD"), ("NFD", "NFC"), ("NFD", "NFD")])
def test_names_in_two_forms_of_unicode_are_one(tmp_path, blurry_form, sharp_form):
    for index, name in enumerate(("café", "zoo", "größe")):
        save(tmp_path / "blur" / f"{unicodedata.normalize(blurry_form, name)}.png", random_image(index))
        save(tmp_path / "sharp" / f"{unicodedata.normalize(sharp_form, name)}.png", random_image(10 + index))
    pairs = FolderPairs(tmp_path)
    assert pairs.names == sorted(unicodedata.normalize(blurry_form, name) for name in ("café", "zoo", "größe"))
    index = pairs.names.index(unicodedata.normalize(blurry_form, "größe"))
    assert [np.array_equal(image, random_image(seed)) for image, seed in zip(pairs.load(index), (2, 12))] == [True, True]
    save(tmp_path / "blur" / f"{unicodedata.normalize('NFC' if blurry_form == 'NFD' else 'NFD', 'café')}.png", random_image(0))
    with pytest.raises(IcdpmError, match="several images of one name"):
        FolderPairs(tmp_path)


def test_pairs_in_subfolders(tmp_path):
    """Frames of different sequences have the same names in GoPro."""
    for seed, name in enumerate(("a/000001", "b/000001", "top")):
        save(tmp_path / "blur" / f"{name}.png", random_image(seed))
        save(tmp_path / "sharp" / f"{name}.bmp", random_image(10 + seed))
    pairs = FolderPairs(tmp_path)
    assert pairs.names == ["a/000001", "b/000001", "top"]
    assert [np.array_equal(image, random_image(seed)) for image, seed in zip(pairs.load(1), (1, 11))] == [True, True]
    (tmp_path / "sharp/b/000001.bmp").unlink()
    with pytest.raises(IcdpmError, match="on the other side: blur/b/000001"):
        FolderPairs(tmp_path)


def test_names_without_partners_are_listed(folder):
    save(folder / "blur" / "lonely.png", random_image(0))
    for index in range(12):
        save(folder / "sharp" / f"extra_{index:02d}.png", random_image(0))
    with pytest.raises(IcdpmError) as caught:
        FolderPairs(folder)
    message = str(caught.value)
    assert "blur/lonely, sharp/extra_00, " in message
    assert "sharp/extra_08, and 3 more" in message
    assert "extra_09" not in message


def test_duplicate_names_are_an_error(folder):
    save(folder / "blur" / "a.jpg", random_image(0))
    with pytest.raises(IcdpmError, match="blur has several images of one name: a.jpg and a.png"):
        FolderPairs(folder)


def test_missing_and_empty_folders(folder, tmp_path):
    with pytest.raises(IcdpmError, match="nowhere/blur is missing"):
        FolderPairs(tmp_path / "nowhere")
    for file in (folder / "sharp").iterdir():
        file.unlink()
    with pytest.raises(IcdpmError, match="sharp has no images"):
        FolderPairs(folder)
    (folder / "sharp").rmdir()
    with pytest.raises(IcdpmError, match="sharp is missing"):
        FolderPairs(folder)


def test_different_sizes_are_an_error(folder):
    save(folder / "sharp" / "a.png", random_image(0, 20, 31))
    with pytest.raises(IcdpmError, match="blur/a.png of 30×20 px and .*sharp/a.png of 31×20 px"):
        FolderPairs(folder)


@pytest.mark.parametrize("content", [b"", b"this is no image"])
def test_a_file_that_is_no_image(folder, content):
    (folder / "blur" / "c.png").write_bytes(content)
    with pytest.raises(IcdpmError, match="blur/c.png is not an image"):
        FolderPairs(folder)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp"])
def test_a_truncated_image_is_named_when_it_is_read(folder, ending):
    stream = io.BytesIO()
    Image.fromarray(random_image(3, 200, 300)).save(stream, {"jpg": "jpeg"}.get(ending, ending))
    (folder / "blur" / "c.png").unlink()
    (folder / "blur" / f"c.{ending}").write_bytes(stream.getvalue()[: len(stream.getvalue()) // 2])
    (folder / "sharp" / "c.PNG").unlink()
    save(folder / "sharp" / "c.png", random_image(3, 200, 300))
    pairs = FolderPairs(folder)
    pairs.load(0)
    with pytest.raises(IcdpmError, match=f"blur/c.{ending} is damaged"):
        pairs.load(2)


@pytest.mark.parametrize("ending", ["png", "tif"])
def test_sixteen_bits_are_read_without_loss(folder, ending):
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, 3), np.uint16)
    (folder / "blur" / "a.png").unlink()
    write_image(folder / "blur" / f"a.{ending}", deep)
    pairs = FolderPairs(folder)
    assert pairs.dtype == np.uint16 and pairs.description == f"3 pairs in {folder} of 16 bits"
    blurry, sharp = pairs.load(0)
    np.testing.assert_array_equal(blurry, deep)
    # Images of 8 bits have the same values in 16.
    np.testing.assert_array_equal(sharp, random_image(10).astype(np.uint16) * 257)
    assert {image.dtype for index in range(3) for image in pairs.load(index)} == {np.dtype(np.uint16)}


def test_gray_of_sixteen_bits(folder):
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30), np.uint16)
    write_image(folder / "blur" / "a.png", deep)
    np.testing.assert_array_equal(FolderPairs(folder).load(0)[0], np.repeat(deep[..., None], 3, axis=-1))


def test_pairs_of_eight_bits_stay_so(folder):
    pairs = FolderPairs(folder)
    assert pairs.dtype == np.uint8 and {image.dtype for image in pairs.load(0)} == {np.dtype(np.uint8)}


def test_a_file_that_shrinks_after_the_check_is_named(folder):
    pairs = FolderPairs(folder)
    save(folder / "blur" / "a.png", random_image(0, 10, 10))
    with pytest.raises(IcdpmError, match="blur/a.png is 10×10 px, but was 30×20 px when the folder was opened"):
        pairs.load(0)


def test_too_small_for_the_crop(folder):
    pairs = FolderPairs(folder)
    pairs.check_crop(20)
    with pytest.raises(IcdpmError, match="blur/a.png is 30×20 px, too small for crops of 21 px"):
        pairs.check_crop(21)


def test_memory_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(image_files, "CACHE_BYTES", 2 * 2 * 20 * 30 * 3)
    pairs = FolderPairs(folder)
    first = [pairs.load(index)[0] for index in range(3)]
    again = [pairs.load(index)[0] for index in range(3)]
    assert [one is other for one, other in zip(first, again)] == [True, True, False]
    np.testing.assert_array_equal(first[2], again[2])
    with pytest.raises(ValueError):
        first[0][0, 0] = 0
