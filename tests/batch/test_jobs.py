"""Tests of icdpm.batch.jobs."""

import os
from pathlib import Path, PurePath

import PIL.Image
import pytest

from icdpm.batch.jobs import Job, name_output, plan_jobs
from icdpm.batch.selection import SelectedImage, Shard
from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.images.formats import FORMATS


def named(path):
    return SelectedImage(Path(path), Path(Path(path).name), is_explicit=True)


def targets(images, output, **options):
    jobs, failures = plan_jobs(images, str(output), **options)
    assert not failures
    return [job.target for job in jobs]


def test_output_paths(tmp_path):
    image, other = named("a/photo.jpg"), named("b/other.TIF")
    found = SelectedImage(Path("photos/trip/photo.jpg"), Path("trip/photo.jpg"), is_explicit=False)
    out = tmp_path / "out"
    assert targets([image], out) == [out / "photo.jpg"]
    assert targets([image], tmp_path / "new.png") == [tmp_path / "new.png"]
    assert targets([image], f"{tmp_path}/v1.0/") == [tmp_path / "v1.0/photo.jpg"]
    assert targets([image, other], tmp_path / "v1.0") == [tmp_path / "v1.0/photo.jpg", tmp_path / "v1.0/other.TIF"]
    assert targets([found], tmp_path / "new.png") == [tmp_path / "new.png/trip/photo.jpg"]
    assert targets([image, other, found, named("scan")], out, format_name="tiff") == [
        out / "photo.tif",
        out / "other.TIF",
        out / "trip/photo.tif",
        out / "scan.tif",
    ]
    stdin = SelectedImage(None, Path(), is_explicit=True)
    assert plan_jobs([stdin], "-") == ([Job(None, None, None)], [])
    assert plan_jobs([image], "-", "webp") == ([Job(Path("a/photo.jpg"), None, FORMATS["webp"])], [])
    assert targets([stdin], tmp_path / "new.png") == [tmp_path / "new.png"]
    assert not list(tmp_path.iterdir())


def test_invalid_plans_are_errors_before_anything_is_written(tmp_path):
    image, namesake = named(tmp_path / "a/photo.jpg"), named(tmp_path / "b/photo.jpg")
    stdin = SelectedImage(None, Path(), is_explicit=True)
    (tmp_path / "file").touch()
    for images, output, options, text in [
        ([image, namesake], tmp_path / "out", {}, "would both be restored"),
        ([image, named("photo.png")], tmp_path / "out", {"format_name": "jpeg"}, "would both be restored"),
        ([image], tmp_path / "a", {}, "would be replaced"),
        ([image], tmp_path / "new.txt", {}, "choose one of these file name extensions"),
        ([image], tmp_path / "new.png", {"format_name": "jpeg"}, "--format=jpeg"),
        ([image], tmp_path / "file", {}, "file is not a folder"),
        ([image], tmp_path / "file/deeper", {}, "file is not a folder"),
        ([image], tmp_path / "file/new.png", {}, "file is not a folder"),
        ([image, namesake], "-", {}, "takes one image, not 2"),
        ([stdin], tmp_path / "out", {}, "has no name for a file"),
    ]:
        with pytest.raises(IcdpmError, match=text):
            plan_jobs(images, str(output), **options)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write in any folder")
def test_write_protected_output_folder_is_an_error(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(IcdpmError, match="write-protected"):
        plan_jobs([named("photo.jpg")], str(tmp_path / "out"))


def test_circular_links_have_an_output_path(tmp_path):
    (tmp_path / "circle.jpg").symlink_to("circle.jpg")
    assert targets([named(tmp_path / "circle.jpg")], tmp_path / "out") == [tmp_path / "out/circle.jpg"]
    # Writing to a link to an input would replace the input.
    (tmp_path / "photo.jpg").touch()
    (tmp_path / "link.jpg").symlink_to("photo.jpg")
    with pytest.raises(IcdpmError, match="photo.jpg would be replaced"):
        plan_jobs([named(tmp_path / "photo.jpg")], str(tmp_path / "link.jpg"), overwrite=True)


def test_existing_files_are_kept_by_default(tmp_path):
    images = [named("a/one.jpg"), named("a/two.jpg"), named("a/raw.dng")]
    (tmp_path / "one.jpg").touch()
    jobs, failures = plan_jobs(images, str(tmp_path))
    assert [job.target.name for job in jobs] == ["two.jpg"]
    unknown, there = failures
    assert "one.jpg already exists" in there and "--overwrite" in there
    assert unknown == "a/raw.dng does not exist"
    jobs, failures = plan_jobs(images, str(tmp_path), overwrite=True)
    assert [job.target.name for job in jobs] == ["one.jpg", "two.jpg"] and failures == [unknown]


def test_paths_of_extra_outputs(tmp_path):
    images, out = [named("a/photo.jpg"), named("a/v1.2.png")], tmp_path / "out"
    (job, other), _ = plan_jobs(images, str(out), compare=True, spread=True, kept_samples=2)
    names = ["compare.png", "spread.png", "spread.npy"]
    assert job.extra_outputs.paths == [
        *(out / f"photo.{name}" for name in names),
        out / "photo.sample-1.jpg",
        out / "photo.sample-2.jpg",
    ]
    assert other.extra_outputs.comparison == out / "v1.2.compare.png"
    (job,), _ = plan_jobs(images[:1], str(out), "tiff", kept_samples=1)
    assert job.extra_outputs.paths == [out / "photo.sample-1.tif"]
    (job,), _ = plan_jobs(images[:1], str(out))
    assert job.extra_outputs.paths == []


def test_extra_outputs_replace_nothing(tmp_path):
    image, twin, comparison = (named(tmp_path / name) for name in ("a/photo.jpg", "b/photo.png", "c/photo.compare.png"))
    out = str(tmp_path / "out")
    for other in (twin, comparison):
        assert len(plan_jobs([image, other], out)[0]) == 2
        with pytest.raises(IcdpmError, match="photo.jpg and .* would both be restored to .*photo.compare.png"):
            plan_jobs([image, other], out, compare=True)
    # An input is not replaced, even with --overwrite.
    for target, options in (("c/photo.png", {"compare": True}), ("c/photo.compare.png", {})):
        with pytest.raises(IcdpmError, match="c/photo.compare.png would be replaced"):
            plan_jobs([comparison], str(tmp_path / target), overwrite=True, **options)
    (tmp_path / "photo.spread.npy").touch()
    jobs, failures = plan_jobs([image], str(tmp_path), spread=True)
    assert jobs == [] and len(failures) == 1 and "photo.spread.npy already exists" in failures[0]
    for options in ({}, {"compare": True}, {"spread": True, "overwrite": True}):
        assert plan_jobs([image], str(tmp_path), **options)[1] == []


def test_skip_existing_continues_an_interrupted_run(tmp_path):
    images = [named("a/one.jpg"), named("a/two.jpg"), named("a/three.jpg")]
    for name in ("one.jpg", "one.compare.png", "two.compare.png", "three.jpg"):
        (tmp_path / name).touch()
    jobs, failures = plan_jobs(images, str(tmp_path), skip_existing=True)
    assert [job.target.name for job in jobs] == ["two.jpg"] and failures == []
    # Incomplete outputs are written again.
    jobs, failures = plan_jobs(images, str(tmp_path), skip_existing=True, compare=True)
    assert [job.target.name for job in jobs] == ["two.jpg", "three.jpg"] and failures == []


def test_shards_divide_jobs_and_failures(tmp_path):
    images = [named(f"a/{number}.jpg") for number in range(20)] + [named(f"a/{number}.dng") for number in range(20)]
    (tmp_path / "7.jpg").touch()
    parts = [plan_jobs(images, str(tmp_path), shard=Shard(number, 3)) for number in range(3)]
    whole_jobs, whole_failures = plan_jobs(images, str(tmp_path))
    assert sorted(job.name for jobs, _ in parts for job in jobs) == sorted(job.name for job in whole_jobs)
    assert sorted(failure for _, failures in parts for failure in failures) == sorted(whole_failures)
    assert all(jobs and failures for jobs, failures in parts)
    # Two images with the same output are an error for every shard.
    for number in range(3):
        with pytest.raises(IcdpmError, match="would both be restored"):
            plan_jobs([*images, named("b/3.jpg")], str(tmp_path), shard=Shard(number, 3))


def test_too_long_names_are_rejected_before_the_work(tmp_path):
    fits, long, ends = named("a/" + "x" * 242 + ".jpg"), named("a/" + "ü" * 123 + ".jpg"), "a.compare.png"
    out = str(tmp_path / "out")
    assert len(plan_jobs([fits, long], out)[0]) == 2
    jobs, (failure,) = plan_jobs([fits, long], out, compare=True)
    assert [job.target.name for job in jobs] == [fits.source.name]
    assert failure.endswith(f"would have a name of {246 + len(ends[1:])} bytes; the limit is 255; rename the image")
    with write_atomically(jobs[0].extra_outputs.comparison) as temporary:
        temporary.touch()


def test_a_name_without_an_images_extension_gets_that_of_the_images_format(tmp_path):
    pixels = PIL.Image.new("RGB", (9, 8))
    for name, file_format in [("scan", "PNG"), ("v1.2", "JPEG"), ("photo.php", "WEBP"), ("two", "MPO")]:
        extra = {"save_all": True, "append_images": [pixels]} if file_format == "MPO" else {}
        pixels.save(tmp_path / name, file_format, **extra)
    (tmp_path / "text").write_text("not an image")
    (tmp_path / "no header").touch()
    images = [named(path) for path in sorted(tmp_path.iterdir())]
    jobs, failures = plan_jobs(images, str(tmp_path / "out"))
    assert [job.target.name for job in jobs] == ["photo.php.webp", "scan.png", "two.jpg", "v1.2.jpg"]
    assert [job.format.name for job in jobs] == ["WEBP", "PNG", "JPEG", "JPEG"]
    assert "no header" in failures[0] and "text is not an image in a known format" in failures[1] and len(failures) == 2
    shards = [plan_jobs(images, str(tmp_path / "out"), shard=Shard(number, 2)) for number in range(2)]
    assert sum(len(jobs) + len(failed) for jobs, failed in shards) == len(images)


@pytest.mark.parametrize("name", ["a.heic", "a.HEIF", "a.avif"])
def test_images_of_formats_that_are_only_read_become_png(tmp_path, name):
    image = SelectedImage(tmp_path / name, PurePath(name), is_explicit=False)
    (job,), failures = plan_jobs([image], str(tmp_path / "out"))
    assert (job.target, job.format, failures) == (tmp_path / "out/a.png", FORMATS["png"], [])
    (job,), _ = plan_jobs([image], str(tmp_path / "out"), "jpeg")
    assert job.target == tmp_path / "out/a.jpg"
    assert name_output(name, FORMATS["png"]) == ("a.png", FORMATS["png"])
    for suffix in (".jfif", ".jpe"):
        (job,), _ = plan_jobs([SelectedImage(tmp_path / f"a{suffix}", PurePath(f"a{suffix}"), False)], str(tmp_path / "out"))
        assert (job.target.name, job.format) == (f"a{suffix}", FORMATS["jpeg"])
