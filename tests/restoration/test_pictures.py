"""Picture files: what is read, how it is written, and a sentence for each that cannot be."""

import numpy as np
import PIL.Image
import pytest

from icdpm.errors import IcdpmError
from icdpm.restoration.batch import plan_outputs
from icdpm.restoration.pictures import read_picture, write_picture


def gradient():
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, (rows + columns) * 2], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("suffix, error", [(".png", 0), (".bmp", 0), (".tif", 0), (".jpg", 4), (".webp", 14)])
def test_round_trip(tmp_path, suffix, error):
    path = tmp_path / "a folder" / f"Straße{suffix}"
    write_picture(path, gradient())
    assert np.abs(read_picture(path).astype(int) - gradient()).max() <= error
    assert [p.name for p in path.parent.iterdir()] == [path.name]


def test_orientation_gray_and_palette(tmp_path):
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(gradient()).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png"), np.rot90(gradient(), -1))
    PIL.Image.fromarray(gradient()[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "gray.png"), gradient()[..., [0, 0, 0]])
    PIL.Image.new("P", (4, 4)).save(tmp_path / "palette.png")
    assert read_picture(tmp_path / "palette.png").shape == (4, 4, 3)


def bad_files(folder):
    """{file: what is said of it}."""
    write_picture(folder / "whole.png", gradient())
    content = (folder / "whole.png").read_bytes()
    (folder / "truncated.png").write_bytes(content[: len(content) // 2])
    (folder / "text.png").write_text("not a picture")
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "folder.png").mkdir()
    frames = [PIL.Image.new("RGB", (8, 8), color) for color in ("red", "blue")]
    frames[0].save(folder / "animation.gif", save_all=True, append_images=frames[1:])
    PIL.Image.new("CMYK", (8, 8)).save(folder / "cmyk.jpg")
    PIL.Image.new("RGBA", (8, 8)).save(folder / "alpha.png")
    PIL.Image.new("I;16", (8, 8)).save(folder / "deep.png")
    # The header of a picture of 60000×60000, as bombs have it.
    (folder / "bomb.bmp").write_bytes(
        b"BM"
        + (54).to_bytes(4, "little")
        + bytes(4)
        + (54).to_bytes(4, "little")
        + (40).to_bytes(4, "little")
        + (60000).to_bytes(4, "little") * 2
        + (1).to_bytes(2, "little")
        + (24).to_bytes(2, "little")
        + bytes(24)
    )
    return {
        "none.png": "does not exist",
        "truncated.png": "damaged",
        "text.png": "not a picture",
        "empty.jpg": "not a picture",
        "folder.png": "not a file",
        "animation.gif": "animation",
        "cmyk.jpg": "CMYK",
        "alpha.png": "RGBA",
        "deep.png": "I;16",
        "bomb.bmp": "too large",
    }


def test_files_that_cannot_be_read_are_named(tmp_path):
    for name, said in bad_files(tmp_path).items():
        with pytest.raises(IcdpmError) as error:
            read_picture(tmp_path / name)
        assert name in str(error.value) and said in str(error.value), (name, error.value)


def test_outputs_are_planned_before_anything_is_made(tmp_path):
    first, second = tmp_path / "a/photo.jpg", tmp_path / "b/photo.jpg"
    out = tmp_path / "out"
    assert plan_outputs([first], out, False) == [(first, out / "photo.jpg")]
    assert plan_outputs([first], tmp_path / "new.png", False) == [(first, tmp_path / "new.png")]
    for photos, output, said in [
        ([first, second], out, "would both be restored"),
        ([first], first.parent, "replaced by its restoration"),
        ([first], tmp_path / "new.txt", "choose one of these suffixes"),
    ]:
        with pytest.raises(IcdpmError, match=said):
            plan_outputs(photos, output, False)
    out.mkdir()
    (out / "photo.jpg").write_text("there")
    with pytest.raises(IcdpmError, match="--overwrite"):
        plan_outputs([first], out, False)
    assert plan_outputs([first], out, True)
