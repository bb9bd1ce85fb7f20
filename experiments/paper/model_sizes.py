"""Sizes of the models: Table 11 of the icDPM paper, and the tables of parameters and FLOPs of HI-Diff.

    python -m icdpm_experiments.paper.model_sizes table11
    python -m icdpm_experiments.paper.model_sizes hidiff

Parameters and FLOPs are counted from the models' own weights and graphs. Nothing is executed: the graphs are traced for static
shapes. The sizes of other methods are published values. Writes results/table11 and results/hidiff_size.
"""

from __future__ import annotations

import numpy as np
from absl import app

from icdpm.cli import import_tensorflow, run_command
from icdpm_experiments.paper.published import HIDIFF_ABLATION, HIDIFF_SIZES, TABLE11
from icdpm_experiments.results import print_table, write_results

TABLE11_NOTES = [
    "FLOPs are 2 × the multiply-adds of all convolutions of one step: one pass of the guidance networks and one of the",
    "denoising UNet, counted in its TensorFlow graph. The columns scale_… are for guidance.projection = scale: one",
    "convolution of the guidance features for each scale, as §3.2 can be read, instead of one in each guided block. The",
    "published parameter counts are rounded or cut inconsistently (6.93 M is printed as 6 M, 27.68 M as 27 M), so the layout",
    "follows the FLOPs.",
]
# {row of the published table of model sizes: config that is counted for it}
HIDIFF_CONFIGS = {"HI-Diff": "hidiff_gopro", "HI-Diff-2": "hidiff_ablation_full"}

HIDIFF_NOTES = [
    "The published FLOPs are multiply-adds, each counted once: those of convolutions and of matrix products in attention,",
    "perceptrons and linear layers. The measured values are counted in TensorFlow's graph of one restoration: condition",
    "encoder, all steps of the chain (`chain_g` of the total), transformer. Neither includes normalization, softmax,",
    "activations and elementwise products. Parameters are those of inference, without the latent encoder.",
    "",
    "The denoiser of the ablation is smaller than that of the published RealBlur models: with one layer instead of four after",
    "its first layer, the parameters of all four rows equal the published ones. The published multiply-adds of Split-Training",
    "and HI-Diff equal ours without the chain; those of Single-Guide correspond to a prior of 4 tokens, to 0.01 G (16 tokens:",
    "125.95 G). The sizes of the RealBlur models are not published.",
    "",
    "PSNR is the published value on GoPro. HI-Diff-2 has the size of the HI-Diff of the ablation; its recipe is not published.",
    "The sizes of the other methods are published values and were not measured.",
]


def main(argv):
    """Counts the sizes of one of the two tables and writes them."""
    tables = {"table11": write_table11, "hidiff": write_hidiff_sizes}
    if len(argv) != 2 or argv[1] not in tables:
        raise app.UsageError(f"name one of {', '.join(tables)}")
    import_tensorflow()
    tables[argv[1]]()


# Table 11.


def count_step(config) -> tuple[int, int]:
    """Counts parameters and FLOPs of a config's model.

    Returns:
      (parameters, FLOPs of encoding the condition and one network evaluation at 720×1280).
    """
    import tensorflow as tf

    from icdpm.models.registry import build_model
    from icdpm.networks.cost import count_convolution_flops

    model = build_model(config)

    def step(x_gamma, blurry, gamma):
        return model.denoise(x_gamma, blurry, gamma, model.encode_condition(blurry))

    image = tf.TensorSpec([1, 720, 1280, 3])
    parameters = int(sum(np.prod(variable.shape) for variable in model.trainable_variables))
    return parameters, count_convolution_flops(step, image, image, tf.TensorSpec([1]))


def write_table11() -> None:
    """Counts the six rows with both projections of the guidance features and writes results/table11."""
    from icdpm.configs import load_config

    rows = []
    for row, (published_parameters, published_flops) in TABLE11.items():
        parameters, flops = count_step(load_config(f"table2_{row}"))
        scale_parameters, scale_flops = count_step(load_config(f"table2_{row}", ["guidance.projection=scale"]))
        rows.append(
            {
                "row": row,
                "parameters": parameters,
                "flops": flops,
                "scale_parameters": scale_parameters,
                "scale_flops": scale_flops,
                "published_parameters": int(published_parameters),
                "published_flops": int(published_flops),
            }
        )
    print_table(rows)
    path = write_results(
        "table11",
        command="make bench-table11",
        data="one step of the six models on one image of 720×1280",
        scale="paper",
        rows=rows,
        title="Table 11: parameters and FLOPs",
        notes=TABLE11_NOTES,
    )
    print(f"Written to {path}.")


# HI-Diff.


def count_restoration(config) -> tuple[int, int, int]:
    """Returns (parameters, multiply-adds of one restoration at 256×256, multiply-adds of the chain within it) of a model."""
    import tensorflow as tf

    from icdpm.models.registry import build_model
    from icdpm.networks.cost import count_multiply_adds

    config.precision = "float32"
    config.prior.latent_encoder = False
    model = build_model(config)

    def restore(blurry):
        return model.denoise(blurry, blurry, None, model.encode_condition(blurry))

    chain = 0
    if model.condition_encoder is not None:
        tokens = tf.TensorSpec([1, config.prior.side**2, config.prior.width])
        step = count_multiply_adds(lambda noisy, condition: model.denoiser(noisy, condition, step=1), tokens, tokens)
        chain = config.chain.steps * sum(step.values())
    parameters = sum(variable.shape.num_elements() for variable in model.variables)
    return parameters, sum(count_multiply_adds(restore, tf.TensorSpec([1, 256, 256, 3])).values()), chain


def write_hidiff_sizes() -> None:
    """Counts the sizes of all rows and writes results/hidiff_size."""
    from icdpm.configs import load_config
    from icdpm_experiments.paper.ablations import ABLATIONS

    ablated = ABLATIONS["hidiff-ablation"].models
    configs = [model.variant for model in ablated.values()] + [HIDIFF_CONFIGS["HI-Diff"], "hidiff_realblur"]
    counted = {name: count_restoration(load_config(name)) for name in configs}
    rows = [
        *(_hidiff_row("ablation", name, counted[model.variant], HIDIFF_ABLATION[name][:3]) for name, model in ablated.items()),
        *(
            _hidiff_row("model sizes", name, counted.get(HIDIFF_CONFIGS.get(name)), published)
            for name, published in HIDIFF_SIZES.items()
        ),
        _hidiff_row("not published", "HI-Diff for RealBlur", counted["hidiff_realblur"], (None, None, None)),
    ]
    print_table(rows)
    path = write_results(
        "hidiff_size",
        command="make bench-hidiff-size",
        data="one restoration of an image of 256×256",
        scale="paper",
        rows=rows,
        title="HI-Diff: parameters and multiply-adds",
        notes=HIDIFF_NOTES,
    )
    print(f"Numbers: {path}")


def _hidiff_row(table, name, counted, published):
    """Returns a row of the results.

    Args:
      table, name: published table and its row.
      counted: return value of `count_restoration`, or `None`.
      published: (millions of parameters, FLOPs in G, PSNR in dB), each possibly `None`.
    """
    parameters, total, chain = counted or (None, None, None)
    millions, flops, psnr = published
    row = {
        "table": table,
        "row": name,
        "parameters": parameters,
        "published_parameters_millions": millions,
        "multiply_adds_g": total and total / 1e9,
        "chain_g": chain if chain is None else chain / 1e9,
        "published_flops_g": flops,
        "published_psnr": psnr,
    }
    return {key: "" if value is None else value for key, value in row.items()}


if __name__ == "__main__":
    run_command(main)
