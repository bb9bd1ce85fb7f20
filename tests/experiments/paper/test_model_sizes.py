"""Sizes of the models: counting and written results."""

import json

import pytest
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.keras import keras
from icdpm.networks.cost import count_multiply_adds
from icdpm_experiments.paper import model_sizes


@pytest.mark.slow
def test_multiply_adds_of_each_kind_of_operation():
    depthwise = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False)
    convolution = keras.layers.Conv2D(7, 3, padding="same")
    dense = keras.layers.Dense(5)
    counts = count_multiply_adds(
        lambda x: (convolution(x), depthwise(x), dense(x), tf.matmul(x, x, transpose_a=True)), tf.TensorSpec([2, 4, 6, 3])
    )
    assert counts == {
        "Conv2D": 2 * 4 * 6 * 7 * 9 * 3,
        "DepthwiseConv2dNative": 2 * 4 * 6 * 3 * 9,
        "MatMul": 2 * 4 * 6 * 5 * 3,
        "BatchMatMulV2": 2 * 4 * 3 * 3 * 6,
    }


@pytest.mark.slow
def test_the_baseline_is_the_published_one():
    parameters, total, chain = model_sizes.count_restoration(load_config("hidiff_ablation_baseline"))
    assert parameters == 19_132_158 and round(total / 1e9, 2) in (117.24, 117.25) and chain == 0


@pytest.mark.slow
def test_all_rows_are_written(tmp_path, monkeypatch):
    monkeypatch.setattr(model_sizes, "count_restoration", lambda config: (len(config.name), 2_000_000_000, 0))
    model_sizes.main(["", "hidiff"])
    content = json.loads((tmp_path / "results/hidiff_size.json").read_text())
    assert content["command"] == "make bench-hidiff-size"
    rows = {(row["table"], row["row"]): row for row in content["rows"]}
    assert [name for table, name in rows if table == "ablation"] == ["Baseline", "Single-Guide", "Split-Training", "HI-Diff"]
    assert rows["ablation", "Single-Guide"]["parameters"] == len("hidiff_ablation_single")
    assert rows["ablation", "HI-Diff"]["published_psnr"] == 32.24
    sizes = {name: row for (table, name), row in rows.items() if table == "model sizes"}
    assert [name for name, row in sizes.items() if row["parameters"]] == ["HI-Diff", "HI-Diff-2"] and len(sizes) == 8
    second = sizes["HI-Diff-2"]
    assert (second["parameters"], second["published_parameters_millions"]) == (len("hidiff_ablation_full"), 23.99)
    assert (second["published_flops_g"], second["published_psnr"]) == (125.47, 33.28)
    assert sizes["HINet"]["multiply_adds_g"] == "" and sizes["HINet"]["published_flops_g"] == 67.51
    assert rows["not published", "HI-Diff for RealBlur"]["chain_g"] == 0


def test_table11_counts_the_paper_config():
    counts = model_sizes.count_step(load_config("table2_a"))
    assert json.loads(json.dumps(counts)) == [6_926_403, 1_199_230_156_800]


def test_table11_writes_all_rows(tmp_path, monkeypatch):
    counts = {"block": lambda config: (config.unet.channels, config.guidance.channels), "scale": lambda config: (1, 2)}
    monkeypatch.setattr(model_sizes, "count_step", lambda config: counts[config.guidance.projection](config))
    model_sizes.main(["", "table11"])
    content = json.loads((tmp_path / "results/table11.json").read_text())
    assert [row["row"] for row in content["rows"]] == list("abcdef")
    assert content["rows"][5] == {
        "row": "f",
        "parameters": 64,
        "flops": 64,
        "scale_parameters": 1,
        "scale_flops": 2,
        "published_parameters": 52_000_000,
        "published_flops": 10_000_000_000_000,
    }
