"""The README's example of training with Keras runs as printed."""

import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from processes import completed

from icdpm_datasets.prepare.records import prepare_records

pytestmark = pytest.mark.slow

README = Path(__file__).parents[2] / "README.md"


def test_the_example_of_training_with_keras_runs(tmp_path, start):
    section = README.read_text().split("## Train it with Keras")[1]
    code = re.search(r"```python\n(.*?)```", section, re.DOTALL)[1]
    assert len([line for line in code.splitlines() if line.strip()]) <= 20
    rng = np.random.default_rng(0)
    for split in ("train", "test"):
        for side in ("blur", "sharp"):
            (tmp_path / "pairs" / split / side).mkdir(parents=True)
            for number in range(4):
                pixels = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
                PIL.Image.fromarray(pixels).save(tmp_path / "pairs" / split / side / f"{number}.png")
    prepare_records("records/embedded", str(tmp_path / "pairs"), tmp_path / "records")
    check = "\nimport numpy as np\nnp.testing.assert_array_equal(again.predict(blurry), restored)\n"
    check += "assert restored.shape == (4, 64, 64, 3) and restored.dtype == np.float32\n"
    # Tracing the graphs of this model, which other tests do, takes several times as long as these two steps without graphs.
    code = code.replace("epochs=5", "epochs=2")
    without_graphs = "import tensorflow as tf\ntf.config.run_functions_eagerly(True)\n"
    done = completed(start(without_graphs + code + check, cwd=tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "best.keras").is_file() and "val_psnr" in done.stdout
