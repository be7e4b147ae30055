"""The heads: one non-negative weight per channel of a tap."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_lpips")
class Head(keras.layers.Layer):
    """Weighs the squared feature differences of one tap.

    Formula: `sum_c w_c x_c`, `w >= 0`, without a bias: the reference's 1x1
    convolution to one channel. The constraint on `w` is the kernel's own and
    touches nothing else.

    Args:
        channels: channels of the tap.
        seed: seed of the initial weights, U(-1/sqrt(channels),
            1/sqrt(channels)). Defaults to `None`.
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        squared: float32, `(batch, h, w, channels)`, [0, 4].

    Returns:
        float32, `(batch, h, w)`.
    """

    def __init__(self, channels, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.channels = int(channels)
        self.seed = seed
        bound = self.channels**-0.5
        self.kernel = self.add_weight(
            shape=(self.channels,),
            initializer=keras.initializers.RandomUniform(-bound, bound, seed),
            constraint=keras.constraints.NonNeg(),
            name="kernel",
        )
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
        }
