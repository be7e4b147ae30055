"""Compiled functions of a layer, cached between calls."""

import functools

import keras
import numpy as np

from keras_lpips.images.validation import (
    check_images,
    check_mask,
    check_mask_array,
    check_same_shape,
)
from keras_lpips.inference.jit import call_outside_graphs, compile_function
from keras_lpips.layers.ceil_pooling import CeilMaxPooling2D
from keras_lpips.layers.dists import DISTS
from keras_lpips.layers.lpips import LPIPS
from keras_lpips.layers.normalization import to_signed_unit

# Pixels of either side in a batch: 64 images of 64 x 64, or one of 512 x 512.
BATCH_PIXELS = 64 * 64 * 64


def make_layer(net: str, version: str, calibrated: bool, **settings):
    """Returns the layer of a metric.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: a version of LPIPS, or "dists" for `DISTS`.
        calibrated: see `LPIPS`.
        **settings: other arguments of the layer.
    """
    if version == DISTS.version:
        return DISTS(**settings)
    return LPIPS(net, version, calibrated, **settings)


class Scorer:
    """Compares NumPy batches with compiled functions.

    Under TensorFlow one graph serves images of all sizes.

    Args:
        net: "alex", "vgg" or "squeeze".
        version: "0.1", "0.0" or "st", see `LPIPS`; or "dists" for `DISTS`,
            which has neither maps nor embeddings.
        calibrated: whether the linear heads fitted to human judgements are
            used.

    All methods take float32 RGB images `(batch, height, width, 3)` in
    [-1, 1], or uint8 ones in [0, 255], and return NumPy arrays. An image that
    holds NaN has NaN for its distance. A mask is float32, `(batch, height,
    width)`, [0, 1]; `None` compares all pixels.

    Raises:
        RuntimeError: from all methods, in a process that was forked after the
            backend was first used, where it would hang.
    """

    def __init__(self, net: str, version: str, calibrated: bool):
        # Outside graphs, with which its variables would be lost. float32 under
        # any global policy, for parity with the reference.
        lpips = call_outside_graphs(
            lambda: make_layer(net, version, calibrated, dtype="float32")
        )
        self.taps = lpips.taps
        self.lpips = lpips
        # With a dynamic size, ceil-mode pooling copies its input, which takes 4
        # to 14 % of squeeze's time.
        has_ceil_pools = any(
            isinstance(layer, CeilMaxPooling2D)
            for layer in lpips.backbone.layers
        )
        compile_method = functools.partial(
            compile_function,
            variables=lpips.variables,
            dynamic_sizes=True,
            specialize=has_ceil_pools,
        )
        self._distance = compile_method(lambda *x: lpips(*x))
        self._per_layer = compile_method(lambda *x: lpips.per_layer(*x))
        self._spatial = compile_method(lambda *x: lpips.spatial_map(*x))
        self._tap_maps = compile_method(lambda *x: lpips.tap_maps(*x))
        self._embed = compile_method(lambda a: lpips.flatten(lpips.embed(a)))

    def distance(self, reference, distorted, mask=None) -> np.ndarray:
        """Returns the distances, float32, `(batch,)`."""
        return self._run(self._distance, reference, distorted, mask=mask)

    def per_layer(self, reference, distorted, mask=None) -> np.ndarray:
        """Returns each tap's share, float32, `(batch, taps)`."""
        return self._run(self._per_layer, reference, distorted, mask=mask)

    def spatial_map(self, reference, distorted, mask=None) -> np.ndarray:
        """Returns the distances, float32, `(batch, height, width)`."""
        return self._run(self._spatial, reference, distorted, mask=mask)

    def tap_maps(self, reference, distorted, mask=None) -> list[np.ndarray]:
        """Returns each tap's own map, a list of float32 `(batch, h, w)`."""
        return self._run(self._tap_maps, reference, distorted, mask=mask)

    def embed(self, images) -> np.ndarray:
        """Returns vectors, float32, `(batch, features)`.

        Their squared Euclidean distance is the distance of the images.
        """
        return self._run(self._embed, images)

    def _run(self, function, *batches, mask=None):
        batches = [as_signed_unit(images) for images in batches]
        for images in batches:
            check_images(
                images.shape, "float32", (-1, 1), self.lpips.smallest_size
            )
        check_same_shape(batches[0].shape, batches[-1].shape)
        if mask is not None:
            check_mask(mask.shape, batches[0].shape, str(mask.dtype))
            check_mask_array(mask)
            batches.append(mask.astype(np.float32, copy=False))
        return call_outside_graphs(
            lambda: keras.tree.map_structure(
                keras.ops.convert_to_numpy, function(*batches)
            )
        )


def get_scorer(
    net: str = "alex", version: str = "0.1", calibrated: bool = True
) -> Scorer:
    """Returns the cached `Scorer` with these settings."""
    return _make_scorer(net, version, bool(calibrated))


_make_scorer = functools.lru_cache(maxsize=8)(Scorer)


def as_signed_unit(images: np.ndarray) -> np.ndarray:
    """Returns uint8 images in [0, 255] and float ones as float32 in [-1, 1]."""
    if images.dtype == np.uint8:
        return to_signed_unit(images)
    return images.astype(np.float32, copy=False)
