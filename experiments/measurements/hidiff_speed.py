"""Compares the speed of HI-Diff with the official PyTorch code: restoring 1280×720, and a training step at 128×128, batch 4.

    python -m icdpm_experiments.measurements.hidiff_speed --reference=FOLDER

Each measurement runs in a process of its own. The implementations take turns, twice, so that other load on the machine affects
all of them. Writes results/hidiff_speed.json and hidiff_speed.md.
"""

import contextlib
import functools
import importlib.util
import os
import time
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm_experiments.results import make_command, print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
# (task, height, width, repeats in each process)
TASKS = (("restore", 720, 1280, 1), ("train", 128, 128, 3))
# This project's code; the official code in channels_last, eager; the same compiled by torch.compile.
IMPLEMENTATIONS = ("ours", "eager", "compiled")
BATCH = 4
_ROUNDS = 2


def define_flags():
    """Defines the flags of this command."""
    reference = os.environ.get("ICDPM_HIDIFF_REFERENCE")
    flags.DEFINE_string("reference", reference, "Copy of the official repository, zhengchen1999/HI-Diff.")


def main(argv):
    """Measures all tasks and writes results/hidiff_speed."""
    reject_arguments(argv)
    check_reference(FLAGS.reference)
    rows = [_measure_row(*task, precision) for task in TASKS for precision in ("float32", "bfloat16")]
    print_table(rows)
    path = write_results(
        "hidiff_speed",
        command=make_command("bench-hidiff-speed", REFERENCE=FLAGS.reference),
        data="hidiff_gopro: one restoration of 1280×720; a training step of the second stage at 128×128, batch 4",
        scale="paper",
        rows=rows,
        title="HI-Diff: speed compared with the official code",
        notes=[
            "Times are in seconds, the minimum over all repeats. Official code: PyTorch in channels_last, eager or compiled by",
            "torch.compile; its bfloat16 is autocast. `ratio`: ours over the faster of these two.",
        ],
    )
    print(f"Numbers: {path}")


def check_reference(folder):
    """Raises an error if the official code or its dependencies are missing.

    Args:
      folder: copy of the official repository.

    Raises:
      IcdpmError: with instructions on what to install.
    """
    if not folder or not (Path(folder) / "hi_diff/archs/Transformer_arch.py").is_file():
        raise IcdpmError(
            "The official code to compare with is missing. Run git clone https://github.com/zhengchen1999/HI-Diff, then "
            "make bench-hidiff-speed REFERENCE=FOLDER with its folder."
        )
    for name in ("torch", "einops"):
        if importlib.util.find_spec(name) is None:
            raise IcdpmError(f"The official code requires {name}. Run pip install -e '.[bench]'.")


def _measure_row(task, height, width, repeats, precision):
    seconds = {implementation: [] for implementation in IMPLEMENTATIONS}
    for _ in range(_ROUNDS):
        for implementation in IMPLEMENTATIONS:
            description = f"{task}, {precision}, {implementation}"
            arguments = (implementation, task, precision, height, width, repeats, FLAGS.reference)
            try:
                seconds[implementation] += run_in_subprocess(description, measure_seconds, *arguments)
            except IcdpmError:
                if implementation != "compiled":  # torch.compile requires a C++ compiler
                    raise
    least = {implementation: float(np.min(each)) if each else None for implementation, each in seconds.items()}
    row = {"what": task, "precision": precision}
    row |= {f"{name}_seconds": "" if value is None else round(value, 3) for name, value in least.items()}
    return row | {"ratio": round(least["ours"] / min(value for name, value in least.items() if value and name != "ours"), 3)}


def measure_seconds(implementation, task, precision, height, width, repeats, reference, changes=()):
    """Measures one implementation; runs in a process of its own.

    Args:
      implementation: one of `IMPLEMENTATIONS`.
      task: 'restore', or 'train' for a training step of the second stage on a batch of `BATCH`.
      precision: 'float32' or 'bfloat16'.
      height, width: size of the images in pixels.
      repeats: number of timed repeats, after one that is not timed.
      reference: copy of the official repository; not used for 'ours'.
      changes: changes to the config `hidiff_gopro`.

    Returns:
      List of the seconds of each repeat.
    """
    from icdpm.configs import load_config
    from icdpm.models.registry import build_model

    policy = "mixed_bfloat16" if implementation == "ours" and precision == "bfloat16" else "float32"
    model = build_model(load_config("hidiff_gopro", [f"precision={policy}", *changes]))
    shape = [BATCH if task == "train" else 1, height, width, 3]
    images = np.random.default_rng(0).uniform(0.0, 1.0, [2, *shape]).astype(np.float32)
    if implementation == "ours":
        run = _our_task(model, task, images)
    else:
        run = _official_task(reference, model, task, precision, images, implementation == "compiled")
    run()  # traces or compiles
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return seconds


def _our_task(model, task, images):
    import tensorflow as tf

    from icdpm.models.sampling import sample
    from icdpm.models.training_step import take_step

    blurry, sharp = tf.constant(2.0 * images - 1.0)
    if task == "restore":
        schedule, seeds = model.sampling_schedule(model.settings()), tf.zeros([1, 2], tf.int64)
        return lambda: sample(model, blurry, model.compiled_encode_condition(blurry), schedule, seeds).numpy()
    model.compile()
    step = tf.function(functools.partial(take_step, model), autograph=False)
    batch = {"blurry": blurry, "sharp": sharp, "index": tf.range(BATCH, dtype=tf.int64)}
    return lambda: step(batch)["loss"].numpy()


def _official_task(folder, model, task, precision, images, compiled):
    import torch

    from icdpm_experiments.measurements.hidiff_reference import HIDiffReference

    reference, config = HIDiffReference(folder, model), model.config
    for network in reference.networks.values():
        network.to(memory_format=torch.channels_last)
    # A permuted view of NHWC arrays is channels_last without a copy.
    blurry, sharp = (torch.from_numpy(each).permute(0, 3, 1, 2) for each in images)
    start = torch.randn([len(blurry), config.prior.side**2, config.prior.width])
    if compiled:
        reference.transformer = torch.compile(reference.transformer)
        reference.condition_encoder = torch.compile(reference.condition_encoder)

    def autocast():
        return torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()

    def restore():
        with torch.inference_mode(), autocast():
            return reference.transformer(blurry, reference.sample_chain(reference.condition_encoder(blurry), start))

    trained = [reference.transformer, reference.condition_encoder, reference.denoiser]
    parameters = [parameter for network in trained for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(parameters, config.optimizer.learning_rate, weight_decay=config.optimizer.weight_decay)

    def train():
        with autocast():
            with torch.no_grad():
                encoded = reference.latent_encoder(blurry, sharp)
            diffused = reference.sample_chain(reference.condition_encoder(blurry), start)
            restored = reference.transformer(blurry, diffused)
            loss = (restored - sharp).abs().mean() + (diffused - encoded).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.optimizer.gradient_clip)
        optimizer.step()
        return loss.item()

    return {"restore": restore, "train": train}[task]


if __name__ == "__main__":
    define_flags()
    run_command(main)
