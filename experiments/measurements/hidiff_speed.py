"""HI-Diff's speed beside the official PyTorch code: one restoration of 1280×720, and a training step at 128×128 on 4 pictures.

    python -m icdpm_experiments.measurements.hidiff_speed --reference=FOLDER

Each is timed in a process of its own, in turns, twice around: what else the machine does meets all alike. It ends with
results/hidiff_speed.json and hidiff_speed.md.
"""

import importlib.util
import os
from pathlib import Path

import numpy as np
from absl import flags

from icdpm.cli import reject_arguments, run_command
from icdpm.errors import IcdpmError
from icdpm_experiments.results import print_table, run_in_subprocess, write_results

FLAGS = flags.FLAGS
flags.DEFINE_string(
    "reference", os.environ.get("ICDPM_HIDIFF_REFERENCE"), "A copy of the official repository, zhengchen1999/HI-Diff."
)

_MEASURE = "icdpm_experiments.measurements.hidiff_speed_measure"
# (what, height, width, timed how often in a process).
WORK = (("restore", 720, 1280, 1), ("train", 128, 128, 3))
WHOSE = ("ours", "eager", "compiled")
_ROUNDS = 2


def main(argv):
    """Parses, measures, writes."""
    reject_arguments(argv)
    check_reference(FLAGS.reference)
    rows = [row for what in WORK for precision in ("float32", "bfloat16") for row in [_measured(*what, precision)]]
    print_table(rows)
    path = write_results(
        "hidiff_speed",
        command="make bench-hidiff-speed REFERENCE=…",
        data="hidiff_gopro: one restoration of 1280×720; a training step of the second stage at 128×128, batch 4",
        scale="paper",
        rows=rows,
        title="HI-Diff: speed beside the official code",
        notes=[
            "Seconds, the least of all repeats, each in a process of its own and in turns. Official: PyTorch in channels_last,",
            "eager or by torch.compile; bfloat16 there is autocast. `ratio`: ours over the faster of the two.",
        ],
    )
    print(f"written to {path}")


def check_reference(folder):
    """Raises IcdpmError where there is no official code to compare with."""
    if not folder or not (Path(folder) / "hi_diff/archs/Transformer_arch.py").is_file():
        raise IcdpmError(
            "there is no official code to compare with: git clone https://github.com/zhengchen1999/HI-Diff, and name the "
            "folder: make bench-hidiff-speed REFERENCE=FOLDER"
        )
    for name in ("torch", "einops"):
        if importlib.util.find_spec(name) is None:
            raise IcdpmError(f"the official code needs {name}: pip install -e '.[bench]'")


def _measured(what, height, width, repeats, precision):
    seconds = {whose: [] for whose in WHOSE}
    for _ in range(_ROUNDS):
        for whose in WHOSE:
            said = f"{what}, {precision}, {whose}"
            arguments = (whose, what, precision, height, width, repeats, FLAGS.reference)
            try:
                seconds[whose] += run_in_subprocess(said, _MEASURE, *arguments)
            except IcdpmError:
                if whose != "compiled":  # which wants a C++ compiler
                    raise
    least = {whose: float(np.min(each)) if each else None for whose, each in seconds.items()}
    row = {"what": what, "precision": precision}
    row |= {f"{whose}_seconds": "" if value is None else round(value, 3) for whose, value in least.items()}
    return row | {"ratio": round(least["ours"] / min(value for name, value in least.items() if value and name != "ours"), 3)}


if __name__ == "__main__":
    run_command(main)
