"""The max pool of SqueezeNet, whose last window may reach past the edge."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_lpips")
class CeilMaxPooling2D(keras.layers.Layer):
    """Computes a max pool of size 3 and stride 2 in torch's `ceil_mode`.

    On an even size the last window starts at the last but one pixel and
    reaches past the image by one. On an odd size it ends with the image.

    Args:
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        features: float, `(batch, height, width, channels)`, not negative.

    Returns:
        The same dtype, `(batch, height // 2, width // 2, channels)`.

    Raises:
        ValueError: if the height or width is 1.
    """

    pool_size = (3, 3)
    strides = (2, 2)

    def call(self, features):
        """Returns the largest value of each window; see the class."""
        height, width = features.shape[1:3]
        if 1 in (height, width):
            raise ValueError(
                "A window needs at least 2 x 2 pixels. "
                f"Received: features.shape={tuple(features.shape)}"
            )
        padding = _padding_of(height, width)
        if padding is None:
            # Zeros do not change a maximum: the features follow a ReLU. No
            # window reaches them on an odd size.
            features = ops.pad(features, ((0, 0), (0, 1), (0, 1), (0, 0)))
            padding = "valid"
        return ops.max_pool(
            features,
            self.pool_size,
            self.strides,
            padding,
            data_format="channels_last",
        )

    def compute_output_shape(self, shape):
        """Returns half of the height and width, rounded down."""
        batch, height, width, channels = shape
        height, width = (x if x is None else x // 2 for x in (height, width))
        return batch, height, width, channels

    def get_config(self):
        """Returns the name and dtype."""
        # Keras's automatic `get_config` rejects a dtype that is a policy.
        return super().get_config()


def _padding_of(height, width):
    """Returns the padding mode that avoids a padded copy, or `None`."""
    if height is None or width is None or height % 2 != width % 2:
        return None
    # "same" adds one row and column, at the end, to even sizes.
    return "valid" if height % 2 else "same"
