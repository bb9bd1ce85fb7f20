"""Tests of icdpm.storage and of files in remote storage, with TensorFlow's ram://."""

import json
import uuid

import numpy as np
import PIL.Image
import pytest

from icdpm.batch.jobs import plan_jobs
from icdpm.batch.restoring import restore_images
from icdpm.batch.selection import select_images
from icdpm.errors import IcdpmError
from icdpm.files import make_folder_atomically, mirrored_folder, remove_folder, write_atomically
from icdpm.images.color_drift import measure_drift
from icdpm.images.reading import read_rgb
from icdpm.restoration.result import Restored
from icdpm.storage import RemotePath, is_remote, storage_path


@pytest.fixture
def bucket():
    return storage_path(f"ram://{uuid.uuid4().hex}/bucket")


def names(path):
    return sorted(str(each.relative_to(path)) for each in path.walk_files())


def test_urls_are_remote(tmp_path):
    assert is_remote("gs://bucket/run") and is_remote(RemotePath("s3://bucket"))
    assert str(storage_path("hdfs://host:9000/a")) == "hdfs://host:9000/a"
    for local in (tmp_path, "run", "motion:photos", "a b://c"):
        assert not is_remote(local) and not isinstance(storage_path(local), RemotePath)
    path = storage_path("s3://bucket/run/checkpoints/state.index")
    assert (path.name, path.stem, path.suffix) == ("state.index", "state", ".index")
    assert str(path.parent / "weights.npz") == "s3://bucket/run/checkpoints/weights.npz"
    assert path.with_name("a") == storage_path("s3://bucket/run/checkpoints/a")
    assert [str(parent) for parent in path.parents][1] == "s3://bucket/run"


def test_files_and_folders(bucket):
    assert not bucket.exists() and not bucket.is_dir()
    bucket.mkdir()
    bucket.check_writable()
    (bucket / "deep/b.txt").parent.mkdir()
    (bucket / "deep/b.txt").write_bytes("ö".encode())
    (bucket / "a.txt").write_bytes(b"a")
    assert (bucket / "deep/b.txt").read_text() == "ö" and (bucket / "deep/b.txt").stat().st_size == 2
    assert bucket.is_dir() and (bucket / "a.txt").is_file() and names(bucket) == ["a.txt", "deep/b.txt"]
    (bucket / "a.txt").unlink()
    (bucket / "a.txt").unlink(missing_ok=True)
    with pytest.raises(FileNotFoundError) as error:
        (bucket / "a.txt").read_bytes()
    assert error.value.filename == str(bucket / "a.txt") and error.value.strerror
    bucket.rmtree()
    assert not bucket.exists()


def test_unsupported_scheme_is_an_error():
    with pytest.raises(IcdpmError, match=r"^(zz://.*does not support zz://|zz:// needs TensorFlow I/O: pip install)"):
        storage_path("zz://bucket/run").exists()


def test_remote_file_appears_when_complete(bucket):
    target = bucket / "new" / "a.json"
    with write_atomically(target) as temporary:
        temporary.write_text("first")
        assert not target.exists()
    with pytest.raises(RuntimeError), write_atomically(target) as temporary:
        temporary.write_text("second")
        raise RuntimeError
    assert target.read_text() == "first" and names(bucket) == ["new/a.json"]
    with pytest.raises(IcdpmError, match="it is a folder"), write_atomically(target.parent):
        pytest.fail("the block must not run")


def test_marker_is_uploaded_last_and_removed_first(bucket, monkeypatch):
    order = []
    upload, unlink, rmtree = RemotePath.upload, RemotePath.unlink, RemotePath.rmtree
    monkeypatch.setattr(RemotePath, "upload", lambda self, source: (order.append(self.name), upload(self, source)))
    monkeypatch.setattr(RemotePath, "unlink", lambda self, **_: (order.append(f"-{self.name}"), unlink(self)))
    monkeypatch.setattr(RemotePath, "rmtree", lambda self: (order.append("-all"), rmtree(self)))
    with make_folder_atomically(bucket / "1", marker="b") as folder:
        (folder / "inner").mkdir()
        for name in ("a", "b", "c", "inner/d"):
            (folder / name).touch()
    assert order == ["a", "c", "d", "b"] and names(bucket / "1") == ["a", "b", "c", "inner/d"]
    with pytest.raises(IcdpmError, match="1 already exists"), make_folder_atomically(bucket / "1", marker="b"):
        pytest.fail("the block must not run")
    remove_folder(bucket / "1", marker="b")
    assert order[4:] == ["-b", "-all"] and not (bucket / "1").exists()


def test_mirrored_folder_downloads_and_uploads(bucket):
    bucket.mkdir()
    (bucket / "old.csv").write_bytes(b"1")
    with pytest.raises(KeyboardInterrupt), mirrored_folder(bucket) as folder:
        assert (folder / "old.csv").read_text() == "1"
        (folder / "images").mkdir()
        (folder / "images" / "a.png").write_bytes(b"png")
        raise KeyboardInterrupt
    assert names(bucket) == ["images/a.png", "old.csv"]


def test_images_of_a_bucket_are_restored_into_it(bucket):
    for name in ("a.png", "deep/b.jpg", "deep/notes.txt", "out/c.png", ".hidden/d.png"):
        (bucket / name).parent.mkdir()
        (bucket / name).write_bytes(b"")
    pixels = np.full((8, 9, 3), 90, np.uint8)
    for name in ("a.png", "deep/b.jpg"):
        with write_atomically(bucket / name) as temporary:
            PIL.Image.fromarray(pixels).save(temporary)
    selection = select_images([str(bucket)], exclude=str(bucket / "out"))
    assert [str(image.relative_path) for image in selection.images] == ["a.png", "deep/b.jpg"] and selection.ignored == 1
    assert [image.relative_path.name for image in select_images([f"{bucket}/*.png", f"{bucket}/a.png"]).images] == ["a.png"]
    with pytest.raises(IcdpmError, match="matches nothing"):
        select_images([f"{bucket}/*.tif"])

    jobs, failures = plan_jobs(selection.images, str(bucket / "out"), compare=True)
    assert not failures

    def restore(pixels, **options):
        return Restored(pixels + 1, None, None)

    assert restore_images(jobs, restore) == ([], [])
    assert names(bucket / "out") == ["a.compare.png", "a.png", "c.png", "deep/b.compare.png", "deep/b.jpg"]
    assert (read_rgb(bucket / "out/a.png") == 91).all() and measure_drift(pixels, read_rgb(bucket / "out/a.png"))
    again, _ = plan_jobs(selection.images, str(bucket / "out"), compare=True, skip_existing=True)
    assert again == []
    with pytest.raises(IcdpmError, match="would be replaced"):
        plan_jobs(selection.images, str(bucket))
    with pytest.raises(IcdpmError, match=r"ram://.*no.png does not exist"):
        read_rgb(bucket / "no.png")


@pytest.mark.slow
def test_run_in_a_bucket_continues_from_its_complete_checkpoints(bucket, regression_config, random_pairs):
    from icdpm.models.workdir import best_file, checkpoint_folder, checkpoint_steps, load
    from icdpm.serving.export import export
    from icdpm.training.run import train
    from icdpm.training.strategy import make_strategy

    def run(steps, workdir=bucket):
        regression_config.run.steps = steps
        train(regression_config, str(workdir), random_pairs, random_pairs, make_strategy("single"))

    run(4)
    assert checkpoint_steps(bucket) == [2, 3, 4] and json.loads(best_file(bucket).read_text())["step"]
    # A run that was killed while it wrote a checkpoint leaves an incomplete folder, which is written again.
    (checkpoint_folder(bucket, 4) / "weights.npz").unlink()
    assert checkpoint_steps(bucket) == [2, 3]
    run(6)
    unbroken = storage_path(f"{bucket}-unbroken")
    run(6, unbroken)
    assert checkpoint_steps(bucket)[-1] == 6
    for mine, other in zip(load(bucket).get_weights(), load(unbroken).get_weights()):
        np.testing.assert_array_equal(mine, other)
    export(str(bucket), str(bucket / "models/1"), max_pixels=10_000)
    assert {"saved_model.pb", "MODEL_CARD.md", "variables/variables.index"} <= set(names(bucket / "models/1"))
