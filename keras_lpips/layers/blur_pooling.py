"""The blur at a stride of 2 that anti-aliased backbones downsample with."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_lpips")
class BlurPool2D(keras.layers.Layer):
    """Blurs each channel by `[1 2 1] x [1 2 1] / 16` at a stride of 2.

    The features are padded by two pixels on every side, by reflection without
    a repeated edge (Zhang 2019, as Ghildyal and Liu 2022 configure it).

    Args:
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        features: float, `(batch, height, width, channels)`.

    Returns:
        The same dtype, `(batch, (height + 1) // 2 + 1, (width + 1) // 2 + 1,
        channels)`.

    Raises:
        ValueError: if the height or width is less than 3.
    """

    padding = 2
    kernel_size = 3
    stride = 2

    def call(self, features):
        """Returns the blurred features; see the class."""
        if any(n is not None and n < 3 for n in _sizes(features.shape)):
            raise ValueError(
                "The reflection needs at least 3 x 3 pixels. "
                f"Received: features.shape={tuple(features.shape)}"
            )
        features = ops.pad(
            features, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="reflect"
        )
        # Two means of 2 x 2 pixels in turn are that kernel, without weights.
        for stride in (1, 2):
            features = ops.average_pool(
                features, 2, stride, "valid", data_format="channels_last"
            )
        return features

    def compute_output_shape(self, shape):
        """Returns the shape of the blurred features."""
        batch, height, width, channels = shape
        height, width = (
            n if n is None else (n + 1) // 2 + 1 for n in (height, width)
        )
        return batch, height, width, channels

    def get_config(self):
        """Returns the name and dtype."""
        # Left to itself, Keras refuses a dtype that is a policy.
        return super().get_config()


def _sizes(shape):
    # JAX's symbolic sizes are no integers.
    return [n if isinstance(n, int) else None for n in shape[1:3]]
