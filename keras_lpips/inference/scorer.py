"""A layer with its compiled functions, kept for the next call."""

import functools

import keras
import numpy as np

from keras_lpips.images.validation import check_images
from keras_lpips.inference.jit import compiled
from keras_lpips.layers.lpips import LPIPS


class Scorer:
    """Compares NumPy batches through functions compiled once per shape.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1" or "0.0".
        calibrated: whether the heads that people's judgements taught are
            used.

    All methods take float32 RGB images `(batch, height, width, 3)` in
    [-1, 1], or uint8 ones in [0, 255], and return NumPy arrays.
    """

    def __init__(self, net, version, calibrated):
        # Float32 under any global policy: the number is the reference's.
        lpips = LPIPS(net, version, calibrated, dtype="float32")
        self.taps = lpips.taps
        self.lpips = lpips
        state = lpips.variables
        self._distance = compiled(lambda a, b: lpips(a, b), state)
        self._per_layer = compiled(lambda a, b: lpips.per_layer(a, b), state)
        self._spatial = compiled(lambda a, b: lpips.spatial_map(a, b), state)
        self._tap_maps = compiled(lambda a, b: lpips.tap_maps(a, b), state)
        self._embed = compiled(lambda a: lpips.flatten(lpips.embed(a)), state)

    def distance(self, reference, distorted):
        """Returns the distances, float32, `(batch,)`."""
        return self._run(self._distance, reference, distorted)

    def per_layer(self, reference, distorted):
        """Returns each tap's share, float32, `(batch, taps)`."""
        return self._run(self._per_layer, reference, distorted)

    def spatial_map(self, reference, distorted):
        """Returns the distances, float32, `(batch, height, width)`."""
        return self._run(self._spatial, reference, distorted)

    def tap_maps(self, reference, distorted):
        """Returns each tap's own map, a list of float32 `(batch, h, w)`."""
        return self._run(self._tap_maps, reference, distorted)

    def embed(self, images):
        """Returns vectors, float32, `(batch, features)`.

        Their squared Euclidean distance is the distance of the images.
        """
        return self._run(self._embed, images)

    def _run(self, function, *batches):
        batches = [to_signed_unit(images) for images in batches]
        smallest_size = self.lpips.smallest_size
        for images in batches:
            check_images(images.shape, "float32", (-1, 1), smallest_size)
        return keras.tree.map_structure(
            keras.ops.convert_to_numpy, function(*batches)
        )


@functools.lru_cache(maxsize=8)
def scorer(net="alex", version="0.1", calibrated=True) -> Scorer:
    """Returns the `Scorer` of these settings, made once."""
    return Scorer(net, version, calibrated)


def to_signed_unit(images):
    """Returns uint8 images in [0, 255] as float32 in [-1, 1]."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / np.float32(127.5) - 1
    return images.astype(np.float32, copy=False)
