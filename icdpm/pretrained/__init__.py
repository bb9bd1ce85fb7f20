"""The packaged model, which commands use without `--workdir`.

It is a workdir of a training run (`icdpm.models.workdir`) with weights in half precision and without the training state.
MODEL_CARD.md in it describes its data and quality; `make weights` trains and packages it.
"""

from pathlib import Path

WORKDIR = Path(__file__).parent / "small_naf"
