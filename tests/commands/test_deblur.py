"""Tests of icdpm-deblur from the command line."""

import io
import os
import shutil
import signal
import subprocess
import sys

import imagecodecs
import numpy as np
import PIL.Image
import pytest

from icdpm.models.workdir import config_file

pytestmark = pytest.mark.slow

RUN = "import sys; sys.argv[0] = 'icdpm-deblur'; from icdpm.commands.deblur import run; run()"


@pytest.fixture
def workdir(tmp_path, micro_workdir):
    """A workdir of a training run, with the weights of an untrained model."""
    return shutil.copytree(micro_workdir, tmp_path / "workdir")


def deblur(*arguments, **options):
    options = {"text": True, **options}
    return subprocess.run([sys.executable, "-c", RUN, *map(str, arguments)], capture_output=True, **options)


@pytest.fixture
def deblur_each(run_each):
    """Function ([arguments of a run, …]) -> [(exit status, stderr)]."""

    def deblur_each(cases):
        runs = run_each("deblur", cases)
        assert not any("Traceback" in done.stderr for done in runs), runs
        return [(done.returncode, "\n".join(done.stderr.splitlines())) for done in runs]

    return deblur_each


def noise(height=20, width=30, channels=3):
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), dtype=np.uint8)


def save(path, height=20, width=30):
    path.parent.mkdir(exist_ok=True, parents=True)
    PIL.Image.fromarray(noise(height, width)).save(path)
    return path


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_console_that_lacks_characters(tmp_path, workdir, encoding):
    path = save(tmp_path / "漢 ü.png")
    flags = (f"--workdir={workdir}", f"--output={tmp_path / 'aus ü'}", "--samples=2", "--spread", "--verbose", "--tile=18")
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments, status in (((path, *flags), 0), ((tmp_path / "… no such photo.png", *flags), 1)):
        done = deblur(*arguments, env=environment, encoding=encoding)
        assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    assert (tmp_path / "aus ü/漢 ü.png").exists()


def test_folder_with_all_kinds_of_images(tmp_path, workdir, deblur_each):
    folder = tmp_path / "mein Ordner ü"
    for name, height, width in [
        ("ein Foto ü.png", 20, 30),
        ("one pixel.png", 1, 1),
        ("tall/5000.jpg", 5000, 3),
        ("tall/30000.png", 30000, 2),
        ("wide.webp", 2, 16000),
    ]:
        save(folder / name, height, width)
    deep = np.dstack([noise(20, 30, 4)] * 2)[..., :4].astype(np.uint16) * 257
    (folder / "deep.png").write_bytes(imagecodecs.png_encode(deep))
    PIL.Image.fromarray(noise()[..., 0]).save(folder / "gray.tif")
    PIL.Image.new("CMYK", (8, 6)).save(folder / "print.jpg")
    (folder / "text.png").write_text("not an image")
    (folder / "notes.txt").write_text("my notes")
    out = folder / "restored"
    command = [folder, f"--workdir={workdir}", f"--output={out}"]
    single = tmp_path / "single.png"
    first, again, overwritten, alone = deblur_each(
        [command, command, [*command, "--overwrite"], [folder / "ein Foto ü.png", f"--workdir={workdir}", f"--output={single}"]]
    )

    status, text = first
    assert status == 1
    assert text.endswith(
        f"icdpm-deblur: note: {folder}/print.jpg was converted from CMYK, without a profile, to RGB: its colors are "
        f"approximate\nicdpm-deblur: error: {folder}/text.png is not an image in a known format: PNG, JPEG, WebP, TIFF, "
        "BMP, AVIF or HEIC\nicdpm-deblur: 8 restored, 1 failed, 1 ignored (not named as an image)"
    )
    restored = sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())
    names = ["deep.png", "ein Foto ü.png", "gray.tif", "one pixel.png", "print.jpg", "tall/30000.png", "tall/5000.jpg"]
    assert restored == [*names, "wide.webp"]
    for name in ("one pixel.png", "tall/5000.jpg", "tall/30000.png", "wide.webp"):
        assert PIL.Image.open(out / name).size == PIL.Image.open(folder / name).size
    back = imagecodecs.png_decode((out / "deep.png").read_bytes())
    assert back.dtype == np.uint16 and (back % 257).any()
    np.testing.assert_array_equal(back[..., 3], deep[..., 3])
    assert PIL.Image.open(out / "gray.tif").mode == "L"

    # Existing files stay, with an error for each; with --overwrite they are written again, with the same bytes.
    assert again[0] == 1 and "0 restored, 9 failed" in again[1] and again[1].count("already exists") == 8
    assert overwritten[0] == 1 and "8 restored, 1 failed" in overwritten[1]
    assert alone == (0, alone[1]) and alone[1].endswith("icdpm-deblur: 1 restored, 0 failed")
    assert single.read_bytes() == (out / "ein Foto ü.png").read_bytes()


def test_outputs_do_not_depend_on_other_images(tmp_path, workdir, deblur_each):
    folder, one, all_of_it = tmp_path / "photos", tmp_path / "one", tmp_path / "all of it"
    for name, height, width in (("1.jpg", 21, 33), ("2.jpg", 8, 50), ("3.jpg", 40, 16), ("4.png", 21, 33)):
        save(folder / name, height, width)
    options = ["--preset=fast", "--samples=3", "--compare", "--spread", "--keep_samples", "--match_color", "--verbose"]
    alone, again, among, tiled, cramped = deblur_each(
        [
            [folder / "2.jpg", f"--workdir={workdir}", f"--output={one}", *options],
            [folder / "2.jpg", f"--workdir={workdir}", f"--output={one}", *options],
            [folder, f"--workdir={workdir}", f"--output={all_of_it}", *options],
            [folder / "2.jpg", f"--workdir={workdir}", f"--output={tmp_path / 'tiled'}", "--tile=7"],
            [folder / "2.jpg", f"--workdir={workdir}", f"--output={tmp_path / 'cramped'}", "--max_memory=1"],
        ]
    )
    assert alone[0] == among[0] == 0 and "4 restored, 0 failed" in among[1]
    text = [line.rsplit("\r", 1)[-1] for line in alone[1].splitlines()]
    assert text[0].startswith("icdpm-deblur: --preset=fast: --sampler=") and "--samples=1" in text[0]
    drift, scale = (line for line in text if line.startswith("icdpm-deblur: note: "))
    assert f"{folder}/2.jpg: mean difference from the input red " in drift and f"in {one}/2.spread.png white is" in scale
    endings = ["compare.png", "sample-1.jpg", "sample-2.jpg", "sample-3.jpg", "spread.npy", "spread.png"]
    assert sorted(path.name for path in one.iterdir()) == sorted([*(f"2.{name}" for name in endings), "2.jpg"])
    assert len(list(all_of_it.iterdir())) == 28
    for path in one.iterdir():
        assert path.read_bytes() == (all_of_it / path.name).read_bytes(), path.name
    assert again[0] == 1 and "2.jpg already exists" in again[1]
    for (status, text), words in ((tiled, "a tile's side must be a multiple of"), (cramped, "an image of 50×8 pixels needs")):
        assert status == 1 and f"icdpm-deblur: error: {folder}/2.jpg: {words}" in text


def test_invalid_arguments_are_one_line(tmp_path, workdir, deblur_each):
    image = save(tmp_path / "photo.png")
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    empty = tmp_path / "empty"
    empty.mkdir()
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    config_file(untrained).write_text(config_file(workdir).read_text())
    to_folder = f"--output={tmp_path / 'o'}"
    cases = [
        ([image, f"--workdir={empty}", to_folder], 1, "not the workdir"),
        ([image, f"--workdir={untrained}", to_folder], 1, "no checkpoint yet"),
        ([image, f"--workdir={workdir}", f"--output={in_the_way / 'o'}"], 1, "file is not a folder"),
        ([image, f"--workdir={workdir}", to_folder, "--checkpoint=5"], 1, "no checkpoint of step 5"),
        ([empty, f"--workdir={workdir}", to_folder], 1, "no image was found"),
        ([tmp_path / "*.jpg", f"--workdir={workdir}", to_folder], 1, "matches nothing"),
        (["-", f"--workdir={workdir}", to_folder], 1, "standard input has no name"),
        ([image, f"--workdir={workdir}", to_folder, "--steps=0"], 2, "steps"),
        ([image, f"--workdir={workdir}", to_folder, "--format=gif"], 2, "format"),
        ([image, f"--workdir={workdir}", to_folder, "--samples=0"], 2, "samples"),
        ([image, f"--workdir={workdir}", to_folder, "--preset=best"], 2, "preset"),
        ([image, f"--workdir={workdir}", to_folder, "--seed=-1"], 2, "seed"),
        ([image, f"--workdir={workdir}", to_folder, "--tile=0"], 2, "tile"),
        ([image, f"--workdir={workdir}", to_folder, "--max_memory=0"], 2, "max_memory"),
        ([image, f"--workdir={workdir}", to_folder, "--seed=99999999999999999999"], 2, "seed"),
        ([image, f"--workdir={workdir}", to_folder, "--spread"], 2, "--spread needs --samples=2 or more"),
        ([image, f"--workdir={workdir}", to_folder, "--spread", "--preset=balanced", "--samples=1"], 2, "--samples=2"),
        ([image, f"--workdir={workdir}", "--output=-", "--compare"], 2, "need a file or folder as --output"),
        ([image, f"--workdir={workdir}", "--output=-", "--keep_samples"], 2, "need a file or folder as --output"),
        ([image, f"--workdir={workdir}", to_folder, "--max_noise_variance=nan"], 2, "Received: nan"),
        ([image, f"--workdir={workdir}", to_folder, "--sampler=ddim", "--eta=nan"], 2, "Received: nan"),
        ([image, f"--workdir={workdir}", to_folder, "--eta=0.5"], 2, "only ddim has eta"),
        ([image, f"--workdir={workdir}", to_folder, "--schedule=log_snr"], 2, "needs its own `max_noise_variance`"),
        ([image, image.with_suffix(".jpg"), f"--workdir={workdir}", to_folder, "--compare"], 1, "both be restored to"),
        ([f"--workdir={workdir}", to_folder], 2, "no photo"),
    ]
    for (arguments, status, text), (ended, message) in zip(cases, deblur_each([case[0] for case in cases])):
        assert ended == status and text in message and len(message.splitlines()) == 1, (arguments, message)
    assert not (tmp_path / "o").exists()


def test_standard_input_to_standard_output(tmp_path, workdir):
    image = save(tmp_path / "photo.jpg")
    done = deblur("-", f"--workdir={workdir}", "--output=-", input=image.read_bytes(), text=False)
    assert done.returncode == 0, done.stderr
    with PIL.Image.open(io.BytesIO(done.stdout)) as restored:
        assert (restored.format, restored.size) == ("JPEG", (30, 20))
    # A full disk, and another format.
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-c", RUN, str(image), f"--workdir={workdir}", "--output=-", "--format=webp"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "Exception" not in done.stderr, done.stderr
    assert "error: cannot write to standard output: No space left on device\nicdpm-deblur: 0 restored" in done.stderr


def test_interrupt(tmp_path, workdir):
    images = [save(tmp_path / "in" / name) for name in ("1.png", "2.png")]
    out = tmp_path / "out"
    command = [sys.executable, "-c", RUN, *map(str, images), f"--workdir={workdir}", f"--output={out}", "--samples=1"]
    # With this many steps the first image alone takes a minute.
    running = subprocess.Popen([*command, "--steps=100000"], stderr=subprocess.PIPE, text=True)
    text = ""
    # The bar shows that the model is loaded and an image begun.
    while "1/2 1.png" not in text:
        read = running.stderr.read(1)
        assert read, text
        text += read
    running.send_signal(signal.SIGINT)
    text += running.communicate(timeout=60)[1]
    assert running.returncode == 130 and text.endswith("icdpm-deblur: interrupted\n") and "Traceback" not in text, text
    assert not out.exists() or os.listdir(out) == []


def test_folder_with_links_and_decompression_bombs(tmp_path, workdir, bombs, deblur_each):
    """Circular links and decompression bombs fail alone; links to folders are reported; the other images are restored."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    save(folder / "photo.png")
    (folder / "again.png").symlink_to("photo.png")
    (folder / "circle.png").symlink_to("circle.png")
    (folder / "up").symlink_to("..")
    (folder / "bomb.tif").write_bytes(bombs["16 channels.tif"])
    (status, text), empty = deblur_each(
        [[folder, f"--workdir={workdir}", f"--output={out}"], ["", f"--workdir={workdir}", f"--output={out}"]]
    )
    assert status == 1 and sorted(path.name for path in out.iterdir()) == ["again.png", "photo.png"]
    assert f"note: {folder}/up is a link to a folder and was skipped" in text
    assert f"error: {folder}/circle.png is a broken link" in text
    assert f"error: {folder}/bomb.tif takes 5.04 GiB when it is decoded" in text
    assert text.endswith("icdpm-deblur: 2 restored, 2 failed")
    assert empty[0] == 1 and "the name of an image is empty" in empty[1]
