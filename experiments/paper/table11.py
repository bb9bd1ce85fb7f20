"""Table 11: parameters and FLOPs of one step at 720×1280, counted from the models' own weights and graphs."""

import numpy as np
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.networks.flops import convolution_flops
from icdpm.systems.registry import make_system
from icdpm_experiments.paper.published import TABLE11
from icdpm_experiments.results import print_table, write_results

NOTES = [
    "FLOPs are 2 × the multiply-adds of all convolutions of one step: one pass of the guidance networks and one of the",
    "denoising UNet, as TensorFlow counts them in the graph. The published parameters of the guided rows cannot be met",
    "together with their FLOPs by networks that differ in width only (Guide-L over Guide-S would be 4 in FLOPs and 7 in",
    "parameters), so the layout follows the FLOPs.",
]


def count(config):
    """Parameters and FLOPs of one evaluation at 720×1280, with what is computed once a picture, of a config's model."""
    system = make_system(config)

    def step(x_gamma, blurry, gamma):
        return system.denoise(x_gamma, blurry, gamma, system.conditions(blurry))

    image = tf.TensorSpec([1, 720, 1280, 3])
    parameters = int(sum(np.prod(variable.shape) for variable in system.trainable_variables))
    return parameters, convolution_flops(step, image, image, tf.TensorSpec([1]))


def main():
    """Counts the six rows and writes results/table11."""
    rows = []
    for row, (published_parameters, published_flops) in TABLE11.items():
        parameters, flops = count(load_config(f"table2_{row}"))
        rows.append(
            {
                "row": row,
                "parameters": parameters,
                "flops": flops,
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
        notes=NOTES,
    )
    print(f"written to {path}")


if __name__ == "__main__":
    main()
