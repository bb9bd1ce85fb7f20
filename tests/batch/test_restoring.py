"""Tests of icdpm.batch.restoring."""

import contextlib
import dataclasses
import os
import resource
import signal
import threading
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tqdm

from icdpm.batch.jobs import plan_jobs
from icdpm.batch.restoring import restore_images
from icdpm.batch.selection import SelectedImage, select_images
from icdpm.images.formats import FORMATS
from icdpm.images.reading import read_image, read_rgb
from icdpm.images.writing import write_image
from icdpm.restoration.result import Restored

STEPS, SAMPLES = 2, 3


def instant(pixels, *, on_step, keep_samples=False, spread=False):
    """Stands in for `restore`: returns the image unchanged, and counts steps.

    Sample i of three is brighter by i - 1 steps.
    """
    for _ in range(STEPS):
        on_step(SAMPLES)
    samples = [(pixels.clip(1, 254) + np.array(i, pixels.dtype)) - np.array(1, pixels.dtype) for i in range(SAMPLES)]
    return Restored(
        pixels,
        samples=samples if keep_samples else None,
        spread=np.full(pixels.shape, 3.0, np.float32) if spread else None,
    )


def brief(*arguments, **options):
    """Works as `instant` in a twentieth of a second."""
    time.sleep(0.05)
    return instant(*arguments, **options)


def restore_all(jobs, restore=instant, **options):
    return restore_images(jobs, restore, evaluations=STEPS * SAMPLES, **options)


def gradient(height=20, width=30):
    return np.linspace(0, 255, height * width * 3).astype(np.uint8).reshape(height, width, 3)


def plan(folder, out, **options):
    images = [SelectedImage(path, path.relative_to(folder), is_explicit=False) for path in sorted(folder.rglob("*.*"))]
    return plan_jobs(images, str(out), **options)[0]


def test_bad_images_do_not_stop_good_ones_and_leave_no_files(tmp_path, bad_photos, capfd):
    """All kinds of bad input in one batch with two good images, to a folder that does not exist."""
    folder = next(iter(bad_photos)).parent
    write_image(folder / "0 gut.png", gradient())
    write_image(folder / "ｚ/zuletzt ü.png", gradient())
    bad = [path for path in bad_photos if path.suffix != ".gif"]
    paths = [folder / "0 gut.png", *bad, folder / "ｚ/zuletzt ü.png"]
    images = [SelectedImage(path, path.relative_to(folder), is_explicit=False) for path in paths]
    out = tmp_path / "neuer Ordner" / "out"
    jobs, planned_failures = plan_jobs(images, str(out))
    notices, failures = restore_all(jobs)
    assert notices == planned_failures == [] and len(failures) == len(bad)
    for path, message in zip(bad, failures):
        assert message.startswith(str(path)) and bad_photos[path] in message and "\n" not in message
    made = [path.relative_to(out) for path in out.rglob("*") if not path.is_dir()]
    assert sorted(made) == [Path("0 gut.png"), Path("ｚ/zuletzt ü.png")]
    shown = capfd.readouterr().err
    assert "Traceback" not in shown and f"| {len(jobs) * 6}/{len(jobs) * 6} evaluations" in shown


def test_steps_of_larger_images_take_more_of_the_bar(tmp_path, monkeypatch):
    write_image(tmp_path / "in/1 small.png", gradient(20, 30))
    write_image(tmp_path / "in/2 large.png", gradient(60, 90))
    (tmp_path / "in/3 none.png").write_bytes(b"")
    done = []
    update = tqdm.tqdm.update
    monkeypatch.setattr(tqdm.tqdm, "update", lambda bar, count: done.append((count, bar.total)) or update(bar, count))
    _, failures = restore_all(plan(tmp_path / "in", tmp_path / "out"))
    assert len(failures) == 1
    steps = [count for count, _ in done if count > 1e-9]
    # Three images with 6 evaluations each; the large one has nine tenths of the pixels.
    assert sorted(steps)[:4] == pytest.approx([0.1 * 9, 0.1 * 9, 0.9 * 9, 0.9 * 9]) and done[0][1] == pytest.approx(18)


def test_closed_standard_input_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    jobs, _ = plan_jobs([SelectedImage(None, Path(), is_explicit=True)], str(tmp_path / "out.png"))
    assert restore_all(jobs)[1] == ["standard input: is closed"]


def test_closed_standard_output_is_an_error(tmp_path, monkeypatch):
    write_image(tmp_path / "a.png", gradient())
    jobs, _ = plan_jobs([SelectedImage(tmp_path / "a.png", Path("a.png"), is_explicit=True)], "-")
    monkeypatch.setattr("sys.stdout", None)
    assert restore_all(jobs)[1] == ["standard output is closed"]


def test_each_file_is_read_once(tmp_path, monkeypatch):
    """The progress bar is weighed by headers alone."""
    for name in ("1.png", "2.jpg", "3.webp", "4.tif"):
        write_image(tmp_path / "in" / name, gradient(60, 90))
    read, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path.name) or read_bytes(path))
    assert restore_all(plan(tmp_path / "in", tmp_path / "out")) == ([], [])
    assert sorted(read) == ["1.png", "2.jpg", "3.webp", "4.tif"]


def test_circular_and_broken_links_fail_and_other_links_are_images(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_image(folder / "1.png", gradient())
    (folder / "2.png").symlink_to("2.png")
    (folder / "3.png").symlink_to("1.png")
    (folder / "4.png").symlink_to("none.png")
    jobs, _ = plan_jobs(select_images([str(folder)]).images, str(out))
    _, failures = restore_all(jobs)
    assert failures == [f"{folder / name} is a broken link" for name in ("2.png", "4.png")]
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "3.png"]
    assert (out / "1.png").read_bytes() == (out / "3.png").read_bytes()


def test_full_disk_fails_one_image_and_keeps_the_earlier_file(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    write_image(folder / "large.png", noise)
    write_image(folder / "small.png", gradient())
    out.mkdir()
    (out / "large.png").write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        _, failures = restore_all(plan(folder, out, overwrite=True))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failures == [f"cannot write {out / 'large.png'}: File too large"]
    assert sorted(path.name for path in out.iterdir()) == ["large.png", "small.png"]
    assert (out / "large.png").read_bytes() == b"old"
    np.testing.assert_array_equal(read_rgb(out / "small.png"), gradient())


@pytest.mark.parametrize("moment", ["restoring", "writing"])
def test_interrupt_leaves_only_complete_files(tmp_path, monkeypatch, moment):
    """An interrupt while the second image is restored, where a library swallows it, or written."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for number in range(12):
        write_image(folder / f"{number}.png", gradient())
    jobs = plan(folder, out)
    original = os.fsync if moment == "writing" else brief
    calls = []

    def interrupt_the_second(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            # TensorFlow may do this.
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return original(*arguments, **options)

    restore = brief if moment == "writing" else interrupt_the_second
    if moment == "writing":
        monkeypatch.setattr("os.fsync", interrupt_the_second)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        restore_all(jobs, restore)
    made = list(out.iterdir())
    assert len(made) < len(jobs) and {path.name for path in made} <= {path.name for path in folder.iterdir()}
    for path in made:
        np.testing.assert_array_equal(read_rgb(path), gradient())
    assert signal.getsignal(signal.SIGINT) is before


def test_images_are_read_and_written_while_another_is_restored(tmp_path, monkeypatch):
    for number in range(3):
        write_image(tmp_path / "in" / f"{number}.png", gradient())
    jobs = plan(tmp_path / "in", tmp_path / "out")
    device, read, second_restored = threading.Lock(), [], threading.Event()
    read_bytes, fsync = Path.read_bytes, os.fsync
    monkeypatch.setattr(Path, "read_bytes", lambda path: read.append(path) or read_bytes(path))
    monkeypatch.setattr(os, "fsync", lambda file: second_restored.wait(60) and fsync(file))
    images = []

    def restore(pixels, **_):
        assert device.acquire(blocking=False)  # restores one image at a time
        deadline = time.monotonic() + 60
        while len(read) == 1:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        images.append(pixels)
        if len(images) == 2:
            second_restored.set()
        device.release()
        return Restored(pixels)

    assert restore_images(jobs, restore) == ([], []) and second_restored.is_set()


def test_second_interrupt_takes_effect_at_once(tmp_path):
    write_image(tmp_path / "in" / "1.png", gradient())

    def interrupted_twice(*_, **__):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second must raise")

    with pytest.raises(KeyboardInterrupt):
        restore_all(plan(tmp_path / "in", tmp_path / "out"), interrupted_twice)
    assert not (tmp_path / "out").exists()


def test_image_too_large_for_the_memory_fails_alone(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, side in (("1.png", 10), ("2.png", 20), ("3.png", 10)):
        write_image(folder / name, gradient(side, side))

    def limited(pixels, **options):
        if pixels.shape[0] > 10:
            raise MemoryError
        return instant(pixels, **options)

    _, failures = restore_all(plan(folder, out), limited)
    assert failures == [f"{folder / '2.png'} needs more memory than is available; restore a smaller copy"]
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "3.png"]


def test_image_kinds_are_kept_and_notices_collected(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    alpha = PIL.Image.fromarray(gradient()).convert("RGBA")
    alpha.putpixel((3, 4), (1, 2, 3, 4))
    folder.mkdir()
    alpha.save(folder / "alpha.png")
    alpha.convert("L").save(folder / "gray.jpg")
    PIL.Image.new("CMYK", (9, 8)).save(folder / "print.jpg")
    write_image(folder / "deep.tif", gradient().astype(np.uint16) * 257)
    notices, failures = restore_all(plan(folder, out))
    assert failures == [] and len(notices) == 1 and "print.jpg was converted from CMYK" in notices[0]
    with PIL.Image.open(out / "alpha.png") as restored:
        assert restored.mode == "RGBA" and restored.getpixel((3, 4)) == (1, 2, 3, 4)
    with PIL.Image.open(out / "gray.jpg") as restored:
        assert restored.mode == "L"
    assert read_rgb(out / "deep.tif").dtype == np.uint16
    # JPEG has no alpha, which is an error before the image is restored.
    job = dataclasses.replace(plan(folder, out, overwrite=True)[0], target=out / "a.jpg", format=FORMATS["jpeg"])
    assert "transparent parts" in restore_all([job])[1][0]
    assert not (out / "a.jpg").exists()


EXTRA_OUTPUTS = {"compare": True, "spread": True, "kept_samples": 3}
ALL_NAMES = ["1.compare.png", "1.png", "1.sample-1.png", "1.sample-2.png", "1.sample-3.png", "1.spread.npy", "1.spread.png"]


@pytest.mark.parametrize("kind", ["RGB", "gray, 16 bits", "transparent"])
def test_extra_outputs_are_written(tmp_path, kind):
    folder, out = tmp_path / "in", tmp_path / "out"
    folder.mkdir()
    pixels = gradient()
    if kind == "gray, 16 bits":
        write_image(folder / "1.png", pixels[..., 0].astype(np.uint16) * 257)
    else:
        PIL.Image.fromarray(pixels).convert("RGBA" if kind == "transparent" else "RGB").save(folder / "1.png")
    notices, failures = restore_all(plan(folder, out, **EXTRA_OUTPUTS), verbose=True)
    assert failures == [] and sorted(path.name for path in out.iterdir()) == ALL_NAMES
    drift, scale = notices
    assert drift.startswith(f"{folder / '1.png'}: mean difference from the input ") and drift.endswith("in gray levels (0–255)")
    assert scale == f"in {out / '1.spread.png'} white is a standard deviation of 3 8-bit steps or more"
    before, first, last, both = (
        read_image(path)
        for path in (folder / "1.png", *(out / name for name in ("1.sample-1.png", "1.sample-3.png", "1.compare.png")))
    )
    assert first.pixels.dtype == both.pixels.dtype == before.pixels.dtype and first.is_gray == both.is_gray == before.is_gray
    assert (first.alpha is None) == (both.alpha is None) == (before.alpha is None)
    assert (last.pixels - first.pixels == 2).all()
    np.testing.assert_array_equal(both.pixels[:, :30], before.pixels)
    np.testing.assert_array_equal(both.pixels[:, -30:], before.pixels)
    spread = np.load(out / "1.spread.npy")
    assert spread.dtype == np.float32 and spread.shape == before.pixels.shape and (spread == 3).all()


def test_image_and_extra_outputs_are_written_together_or_not_at_all(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_image(folder / "1.png", np.random.default_rng(0).integers(0, 256, (100, 100, 3), dtype=np.uint8))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        # Sufficient for all files except the array.
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        _, failures = restore_all(plan(folder, out, **EXTRA_OUTPUTS))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failures == [f"cannot write {out / '1.spread.npy'}: File too large"] and not list(out.iterdir())


def test_an_output_that_appears_during_the_work_is_not_replaced(tmp_path):
    """Simulates a.jpg and A.png, both written as PNG, on a file system that ignores case."""
    for name in ("in/a.png", "in/b.png"):
        write_image(tmp_path / name, gradient())
    first, second = plan(tmp_path / "in", tmp_path / "out")
    restore_all([first])
    os.link(first.target, second.target)
    content = first.target.read_bytes()
    _, (failure,) = restore_all([second])
    assert f"b.png was not written to {second.target}: another photo, whose name differs only in case" in failure
    assert first.target.read_bytes() == content
    assert restore_all(plan(tmp_path / "in", tmp_path / "out", overwrite=True)) == ([], [])


def test_match_color(tmp_path):
    folder, out = tmp_path / "in", tmp_path / "out"
    write_image(folder / "1.png", gradient() // 2)
    moved = Restored(gradient() // 2 + np.uint8(9), samples=[gradient() // 2 + np.uint8(7)])
    jobs = plan(folder, out, overwrite=True, kept_samples=1)
    notices, _ = restore_all(jobs, lambda *_, **__: moved, verbose=True)
    assert "red +9.00, green +9.00, blue +9.00" in notices[0]
    jobs = plan(folder, out, overwrite=True, kept_samples=1)
    notices, _ = restore_all(jobs, lambda *_, **__: moved, verbose=True, match_color=True)
    assert "+9" not in notices[0]
    for name in ("1.png", "1.sample-1.png"):
        assert np.abs(read_rgb(out / name) - (gradient() // 2).astype(int)).max() <= 1


def test_hidden_colors_are_kept_and_do_not_reach_the_network(tmp_path):
    alpha = np.full((20, 30), 255, np.uint8)
    alpha[:, 15:] = 0
    seen = []

    def darken(pixels, **options):
        seen.append(pixels)
        return dataclasses.replace(instant(pixels // 2, **options), pixels=pixels // 2)

    for name, hidden in (("black", 0), ("white", 255)):
        pixels = gradient()
        pixels[:, 15:] = hidden
        (tmp_path / "in").mkdir(exist_ok=True)
        PIL.Image.fromarray(np.dstack([pixels, alpha])).save(tmp_path / f"in/{name}.png")
    assert restore_all(plan(tmp_path / "in", tmp_path / "out", kept_samples=SAMPLES), darken) == ([], [])
    np.testing.assert_array_equal(seen[0], seen[1])
    for name, hidden in (("black", 0), ("white", 255), ("black.sample-1", 0), ("white.sample-1", 255)):
        image = read_image(tmp_path / f"out/{name}.png")
        assert (image.pixels[:, 15:] == hidden).all()
        np.testing.assert_array_equal(image.alpha, alpha)
    restored = read_image(tmp_path / "out/white.png").pixels
    np.testing.assert_array_equal(restored[:, :15], gradient()[:, :15] // 2)


def test_cut_jpeg_is_accepted_on_request(tmp_path):
    write_image(tmp_path / "in/a.jpg", np.random.default_rng(0).integers(0, 256, (160, 90, 3), dtype=np.uint8))
    content = (tmp_path / "in/a.jpg").read_bytes()
    (tmp_path / "in/a.jpg").write_bytes(content[: len(content) * 3 // 4])
    jobs = plan(tmp_path / "in", tmp_path / "out")
    assert "is damaged" in restore_all(jobs)[1][0]
    notices, failures = restore_all(jobs, accept_truncated=True)
    rows = len(read_rgb(tmp_path / "out/a.jpg"))
    assert failures == [] and f"only the first {rows} of 160 rows" in notices[0]


def test_a_name_that_is_too_long_fails_and_does_not_stop_the_others(tmp_path):
    write_image(tmp_path / "in/good.png", gradient())
    bad = tmp_path / "in" / ("x" * 300 + ".png")
    images = [SelectedImage(bad, Path("bad.png"), True), SelectedImage(tmp_path / "in/good.png", Path("good.png"), True)]
    jobs, _ = plan_jobs(images, f"{tmp_path}/out/")
    _, failures = restore_all(jobs)
    assert failures == [f"{bad} cannot be read: File name too long"]
    assert (tmp_path / "out/good.png").exists()
