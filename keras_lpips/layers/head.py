"""The linear heads: one non-negative weight per channel of a tap."""

import keras
from keras import ops

from keras_lpips.layers.initial_values import StoredValues


@keras.saving.register_keras_serializable("keras_lpips")
class Head(keras.layers.Layer):
    """Computes the weighted sum of the squared feature differences of a tap.

    Formula: `sum_c w_c x_c`, `w >= 0`, without a bias: the reference's 1x1
    convolution to one channel. `w >= 0` is a constraint of the kernel alone.

    Args:
        channels: number of channels of the tap.
        seed: seed of random weights, U(-1/sqrt(channels), 1/sqrt(channels)).
            Defaults to `None`.
        kernel_initializer: initializer of the weights. Defaults to `None`,
            random ones.
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        squared: float, `(batch, h, w, channels)`, [0, 4].

    Returns:
        float, `(batch, h, w)`.
    """

    def __init__(self, channels, seed=None, kernel_initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.channels = int(channels)
        self.seed = seed
        if kernel_initializer is None:
            bound = self.channels**-0.5
            kernel_initializer = keras.initializers.RandomUniform(
                -bound, bound, seed
            )
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        self.kernel = self.add_weight(
            shape=(self.channels,),
            initializer=self.kernel_initializer,
            constraint=keras.constraints.NonNeg(),
            name="kernel",
        )
        if isinstance(self.kernel_initializer, StoredValues):
            self.kernel_initializer.release(self.kernel)
        self.built = True

    def call(self, squared):
        """Returns the weighted sum over channels; see the class."""
        return ops.matmul(squared, self.kernel[:, None])[..., 0]

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "channels": self.channels,
            "seed": self.seed,
            "kernel_initializer": keras.initializers.serialize(
                self.kernel_initializer
            ),
        }
