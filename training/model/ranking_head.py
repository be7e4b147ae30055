"""The ranking head, which predicts the judge from two distances."""

import keras
from keras import ops

# Reference, `Dist2LogitLayer`: hidden channels, slope, epsilon of the ratios.
HIDDEN = 32
LEAK = 0.2
RATIO_EPSILON = 0.1
INPUTS = 5


class RankingHead(keras.layers.Layer):
    """The paper's G: predicts the judge from `d0` and `d1`.

    Formula: logit of a network 5 -> 32 -> 32 -> 1 with leaky ReLUs over
    `d0, d1, d0 - d1, d0 / (d1 + 0.1), d1 / (d0 + 0.1)`; 1,281 parameters.
    Its sigmoid is the predicted share of people who find the second closer.

    Args:
        seed: seed of the initial weights, U(-1/sqrt(fan_in),
            1/sqrt(fan_in)) for kernels and biases. Defaults to `None`.
        **kwargs: `name` of the layer. It computes in float32.

    Call arguments:
        distance0: float32, `(batch,)`.
        distance1: float32, `(batch,)`.

    Returns:
        float32 logits, `(batch,)`.
    """

    def __init__(self, seed=None, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        sizes = (INPUTS, HIDDEN, HIDDEN, 1)
        self.layers = [
            _dense(sizes[i], sizes[i + 1], seed, f"dense_{i + 1}")
            for i in range(len(sizes) - 1)
        ]
        self.built = True

    def call(self, distance0, distance1):
        """Returns the logits; see the class."""
        x = ops.stack(
            [
                distance0,
                distance1,
                distance0 - distance1,
                distance0 / (distance1 + RATIO_EPSILON),
                distance1 / (distance0 + RATIO_EPSILON),
            ],
            axis=-1,
        )
        *hidden, last = self.layers
        for layer in hidden:
            x = ops.leaky_relu(layer(x), LEAK)
        return last(x)[:, 0]


class DistanceOnly(keras.layers.Layer):
    """The baseline without G: the scaled difference as the logit.

    Formula: `exp(s) (d0 - d1)`, one parameter.

    Args:
        **kwargs: `name` of the layer.
    """

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.log_scale = self.add_weight(
            shape=(), initializer="zeros", name="log_scale"
        )
        self.built = True

    def call(self, distance0, distance1):
        """Returns the logits, float32, `(batch,)`."""
        return ops.exp(self.log_scale) * (distance0 - distance1)


def _dense(inputs, outputs, seed, name):
    bound = inputs**-0.5
    seeds = (None, None)
    if seed is not None:
        # Distinct for every layer and weight, and from the heads' seeds.
        first = seed + 1000 * (inputs + outputs)
        seeds = (first, first + 1)
    layer = keras.layers.Dense(
        outputs,
        kernel_initializer=keras.initializers.RandomUniform(
            -bound, bound, seeds[0]
        ),
        bias_initializer=keras.initializers.RandomUniform(
            -bound, bound, seeds[1]
        ),
        dtype="float32",
        name=name,
    )
    layer.build((None, inputs))
    return layer
