"""Data to train and test deblurring with: the published sets as TFDS builders, blur of one's own, the input pipeline.

After `import icdpm_datasets`, `tfds.load("gopro")` finds this package's data sets: a builder makes itself known when it
is imported. That brings TFDS, which takes 0.2 s, but not TensorFlow.
"""

import importlib

from icdpm_datasets.published.sets import PUBLISHED

for _set in PUBLISHED:
    importlib.import_module(f"icdpm_datasets.{_set.name}.{_set.name}_dataset_builder")
