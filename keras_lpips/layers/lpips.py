"""The LPIPS distance as a Keras layer."""

import keras
from keras import ops

from keras_lpips.backbones.receptive_field import tap_grids
from keras_lpips.backbones.stages import (
    Stages,
    check_taps,
    check_version,
    copy_backbone,
    end_at_taps,
    is_custom_backbone,
    is_restoring_from_config,
    smallest_size,
)
from keras_lpips.images.validation import check_mask, check_same_shape
from keras_lpips.layers.head import Head
from keras_lpips.layers.image_distance import (
    ImageDistance,
    known_shape,
    one_of,
)
from keras_lpips.layers.initial_values import StoredValues
from keras_lpips.layers.masking import blend, coverage, masked_mean
from keras_lpips.layers.normalization import (
    norm_epsilon,
    scale_images,
    unit_normalize,
)
from keras_lpips.layers.runtime_checks import (
    check_at_run_time,
    check_mask_values,
)
from keras_lpips.layers.upsampling import upsample
from keras_lpips.weights.heads import read_heads

VERSIONS = ("0.1", "0.0", "st")


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPS(ImageDistance):
    """Computes the LPIPS distance between two batches of images.

    Formula (Zhang et al. 2018, eq. 1), with `f_l` the activations of the
    backbone at tap `l` and `w_l >= 0` its head:

    ```
    y_l = f_l / (|f_l| + 1e-10)                      # over channels, per pixel
    d   = sum_l mean_hw sum_c w_lc (y_l - y0_l)^2    # w = 1 if not calibrated
    ```

    The layer always runs in inference mode and has finite gradients
    everywhere. It computes norms and distances in float32, under a float64
    policy in float64. The published weights are the initial values of its
    variables: no random numbers are drawn. A named backbone is downloaded on
    first use; the heads come with the package.

    With a mask, the distance is that of a region: outside of it, the scaled
    distorted image is replaced by the reference, and a tap's mean is weighted
    by the mask's coverage (`keras_lpips.layers.masking.coverage`):

    ```
    x1' = m x1 + (1 - m) x0
    d   = sum_l sum_hw c_l sum_c w_lc (y_l' - y0_l)^2 / sum_hw c_l
    ```

    Args:
        net: "alex", "vgg" or "squeeze"; or a `keras.Model` of your own from
            float32 images `(batch, height, width, 3)`, with `taps`. The
            layer keeps a copy. It receives the same images as the named
            backbones: shifted and scaled by ImageNet's statistics for
            version "0.1", in [-1, 1] for "0.0". Defaults to "alex".
        version: "0.1"; "0.0" for the heads of the paper's first version,
            which omit that shift and scale; or "st" for the
            shift-tolerant metric of Ghildyal and Liu (2022), which has
            anti-aliased backbones of its own, for "alex" and "vgg". Defaults
            to "0.1".
        calibrated: whether features are weighted by linear heads fitted to
            human judgements. `False` is the paper's "w = 1". No heads are
            published for a backbone of your own, which needs `False` or
            random ones. Defaults to `True`.
        spatial: whether the call returns a distance per pixel instead of one
            per image. Defaults to `False`.
        value_range: `(lowest, highest)` value that the images can hold, for
            example `(0, 255)`. The values are not checked. Defaults to
            `(-1.0, 1.0)`.
        taps: names of the layers to compare, a subset of the net's. Defaults
            to `None`, all of the net's.
        backbone_weights: "imagenet" for the published ones (for "st" those
            trained on judgements), or "random" for torchvision's
            initialization. Ignored for a backbone of your own. Defaults to
            "imagenet".
        head_weights: "judgements" or "random". Defaults to "judgements".
        trainable_backbone: whether the backbone is trained. Defaults to
            `False`.
        trainable_heads: whether the heads are trained. Defaults to `False`.
        seed: seed of random weights. Defaults to `None`.
        **kwargs: `name` and `dtype` of the layer.

    Call arguments:
        reference: images, float or integer, `(batch, height, width, 3)`, RGB,
            in `value_range`.
        distorted: images to compare with them, of the same shape. The
            distance is symmetric.
        mask: the pixels to compare, `(batch, height, width)`: bool, or weights
            in [0, 1]. With one, the distance is not symmetric: the reference
            outside is context. Defaults to `None`, all pixels.

    Returns:
        Distances, float32, `(batch,)`, not reduced over the batch; or
        `(batch, height, width)` if `spatial`. 0 for identical images; NaN
        for an image that holds NaN or infinity.

    Raises:
        ValueError: if an argument is unknown, or if images have another
            rank, number of channels or size than the net can take, or two
            different shapes, or if a mask has another size, a value outside
            of [0, 1] or no pixel. What is known only when a TensorFlow graph
            runs raises `tf.errors.InvalidArgumentError` there; compiled by
            XLA (as by JAX), which drops assertions, the result is NaN.

    Example:

    >>> import numpy as np
    >>> from keras_lpips import LPIPS
    >>> black = np.zeros((1, 64, 64, 3), np.uint8)
    >>> white = np.full((1, 64, 64, 3), 255, np.uint8)
    >>> lpips = LPIPS(net="alex", value_range=(0, 255))
    >>> print(f"{float(lpips(black, white)[0]):.4f}")
    0.8140
    """

    def __init__(
        self,
        net="alex",
        version="0.1",
        calibrated=True,
        spatial=False,
        value_range=(-1.0, 1.0),
        *,
        taps=None,
        backbone_weights="imagenet",
        head_weights="judgements",
        trainable_backbone=False,
        trainable_heads=False,
        seed=None,
        **kwargs,
    ):
        super().__init__(value_range, **kwargs)
        # Otherwise, Keras takes `mask` for one of time steps, and warns.
        self.supports_masking = True
        self.version = one_of("version", version, VERSIONS)
        self.calibrated = bool(calibrated)
        self.spatial = bool(spatial)
        self.backbone_weights = one_of(
            "backbone_weights", backbone_weights, ("imagenet", "random")
        )
        self.head_weights = one_of(
            "head_weights", head_weights, ("judgements", "random")
        )
        self.trainable_backbone = bool(trainable_backbone)
        self.trainable_heads = bool(trainable_heads)
        self.seed = seed
        check_version(net, self.version)
        self.taps = check_taps(net, taps, self.version)
        self.smallest_size = smallest_size(net, self.version)
        self._net_name = None if is_custom_backbone(net) else net
        self._make_backbone(net)
        self._stages = Stages(self.backbone)
        self.heads = self._make_heads() if self.calibrated else []
        self._freeze()
        self.built = True

    def call(self, reference, distorted, mask=None):
        """Returns the distances; see the class."""
        if self.spatial:
            return self.spatial_map(reference, distorted, mask)
        return sum(self._per_tap(reference, distorted, mask))

    def compute_mask(self, inputs, previous_mask):
        """Returns `None`: distances have no mask."""
        return None

    def per_layer(self, reference, distorted, mask=None):
        """Returns each tap's share of the distance.

        Args:
            reference: as in the call.
            distorted: as in the call.
            mask: as in the call.

        Returns:
            float32, `(batch, taps)`; the sum over taps is the distance.
        """
        return ops.stack(self._per_tap(reference, distorted, mask), axis=-1)

    def embed(self, images):
        """Runs images through the backbone once, for many comparisons.

        Args:
            images: as in the call.

        Returns:
            A list with one float32 array `(batch, h, w, channels)` per tap:
            features of unit length at every pixel.
        """
        return [features for (features,) in self._unit_features(images)]

    def compare(self, reference, distorted, transform=None):
        """Returns the distances between two results of `embed`.

        Args:
            reference: list of float32 `(batch, h, w, channels)`.
            distorted: list of the same shapes.
            transform: function of `(tap, squared)`, the index of a tap and its
                squared differences, that returns the input of the tap's head,
                float32 `(batch, h, w, channels)`; for example with some of them
                set to 0 while training. Defaults to `None`, the squared
                differences.

        Returns:
            float32, `(batch,)`: what the call gives for the images.
        """
        return sum(
            ops.mean(self._weigh(tap, a, b, transform), axis=(1, 2))
            for tap, (a, b) in enumerate(zip(reference, distorted, strict=True))
        )

    def flatten(self, embedding):
        """Turns a result of `embed` into one vector per image.

        The squared Euclidean distance between two such vectors, of images of
        one size, is the LPIPS distance: each feature is multiplied by
        `sqrt(w / (h w))`.

        Args:
            embedding: list of float32 `(batch, h, w, channels)`.

        Returns:
            float32, `(batch, features)`.
        """
        vectors = []
        for tap, unit in enumerate(embedding):
            if self.calibrated:
                unit = unit * ops.sqrt(self.heads[tap].kernel)
            pixels = ops.cast(ops.prod(ops.shape(unit)[1:3]), "float32")
            vectors.append(
                ops.reshape(unit, (ops.shape(unit)[0], -1)) / ops.sqrt(pixels)
            )
        return ops.concatenate(vectors, axis=-1)

    def _per_tap(self, reference, distorted, mask):
        differences = self._differences(reference, distorted, mask)
        return self._means(differences, mask)

    def _means(self, differences, mask):
        """Returns the mean of each tap's differences, `(batch,)`."""
        if mask is None:
            return [ops.mean(tap, axis=(1, 2)) for tap in differences]
        mask = ops.cast(mask, self.result_dtype)
        grids = tap_grids(self.backbone)
        return [
            masked_mean(tap, mask, pair)
            for tap, pair in zip(differences, grids, strict=True)
        ]

    def spatial_map(self, reference, distorted, mask=None):
        """Returns the distance of every pixel, as with `spatial=True`.

        With a mask, it is 0 where no pixel inside is in the receptive field.

        Args:
            reference: as in the call.
            distorted: as in the call.
            mask: as in the call.

        Returns:
            float32, `(batch, height, width)`.
        """
        height, width = ops.shape(reference)[1:3]
        return sum(
            upsample(difference, height, width)
            for difference in self._differences(reference, distorted, mask)
        )

    def tap_maps(self, reference, distorted, mask=None):
        """Returns each tap's distances at the resolution of the tap.

        Args:
            reference: as in the call.
            distorted: as in the call.
            mask: as in the call.

        Returns:
            A list with one float32 array `(batch, h, w)` per tap. The sum of
            their means, weighted by `coverage`, is the distance.
        """
        return list(self._differences(reference, distorted, mask))

    def coverage(self, mask, tap_maps):
        """Returns the mask's coverage of each tap's positions.

        Args:
            mask: as in the call.
            tap_maps: list of `(batch, h, w)`, or arrays of that shape.

        Returns:
            A list with one float32 array `(batch, h, w)` per tap, [0, 1].
        """
        mask = ops.cast(mask, self.result_dtype)
        grids = tap_grids(self.backbone)
        return [
            coverage(mask, pair, ops.shape(tap)[1:])
            for tap, pair in zip(tap_maps, grids, strict=True)
        ]

    def with_spatial_map(self, reference, distorted, mask=None):
        """Returns distances per image and per pixel from one pass.

        Args:
            reference: as in the call.
            distorted: as in the call.
            mask: as in the call.

        Returns:
            float32, `(batch,)`, and float32, `(batch, height, width)`.
        """
        height, width = ops.shape(reference)[1:3]
        taps = self.tap_maps(reference, distorted, mask)
        return (
            sum(self._means(taps, mask)),
            sum(upsample(tap, height, width) for tap in taps),
        )

    def _differences(self, reference, distorted, mask):
        """Yields each tap's weighted squared difference, `(batch, h, w)`.

        A tap's features are freed before the next tap is computed.
        """
        pairs = self._unit_features(reference, distorted, mask=mask)
        for tap, (a, b) in enumerate(pairs):
            yield self._weigh(tap, a, b)

    def _unit_features(self, *batches, mask=None):
        """Yields, for each tap, the unit features of every batch."""
        batches = [self._checked_images(images) for images in batches]
        check_same_shape(known_shape(batches[0]), known_shape(batches[-1]))
        mask = self._checked_mask(mask, batches[0])
        batches, valid = check_at_run_time(batches, self.smallest_size, mask)
        dtype = self.result_dtype
        batches = [
            scale_images(images, self.value_range, self.version, dtype)
            for images in batches
        ]
        if mask is not None:
            mask = ops.cast(mask, dtype)
            usable = check_mask_values(mask)
            valid = usable if valid is None else ops.logical_and(usable, valid)
            batches[1] = blend(*batches, mask)
        epsilons = [norm_epsilon(images, valid) for images in batches]
        batches = [ops.cast(x, self.compute_dtype) for x in batches]
        for taps in self._stages.run(*batches):
            yield [
                unit_normalize(features, dtype, epsilon)
                for features, epsilon in zip(taps, epsilons, strict=True)
            ]

    def _weigh(self, tap, reference, distorted, transform=None):
        squared = ops.square(reference - distorted)
        if transform is not None:
            squared = transform(tap, squared)
        if not self.calibrated:
            return ops.sum(squared, axis=-1)
        return self.heads[tap](squared)

    @property
    def net(self):
        """The net's name, or the layer's copy of a backbone of your own."""
        return self._net_name or self.backbone

    def _make_backbone(self, net):
        """Sets `backbone` and `created_without_weights`."""
        if is_custom_backbone(net):
            self.backbone = copy_backbone(net, self.taps)
            self.created_without_weights = is_restoring_from_config()
            return
        whole, self.created_without_weights = self._load_named_backbone(net)
        self.backbone = end_at_taps(whole, self.taps, whole.name)

    def _make_heads(self):
        arrays = {}
        if self.head_weights == "judgements":
            if is_custom_backbone(self.net):
                raise ValueError(
                    "No heads were calibrated for a backbone of your own: "
                    "pass `calibrated=False`, or `head_weights='random'` to "
                    "train them. Received: head_weights='judgements'"
                )
            arrays = {
                name.removesuffix("/kernel"): StoredValues(array)
                for name, array in read_heads(self.net, self.version).items()
            }
        return [
            Head(
                output.shape[-1],
                seed=None if self.seed is None else self.seed + i,
                kernel_initializer=arrays.get(tap),
                name=f"head_{tap}",
                dtype=self.result_dtype,
            )
            for i, (tap, output) in enumerate(
                zip(self.taps, self.backbone.outputs, strict=True)
            )
        ]

    @keras.layers.Layer.trainable.setter
    def trainable(self, value):
        """Sets whether the parts that may be trained are trained."""
        keras.layers.Layer.trainable.__set__(self, value)
        if getattr(self, "built", False):
            self._freeze()

    def _freeze(self):
        """Makes only the parts trainable that the user asked for.

        Setting `trainable` on a model that holds this layer changes every
        variable below it, so this is called again after that.
        """
        self.backbone.trainable = self.trainable and self.trainable_backbone
        for head in self.heads:
            head.trainable = self.trainable and self.trainable_heads

    def _checked_mask(self, mask, images):
        if mask is None:
            return None
        mask = ops.convert_to_tensor(mask)
        dtype = keras.backend.standardize_dtype(mask.dtype)
        check_mask(known_shape(mask), known_shape(images), dtype)
        return mask

    def compute_output_spec(self, reference, distorted, mask=None):
        """Returns the shape and dtype of the distances."""
        self._checked_mask(mask, reference)
        return super().compute_output_spec(reference, distorted)

    def compute_output_shape(
        self, reference_shape, distorted_shape=None, mask_shape=None
    ):
        """Returns the shape of the distances."""
        shape = super().compute_output_shape(reference_shape, distorted_shape)
        return tuple(reference_shape[:3]) if self.spatial else shape

    def get_config(self):
        """Returns the constructor's arguments."""
        net = self._net_name
        if net is None:
            net = keras.saving.serialize_keras_object(self.backbone)
        return {
            **super().get_config(),
            "net": net,
            "version": self.version,
            "calibrated": self.calibrated,
            "spatial": self.spatial,
            "value_range": self.value_range,
            "taps": self.taps,
            "backbone_weights": self.backbone_weights,
            "head_weights": self.head_weights,
            "trainable_backbone": self.trainable_backbone,
            "trainable_heads": self.trainable_heads,
            "seed": self.seed,
        }
