"""HI-Diff's published sizes: parameters, and multiply-adds at 256×256, counted from the models' own weights and graphs."""

import tensorflow as tf

from icdpm.configs import load_config
from icdpm.networks.flops import multiply_adds
from icdpm.systems.registry import make_system
from icdpm_experiments.results import print_table, write_results

# Config: (millions of parameters, G "FLOPs" at 256×256) of the slides' tables of the ablation and of model sizes.
PUBLISHED = {
    "hidiff_ablation_baseline": (19.13, 117.25),
    "hidiff_ablation_single": (21.98, 125.39),
    "hidiff_ablation_split": (23.99, 125.47),
    "hidiff_ablation_full": (23.99, 125.47),
    "hidiff_gopro": (28.49, 142.62),
    "hidiff_realblur": (None, None),
}

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
]
_IMAGE = tf.TensorSpec([1, 256, 256, 3])


def count(config):
    """(parameters, multiply-adds of one restoration at 256×256, those of its chain's denoiser) of a config's model."""
    config.precision = "float32"
    config.prior.latent_encoder = False
    system = make_system(config)

    def restored(blurry):
        return system.denoise(blurry, blurry, None, system.conditions(blurry))

    chain = 0
    if system.condition_encoder is not None:
        tokens = tf.TensorSpec([1, config.prior.side**2, config.prior.width])
        step = multiply_adds(lambda noisy, condition: system.denoiser(noisy, condition, 1), tokens, tokens)
        chain = config.chain.steps * sum(step.values())
    parameters = sum(variable.shape.num_elements() for variable in system.variables)
    return parameters, sum(multiply_adds(restored, _IMAGE).values()), chain


def main():
    """Counts all and writes results/hidiff_size."""
    rows = []
    for name, (published_parameters, published_flops) in PUBLISHED.items():
        parameters, total, chain = count(load_config(name))
        rows.append(
            {
                "row": name,
                "parameters": parameters,
                "published_parameters_millions": "" if published_parameters is None else published_parameters,
                "multiply_adds_g": total / 1e9,
                "chain_g": chain / 1e9,
                "published_flops_g": "" if published_flops is None else published_flops,
            }
        )
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


if __name__ == "__main__":
    main()
