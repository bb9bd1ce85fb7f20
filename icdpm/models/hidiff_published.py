"""Conversion of the published PyTorch weights of HI-Diff: names of variables, and layouts of arrays."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

import ml_collections
import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.models.config import check_config, config_to_json
from icdpm.models.image_restorer import ImageRestorer
from icdpm.models.registry import build_model
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, data_file, weights_file
from icdpm.storage import storage_path
from icdpm.torch_file import read_tensors

# Replacements that convert a published name, without its last part, to the name of our variable; all are applied, in this
# order.
_LEVEL = [
    (r"^encoder_level(\d)\.", lambda found: f"encoder_{int(found[1]) - 1}."),
    (r"^decoder_level(\d)\.", lambda found: f"decoder_{int(found[1]) - 1}."),
    (r"^latent\.", "bottleneck."),
    (r"\bblocks\.(\d+)\.", r"block_\1."),
    (r"\bhim\.norm1\.body", "integration.pixel_norm"),
    (r"\bhim\.norm2\.body", "integration.token_norm"),
    (r"\bhim\.q\b", "integration.query"),
    (r"\bhim\.kv\b", "integration.key_value"),
    (r"\bhim\.proj\b", "integration.project_out"),
    (r"\bnorm(\d)\.body", r"norm_\1"),
    (r"\bqkv_dwconv\b|\bdwconv\b", "depthwise"),
    (r"\bqkv\b", "query_key_value"),
    (r"\battn\b", "attention"),
    (r"\bffn\b", "feed_forward"),
    (r"\bln1\b", "modulation.scale"),
    (r"\bln2\b", "modulation.shift"),
]
_TRANSFORMER = [
    (r"^down_(\d)\.1\b", lambda found: f"scales.tokens_{int(found[1]) + 1}"),
    (r"^down_(\d)\.3\b", lambda found: f"scales.channels_{int(found[1]) + 1}"),
    (r"^patch_embed\.proj", "stem"),
    (r"^down(\d)_\d\.body\.0", lambda found: f"down_{int(found[1]) - 1}"),
    (r"^up\d_(\d)\.body\.0", lambda found: f"up_{int(found[1]) - 1}"),
    (r"^reduce_chan_level(\d)", lambda found: f"reduce_{int(found[1]) - 1}"),
    (r"^output\b", "head"),
    *_LEVEL,
]
_MIXER = [
    (r"\bnorm1\b", "token_norm"),
    (r"\bnorm2\b", "channel_norm"),
    (r"\bpatch_mixer\.0", "tokens_in"),
    (r"\bpatch_mixer\.2", "tokens_out"),
    (r"\bchannel_mixer\.0", "channels_in"),
    (r"\bchannel_mixer\.2", "channels_out"),
]
_ENCODER = [
    (r"^conv1\.0", "stem"),
    (r"^blocks\.(\d+)\.0", r"block_\1_1"),
    (r"^blocks\.(\d+)\.2", r"block_\1_2"),
    (r"^conv2\.([024])\.", lambda found: f"last_{int(found[1]) // 2}."),
    (r"^conv2\b", "last_0"),
    (r"^mlp\.", "mixer."),
    (r"^end\.0", "end"),
    *_MIXER,
]
_DENOISER = [
    (r"^first_layer\.0", "first"),
    (r"^blocks\.(\d+)\.0\.", r"mixer_\1."),
    (r"^final_layer\.0", "last"),
    (r"^time_mlp$", "time_scale"),
    (r"^resmlp\.0\.", "map_0."),
    (r"^resmlp\.(\d+)\.resmlp\.0", lambda found: f"map_{int(found[1]) - 1}"),
    *_MIXER,
]
_NAMES = {
    "transformer": _TRANSFORMER,
    "latent_encoder": _ENCODER,
    "condition_encoder": _ENCODER,
    "denoiser": _DENOISER,
}


def prepare_published(config: ml_collections.ConfigDict, source: str | os.PathLike, workdir: str | os.PathLike) -> str:
    """Converts published weights to a workdir, which all commands accept.

    Args:
      config: the config of the published model; its `run.steps` becomes the step of the checkpoint.
      source: a .pth file, or a folder with several (net_g.pth, net_le_dm.pth, net_d.pth and, if published, net_le.pth). They
        are recognized by their contents, not by their names.
      workdir: a folder that is absent or empty, local or in a bucket.

    Returns:
      A sentence about the files that were read and those that were not used.

    Raises:
      IcdpmError: there is no file, a file does not belong to this HI-Diff, a network is missing, or the workdir is not empty.
    """
    workdir, source = storage_path(workdir), Path(source).expanduser()
    if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
        raise IcdpmError(f"{workdir} is not an empty folder. Choose another --output.")
    networks, unused = _read(source)
    config = check_config(config)
    config.prior.latent_encoder = "latent_encoder" in networks
    model = build_model(config)
    values = convert(networks, model, source)
    with write_atomically(data_file(workdir)) as temporary:
        data = {"training": [f"that of the published weights in {source.name}, which do not describe it"], "validation": []}
        temporary.write_text(json.dumps(data, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    with write_atomically(config_file(workdir)) as temporary:
        temporary.write_text(config_to_json(config), encoding="utf-8")
    save_weights(weights_file(workdir, config.run.steps), values)
    count = sum(array.size for array in values.values())
    summary = f"ready: {', '.join(networks)}, {count:,} parameters, in {workdir}"
    return summary + (f"; not used: {', '.join(unused)}" if unused else "")


def convert(
    networks: Mapping[str, Mapping[str, np.ndarray]], model: ImageRestorer, source: str | os.PathLike
) -> dict[str, np.ndarray]:
    """Converts published networks to {name: array} of all variables of a model.

    Args:
      networks: {'transformer', 'condition_encoder', …: {published name: array}}.
      model: a HI-Diff.
      source: name of the source in error messages.

    Raises:
      IcdpmError: a published array has no variable in the model, or a variable has no array.
    """
    variables = named_variables(model)
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    values = {}
    for network, arrays in networks.items():
        for key, array in arrays.items():
            name = _name(network, key, expected)
            if name is None:
                raise IcdpmError(f"{source}: {key} does not belong to the model {model.config.name}.")
            value = _with_our_layout(array, name)
            if value.shape != expected[name]:
                raise IcdpmError(
                    f"{source}: {key} does not belong to the model {model.config.name}: its shape is {array.shape}."
                )
            values[name] = value
    if missing := [name for name in expected if name not in values]:
        network = missing[0].partition("/")[0]
        part = "partly " if network in networks else ""
        raise IcdpmError(f"{source}: the model's {network} is {part}missing. Give the folder with all of its .pth files.")
    return values


def _read(source):
    """Returns ({network: {published name: array}} of a file or folder, names of unused files)."""
    if not source.exists():
        raise IcdpmError(f"{source} does not exist.")
    files = [source] if source.is_file() else sorted(source.rglob("*.pth"))
    if not files:
        raise IcdpmError(f"{source} contains no .pth file.")
    networks, unused = {}, []
    for path in files:
        arrays = {name.removeprefix("params.").removeprefix("module."): array for name, array in read_tensors(path).items()}
        network = _network(arrays)
        if network is None and len(files) == 1:
            raise IcdpmError(f"{path} does not hold weights of HI-Diff, whose networks are net_g, net_le, net_le_dm and net_d.")
        if network is None:
            unused.append(path.name)
            continue
        if network in networks:
            raise IcdpmError(f"{source}: two files hold a HI-Diff's {network}, the second is {path.name}. Remove one of them.")
        networks[network] = arrays
    return networks, unused


def _network(arrays):
    """Returns the network that a file holds, by its names and shapes; None if it does not belong to HI-Diff."""
    if "patch_embed.proj.weight" in arrays and "refinement.him.q.weight" in arrays:
        return "transformer"
    if "time_mlp" in arrays or "resmlp.0.weight" in arrays:
        return "denoiser"
    if "mlp.patch_mixer.0.weight" in arrays and "conv1.0.weight" in arrays:
        # Its input has 16 pixels of one image, or of two.
        return "latent_encoder" if arrays["conv1.0.weight"].shape[1] > 3 * 16 else "condition_encoder"
    return None


def _name(network, key, expected):
    """Returns our name for a published one, among those in `expected`; None if it has none."""
    name = key
    for pattern, ours in _NAMES[network]:
        name = re.sub(pattern, ours, name)
    path = f"{network}/{name.replace('.', '/')}"
    for last in ("kernel", "depthwise_kernel", "scale"):
        if (candidate := re.sub(r"/weight$", f"/{last}", path)) in expected:
            return candidate
    return None


def _with_our_layout(array, name):
    """Converts a published array to the layout of our variable of this name."""
    if name.endswith("depthwise_kernel"):
        return array.transpose(2, 3, 0, 1)  # [channels, 1, 3, 3]
    if not name.endswith("/kernel"):
        return array
    if array.ndim == 2:
        return array.T
    if re.fullmatch(r"transformer/up_\d/kernel", name):
        array = _places_first(array, 4)
    kernel = array.transpose(2, 3, 1, 0)  # [outputs, inputs, height, width]
    if name.endswith("encoder/stem/kernel"):
        kernel = np.moveaxis(_places_first(np.moveaxis(kernel, 2, 0), 16), 0, 2)
    return kernel


def _places_first(array, places):
    """Reorders the first axis from PyTorch's pixel shuffling, (channel, place), to TensorFlow's, (place, channel)."""
    by_channel = array.reshape(-1, places, *array.shape[1:])
    return np.swapaxes(by_channel, 0, 1).reshape(array.shape)
