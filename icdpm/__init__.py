"""Image deblurring with guided, image-conditioned diffusion models.

import icdpm

restorer = icdpm.load()
restored = restorer.restore("photo.jpg", preset="balanced")
"""

__version__ = "0.1.0"


def load(workdir=None, checkpoint="latest"):
    """A trained model, ready to restore pictures.

    Args:
      workdir: folder of a training run; None: the model that comes with the package.
      checkpoint: which of its checkpoints: 'latest', 'best' or a step.

    Returns:
      An `icdpm.restoration.api.Restorer`.

    Raises:
      icdpm.errors.IcdpmError: no such workdir or checkpoint, or damaged weights.
    """
    # TensorFlow takes seconds to import, and not everything in this package needs it.
    from icdpm import pretrained
    from icdpm.restoration.api import Restorer
    from icdpm.systems import workdir as runs

    return Restorer(runs.load(pretrained.WORKDIR if workdir is None else workdir, checkpoint))
