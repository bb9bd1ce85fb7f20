"""HI-Diff's published sizes beside those of six other methods: parameters, and multiply-adds at 256×256.

HI-Diff's are counted from the models' own weights and graphs; other methods' are published values.
"""

import tensorflow as tf

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.networks.flops import multiply_adds
from icdpm_experiments.paper.hidiff_ablation import MODELS as ABLATION_MODELS
from icdpm_experiments.paper.published_hidiff import ABLATION, MODEL_SIZES
from icdpm_experiments.results import print_table, write_results

# Config of the rows of the table of model sizes that are counted here.
SIZED = {"HI-Diff": "hidiff_gopro", "HI-Diff-2": "hidiff_ablation_full"}

NOTES = [
    "What is published as FLOPs are multiply-adds, each counted once: of convolutions, and of the products of matrices in",
    "attention, perceptrons and linear maps. Here they are counted from TensorFlow's graph of one whole restoration: the",
    "condition encoder, all steps of the chain (`chain_g` of the total), the transformer. Normalisation, softmax, activations",
    "and what a pixel is multiplied by singly are in neither. Parameters are those of inference, without the latent encoder.",
    "",
    "The ablation's prior is smaller than the published RealBlur models': with one layer after the denoiser's first instead of",
    "four, the parameters of all four rows are the published ones. The published multiply-adds of the rows Split-Training and",
    "HI-Diff are met without the chain; those of Single-Guide, to 0.01 G, by a prior of 4 tokens (with 16: 125.95 G).",
    "Nothing is published of the size of the RealBlur models.",
    "",
    "PSNR is that on GoPro, as published. HI-Diff-2 has the size of the ablation's HI-Diff; which of the recipes it has is not",
    "published. The other methods' sizes are not measured here.",
]
_IMAGE = tf.TensorSpec([1, 256, 256, 3])


def count(config):
    """(parameters, multiply-adds of one restoration at 256×256, those of its chain's denoiser) of a config's model."""
    config.precision = "float32"
    config.prior.latent_encoder = False
    model = build_model(config)

    def restored(blurry):
        return model.denoise(blurry, blurry, None, model.encode_condition(blurry))

    chain = 0
    if model.condition_encoder is not None:
        tokens = tf.TensorSpec([1, config.prior.side**2, config.prior.width])
        step = multiply_adds(lambda noisy, condition: model.denoiser(noisy, condition, step=1), tokens, tokens)
        chain = config.chain.steps * sum(step.values())
    parameters = sum(variable.shape.num_elements() for variable in model.variables)
    return parameters, sum(multiply_adds(restored, _IMAGE).values()), chain


def main():
    """Counts all and writes results/hidiff_size."""
    configs = [model.variant for model in ABLATION_MODELS.values()] + [SIZED["HI-Diff"], "hidiff_realblur"]
    counted = {name: count(load_config(name)) for name in configs}
    rows = [
        *(_row("ablation", name, counted[model.variant], ABLATION[name][:3]) for name, model in ABLATION_MODELS.items()),
        *(_row("model sizes", name, counted.get(SIZED.get(name)), published) for name, published in MODEL_SIZES.items()),
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
    print(f"written to {path}")


def _row(table, name, counted, published):
    """Returns a row of the result: what `count` returns or None, and published (millions, G, dB) or Nones beside it."""
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
