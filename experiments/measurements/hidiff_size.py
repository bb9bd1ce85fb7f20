"""Parameters and multiply-adds of HI-Diff at 256×256, compared with published values and with six other methods.

    python -m icdpm_experiments.measurements.hidiff_size

The sizes of HI-Diff are counted from the weights and graphs of the models. Those of other methods are published values.
"""

import tensorflow as tf

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.networks.cost import count_multiply_adds
from icdpm_experiments.paper.ablations import ABLATIONS
from icdpm_experiments.paper.published import HIDIFF_ABLATION, HIDIFF_SIZES
from icdpm_experiments.results import print_table, write_results

# {row of the published table of model sizes: config that is counted for it}
_ABLATED = ABLATIONS["hidiff-ablation"].models
CONFIGS = {"HI-Diff": "hidiff_gopro", "HI-Diff-2": "hidiff_ablation_full"}

NOTES = [
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
_IMAGE = tf.TensorSpec([1, 256, 256, 3])


def count_size(config):
    """Returns (parameters, multiply-adds of one restoration at 256×256, multiply-adds of the chain within it) of a model."""
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
    return parameters, sum(count_multiply_adds(restore, _IMAGE).values()), chain


def main():
    """Counts the sizes of all rows and writes results/hidiff_size."""
    configs = [model.variant for model in _ABLATED.values()] + [CONFIGS["HI-Diff"], "hidiff_realblur"]
    counted = {name: count_size(load_config(name)) for name in configs}
    rows = [
        *(_row("ablation", name, counted[model.variant], HIDIFF_ABLATION[name][:3]) for name, model in _ABLATED.items()),
        *(_row("model sizes", name, counted.get(CONFIGS.get(name)), published) for name, published in HIDIFF_SIZES.items()),
        _row("not published", "HI-Diff for RealBlur", counted["hidiff_realblur"], (None, None, None)),
    ]
    print_table(rows)
    path = write_results(
        "hidiff_size",
        command="make bench-hidiff-size",
        data="one restoration of an image of 256×256",
        scale="paper",
        rows=rows,
        title="HI-Diff: parameters and multiply-adds",
        notes=NOTES,
    )
    print(f"Numbers: {path}")


def _row(table, name, counted, published):
    """Returns a row of the results.

    Args:
      table, name: published table and its row.
      counted: return value of `count_size`, or `None`.
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
    main()
