"""Image deblurring with guided, image-conditioned diffusion models, as Keras models.

import icdpm

model = icdpm.load()  # the model that comes with the package
restored = model.restore("photo.jpg", preset="balanced")

model = icdpm.build("table2_c", ["unet.channels=8"])  # a new one
model.compile()
model.fit(pairs, epochs=10)
"""

from __future__ import annotations

import typing

if typing.TYPE_CHECKING:
    from icdpm.models.image_restorer import ImageRestorer

__version__ = "0.1.0"


def build(config, changes: typing.Sequence[str] = ()) -> ImageRestorer:
    """Builds a model with new weights, which follow from the config's seed.

    Args:
      config: name of a config that comes with the project, such as 'table2_c'; path of a Python file with `get_config()`; or a
        ConfigDict.
      changes: fields of the config to change, such as ['unet.channels=8', 'precision=float32'].

    Returns:
      A built Keras model: `compile`, `fit`, `predict` and `save` do what they do for any other.

    Raises:
      icdpm.errors.IcdpmError: no such config, an unknown field or an invalid value.
    """
    # TensorFlow takes seconds to import, and not everything in this package needs it.
    from icdpm.configs import change_config, load_config
    from icdpm.models.registry import build_model

    if hasattr(config, "items"):
        return build_model(change_config(config.copy_and_resolve_references(), changes))
    return build_model(load_config(config, changes))


def load(workdir: str | None = None, checkpoint: str | int = "latest") -> ImageRestorer:
    """Loads a trained model, ready to restore images.

    Args:
      workdir: folder of a training run; None: the model that comes with the package.
      checkpoint: which of its checkpoints: 'latest', 'best' or a step.

    Returns:
      A built Keras model with the averaged weights.

    Raises:
      icdpm.errors.IcdpmError: no such workdir or checkpoint, or damaged weights.
    """
    from icdpm import pretrained
    from icdpm.models import workdir as runs

    return runs.load(pretrained.WORKDIR if workdir is None else workdir, checkpoint)
