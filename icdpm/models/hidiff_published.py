"""The published PyTorch weights of HI-Diff as weights of our system: their names, and how their numbers lie in memory."""

import json
import re
from pathlib import Path

import numpy as np

from icdpm.errors import IcdpmError
from icdpm.files import write_atomically
from icdpm.models.config import check_config, config_to_json
from icdpm.models.registry import build_model
from icdpm.models.weights import named_variables, save_weights
from icdpm.models.workdir import config_file, data_file, weights_file
from icdpm.torch_file import read_tensors

# A name in a published file → where it is in ours, but for its last part: tried in this order, and all that match are used.
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


def prepare_published(config, source, workdir):
    """Makes a workdir of published weights; it restores, evaluates, exports and serves like any other.

    Args:
      config: the config of the model that they are of; its steps are what they are said to have been trained for.
      source: one .pth file, or a folder with several (net_g.pth, net_le_dm.pth, net_d.pth, and net_le.pth where it is there);
        known by what is in them, whatever their names.
      workdir: folder that is not there yet, or empty.

    Returns:
      A line that says what was read, and what was not used.

    Raises:
      IcdpmError: no file, one that is none of HI-Diff's, or of another model; a network is missing; a workdir in use.
    """
    workdir, source = Path(workdir), Path(source).expanduser()
    if workdir.exists() and (not workdir.is_dir() or any(workdir.iterdir())):
        raise IcdpmError(f"{workdir} is not an empty folder; name another --output")
    networks, unused = _read(source)
    config = check_config(config)
    config.prior.latent_encoder = "latent_encoder" in networks
    model = build_model(config)
    values = converted(networks, model, source)
    with write_atomically(data_file(workdir)) as temporary:
        told = {"training": [f"as the published weights in {source.name} were, which says no more"], "validation": []}
        temporary.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n")
    with write_atomically(config_file(workdir)) as temporary:
        temporary.write_text(config_to_json(config))
    save_weights(weights_file(workdir, config.run.steps), values)
    count = sum(array.size for array in values.values())
    said = f"ready: {', '.join(networks)}, {count:,} parameters, in {workdir}"
    return said + (f"; not used: {', '.join(unused)}" if unused else "")


def converted(networks, model, source):
    """The published networks as {name: array} of all of a system's variables.

    Args:
      networks: {'transformer', 'condition_encoder', …: {published name: array}}.
      model: whose variables they are to be.
      source: what the messages call them.

    Raises:
      IcdpmError: a number of theirs has no place in the system, or the other way round.
    """
    variables = named_variables(model)
    expected = {name: tuple(variable.shape) for name, variable in variables.items()}
    values = {}
    for network, arrays in networks.items():
        for key, array in arrays.items():
            name = _name(network, key, expected)
            if name is None:
                raise IcdpmError(f"{source}: {key} has no place in the model {model.config.name}: it is of another")
            value = _laid_out(array, name)
            if value.shape != expected[name]:
                raise IcdpmError(
                    f"{source}: {key} is {array.shape} and not as in the model {model.config.name}: it is of another"
                )
            values[name] = value
    if missing := [name for name in expected if name not in values]:
        network = missing[0].partition("/")[0]
        what = "in part " if network in networks else ""
        raise IcdpmError(f"{source}: the model's {network} is {what}missing; give the folder with all of its .pth files")
    return values


def _read(source):
    """{network: {published name: array}} of what is in a file or folder, and the names of what is not used."""
    if not source.exists():
        raise IcdpmError(f"{source}: there is no such file or folder")
    files = [source] if source.is_file() else sorted(source.rglob("*.pth"))
    if not files:
        raise IcdpmError(f"{source}: there is no .pth file in it")
    networks, unused = {}, []
    for path in files:
        arrays = {name.removeprefix("params.").removeprefix("module."): array for name, array in read_tensors(path).items()}
        network = _network(arrays)
        if network is None and len(files) == 1:
            raise IcdpmError(f"{path}: these are not weights of HI-Diff (its networks are net_g, net_le, net_le_dm and net_d)")
        if network is None:
            unused.append(path.name)
            continue
        if network in networks:
            raise IcdpmError(f"{source}: two files hold a HI-Diff's {network}, {path.name} the second; leave one")
        networks[network] = arrays
    return networks, unused


def _network(arrays):
    """Which network a file holds, by its names and shapes; None if it is none of HI-Diff's."""
    if "patch_embed.proj.weight" in arrays and "refinement.him.q.weight" in arrays:
        return "transformer"
    if "time_mlp" in arrays or "resmlp.0.weight" in arrays:
        return "denoiser"
    if "mlp.patch_mixer.0.weight" in arrays and "conv1.0.weight" in arrays:
        # It sees 16 pixels of one picture, or of two.
        return "latent_encoder" if arrays["conv1.0.weight"].shape[1] > 3 * 16 else "condition_encoder"
    return None


def _name(network, key, expected):
    """Our name of a published one, among those that are `expected`; None if there is none."""
    name = key
    for pattern, ours in _NAMES[network]:
        name = re.sub(pattern, ours, name)
    path = f"{network}/{name.replace('.', '/')}"
    for last in ("kernel", "depthwise_kernel", "scale"):
        if (candidate := re.sub(r"/weight$", f"/{last}", path)) in expected:
            return candidate
    return None


def _laid_out(array, name):
    """A published array as our variable of this name holds it."""
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
    """The first axis, that PyTorch's pixel shuffling orders by (channel, place), by (place, channel) as TensorFlow's does."""
    by_channel = array.reshape(-1, places, *array.shape[1:])
    return np.swapaxes(by_channel, 0, 1).reshape(array.shape)
