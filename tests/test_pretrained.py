"""The packaged model."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest
from processes import completed, of_command

import icdpm
from icdpm import pretrained
from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm.models.weights import load_weights
from icdpm.models.workdir import checkpoint_steps, load, weights_file
from icdpm_datasets.load import load_pairs
from icdpm_experiments.pairs import select_blurred

pytestmark = pytest.mark.slow

MOST_BYTES = 15 * 2**20


@pytest.fixture(scope="module")
def restorer():
    return icdpm.load()


@pytest.fixture
def copied(tmp_path):
    """Returns a copy of the packaged workdir and its weights file."""
    workdir = shutil.copytree(pretrained.WORKDIR, tmp_path / "copied")
    return workdir, weights_file(workdir, *checkpoint_steps(workdir))


def test_an_older_config_keeps_its_meaning(copied, restorer):
    """Fields that are absent in a config keep the earlier behavior; `system` is the former name of `model`."""
    workdir, _ = copied
    config = json.loads((workdir / "config.json").read_text())
    config["system"] = config.pop("model")
    assert config["guidance"].pop("projection") == "block" and config["guidance"].pop("noise_at_inference") is False
    (workdir / "config.json").write_text(json.dumps(config))
    assert load(workdir).config == restorer.config


def test_its_presets_are_its_own(restorer):
    chosen = {name: restorer.settings(name) for name in ("fast", "balanced")}
    assert chosen["balanced"].evaluations == 1  # more do not pay: results/presets.md
    assert set(restorer.measured_presets) == set(chosen)
    assert chosen["fast"] == chosen["balanced"] and list(restorer.offered_presets) == ["balanced"]
    assert "not suitable for this model" in (pretrained.WORKDIR / "MODEL_CARD.md").read_text()


def test_it_gains_on_scenes_that_it_has_not_seen(restorer):
    pairs = select_blurred(load_pairs("embedded", "test"))
    gains = []
    for index in range(len(pairs)):
        blurry, sharp = pairs.load(index)
        gains.append(psnr(restorer.restore(blurry), sharp) - psnr(blurry, sharp))
    assert np.mean(gains) > 0.4 and np.mean(np.array(gains) > 0) > 0.8


def test_sharp_images_are_preserved(restorer):
    assert psnr(restorer.restore(_photo()), _photo()) > 35


def test_tiles_equal_the_whole_image(restorer):
    from skimage import data

    image = data.chelsea()[:240]
    apart = np.abs(restorer.restore(image).astype(int) - restorer.restore(image, tile=256))
    assert apart.max() <= 2 and apart.mean() < 0.1


def _photo():
    from skimage import data

    return data.chelsea()[:200, :300]


def test_a_photo_is_restored_without_a_workdir(restorer, tmp_path, start):
    PIL.Image.fromarray(_photo()).save(tmp_path / "cat.png")
    done = completed(start(of_command("deblur"), ["cat.png"], cwd=tmp_path))
    assert done.returncode == 0 and done.stderr.splitlines()[-2:] == [
        "icdpm-deblur: written to restored/",
        "icdpm-deblur: 1 restored, 0 failed",
    ]
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(tmp_path / "restored/cat.png")), restorer.restore(_photo()))


def test_it_is_small_and_has_a_model_card():
    files = [path for path in pretrained.WORKDIR.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < MOST_BYTES
    (step,) = checkpoint_steps(pretrained.WORKDIR)
    card = (pretrained.WORKDIR / "MODEL_CARD.md").read_text()
    assert f"| weights_handheld_more | {step:,} |" in card and "BSDS500" in card and "Not yet" not in card
    with np.load(weights_file(pretrained.WORKDIR, step)) as archive:
        assert {archive[name].dtype for name in archive.files} == {np.dtype(np.float16)}


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.999])
def test_truncated_weights_restore_nothing(copied, share, tmp_path):
    workdir, weights = copied
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(IcdpmError, match=r"weights\.npz is damaged"):
        load(workdir)


def test_a_flipped_byte_is_detected_anywhere(copied, restorer):
    _, weights = copied
    content = weights.read_bytes()
    before = restorer.get_weights()
    for place in np.random.default_rng(0).integers(len(content), size=12).tolist():
        damaged = bytearray(content)
        damaged[place] ^= 0x10
        weights.write_bytes(damaged)
        try:
            load_weights(weights, restorer)
        except IcdpmError as error:
            assert "is damaged" in str(error) or "another configuration" in str(error)
        # Changes that affect no number, such as a date in the archive, are harmless.
        for ours, theirs in zip(restorer.get_weights(), before):
            np.testing.assert_array_equal(ours, theirs)


def test_weights_that_are_not_numbers_are_detected(copied):
    workdir, weights = copied
    with np.load(weights) as archive:
        arrays = dict(archive)
    next(iter(arrays.values())).flat[0] = np.nan
    np.savez(weights, **arrays)
    with pytest.raises(IcdpmError, match="values that are not finite"):
        load(workdir)


def test_damage_and_another_configuration_are_one_line(copied, micro_workdir, tmp_path, start):
    workdir, weights = copied
    PIL.Image.fromarray(_photo()).save(tmp_path / "cat.png")
    weights.write_bytes(weights_file(micro_workdir, 6).read_bytes())
    done = completed(start(of_command("deblur"), ["cat.png", f"--workdir={workdir}"], cwd=tmp_path))
    assert done.returncode == 1 and "belongs to another configuration" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "restored").exists()
