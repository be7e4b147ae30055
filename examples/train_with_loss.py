"""Trains a small deblurring network with LPIPS as its loss.

    python -m examples.train_with_loss deblur.keras

Learns on patches of a photograph of scikit-image, reports LPIPS on patches of
another, and saves the model. Takes about a minute on two cores.
"""

import sys

import keras
import numpy as np
from skimage import data
from skimage.filters import gaussian

from keras_lpips import LPIPSLoss, LPIPSMetric

SIDE = 64
UNIT = (0, 1)


def patches(photograph, count, seed) -> tuple[np.ndarray, np.ndarray]:
    """Returns blurred and sharp patches, float32 RGB in [0, 1]."""
    sharp = photograph.astype(np.float32) / 255
    blurred = gaussian(sharp, 1.5, channel_axis=-1).astype(np.float32)
    rng = np.random.default_rng(seed)
    tops = rng.integers(0, sharp.shape[0] - SIDE, count)
    lefts = rng.integers(0, sharp.shape[1] - SIDE, count)
    corners = list(zip(tops, lefts, strict=True))
    return tuple(
        np.stack([image[y : y + SIDE, x : x + SIDE] for y, x in corners])
        for image in (blurred, sharp)
    )


def main(argv=None, epochs=5, count=128) -> None:
    """Trains, evaluates and saves."""
    (output,) = sys.argv[1:] if argv is None else argv
    keras.utils.set_random_seed(0)
    same = {"kernel_size": 5, "padding": "same"}
    image = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(16, activation="relu", **same)(image)
    residual = keras.layers.Conv2D(3, kernel_initializer="zeros", **same)(x)
    model = keras.Model(image, image + residual)
    model.compile(
        keras.optimizers.Adam(1e-3),
        loss=LPIPSLoss(net="alex", value_range=UNIT),
        metrics=[LPIPSMetric(net="alex", value_range=UNIT), "mse"],
    )
    validation = patches(data.coffee(), 32, seed=1)
    before = model.evaluate(*validation, verbose=0, return_dict=True)
    model.fit(*patches(data.astronaut(), count, seed=0), epochs=epochs)
    after = model.evaluate(*validation, verbose=0, return_dict=True)
    print(f"LPIPS before {before['lpips']:.4f}, after {after['lpips']:.4f}")
    model.save(output)


if __name__ == "__main__":
    main()
