"""Two logical CPU devices, for the tests of distribution strategies.

TensorFlow takes that setting only before it first computes.
"""

import tensorflow as tf

from tests.support.fixtures import (  # noqa: F401
    command,
    make_video,
    photo,
    photo_folders,
    refused,
)

CPUS = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    CPUS[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
