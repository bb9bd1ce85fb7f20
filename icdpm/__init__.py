"""Image deblurring with guided, image-conditioned diffusion models, as Keras models.

import icdpm

model = icdpm.load()  # the packaged model
restored = model.restore("photo.jpg", preset="balanced")

model = icdpm.build("table2_c", ["unet.channels=8"])  # a new model
model.compile()
model.fit(pairs, epochs=10)
"""

from __future__ import annotations

import os
import typing
from collections.abc import Iterable, Mapping

if typing.TYPE_CHECKING:
    import ml_collections

    from icdpm.models.image_restorer import ImageRestorer

__version__ = "0.1.0"


def build(config: str | os.PathLike | ml_collections.ConfigDict | Mapping, changes: Iterable[str] | str = ()) -> ImageRestorer:
    """Builds a model with new weights, which follow from the config's seed.

    Args:
      config: name of a packaged config, such as 'table2_c'; path of a Python file with `get_config()`; a ConfigDict or
        nested dict.
      changes: changes of config fields, such as ['unet.channels=8', 'precision=float32'], or a single one.

    Returns:
      A built Keras model, for `compile`, `fit`, `predict` and `save`.

    Raises:
      icdpm.errors.IcdpmError: the config does not exist, a field is unknown, or a value is invalid.
    """
    # Importing TensorFlow takes seconds, and not every use of this package needs it.
    from icdpm.configs import change_config, load_config
    from icdpm.models.registry import build_model

    if isinstance(config, (str, os.PathLike)):
        return build_model(load_config(config, changes))
    return build_model(change_config(config, changes))


def load(workdir: str | os.PathLike | None = None, checkpoint: str | int = "latest") -> ImageRestorer:
    """Loads a trained model.

    Args:
      workdir: folder of a training run, or a .keras file that the model's `save` wrote; None: the packaged model.
      checkpoint: 'latest', 'best' or a step, of a folder.

    Returns:
      A built Keras model with the averaged weights.

    Raises:
      icdpm.errors.IcdpmError: the workdir or checkpoint does not exist, or its weights are damaged.
    """
    from icdpm import pretrained
    from icdpm.models import workdir as runs

    return runs.load(pretrained.WORKDIR if workdir is None else workdir, checkpoint)
