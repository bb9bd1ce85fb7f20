#!/usr/bin/env bash
# Builds the wheel with the environment $1, installs it into an empty environment outside the repository, and uses it there.
set -euo pipefail

cd "$(dirname "$0")/.."
python=$PWD/$1/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An earlier build's leftovers would be packed as well.
rm -rf build
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work" .
"$python" -m venv --without-pip "$work/env"
"$python" -m pip --python "$work/env/bin/python" install --quiet --disable-pip-version-check "$work"/icdpm-*.whl

# From here on nothing can be imported from the repository.
cd "$work"
export PATH="$work/env/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=3
unset PYTHONPATH

python - <<'PYTHON'
import icdpm
import icdpm_datasets
import icdpm_experiments

for package in (icdpm, icdpm_datasets, icdpm_experiments):
    assert "/env/" in package.__file__, f"{package.__name__} was imported from {package.__file__}"

from pathlib import Path

from skimage import data, filters, io, util

for i in range(2):
    sharp = data.astronaut()[100 * i : 100 * i + 75, 150:251]
    for side, image in [("sharp", sharp), ("blur", util.img_as_ubyte(filters.gaussian(sharp, 2, channel_axis=-1)))]:
        Path("pairs", side).mkdir(parents=True, exist_ok=True)
        io.imsave(f"pairs/{side}/{i}.png", image)
PYTHON

for command in icdpm-train icdpm-deblur icdpm-evaluate icdpm-export icdpm-prepare; do
    "$command" --help > help.txt
    grep -q "$command" help.txt || { echo "wheel check: $command --help shows no example" >&2; exit 1; }
done

# Two training steps by the installed command, then a photo restored with what they left.
icdpm-train --config=tiny --data=pairs --workdir=workdir --set=run.steps=2 --set=run.validation_images=1 \
    --set=sampling.steps=2 2> log.txt || { cat log.txt >&2; exit 1; }
icdpm-deblur pairs/blur/0.png --workdir=workdir --output=restored.jpg 2> log.txt || { cat log.txt >&2; exit 1; }
python -c 'from PIL import Image; assert Image.open("restored.jpg").size == (101, 75)'

# A photo restored by the model that comes with the package.
icdpm-deblur pairs/blur/0.png 2> log.txt || { cat log.txt >&2; exit 1; }
python -c 'from PIL import Image; assert Image.open("restored/0.png").size == (101, 75)'

icdpm-evaluate --restored=pairs/blur --sharp=pairs/sharp --metrics=psnr,ssim --output=evaluation > log.txt 2>&1 \
    || { cat log.txt >&2; exit 1; }
icdpm-evaluate preference --method=a=pairs/blur --method=b=pairs/sharp --output=page.html > log.txt 2>&1 \
    || { cat log.txt >&2; exit 1; }

echo "wheel check passed: $(basename "$work"/icdpm-*.whl)"
