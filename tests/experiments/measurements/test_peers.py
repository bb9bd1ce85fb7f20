"""The comparison with a published network: times, gains and the gallery of restored crops."""

import json

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import json_format

from icdpm.errors import IcdpmError
from icdpm.metrics.psnr import psnr
from icdpm_experiments.measurements import peers
from icdpm_experiments.pairs import CenterCrops


def test_a_set_has_a_row_for_each_method_and_a_gallery_row_for_each_image(random_pairs, tmp_path):
    pairs = CenterCrops(random_pairs, 32)
    methods = {"same": lambda image: image, "inverted": lambda image: 255 - image}
    folders = {method: tmp_path / method for method in methods}
    seconds = {method: peers.restore_crops(restore, pairs, folders[method]) for method, restore in methods.items()}
    rows, _ = peers.measure_set("noise", pairs, tmp_path, folders, seconds)
    assert [row["restored"] for row in rows] == ["blurry", "same", "inverted"] and {row["set"] for row in rows} == {"noise"}
    assert rows[0]["gain"] == rows[1]["gain"] == 0 and rows[0]["seconds per image"] == "" and rows[1]["seconds per image"] >= 0
    loaded = [pairs.load(index) for index in range(len(pairs))]
    gains = [psnr(255 - blurry, sharp) - psnr(blurry, sharp) for blurry, sharp in loaded]
    assert rows[2]["gain"] == pytest.approx(np.mean(gains), abs=1e-3) and rows[2]["from"] <= rows[2]["gain"] <= rows[2]["to"]
    gallery = peers.gallery_rows(pairs, folders)
    assert len(gallery) == len(pairs)
    assert np.array_equal(gallery[1][2], 255 - loaded[1][0]) and np.array_equal(gallery[1][3], loaded[1][1])


@pytest.fixture
def published(tmp_path):
    """A folder with a TensorFlow.js graph as MAXIM's, that halves images in blocks of 64×64 pixels."""
    with tf.Graph().as_default() as graph:
        image = tf.compat.v1.placeholder(tf.float32, [1, None, None, 3], name="input")
        blocks = tf.nn.space_to_depth(image * tf.constant(0.5, name="weight"), 64)
        tf.identity(tf.nn.depth_to_space(blocks, 64), name="output")
    definition = graph.as_graph_def()
    for node in definition.node:
        if node.name == "weight":
            del node.attr["value"]
    model = {
        "modelTopology": json_format.MessageToDict(definition),
        "signature": {"inputs": {"image": {"name": "input:0"}}, "outputs": {"restored": {"name": "output:0"}}},
        "weightsManifest": [{"paths": ["weights.bin"], "weights": [{"name": "weight", "shape": [], "dtype": "float32"}]}],
    }
    (tmp_path / "model.json").write_text(json.dumps(model))
    (tmp_path / "weights.bin").write_bytes(np.float32(0.5).tobytes())
    return tmp_path


def test_a_published_network_restores_images_of_any_size(published):
    image = np.random.default_rng(0).integers(0, 256, (70, 130, 3), np.uint8)
    np.testing.assert_array_equal(peers.load_maxim(published)(image), np.uint8(image / 2 + 0.5))


def test_incomplete_weights_of_a_published_network_are_an_error(published):
    (published / "weights.bin").write_bytes(b"")
    with pytest.raises(IcdpmError, match="the weight shards end before weight"):
        peers.load_maxim(published)
