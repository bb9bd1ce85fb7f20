#!/usr/bin/env bash
# Builds the wheel, installs it into an empty environment outside the repository, and uses it there.
set -euo pipefail

cd "$(dirname "$0")/.."
python=$PWD/.venv/bin/python
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# An earlier build's leftovers would be packed as well.
rm -rf build
"$python" -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir "$work" .
"$python" -m venv --without-pip "$work/env"
"$python" -m pip --python "$work/env/bin/python" install --quiet --disable-pip-version-check "$work"/icdpm-*.whl

# From here on nothing can be imported from the repository.
cd "$work"
export PATH="$work/env/bin:$PATH" TF_CPP_MIN_LOG_LEVEL=2
unset PYTHONPATH

python - <<'PYTHON'
import icdpm
import icdpm_datasets
import icdpm_experiments

for package in (icdpm, icdpm_datasets, icdpm_experiments):
    assert "/env/" in package.__file__, f"{package.__name__} was imported from {package.__file__}"
PYTHON

for command in icdpm-train icdpm-deblur icdpm-prepare; do
    "$command" --help > help.txt
    grep -q "$command" help.txt || { echo "wheel check: $command --help shows no example" >&2; exit 1; }
done

# RESTORE: build a tiny model, save its weights, and restore a photo with icdpm-deblur.

echo "wheel check passed: $(basename "$work"/icdpm-*.whl)"
