"""The builder under the name that `tfds build tfds_bapps` looks for.

The command wants a folder `NAME` to hold `NAME_dataset_builder.py` with one
builder in it. The dataset is called `bapps` all the same.
"""

from tfds_bapps.bapps import bapps_dataset_builder


class Builder(bapps_dataset_builder.Builder, skip_registration=True):
    """The builder of `bapps`, for the command line."""

    name = "bapps"
