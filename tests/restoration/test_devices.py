"""Tests of restoration on several devices, with logical devices of a CPU."""

import pytest
from processes import completed

pytestmark = pytest.mark.slow

CHECK = """
import functools, sys
import numpy as np, PIL.Image, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from icdpm.batch.restoring import restore_images
from icdpm.batch.jobs import plan_jobs
from icdpm.batch.selection import select_images
from icdpm.restoration.restore import load_on_devices, load_on_gpus

workdir, folder = sys.argv[1:]
for name, (model, each) in {"one": load_on_gpus(workdir), "two": load_on_devices(["CPU:0", "CPU:1"], workdir)}.items():
    settings, used = model.settings(), set()
    def record(restore, *arguments, **options):
        used.add(restore)
        return restore(*arguments, **options, settings=settings)
    restores = [functools.partial(record, restore) for restore in each]
    jobs, failures = plan_jobs(select_images([folder]).images, f"{folder}/../{name}")
    assert restore_images(jobs, restores, evaluations=settings.evaluations) == ([], []) and not failures
    assert used == set(each) and len(each) == {"one": 1, "two": 2}[name], used
assert {v.device[-5:] for v in model.variables} == {"CPU:0"} and each[1].args[1].variables[0].device.endswith("CPU:1")
"""


def test_two_devices_restore_files_to_the_same_bytes(micro_workdir, tmp_path, start):
    import numpy as np
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "in").mkdir()
    for number in range(5):
        pixels = rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "in" / f"{number}.png")
    done = completed(start(CHECK, [micro_workdir, tmp_path / "in"]))
    assert done.returncode == 0, done.stderr
    for number in range(5):
        one, two = ((tmp_path / name / f"{number}.png").read_bytes() for name in ("one", "two"))
        assert one == two
