"""Data to train and test deblurring with: the published sets as TFDS builders, blur of one's own, the input pipeline.

After `import icdpm_datasets`, `tfds.load("gopro")` finds this package's data sets: a builder makes itself known when it
is imported. That brings TFDS, which takes 0.2 s, but not TensorFlow.
"""

from icdpm_datasets.gopro import gopro_dataset_builder as _gopro  # noqa: F401
from icdpm_datasets.hide import hide_dataset_builder as _hide  # noqa: F401
from icdpm_datasets.realblur import realblur_dataset_builder as _realblur  # noqa: F401
from icdpm_datasets.reds import reds_dataset_builder as _reds  # noqa: F401
