"""Data to train and test deblurring with: published sets as TFDS builders, synthetic sources and the input pipeline.

`import icdpm_datasets` registers the builders, after which `tfds.load("gopro")` finds them. The import takes 0.2 s for TFDS and
does not import TensorFlow.
"""

import importlib

from icdpm_datasets.published.sets import PUBLISHED

for _set in PUBLISHED:
    importlib.import_module(f"icdpm_datasets.{_set.name}.{_set.name}_dataset_builder")
