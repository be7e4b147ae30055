"""What the layers of all metrics share: their images, backbone and dtype."""

import keras
from keras import ops

from keras_lpips.backbones.stages import (
    load_named_backbone,
    restoring_from_config,
)
from keras_lpips.images.validation import (
    check_images,
    check_not_files,
    check_same_shape,
    check_value_range,
)


class ImageDistance(keras.layers.Layer):
    """A layer that compares two batches of images by a backbone's features.

    Subclasses set `version`, `smallest_size`, `backbone_weights` and `seed`,
    and return float32, `(batch,)`.

    Args:
        value_range: `(lowest, highest)` value that the images can hold.
        **kwargs: `name` and `dtype` of the layer.
    """

    version: str
    smallest_size: int
    backbone_weights: str
    seed: int | None

    def __init__(self, value_range, **kwargs):
        # Images must reach the scaling step in float32 under any policy.
        super().__init__(autocast=False, **kwargs)
        self.value_range = check_value_range(value_range)

    def __call__(self, *args, **kwargs):
        """Calls the layer; see the class."""
        # Keras's own error does not name the functions that read files.
        for images in (*args, *kwargs.values()):
            check_not_files(images)
        return super().__call__(*args, **kwargs)

    @property
    def result_dtype(self):
        """The dtype of sums and distances, "float32" or "float64"."""
        return "float64" if self.compute_dtype == "float64" else "float32"

    def _load_named_backbone(self, net):
        """Returns the model, and whether its weights are missing."""
        return load_named_backbone(
            net,
            self.version,
            self.dtype_policy,
            self.backbone_weights,
            self.seed,
        )

    def _checked_images(self, images):
        check_not_files(images)
        images = ops.convert_to_tensor(images)
        dtype = keras.backend.standardize_dtype(images.dtype)
        check_images(
            known_shape(images), dtype, self.value_range, self.smallest_size
        )
        return images

    def compute_output_spec(self, reference, distorted):
        """Returns the shape and dtype of the distances."""
        shapes = [
            tuple(self._checked_images(images).shape)
            for images in (reference, distorted)
        ]
        return keras.KerasTensor(
            self.compute_output_shape(*shapes), dtype=self.result_dtype
        )

    def compute_output_shape(self, reference_shape, distorted_shape=None):
        """Returns the shape of the distances."""
        if distorted_shape is not None:
            check_same_shape(reference_shape, distorted_shape)
        return tuple(reference_shape[:1])

    @classmethod
    def from_config(cls, config):
        """Re-creates the layer without downloading anything.

        The backbone's weights come from the local cache. Where it has none
        they are NaN until those of a saved model are loaded.
        """
        config = dict(config)
        if isinstance(config.get("net"), dict):
            config["net"] = keras.saving.deserialize_keras_object(config["net"])
        with restoring_from_config():
            return cls(**config)


def known_shape(images) -> tuple:
    """Returns a shape with `None` in place of JAX's symbolic dimensions."""
    return tuple(n if isinstance(n, int) else None for n in images.shape)


def one_of(name: str, value, allowed):
    """Returns an argument, or raises `ValueError` if it is not allowed."""
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {list(allowed)}. "
            f"Received: {name}={value!r}"
        )
    return value
