"""The model that comes with the package, which restores where no workdir is named.

It is a workdir as training leaves it (`icdpm.models.workdir`), with weights in half precision and without what only training
needs. MODEL_CARD.md beside it says what it was trained on and what it reaches; `make weights` is how it was made.
"""

from pathlib import Path

WORKDIR = Path(__file__).parent / "small_naf"
