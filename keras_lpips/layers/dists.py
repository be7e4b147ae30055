"""The DISTS distance as a Keras layer."""

import math

import keras
import numpy as np
from keras import ops

from keras_lpips.backbones.registry import find_backbone
from keras_lpips.backbones.stages import Stages
from keras_lpips.images.validation import ImageError, check_same_shape
from keras_lpips.layers.image_distance import (
    ImageDistance,
    known_shape,
    one_of,
)
from keras_lpips.layers.initial_values import StoredValues
from keras_lpips.layers.normalization import to_unit
from keras_lpips.layers.runtime_checks import check_at_run_time
from keras_lpips.weights.heads import read_dists_weights

NET = "vgg"
# Statistics of ImageNet per RGB channel, for images in [0, 1].
MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
NO_PARTS = (
    "DISTS compares statistics of whole images: it has no distance per pixel, "
    "no masks, no tiles, and no vectors of single images. LPIPS has them"
)
# Added to the denominators of texture and structure (c1 and c2).
STABILITY = 1e-6


@keras.saving.register_keras_serializable("keras_lpips")
class DISTS(ImageDistance):
    """Computes the DISTS distance between two batches of images.

    Deep image structure and texture similarity (Ding et al. 2020) compares
    means and covariances of features over the whole image, so that another
    sample of a texture is near. With `f` and `g` the features of the two
    images in [0, 1], and of five taps of VGG16 with `L2Pool2D` for its pools:

    ```
    texture   = mean(f - g)^2 / (mean(f)^2 + mean(g)^2 + 1e-6)
    structure = var(f - g) / (var(f) + var(g) + 1e-6)
    d         = sum_c alpha_c texture_c + beta_c structure_c
    ```

    These are the published formulas, without the difference of nearly equal
    numbers that makes their float32 results wrong by up to 1e-4. The backbone
    is that of LPIPS "vgg", downloaded on first use; `alpha` and `beta` come
    with the package. There is no distance per pixel. Images are not resized;
    the authors resize larger ones to 256 pixels on the shorter side.

    Args:
        value_range: see `LPIPS`. Defaults to `(-1.0, 1.0)`.
        backbone_weights: "imagenet" or "random". Defaults to "imagenet".
        seed: seed of random weights. Defaults to `None`.
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        reference: images, float or integer, `(batch, height, width, 3)`, RGB,
            in `value_range`, of any size.
        distorted: images to compare with them, of the same shape. The
            distance is symmetric.

    Returns:
        Distances, float32 (float64 under that policy), `(batch,)`. 0 for
        identical images, at most 1.124; NaN for an image that holds NaN or
        infinity.

    Raises:
        ValueError: as in `LPIPS`.

    Example:

    >>> import numpy as np
    >>> from keras_lpips import DISTS
    >>> black = np.zeros((1, 64, 64, 3), np.uint8)
    >>> dists = DISTS(value_range=(0, 255))
    >>> print(f"{float(dists(black, 255 - black)[0]):.4f}")
    0.3706
    """

    version = "dists"
    net = NET
    smallest_size = 1

    def __init__(
        self,
        value_range=(-1.0, 1.0),
        *,
        backbone_weights="imagenet",
        seed=None,
        **kwargs,
    ):
        super().__init__(value_range, **kwargs)
        # Otherwise, Keras takes `mask` for one of time steps, and warns.
        self.supports_masking = True
        self.backbone_weights = one_of(
            "backbone_weights", backbone_weights, ("imagenet", "random")
        )
        self.seed = seed
        self.backbone, self.created_without_weights = self._load_named_backbone(
            NET
        )
        self._stages = Stages(self.backbone)
        backbone = find_backbone(NET, self.version)
        self.taps = ["image", *backbone.taps]
        self._ends = np.cumsum((3, *backbone.tap_channels))[:-1].tolist()
        # Divided by their sum, as the authors do.
        arrays = read_dists_weights()
        total = sum(array.sum(dtype="float64") for array in arrays.values())
        self.alpha, self.beta = (
            self.add_weight(
                name=name,
                shape=array.shape,
                dtype=self.result_dtype,
                # Otherwise half precision under a mixed policy.
                autocast=False,
                initializer=StoredValues(array / total),
            )
            for name, array in arrays.items()
        )
        self.trainable = False
        self.built = True

    def call(self, reference, distorted, mask=None):
        """Returns the distances; see the class."""
        return ops.sum(self.per_layer(reference, distorted, mask), axis=-1)

    def per_layer(self, reference, distorted, mask=None):
        """Returns the shares of the image itself and of each tap.

        Args:
            reference: as in the call.
            distorted: as in the call.
            mask: must be `None`.

        Returns:
            float32, `(batch, 6)`; the sum is the distance.
        """
        if mask is not None:
            raise ImageError(NO_PARTS)
        texture, structure = self.terms(reference, distorted)
        return texture + structure

    def terms(self, reference, distorted):
        """Returns the shares of texture and of structure.

        Args:
            reference: as in the call.
            distorted: as in the call.

        Returns:
            Two float32 arrays `(batch, 6)`, for the image itself and each tap.
        """
        return self._terms(self._features(reference, distorted))

    def embed(self, images):
        """Runs images through the backbone once, for many comparisons.

        Args:
            images: as in the call.

        Returns:
            A list of the images in [0, 1] and the features of each tap,
            float32, `(batch, h, w, channels)`.
        """
        return [features for (features,) in self._features(images)]

    def compare(self, reference, distorted):
        """Returns the distances between two results of `embed`.

        Args:
            reference: list of float32 `(batch, h, w, channels)`.
            distorted: list of the same shapes.

        Returns:
            float32, `(batch,)`: what the call gives for the images.
        """
        texture, structure = self._terms(zip(reference, distorted, strict=True))
        return ops.sum(texture + structure, axis=-1)

    def spatial_map(self, reference, distorted, mask=None):
        """Raises `ImageError`: DISTS has no distance per pixel."""
        del reference, distorted, mask
        raise ImageError(NO_PARTS)

    tap_maps = with_spatial_map = spatial_map

    def flatten(self, embedding):
        """Raises `ImageError`: DISTS is no distance between vectors."""
        del embedding
        raise ImageError(NO_PARTS)

    def _features(self, *batches):
        """Yields the features of every batch, for the image and each tap."""
        batches = [self._checked_images(images) for images in batches]
        check_same_shape(known_shape(batches[0]), known_shape(batches[-1]))
        batches, valid = check_at_run_time(batches, self.smallest_size)
        dtype = self.result_dtype
        batches = [to_unit(x, self.value_range, dtype) for x in batches]
        if valid is not None:
            batches = [ops.where(valid, x, math.nan) for x in batches]
        yield batches
        mean, deviation = (
            ops.convert_to_tensor(x, dtype) for x in (MEAN, DEVIATION)
        )
        scaled = [
            ops.cast((x - mean) / deviation, self.compute_dtype)
            for x in batches
        ]
        for taps in self._stages.run(*scaled):
            yield [ops.cast(features, dtype) for features in taps]

    def _terms(self, pairs):
        textures, structures = [], []
        alphas, betas = (
            ops.split(weights, self._ends)
            for weights in (self.alpha, self.beta)
        )
        for (f, g), alpha, beta in zip(pairs, alphas, betas, strict=True):
            mean_f, mean_g, mean = map(_mean, (f, g, f - g))
            texture = ops.square(mean) / (
                ops.square(mean_f) + ops.square(mean_g) + STABILITY
            )
            structure = _mean(ops.square(f - g - mean)) / (
                _mean(ops.square(f - mean_f))
                + _mean(ops.square(g - mean_g))
                + STABILITY
            )
            textures.append(ops.sum(alpha * texture, axis=(1, 2, 3)))
            structures.append(ops.sum(beta * structure, axis=(1, 2, 3)))
        return ops.stack(textures, axis=-1), ops.stack(structures, axis=-1)

    def get_config(self):
        """Returns the constructor's arguments."""
        return {
            **super().get_config(),
            "value_range": self.value_range,
            "backbone_weights": self.backbone_weights,
            "seed": self.seed,
        }


def _mean(features):
    """Returns the means over all pixels, `(batch, 1, 1, channels)`.

    TensorFlow sums over two axes at once with ten times the error.
    """
    rows = ops.mean(features, axis=2, keepdims=True)
    return ops.mean(rows, axis=1, keepdims=True)
