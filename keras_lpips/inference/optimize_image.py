"""Moves an image towards another by the gradient of their distance."""

import keras
import numpy as np
from keras import ops
from tqdm import trange

from keras_lpips.images.validation import check_images
from keras_lpips.layers.lpips import LPIPS
from keras_lpips_cli.signals import interruptible


def descend(reference, start, settings, steps, learning_rate):
    """Lowers the distance with Adam, pixels held within their range.

    Args:
        reference: uint8 RGB, `(height, width, 3)`.
        start: the same; where the image starts.
        settings: net, version and calibrated; see `LPIPS`.
        steps: how many steps.
        learning_rate: in units of [-1, 1].

    Returns:
        uint8 RGB, `(height, width, 3)`: the image after the last step; and a
        list of `steps + 1` distances, the last being that of the uint8 image.
    """
    lpips = LPIPS(*settings, value_range=(0, 255), dtype="float32")
    check_images((1, *reference.shape), "uint8", (0, 255), lpips.smallest_size)
    model = FreeImage(start, lpips)
    model.compile(
        keras.optimizers.Adam(learning_rate),
        loss=lambda unused, distance: ops.mean(distance),
    )
    target, unused = reference[None], np.zeros((1,), np.float32)
    curve = []
    with trange(steps, unit="step", disable=None) as bar:
        for _ in interruptible(bar):
            curve.append(float(model.train_on_batch(target, unused)))
            bar.set_postfix(lpips=f"{curve[-1]:.4f}")
    image = model.pixels()
    curve.append(float(ops.convert_to_numpy(lpips(target, image[None]))[0]))
    return image, curve


class FreeImage(keras.Model):
    """An image whose pixels are the weights that are trained.

    Args:
        start: uint8 RGB, `(height, width, 3)`.
        lpips: `LPIPS` for images in [0, 255].
    """

    def __init__(self, start, lpips):
        super().__init__()
        self.lpips = lpips
        self.image = self.add_weight(
            shape=(1, *start.shape),
            initializer="zeros",
            constraint=lambda image: ops.clip(image, -1, 1),
            name="image",
        )
        self.image.assign(start[None].astype(np.float32) / 127.5 - 1)

    def call(self, reference):
        """Returns the distance, float32, `(1,)`."""
        reference = ops.cast(reference, "float32")
        return self.lpips(reference, (self.image + 1) * 127.5)

    def pixels(self):
        """Returns the image, uint8 RGB, `(height, width, 3)`."""
        image = ops.convert_to_numpy(self.image)[0]
        return np.rint((image + 1) * 127.5).astype(np.uint8)
