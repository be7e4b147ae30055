"""Two logical CPU devices, which the tests of distribution need.

TensorFlow takes this setting before it first computes anything.
"""

import tensorflow as tf

CPUS = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(
    CPUS[0], [tf.config.LogicalDeviceConfiguration()] * 2
)
