#!/usr/bin/env bash
# tests/stack_check.sh ENVIRONMENT OTHER: checks that files written with one TensorFlow version work with the other.
#
# The environments have the two TensorFlow versions of setup.py. Restored photos are the same. Losses, weights and outputs of
# exported models differ slightly, because the versions round differently.
set -euo pipefail

first=$(realpath "$1")/bin second=$(realpath "$2")/bin
data=$(mktemp -d)
trap 'rm -rf "$data"' EXIT
cd "$data"
export TF_CPP_MIN_LOG_LEVEL=3
unset PYTHONPATH

# Runs a command and shows its output only if it fails.
quietly() {
    "$@" > log.txt 2>&1 || { cat log.txt >&2; exit 1; }
}

# Every module can be imported, and tf.keras stays the installed one.
for bin in "$first" "$second"; do
    "$bin/python" - 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import importlib
import pkgutil
import sys

import tensorflow as tf
from absl import flags

model = tf.keras.Model
for name in ("icdpm", "icdpm_datasets", "icdpm_experiments"):
    package = importlib.import_module(name)
    for found in pkgutil.walk_packages(package.__path__, f"{name}."):
        try:
            importlib.import_module(found.name)
        except ModuleNotFoundError as error:
            if error.name != "torch":  # what some experiments compare with
                raise
        for flag in flags.FLAGS:  # commands have flags of the same name
            flags.FLAGS[flag].allow_override = True
assert tf.keras.Model is model, "the imports replaced tf.keras"
print(f"Python {sys.version.split()[0]}, TensorFlow {tf.__version__}: all modules imported")
PYTHON
done

"$first/python" - <<'PYTHON'
from pathlib import Path

from skimage import data, filters, io, util

for i in range(4):
    sharp = data.astronaut()[100 * i : 100 * i + 75, 150:251]
    for side, image in [("sharp", sharp), ("blur", util.img_as_ubyte(filters.gaussian(sharp, 2, channel_axis=-1)))]:
        Path("pairs", side).mkdir(parents=True, exist_ok=True)
        io.imsave(f"pairs/{side}/{i}.png", image)
PYTHON

# The packaged model restores a photo to the same bytes. On CPUs without bfloat16 instructions, which the versions emulate
# differently, values differ by at most 1 of 255.
for type in png jpg; do
    quietly "$first/icdpm-deblur" pairs/blur/0.png --output="first.$type"
    quietly "$second/icdpm-deblur" pairs/blur/0.png --output="second.$type"
done
"$first/python" - <<'PYTHON'
from pathlib import Path

import numpy as np
from skimage import io

for kind, most in (("png", 1), ("jpg", 8)):
    first, second = (f"{name}.{kind}" for name in ("first", "second"))
    if Path(first).read_bytes() == Path(second).read_bytes():
        print(f"restored photos are equal byte by byte ({kind})")
        continue
    furthest = np.abs(io.imread(first).astype(int) - io.imread(second)).max()
    assert furthest <= most, f"restored photos ({kind}) differ by {furthest} of 255"
    print(f"restored photos differ by at most {furthest} of 255 ({kind})")
PYTHON

# A run that alternates between the versions reaches the weights of a run that does not.
train() {
    quietly "$1/icdpm-train" --config=tiny --data=pairs --workdir="$2" --set=run.steps="$3" --set=data.batch=2 --set=data.crop=32 \
        --set=optimizer.learning_rate_ramp=0 --set=optimizer.weight_decay=0.1 --set=precision=float32 --set=run.keep_checkpoints=9 \
        --set=run.checkpoint_every=3 --set=run.validate_every=9 --set=run.validation_images=1 --set=sampling.steps=2
}
train "$first" between 3
cp -r between stayed
train "$second" between 6
train "$first" between 9
train "$first" stayed 9
"$first/python" - <<'PYTHON'
import numpy as np


def weights(workdir, step):
    with np.load(f"{workdir}/checkpoints/step-{step:09d}/weights.npz") as archive:
        return np.concatenate([archive[name].ravel() for name in sorted(archive.files)])


apart = np.linalg.norm(weights("between", 9) - weights("stayed", 9))
way = np.linalg.norm(weights("stayed", 9) - weights("stayed", 3))
assert apart < 0.01 * way, f"the weights of the two runs differ by {apart:.2e}; training changed them by {way:.2e}"
print(f"the weights of the two runs differ by {apart / way:.1e} of their change in training")
PYTHON

# A model that is exported with one version is served with the other.
serve() {
    "$1/python" - "$2" "$3" 2> log.txt <<'PYTHON' || { cat log.txt >&2; exit 1; }
import sys

import numpy as np
from skimage import io

from icdpm.serving.loaded_models import ExportedModel

pixels = io.imread("pairs/blur/1.png").astype(np.uint16) * 257
np.save(sys.argv[2], ExportedModel(sys.argv[1]).restore(pixels, "default", lambda *_: None).pixels)
PYTHON
}
for bin in "$first" "$second"; do
    rm -rf model
    quietly "$bin/icdpm-export" --workdir=stayed --output=model --steps=2 --precision=float32 --max_pixels=10000
    serve "$first" model answer_1.npy
    serve "$second" model answer_2.npy
    "$first/python" - <<'PYTHON'
import numpy as np

first, second = (np.load(f"answer_{number}.npy").astype(int) for number in (1, 2))
furthest = np.abs(first - second).max()
assert first.shape == (75, 101, 3) and furthest <= 16, f"the restored images differ by {furthest} of 65535"
print(f"an exported model restores an image equally with both versions, within {furthest} of 65535")
PYTHON
done
