"""Tests of icdpm-deblur --shard."""

import numpy as np
import PIL.Image
import pytest

pytestmark = pytest.mark.slow


def test_shards_write_the_files_of_one_machine_and_can_be_continued(tmp_path, micro_workdir, run_each):
    folder = tmp_path / "photos"
    for number in range(6):
        path = folder / f"day {number % 2}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(np.random.default_rng(number).integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    whole, shared = tmp_path / "whole", tmp_path / "shared"
    command = [str(folder), f"--workdir={micro_workdir}"]
    runs = [
        [*command, f"--output={whole}"],
        [*command, f"--output={shared}", "--shard=0/2"],
        [*command, f"--output={shared}", "--shard=0/2", "--skip_existing"],
        [*command, f"--output={shared}", "--shard=1/2"],
        [*command, f"--output={shared}", "--skip_existing"],
    ]
    ended = run_each("deblur", runs)
    assert not any(done.returncode for done in ended), ended
    text = [line for done in ended for line in done.stderr.splitlines() if line.startswith("icdpm-deblur:")]
    first = int(text[1].split()[1])
    assert 0 < first < 6
    assert text == [
        "icdpm-deblur: 6 restored, 0 failed",
        f"icdpm-deblur: {first} restored, 0 failed",
        f"icdpm-deblur: 0 restored, 0 failed, {first} skipped (already restored)",
        f"icdpm-deblur: {6 - first} restored, 0 failed",
        "icdpm-deblur: 0 restored, 0 failed, 6 skipped (already restored)",
    ]
    made = {path.relative_to(whole): path.read_bytes() for path in whole.rglob("*.png")}
    assert made == {path.relative_to(shared): path.read_bytes() for path in shared.rglob("*.png")} and len(made) == 6


def test_a_shard_without_photos_says_so(tmp_path, micro_workdir, run_each):
    PIL.Image.new("RGB", (12, 9)).save(tmp_path / "a.png")
    command = [str(tmp_path / "a.png"), f"--workdir={micro_workdir}", f"--output={tmp_path}/out/"]
    ended = run_each("deblur", [[*command, f"--shard={index}/2"] for index in range(2)])
    assert sorted(done.stderr.splitlines()[-1] for done in ended) == [
        "icdpm-deblur: 0 restored, 0 failed",
        "icdpm-deblur: 1 restored, 0 failed",
    ]
    messages = [
        f"icdpm-deblur: shard {index}/2 has no photos; all shards have 1" in done.stderr for index, done in enumerate(ended)
    ]
    assert sorted(messages) == [False, True]
