"""Estimated cost of runs against the measured cost of small ones."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf

from icdpm.models.registry import build_model
from icdpm.models.schedules import training_stages
from icdpm.networks.cost import count_flops_and_bytes
from icdpm.training.cost import CostEstimate, estimate_cost

# TensorFlow reports memory statistics of this allocator only.
ALLOCATOR = {"TF_CPU_ALLOCATOR_USE_BFC": "true", "TF_CPU_BFC_MEM_LIMIT_IN_MB": "2000"}
MEASURED = """
import functools
import json
import tensorflow as tf
from icdpm.configs import load_config
from icdpm.networks.cost import count_flops_and_bytes
from icdpm.models.registry import build_model
from icdpm.models.training_step import gradients_of
from icdpm.training.cost import batch_specs

memory = tf.config.experimental
tf.config.threading.set_inter_op_parallelism_threads(1)
config = load_config("tiny", ["unet.multipliers=(1, 2)", "guidance.scales=(1,)"])
model = build_model(config)
model.compile()
specs = batch_specs(model, 8, 32)
batch = {key: tf.zeros(spec.shape, spec.dtype) for key, spec in specs.items()}
step = tf.function(functools.partial(gradients_of, model), autograph=False)
held = memory.get_memory_info("CPU:0")["current"]
memory.reset_memory_stats("CPU:0")
step(batch)
peak = memory.get_memory_info("CPU:0")["peak"] - held
graph = tf.function(functools.partial(gradients_of, model), autograph=False).get_concrete_function(specs).graph
options = tf.compat.v1.profiler.ProfileOptionBuilder(tf.compat.v1.profiler.ProfileOptionBuilder.float_operation())
counted = tf.compat.v1.profiler.profile(graph, options=options.with_empty_output().build()).total_float_ops
print("MEASURED", json.dumps([count_flops_and_bytes(functools.partial(gradients_of, model), specs), [counted, peak]]))
"""


@pytest.mark.slow
def test_operations_and_memory_equal_the_measured_ones():
    """Compares with the profiler, which counts all operations, and with the peak of the allocator."""
    done = subprocess.run([sys.executable, "-c", MEASURED], env={**os.environ, **ALLOCATOR}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    counted, measured = json.loads(done.stdout.split("MEASURED")[1])
    assert counted[0] == pytest.approx(measured[0], rel=0.2)
    # Without AVX-512 convolutions take workspace of their own, which is not counted.
    assert counted[1] <= 1.2 * measured[1]
    cpu = Path("/proc/cpuinfo")
    if cpu.exists() and "avx512f" in cpu.read_text():
        assert counted[1] >= 0.8 * measured[1]


def test_memory_of_a_few_operations():
    spec = tf.TensorSpec([1000])
    # x + 1 has memory of its own, and its square reuses it.
    assert count_flops_and_bytes(lambda x: tf.square(x + 1.0), spec)[1] == 4000
    # Both results are kept to the end.
    assert count_flops_and_bytes(lambda x: (tf.square(x), tf.exp(x)), spec)[1] == 8000

    def gradient(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, kernel)), kernel))
        return tape.gradient(y, x)

    flops, held = count_flops_and_bytes(gradient, tf.TensorSpec([50, 100]), tf.TensorSpec([100, 100]))
    # Two products, and their gradients with respect to the left side; both results are kept meanwhile.
    assert flops == 2 * 4 * 50 * 100 * 100
    assert held == pytest.approx(3 * 50 * 100 * 4, rel=0.01)


def test_stages_and_replicas(micro_config):
    micro_config.data.update({"progressive_steps": (4,), "progressive_crops": (32,), "progressive_batches": (2,)})
    alone, shared = estimate_cost(micro_config, 1), estimate_cost(micro_config, 2)
    model = build_model(micro_config)
    assert alone.parameters == sum(v.shape.num_elements() for v in model.trainable_variables)
    assert (alone.weights, alone.state) == (4 * alone.parameters, 12 * alone.parameters)
    # 2 crops of 32×32 are twice as many pixels as 4 of 16×16.
    assert alone.step_flops[1] == pytest.approx(2 * alone.step_flops[0], rel=0.05)
    assert shared.step_flops == alone.step_flops
    assert shared.working < alone.working and alone.validations == 2
    assert alone.steps == tuple(stage.stop - stage.start for stage in training_stages(micro_config)) == (4, 2)
    # A restoration is forward only, of 3 evaluations.
    assert 0.3 < alone.validation_flops / 2 / (alone.step_flops[1] / 2) < 3


def test_the_report_is_readable(micro_config):
    estimate = CostEstimate(1000, 2**30, 3 * 2**30, 4 * 2**30, (2 * 10**12,), (7200,), (4,), (1536,), 2, 10**15)
    lines = estimate.report(micro_config, 4, 5e11)
    assert lines[0].startswith("1,000 parameters; ")
    assert lines[1:] == [
        "step: 2 TFLOP, 1 s on 4 replicas at 0.5 TFLOP/s each",
        "memory per replica: 8.00 GiB (weights 1.00, optimizer 3.00, gradients and activations 4.00)",
        "input: 4 crop pairs/s, 0.0 MB/s in 8 bits",
        "training: 7,200 steps, 2 hours; validation: 2 times, 0.278 hours in addition",
    ]
