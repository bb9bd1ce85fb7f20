"""Many photos: where each goes, what fails alone, and nothing half-written."""

import contextlib
import dataclasses
import os
import resource
import signal
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from icdpm.errors import IcdpmError
from icdpm.restoration.batch import Job, plan_jobs, restore_jobs
from icdpm.restoration.formats import FORMATS
from icdpm.restoration.pictures import read_picture, write_picture
from icdpm.restoration.selection import Selected

SETTINGS = {"steps": 2, "max_noise_variance": 0.9, "samples": 3, "seed": 0}


def named(path):
    return Selected(Path(path), Path(Path(path).name), alone=True)


def targets(photos, output, **options):
    jobs, failures = plan_jobs(photos, str(output), **options)
    assert not failures
    return [job.target for job in jobs]


def test_where_restored_photos_go(tmp_path):
    photo, other = named("a/photo.jpg"), named("b/other.TIF")
    found = Selected(Path("album/trip/photo.jpg"), Path("trip/photo.jpg"), alone=False)
    out = tmp_path / "out"
    assert targets([photo], out) == [out / "photo.jpg"]
    assert targets([photo], tmp_path / "new.png") == [tmp_path / "new.png"]
    assert targets([photo], f"{tmp_path}/v1.0/") == [tmp_path / "v1.0/photo.jpg"]
    assert targets([photo, other], tmp_path / "v1.0") == [tmp_path / "v1.0/photo.jpg", tmp_path / "v1.0/other.TIF"]
    assert targets([found], tmp_path / "new.png") == [tmp_path / "new.png/trip/photo.jpg"]
    assert targets([photo, other, found, named("scan")], out, format_name="tiff") == [
        out / "photo.tif",
        out / "other.TIF",
        out / "trip/photo.tif",
        out / "scan.tif",
    ]
    stdin = Selected(None, Path(), alone=True)
    assert plan_jobs([stdin], "-") == ([Job(None, None, None)], [])
    assert plan_jobs([photo], "-", "webp") == ([Job(Path("a/photo.jpg"), None, FORMATS["webp"])], [])
    assert targets([stdin], tmp_path / "new.png") == [tmp_path / "new.png"]
    assert not list(tmp_path.iterdir())


def test_plans_that_cannot_be_are_refused_before_anything_is_made(tmp_path):
    photo, namesake = named(tmp_path / "a/photo.jpg"), named(tmp_path / "b/photo.jpg")
    stdin = Selected(None, Path(), alone=True)
    (tmp_path / "file").touch()
    for photos, output, options, said in [
        ([photo, namesake], tmp_path / "out", {}, "would both be restored"),
        ([photo, named("photo.png")], tmp_path / "out", {"format_name": "jpeg"}, "would both be restored"),
        ([photo], tmp_path / "a", {}, "replaced by its restoration"),
        ([photo], tmp_path / "new.txt", {}, "choose one of these suffixes"),
        ([photo], tmp_path / "new.png", {"format_name": "jpeg"}, "--format=jpeg"),
        ([photo], tmp_path / "file", {}, "file is not a folder"),
        ([photo], tmp_path / "file/deeper", {}, "file is not a folder"),
        ([photo], tmp_path / "file/new.png", {}, "file is not a folder"),
        ([photo, namesake], "-", {}, "takes one photo, not 2"),
        ([stdin], tmp_path / "out", {}, "has no name to keep"),
    ]:
        with pytest.raises(IcdpmError, match=said):
            plan_jobs(photos, str(output), **options)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in any folder")
def test_a_protected_folder_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(IcdpmError, match="write-protected"):
        plan_jobs([named("photo.jpg")], str(tmp_path / "out"))


def test_what_is_there_stays_unless_asked_otherwise(tmp_path):
    photos = [named("a/one.jpg"), named("a/two.jpg"), named("a/raw.dng")]
    (tmp_path / "one.jpg").touch()
    jobs, failures = plan_jobs(photos, str(tmp_path))
    assert [job.target.name for job in jobs] == ["two.jpg"]
    there, unknown = failures
    assert "one.jpg is there already" in there and "--overwrite" in there
    assert "raw.dng" in unknown and "--format" in unknown
    jobs, failures = plan_jobs(photos, str(tmp_path), overwrite=True)
    assert [job.target.name for job in jobs] == ["one.jpg", "two.jpg"] and failures == [unknown]


@pytest.fixture
def instant(monkeypatch):
    """Restoring without a network: gives photos as they are, and counts steps as `restore` does."""

    def give(system, image, *, steps, samples, on_step, **_):
        for _ in range(steps):
            on_step(samples)
        return image

    monkeypatch.setattr("icdpm.restoration.batch.restore", give)
    return give


def gradient(height=20, width=30):
    return np.linspace(0, 255, height * width * 3).astype(np.uint8).reshape(height, width, 3)


def plan(folder, out, overwrite=False):
    photos = [Selected(path, path.relative_to(folder), alone=False) for path in sorted(folder.rglob("*.*"))]
    return plan_jobs(photos, str(out), overwrite=overwrite)[0]


def test_bad_photos_do_not_stop_good_ones_and_leave_nothing(tmp_path, bad_photos, instant, capfd):
    """The walk of all bad input, in one batch with two good photos, on a folder that is not there yet."""
    folder = next(iter(bad_photos)).parent
    write_picture(folder / "0 gut.png", gradient())
    write_picture(folder / "ｚ/zuletzt ü.png", gradient())
    bad = [path for path in bad_photos if path.suffix != ".gif"]
    paths = [folder / "0 gut.png", *bad, folder / "ｚ/zuletzt ü.png"]
    photos = [Selected(path, path.relative_to(folder), alone=False) for path in paths]
    out = tmp_path / "neuer Ordner" / "out"
    jobs, planned_failures = plan_jobs(photos, str(out))
    notices, failures = restore_jobs(None, jobs, **SETTINGS)
    assert notices == planned_failures == [] and len(failures) == len(bad)
    for path, message in zip(bad, failures):
        assert message.startswith(str(path)) and bad_photos[path] in message and "\n" not in message
    made = [path.relative_to(out) for path in out.rglob("*") if not path.is_dir()]
    assert sorted(made) == [Path("0 gut.png"), Path("ｚ/zuletzt ü.png")]
    shown = capfd.readouterr().err
    assert "Traceback" not in shown and f"{len(jobs) * 6}/{len(jobs) * 6}" in shown


def test_a_full_disk_fails_the_photo_and_leaves_what_was_there(tmp_path, instant):
    folder, out = tmp_path / "in", tmp_path / "out"
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    write_picture(folder / "large.png", noise)
    write_picture(folder / "small.png", gradient())
    out.mkdir()
    (out / "large.png").write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
        _, failures = restore_jobs(None, plan(folder, out, overwrite=True), **SETTINGS)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert failures == [f"cannot write {out / 'large.png'}: File too large"]
    assert sorted(path.name for path in out.iterdir()) == ["large.png", "small.png"]
    assert (out / "large.png").read_bytes() == b"old"
    np.testing.assert_array_equal(read_picture(out / "small.png"), gradient())


@pytest.mark.parametrize("moment, made", [("restoring", ["1.png"]), ("writing", ["1.png", "2.png"])])
def test_an_interrupt_leaves_whole_photos_only(tmp_path, instant, monkeypatch, moment, made):
    """While the second photo is restored, where a library swallows it, or written."""
    folder, out = tmp_path / "in", tmp_path / "out"
    for name in ("1.png", "2.png", "3.png"):
        write_picture(folder / name, gradient())
    jobs = plan(folder, out)
    name = "os.fsync" if moment == "writing" else "icdpm.restoration.batch.restore"
    original = os.fsync if moment == "writing" else instant
    calls = []

    def interrupt_the_second(*arguments, **options):
        calls.append(1)
        if len(calls) == 2:
            # What TensorFlow may do with it.
            with contextlib.suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        return original(*arguments, **options)

    monkeypatch.setattr(name, interrupt_the_second)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        restore_jobs(None, jobs, **SETTINGS)
    assert sorted(path.name for path in out.iterdir()) == made
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_interrupt_is_not_held_back(tmp_path, instant, monkeypatch):
    write_picture(tmp_path / "in" / "1.png", gradient())

    def interrupted_twice(*_, **__):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        pytest.fail("the second must raise")

    monkeypatch.setattr("icdpm.restoration.batch.restore", interrupted_twice)
    with pytest.raises(KeyboardInterrupt):
        restore_jobs(None, plan(tmp_path / "in", tmp_path / "out"), **SETTINGS)
    assert not (tmp_path / "out").exists()


def test_a_photo_too_large_for_the_memory_fails_alone(tmp_path, instant, monkeypatch):
    folder, out = tmp_path / "in", tmp_path / "out"
    for name, side in (("1.png", 10), ("2.png", 20), ("3.png", 10)):
        write_picture(folder / name, gradient(side, side))

    def limited(system, image, **options):
        if image.shape[0] > 10:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating")
        return instant(system, image, **options)

    monkeypatch.setattr("icdpm.restoration.batch.restore", limited)
    _, failures = restore_jobs(None, plan(folder, out), **SETTINGS)
    assert failures == [f"{folder / '2.png'} needs more memory than there is; restore a smaller copy"]
    assert sorted(path.name for path in out.iterdir()) == ["1.png", "3.png"]


def test_each_kind_stays_what_it_is_and_notices_are_gathered(tmp_path, instant):
    folder, out = tmp_path / "in", tmp_path / "out"
    alpha = PIL.Image.fromarray(gradient()).convert("RGBA")
    alpha.putpixel((3, 4), (1, 2, 3, 4))
    folder.mkdir()
    alpha.save(folder / "alpha.png")
    alpha.convert("L").save(folder / "gray.jpg")
    PIL.Image.new("CMYK", (9, 8)).save(folder / "print.jpg")
    write_picture(folder / "deep.tif", gradient().astype(np.uint16) * 257)
    notices, failures = restore_jobs(None, plan(folder, out), **SETTINGS)
    assert failures == [] and len(notices) == 1 and "print.jpg was converted from CMYK" in notices[0]
    with PIL.Image.open(out / "alpha.png") as restored:
        assert restored.mode == "RGBA" and restored.getpixel((3, 4)) == (1, 2, 3, 4)
    with PIL.Image.open(out / "gray.jpg") as restored:
        assert restored.mode == "L"
    assert read_picture(out / "deep.tif").dtype == np.uint16
    # Alpha fits no JPEG: said before the photo is restored.
    job = dataclasses.replace(plan(folder, out, overwrite=True)[0], target=out / "a.jpg", format=FORMATS["jpeg"])
    assert "transparent parts" in restore_jobs(None, [job], **SETTINGS)[1][0]
    assert not (out / "a.jpg").exists()
