"""Times HI-Diff's restoration or its training step in a process of its own: ours, or the official code's.

    python -m icdpm_experiments.measurements.hidiff_speed_measure WHOSE WHAT PRECISION HEIGHT WIDTH REPEATS REFERENCE [CHANGES…]

WHOSE: ours, eager (the official code in channels_last) or compiled (that by torch.compile). WHAT: restore, or train: a step of
the second stage on a batch of 4. PRECISION: float32 or bfloat16. The last line is the seconds of each repeat, as JSON.
"""

import contextlib
import functools
import json
import sys
import time

import numpy as np

from icdpm.models.sampling import sample
from icdpm.models.training_step import take_step

BATCH = 4


def main(whose, what, precision, height, width, repeats, reference, *changes):
    """Measures and prints."""
    from icdpm.configs import load_config
    from icdpm.models.registry import build_model

    policy = "mixed_bfloat16" if whose == "ours" and precision == "bfloat16" else "float32"
    model = build_model(load_config("hidiff_gopro", [f"precision={policy}", *changes]))
    shape = [BATCH if what == "train" else 1, int(height), int(width), 3]
    pictures = np.random.default_rng(0).uniform(0.0, 1.0, [2, *shape]).astype(np.float32)
    if whose == "ours":
        run = _ours(model, what, pictures)
    else:
        run = _official(reference, model, what, precision, pictures, whose == "compiled")
    run()  # made or compiled here
    seconds = []
    for _ in range(int(repeats)):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    print(json.dumps(seconds))


def _ours(model, what, pictures):
    import tensorflow as tf

    blurry, sharp = tf.constant(2.0 * pictures - 1.0)
    if what == "restore":
        plan = model.sampling_schedule(model.settings())
        return lambda: sample(
            model, blurry, model.compiled_encode_condition(blurry), plan, tf.zeros([1, 2], tf.int64)
        ).numpy()
    model.compile()
    step = tf.function(functools.partial(take_step, model), autograph=False)
    batch = {"blurry": blurry, "sharp": sharp, "index": tf.range(BATCH, dtype=tf.int64)}
    return lambda: step(batch)["loss"].numpy()


def _official(folder, model, what, precision, pictures, compiled):
    import torch

    from icdpm_experiments.measurements.hidiff_reference import Reference

    reference, config = Reference(folder, model), model.config
    for network in reference.networks.values():
        network.to(memory_format=torch.channels_last)
    blurry, sharp = (torch.from_numpy(each).permute(0, 3, 1, 2) for each in pictures)  # channels_last as they are
    start = torch.randn([len(blurry), config.prior.side**2, config.prior.width])
    if compiled:
        reference.transformer = torch.compile(reference.transformer)
        reference.condition_encoder = torch.compile(reference.condition_encoder)

    def half():
        return torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else contextlib.nullcontext()

    def restore():
        with torch.inference_mode(), half():
            return reference.transformer(blurry, reference.follow_chain(reference.condition_encoder(blurry), start))

    trained = [reference.transformer, reference.condition_encoder, reference.denoiser]
    parameters = [parameter for network in trained for parameter in network.parameters()]
    optimizer = torch.optim.AdamW(parameters, config.optimizer.learning_rate, weight_decay=config.optimizer.weight_decay)

    def train():
        with half():
            with torch.no_grad():
                encoded = reference.latent_encoder(blurry, sharp)
            diffused = reference.follow_chain(reference.condition_encoder(blurry), start)
            restored = reference.transformer(blurry, diffused)
            loss = (restored - sharp).abs().mean() + (diffused - encoded).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, config.optimizer.gradient_clip)
        optimizer.step()
        return loss.item()

    return {"restore": restore, "train": train}[what]


if __name__ == "__main__":
    main(*sys.argv[1:])
