"""BAPPS, half a million human judgements of image patches, as a TFDS dataset.

Importing this package registers the dataset: `tfds.load("bapps/...")` works.
"""

from tfds_bapps.bapps.bapps_dataset_builder import Builder
from tfds_bapps.reading import read_triplets
from tfds_bapps.source.errors import PreparationError

__all__ = ["Builder", "PreparationError", "read_triplets"]
