"""Published weights of HI-Diff: what becomes of their names and numbers, and equality with the official code.

The official code is not here. With `ICDPM_HIDIFF_REFERENCE` naming a copy of its repository (zhengchen1999/HI-Diff), and
PyTorch and einops installed, both are run beside each other with the same weights. `NUMBERS` are what ours gives with these;
they hold it where the official code is not at hand.
"""

import os
import uuid
import zlib

import numpy as np
import pytest
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.errors import IcdpmError
from icdpm.models import hidiff_published
from icdpm.models.hidiff_published import prepare_published
from icdpm.models.registry import build_model
from icdpm.models.weights import named_variables, set_weights
from icdpm.models.workdir import load, read_data

pytestmark = pytest.mark.slow

REFERENCE = os.environ.get("ICDPM_HIDIFF_REFERENCE")
RECIPES = ("hidiff_gopro", "hidiff_realblur")
SMALL = ["transformer.channels=16", "transformer.blocks=(1,2,1,2)", "transformer.refinement_blocks=1"]
TINY = [
    "transformer.channels=8", "transformer.blocks=(1,1,1,1)", "transformer.refinement_blocks=1", "encoder.channels=4",
    "encoder.blocks=1", "prior.width=8", "denoiser.hidden=8",
]  # fmt: skip
# The eighth number and the seventh from the end of each part, for an image of 24×40.
NUMBERS = {
    "hidiff_gopro": {
        "latent_encoder": (0.550217, -0.169788),
        "prior": (0.966543, 1.000000),
        "encoder_0": (-0.167733, 0.475606),
        "encoder_1": (-0.711425, -0.345835),
        "encoder_2": (0.561461, -0.569822),
        "bottleneck": (0.441503, 0.659380),
        "decoder_2": (0.258869, 0.375402),
        "decoder_1": (0.290401, 1.126042),
        "decoder_0": (0.490727, 0.600142),
        "refinement": (-0.759193, 0.877109),
        "image": (-0.291440, 1.160194),
    },
    "hidiff_realblur": {
        "latent_encoder": (-0.003254, -0.024198),
        "prior": (-0.000214, 0.015310),
        "encoder_0": (0.688304, 0.907388),
        "encoder_1": (0.147435, 0.483832),
        "encoder_2": (0.779219, -0.913661),
        "bottleneck": (0.089365, 0.468908),
        "decoder_2": (0.112406, -0.374215),
        "decoder_1": (0.261413, 0.585498),
        "decoder_0": (1.037539, 1.222252),
        "refinement": (0.418159, 0.788473),
        "image": (0.013479, 1.325697),
    },
}


def seeded(name, changes):
    """Returns the model of a config with weights that follow from their names, larger than initial ones: all parts matter."""
    model = build_model(load_config(name, ["precision=float32", *changes]))
    values = {}
    for key, variable in named_variables(model).items():
        normal = np.random.default_rng(zlib.crc32(key.encode())).standard_normal(variable.shape)
        if variable.shape.rank == 4 and "depthwise" in key:
            values[key] = normal / 3
        elif variable.shape.rank in (2, 4):
            values[key] = 0.8 * normal / np.prod(variable.shape[:-1]) ** 0.5
        else:
            values[key] = variable.numpy() + 0.1 * normal * np.abs(variable.numpy() + 0.001)
    set_weights(model, values)
    return model


# Names in every block of the published transformer; in the bottleneck also those of the modulation.
_BLOCK = (
    "norm1.body.weight norm1.body.bias attn.temperature attn.qkv.weight attn.qkv_dwconv.weight attn.project_out.weight "
    "norm2.body.weight norm2.body.bias ffn.project_in.weight ffn.dwconv.weight ffn.project_out.weight"
).split()
_MODULATED = [f"{part}.{map}.{kind}" for part in ("attn", "ffn") for map in ("ln1", "ln2") for kind in ("weight", "bias")]
_HIM = "norm1.body.weight norm1.body.bias norm2.body.weight norm2.body.bias q.weight kv.weight proj.weight proj.bias".split()
_PERCEPTRONS = [f"{part}.{number}" for part in ("patch_mixer", "channel_mixer") for number in (0, 2)]
_MIXER = [f"{part}.{kind}" for part in ("norm1", "norm2", *_PERCEPTRONS) for kind in ("weight", "bias")]


def published_names(config):
    """Returns {network: names in its published file}, listed by hand."""

    def level(name, blocks, guide):
        yield from (f"{name}.him.{part}" for part in _HIM if guide == "him")
        for number in range(blocks):
            yield from (f"{name}.blocks.{number}.{part}" for part in (_BLOCK + _MODULATED if guide == "ln" else _BLOCK))

    def weight_and_bias(*names):
        return [f"{name}.{kind}" for name in names for kind in ("weight", "bias")]

    blocks = config.transformer.blocks
    transformer = [*weight_and_bias("down_1.1", "down_1.3", "down_2.1", "down_2.3"), "patch_embed.proj.weight", "output.weight"]
    transformer += [f"{name}.body.0.weight" for name in ("down1_2", "down2_3", "down3_4", "up4_3", "up3_2", "up2_1")]
    transformer += ["reduce_chan_level3.weight", "reduce_chan_level2.weight", *level("latent", blocks[3], "ln")]
    for number in (1, 2, 3):
        transformer += level(f"encoder_level{number}", blocks[number - 1], "him")
        transformer += level(f"decoder_level{number}", blocks[number - 1], "him")
    transformer += level("refinement", config.transformer.refinement_blocks, "him")
    narrow = config.encoder.kind == "gelu"
    encoder = weight_and_bias("conv1.0", "end.0", *(["conv2"] if narrow else ["conv2.0", "conv2.2", "conv2.4"]))
    encoder += weight_and_bias(*(f"blocks.{number}.{half}" for number in range(config.encoder.blocks) for half in (0, 2)))
    encoder += [f"mlp.{part}" for part in _MIXER]
    blocks = config.denoiser.blocks
    if config.denoiser.kind == "mixer":
        denoiser = ["time_mlp", *weight_and_bias("first_layer.0", "final_layer.0")]
        denoiser += [f"blocks.{number}.0.{part}" for number in range(blocks) for part in _MIXER]
    else:
        denoiser = weight_and_bias("resmlp.0", *(f"resmlp.{number + 2}.resmlp.0" for number in range(blocks)))
    return {"transformer": transformer, "latent_encoder": encoder, "condition_encoder": encoder, "denoiser": denoiser}


def published(model):
    """Returns {network: {published name: array}} with a model's shapes; each array is filled with a different number."""
    expected = {name: tuple(variable.shape) for name, variable in named_variables(model).items()}
    files, number = {}, 0
    for network, names in published_names(model.config).items():
        files[network] = {}
        for key in names:
            ours = hidiff_published._name(network, key, expected)
            shape = expected[ours]
            if ours.endswith("depthwise_kernel"):
                shape = (shape[2], 1, *shape[:2])
            elif ours.endswith("kernel"):
                shape = (shape[-1], shape[-2], *shape[:-2])
            number += 1
            files[network][key] = np.full(shape, number, np.float32)
    return files


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Returns a function that writes the files of `published` to a folder, which are read as NumPy's instead of PyTorch's."""
    monkeypatch.setattr(hidiff_published, "read_tensors", lambda path: dict(np.load(path)))

    def write(files):
        target = tmp_path / "HI_Diff"
        target.mkdir(exist_ok=True)
        for number, arrays in enumerate(files.values()):
            with open(target / f"{number}.pth", "wb") as opened:
                np.savez(opened, **{f"params.{key}": array for key, array in arrays.items()})
        return target

    return write


@pytest.mark.parametrize("name", RECIPES)
def test_every_published_number_has_one_place(name, folder, tmp_path):
    config = load_config(name, TINY)
    model = build_model(config)
    files = published(model)
    assert sum(map(len, files.values())) == len(named_variables(model))
    summary = prepare_published(config, folder(files), tmp_path / "workdir")
    assert summary.startswith("ready: transformer, latent_encoder, condition_encoder, denoiser, ") and "not used" not in summary
    there = load(tmp_path / "workdir")
    assert there.config.prior.latent_encoder
    assert "published weights in HI_Diff" in read_data(tmp_path / "workdir")["training"][0]
    numbers = [float(variable.numpy().flat[0]) for variable in named_variables(there).values()]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert float(there.transformer.stem.kernel[0, 0, 0, 0]) == files["transformer"]["patch_embed.proj.weight"].flat[0]


@pytest.fixture(scope="module")
def gopro_files():
    return published(build_model(load_config("hidiff_gopro", TINY)))


def test_without_the_latent_encoder_it_restores_only(gopro_files, folder):
    files = dict(gopro_files)
    del files["latent_encoder"]
    files["other"] = {"something.weight": np.zeros(3)}
    workdir = f"ram://{uuid.uuid4().hex}/workdir"  # as in a bucket
    summary = prepare_published(load_config("hidiff_gopro", TINY), folder(files), workdir)
    assert summary.endswith(f" in {workdir}; not used: 3.pth")
    assert load(workdir).latent_encoder is None
    with pytest.raises(IcdpmError, match="is not an empty folder"):
        prepare_published(load_config("hidiff_gopro", TINY), folder(files), workdir)


@pytest.mark.parametrize(
    "damage, message",
    [
        (lambda files: files.pop("denoiser"), "the model's denoiser is missing. Give the folder"),
        (lambda files: files["denoiser"].pop("final_layer.0.bias"), "denoiser is partly missing"),
        (lambda files: files["transformer"].update({"more.weight": np.zeros(2)}), "more.weight does not belong to the model"),
        (lambda files: files["transformer"].update({"output.weight": np.zeros([3, 5, 3, 3])}), r"its shape is \(3, 5, 3"),
        (lambda files: files.update(again=files["denoiser"]), "two files hold a HI-Diff's denoiser"),
    ],
)
def test_wrong_files_are_named(damage, message, gopro_files, folder, tmp_path):
    files = {network: dict(arrays) for network, arrays in gopro_files.items()}
    damage(files)
    with pytest.raises(IcdpmError, match=message) as caught:
        prepare_published(load_config("hidiff_gopro", TINY), folder(files), tmp_path / "workdir")
    assert "\n" not in str(caught.value) and not (tmp_path / "workdir").exists()


def test_files_of_other_models_are_refused(folder, tmp_path):
    config = load_config("hidiff_gopro", TINY)
    source = folder({"other": {"something.weight": np.zeros(3)}})
    for given, message in ((source, "does not hold weights of HI-Diff"), (tmp_path / "nothing", "does not exist")):
        with pytest.raises(IcdpmError, match=message):
            prepare_published(config, given, tmp_path / "workdir")
    (tmp_path / "workdir").mkdir()
    (tmp_path / "workdir/file").write_text("")
    with pytest.raises(IcdpmError, match="is not an empty folder"):
        prepare_published(config, source, tmp_path / "workdir")


def example(height, width):
    rng = np.random.default_rng(height * width)
    blurry, sharp = rng.random((2, 1, height, width, 3), np.float32)
    return blurry, sharp, rng.standard_normal((1, 16, 256)).astype(np.float32)


def parts(model, blurry, sharp, start):
    """Returns {part: array} of everything that is compared."""
    values = [tf.constant(2 * images - 1) for images in (blurry, sharp)]
    prior = model.encoded_prior(*values)
    made = {"latent_encoder": prior, "prior": model.diffused_prior(values[0], tf.constant(start))}
    made.update(model.transformer.features(tf.constant(blurry), prior))
    return {name: value.numpy() for name, value in made.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_the_numbers_stay(name):
    made = parts(seeded(name, SMALL), *example(24, 40))
    for part, numbers in NUMBERS[name].items():
        np.testing.assert_allclose(made[part].ravel()[[7, -7]], numbers, atol=1e-4, err_msg=part)


@pytest.mark.skipif(not REFERENCE, reason="set ICDPM_HIDIFF_REFERENCE to a copy of the repository zhengchen1999/HI-Diff")
@pytest.mark.parametrize("changes", [SMALL, []], ids=["small", "whole"])
@pytest.mark.parametrize("name", RECIPES)
def test_all_parts_equal_the_official_ones(name, changes):
    pytest.importorskip("torch", reason="needs PyTorch, which `pip install .[bench]` brings")
    pytest.importorskip("einops", reason="needs einops, as the official code does")
    from icdpm_experiments.measurements.hidiff_reference import HIDiffReference

    model = seeded(name, changes)
    reference = HIDiffReference(REFERENCE, model)
    for size in ((8, 8), (24, 40), (72, 104), (136, 88)):
        blurry, sharp, start = example(*size)
        prior = reference.encoded_prior(blurry, sharp)
        official = {"latent_encoder": prior, "prior": reference.diffused_prior(blurry, start)}
        official.update(reference.features(blurry, prior))
        ours = parts(model, blurry, sharp, start)
        assert ours.keys() == official.keys()
        errors = {part: np.abs(ours[part] - official[part]).max() for part in ours}
        print(name, size, {part: f"{error:.1e}" for part, error in errors.items()})
        assert max(errors.values()) < 1e-4, errors
