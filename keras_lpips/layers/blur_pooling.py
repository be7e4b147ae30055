"""Layers that blur at a stride of 2, as anti-aliased backbones do."""

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
        return _blur(features, self.padding, "reflect")

    def compute_output_shape(self, shape):
        """Returns the shape of the blurred features."""
        batch, height, width, channels = shape
        height, width = (
            n if n is None else (n + 1) // 2 + 1 for n in (height, width)
        )
        return batch, height, width, channels

    def get_config(self):
        """Returns the name and dtype."""
        # By default, Keras rejects a dtype that is a policy.
        return super().get_config()


@keras.saving.register_keras_serializable("keras_lpips")
class L2Pool2D(keras.layers.Layer):
    """Pools the root mean square of each channel at a stride of 2.

    Squares are weighted by `[1 2 1] x [1 2 1] / 16` and zero outside of the
    image (Ding et al. 2020, eq. 1). They are computed in float32, under a
    float64 policy in float64.

    Args:
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        features: float, `(batch, height, width, channels)`.

    Returns:
        The same dtype, `(batch, (height + 1) // 2, (width + 1) // 2,
        channels)`.
    """

    def call(self, features):
        """Returns the pooled features; see the class."""
        dtype = "float64" if self.compute_dtype == "float64" else "float32"
        squares = ops.square(ops.cast(features, dtype))
        # The gradient of a root is infinite at 0.
        roots = ops.sqrt(_blur(squares, 1, "constant") + 1e-12)
        return ops.cast(roots, self.compute_dtype)

    def compute_output_shape(self, shape):
        """Returns the shape of the pooled features."""
        batch, height, width, channels = shape
        height, width = (
            n if n is None else (n + 1) // 2 for n in (height, width)
        )
        return batch, height, width, channels

    def get_config(self):
        """Returns the name and dtype."""
        # See `BlurPool2D`.
        return super().get_config()


def _blur(features, padding, mode):
    sides = (padding, padding)
    features = ops.pad(features, ((0, 0), sides, sides, (0, 0)), mode=mode)
    # Two means of 2 x 2 pixels in turn are the kernel, without weights.
    for stride in (1, 2):
        features = ops.average_pool(
            features, 2, stride, "valid", data_format="channels_last"
        )
    return features


def _sizes(shape):
    # JAX's symbolic sizes are no integers.
    return [n if isinstance(n, int) else None for n in shape[1:3]]
