"""Minimizes the distance of an image to another by gradient descent."""

from collections.abc import Callable, Iterable

import keras
import numpy as np
from keras import ops

from keras_lpips.images.validation import check_images
from keras_lpips.inference.scorer import make_layer


def optimize_image(
    reference: np.ndarray,
    start: np.ndarray,
    net: tuple[str, str, bool],
    steps: Iterable,
    learning_rate: float,
    on_step: Callable[[float], None] | None = None,
) -> tuple[np.ndarray, list[float]]:
    """Minimizes the distance with Adam, with pixels kept within their range.

    Args:
        reference: uint8 RGB, `(height, width, 3)`.
        start: the image to start from, of the same dtype and shape.
        net: net, version and calibrated; see `make_layer`.
        steps: an iterable with one item for each step, as `range(200)`.
        learning_rate: learning rate, for images in [-1, 1].
        on_step: called after each step with the distance before it. Defaults
            to `None`.

    Returns:
        uint8 RGB, `(height, width, 3)`: the image after the last step; and the
        list of distances before each step and of the image returned.
    """
    lpips = make_layer(*net, value_range=(0, 255), dtype="float32")
    check_images((1, *reference.shape), "uint8", (0, 255), lpips.smallest_size)
    model = TrainableImage(start, lpips)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss=lambda unused, distance: ops.mean(distance),
    )
    target, unused = reference[None], np.zeros((1,), np.float32)
    curve = []
    for _ in steps:
        curve.append(float(model.train_on_batch(target, unused)))
        if on_step is not None:
            on_step(curve[-1])
    image = model.pixels()
    curve.append(float(ops.convert_to_numpy(lpips(target, image[None]))[0]))
    return image, curve


class Clip(keras.constraints.Constraint):
    """Clips weights to [-1, 1]."""

    def __call__(self, w):
        """Returns the clipped weights."""
        return ops.clip(w, -1, 1)


class TrainableImage(keras.Model):
    """A model whose only trainable weights are the pixels of an image.

    Args:
        start: uint8 RGB, `(height, width, 3)`.
        lpips: layer for images in [0, 255].
    """

    def __init__(self, start, lpips):
        super().__init__()
        self.lpips = lpips
        self.image = self.add_weight(
            shape=(1, *start.shape),
            initializer="zeros",
            constraint=Clip(),
            name="image",
        )
        self.image.assign(start[None].astype(np.float32) / 127.5 - 1)

    def call(self, reference):
        """Returns the distance, float32, `(1,)`."""
        reference = ops.cast(reference, "float32")
        return self.lpips(reference, (self.image + 1) * 127.5)

    def pixels(self) -> np.ndarray:
        """Returns the image, uint8 RGB, `(height, width, 3)`."""
        image = ops.convert_to_numpy(self.image)[0]
        return np.rint((image + 1) * 127.5).astype(np.uint8)
