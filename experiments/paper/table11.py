"""Table 11: parameters and FLOPs of one step at 720×1280, counted from the models' own weights and graphs.

    python -m icdpm_experiments.paper.table11

Nothing is executed: the graphs are traced for static shapes. Writes results/table11.json and results/table11.md.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from icdpm.configs import load_config
from icdpm.models.registry import build_model
from icdpm.networks.cost import count_convolution_flops
from icdpm_experiments.paper.published import TABLE11
from icdpm_experiments.results import print_table, write_results

NOTES = [
    "FLOPs are 2 × the multiply-adds of all convolutions of one step: one pass of the guidance networks and one of the",
    "denoising UNet, counted by TensorFlow in the graph. The columns scale_… are for guidance.projection = scale: one",
    "convolution of the guidance features for each scale, as §3.2 can be read, instead of one in each guided block. The",
    "published parameter counts are rounded or cut inconsistently (6.93 M is printed as 6 M, 27.68 M as 27 M), so the layout",
    "follows the FLOPs.",
]


def count(config) -> tuple[int, int]:
    """Counts parameters and FLOPs of a config's model.

    Returns:
      (parameters, FLOPs of encoding the condition and one network evaluation at 720×1280).
    """
    model = build_model(config)

    def step(x_gamma, blurry, gamma):
        return model.denoise(x_gamma, blurry, gamma, model.encode_condition(blurry))

    image = tf.TensorSpec([1, 720, 1280, 3])
    parameters = int(sum(np.prod(variable.shape) for variable in model.trainable_variables))
    return parameters, count_convolution_flops(step, image, image, tf.TensorSpec([1]))


def main() -> None:
    """Counts the six rows with both projections of the guidance features and writes results/table11."""
    rows = []
    for row, (published_parameters, published_flops) in TABLE11.items():
        parameters, flops = count(load_config(f"table2_{row}"))
        scale_parameters, scale_flops = count(load_config(f"table2_{row}", ["guidance.projection=scale"]))
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
        notes=NOTES,
    )
    print(f"Written to {path}.")


if __name__ == "__main__":
    main()
