"""The LPIPS distance as a Keras layer."""

import keras
from keras import ops

from keras_lpips.backbones.stages import (
    check_taps,
    is_custom_backbone,
    make_backbone,
    set_backbone_weights,
    smallest_size,
    split_at_taps,
)
from keras_lpips.images.validation import (
    check_images,
    check_not_files,
    check_same_shape,
    check_value_range,
)
from keras_lpips.layers.head import Head
from keras_lpips.layers.normalization import scale_images, unit_normalize
from keras_lpips.layers.upsampling import upsample
from keras_lpips.weights.heads import read_heads
from keras_lpips.weights.presets import cached_backbone, fetch_backbone

VERSIONS = ("0.1", "0.0")


@keras.saving.register_keras_serializable("keras_lpips")
class LPIPS(keras.layers.Layer):
    """Learned Perceptual Image Patch Similarity of two batches of images.

    Formula (Zhang et al. 2018, eq. 1), with `f_l` the activations of the
    backbone at tap `l` and `w_l >= 0` its head:

    ```
    y_l = f_l / (|f_l| + 1e-10)                      # over channels, per pixel
    d   = sum_l mean_hw sum_c w_lc (y_l - y0_l)^2    # w = 1 if not calibrated
    ```

    The layer always runs in inference mode, has finite gradients everywhere
    and forms norms and distances in float32 whatever its compute dtype. Its
    weights are set when it is made: a named backbone is fetched on first use,
    the heads come with the package.

    Args:
        net: "alex", "vgg" or "squeeze"; or a `keras.Model` of your own from
            float32 images `(batch, height, width, 3)`, with `taps`. The
            layer keeps a copy, which receives what ours do: images shifted
            and scaled by ImageNet's statistics for version "0.1", in
            [-1, 1] for "0.0". Defaults to "alex".
        version: "0.1" or "0.0", the heads of the paper's first version, which
            leave out that shift and scale. Defaults to "0.1".
        calibrated: whether features are weighted by the heads that people's
            judgements taught. `False` is the paper's "w = 1". A backbone of
            your own has no such heads, and needs `False` or random ones.
            Defaults to `True`.
        spatial: whether the call returns a distance per pixel instead of one
            per image. Defaults to `False`.
        value_range: `(lowest, highest)` value that the images can hold, for
            example `(0, 255)`. Not checked against the values. Defaults to
            `(-1.0, 1.0)`.
        taps: names of the layers to compare, a subset of the net's. Defaults
            to `None`, all of the net's.
        backbone_weights: "imagenet" or "random" (torchvision's initialisation).
            Ignored for a backbone of your own. Defaults to "imagenet".
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

    Returns:
        Distances, float32, `(batch,)`, not reduced over the batch; or
        `(batch, height, width)` if `spatial`. 0 for identical images.

    Raises:
        ValueError: on an unknown argument, on images of another rank, number
            of channels or size than the net can take, or of two shapes.

    Example:

    >>> lpips = LPIPS(net="alex", value_range=(0, 255))
    >>> lpips(reference, distorted)
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
        offline = kwargs.pop("_offline", False)
        # Images must reach the scaling step in float32 under any policy.
        super().__init__(autocast=False, **kwargs)
        self.version = _one_of("version", version, VERSIONS)
        self.calibrated = bool(calibrated)
        self.spatial = bool(spatial)
        self.value_range = check_value_range(value_range)
        self.backbone_weights = _one_of(
            "backbone_weights", backbone_weights, ("imagenet", "random")
        )
        self.head_weights = _one_of(
            "head_weights", head_weights, ("judgements", "random")
        )
        self.trainable_backbone = bool(trainable_backbone)
        self.trainable_heads = bool(trainable_heads)
        self.seed = seed
        self.taps = check_taps(net, taps)
        self.smallest_size = smallest_size(net)
        self.backbone = make_backbone(net, self.taps, self.dtype_policy, seed)
        self._net_name = None if is_custom_backbone(net) else net
        # Held in a plain function: Keras would track the pieces, whose layers
        # are the backbone's, a second time.
        stages = split_at_taps(self.backbone)
        self._stages = lambda: stages
        self.heads = self._make_heads() if self.calibrated else []
        self._set_weights(offline)
        self._freeze()
        self.built = True

    # What is computed.

    def __call__(self, *args, **kwargs):
        """Calls the layer; see the class."""
        # Keras would refuse files, too, without a word of what reads them.
        for images in (*args, *kwargs.values()):
            check_not_files(images)
        return super().__call__(*args, **kwargs)

    def call(self, reference, distorted):
        """Returns the distances; see the class."""
        if self.spatial:
            return self.spatial_map(reference, distorted)
        return sum(self._per_tap(reference, distorted))

    def per_layer(self, reference, distorted):
        """Returns each tap's share of the distance.

        Args:
            reference: as in the call.
            distorted: as in the call.

        Returns:
            float32, `(batch, taps)`; the sum over taps is the distance.
        """
        return ops.stack(self._per_tap(reference, distorted), axis=-1)

    def embed(self, images):
        """Runs images through the backbone once, for many comparisons.

        Args:
            images: as in the call.

        Returns:
            A list with one float32 array `(batch, h, w, channels)` per tap:
            features of unit length at every pixel.
        """
        images = self._checked_images(images)
        embedding = []
        for (features,) in self._walk(images):
            embedding.extend(unit_normalize(tap) for tap in features)
        return embedding

    def compare(self, reference, distorted, transform=None):
        """Returns the distances between two results of `embed`.

        Args:
            reference: list of float32 `(batch, h, w, channels)`.
            distorted: list of the same shapes.
            transform: function of `(tap, squared)` that returns what the head
                of tap number `tap` weighs in place of the squared
                differences, float32 `(batch, h, w, channels)`; for example
                with some of them set to 0 while training. Defaults to `None`,
                the squared differences.

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

    def _per_tap(self, reference, distorted):
        return [
            ops.mean(difference, axis=(1, 2))
            for difference in self._differences(reference, distorted)
        ]

    def spatial_map(self, reference, distorted):
        """Returns the distance of every pixel, as with `spatial=True`.

        Args:
            reference: as in the call.
            distorted: as in the call.

        Returns:
            float32, `(batch, height, width)`.
        """
        height, width = ops.shape(reference)[1:3]
        return sum(
            upsample(difference, height, width)
            for difference in self._differences(reference, distorted)
        )

    def tap_maps(self, reference, distorted):
        """Returns each tap's distances, at its own pixels.

        Args:
            reference: as in the call.
            distorted: as in the call.

        Returns:
            A list with one float32 array `(batch, h, w)` per tap, whose means
            add up to the distance.
        """
        return list(self._differences(reference, distorted))

    def with_spatial_map(self, reference, distorted):
        """Returns the distances, and those of every pixel, in one pass.

        Args:
            reference: as in the call.
            distorted: as in the call.

        Returns:
            float32, `(batch,)`, and float32, `(batch, height, width)`.
        """
        height, width = ops.shape(reference)[1:3]
        taps = self.tap_maps(reference, distorted)
        return (
            sum(ops.mean(tap, axis=(1, 2)) for tap in taps),
            sum(upsample(tap, height, width) for tap in taps),
        )

    def _differences(self, reference, distorted):
        """Yields each tap's weighted squared difference, `(batch, h, w)`.

        A tap's features are dropped before the next tap's are made.
        """
        reference = self._checked_images(reference)
        distorted = self._checked_images(distorted)
        check_same_shape(reference.shape, distorted.shape)
        tap = 0
        for features, features0 in self._walk(reference, distorted):
            for a, b in zip(features, features0, strict=True):
                a, b = unit_normalize(a), unit_normalize(b)
                yield self._weigh(tap, a, b)
                tap += 1

    def _walk(self, *batches):
        """Yields, stage by stage, the list of taps of every batch."""
        batches = [
            ops.cast(
                scale_images(images, self.value_range, self.version),
                self.compute_dtype,
            )
            for images in batches
        ]
        for stage in self._stages():
            batches = [stage(images, training=False) for images in batches]
            taps = [x if isinstance(x, list) else [x] for x in batches]
            yield taps

    def _weigh(self, tap, reference, distorted, transform=None):
        squared = ops.square(reference - distorted)
        if transform is not None:
            squared = transform(tap, squared)
        if not self.calibrated:
            return ops.sum(squared, axis=-1)
        return self.heads[tap](squared)

    # How it is made.

    @property
    def net(self):
        """The net's name, or the layer's copy of a backbone of your own."""
        return self._net_name or self.backbone

    def _make_heads(self):
        if is_custom_backbone(self.net) and self.head_weights != "random":
            raise ValueError(
                "No heads were calibrated for a backbone of your own: pass "
                "`calibrated=False`, or `head_weights='random'` to train "
                "them. Received: head_weights='judgements'"
            )
        return [
            Head(
                output.shape[-1],
                seed=None if self.seed is None else self.seed + i,
                name=f"head_{tap}",
                dtype="float32",
            )
            for i, (tap, output) in enumerate(
                zip(self.taps, self.backbone.outputs, strict=True)
            )
        ]

    def _set_weights(self, offline):
        if self.calibrated and self.head_weights == "judgements":
            arrays = read_heads(self.net, self.version)
            for tap, head in zip(self.taps, self.heads, strict=True):
                head.kernel.assign(arrays[f"{tap}/kernel"])
        self.created_without_weights = False
        if is_custom_backbone(self.net):
            self.created_without_weights = offline
            return
        if self.backbone_weights == "random":
            return
        arrays = (
            cached_backbone(self.net) if offline else fetch_backbone(self.net)
        )
        self.created_without_weights = arrays is None
        set_backbone_weights(self.backbone, arrays)

    @property
    def trainable(self):
        """Whether the parts that may be trained are."""
        return keras.layers.Layer.trainable.fget(self)

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)
        if getattr(self, "built", False):
            self._freeze()

    def _freeze(self):
        """Keeps what was not asked for out of the optimizer's sight.

        Setting `trainable` on a model that holds this layer reaches down to
        every variable, so it is done again after that.
        """
        self.backbone.trainable = self.trainable and self.trainable_backbone
        for head in self.heads:
            head.trainable = self.trainable and self.trainable_heads

    def _checked_images(self, images):
        check_not_files(images)
        images = ops.convert_to_tensor(images)
        dtype = keras.backend.standardize_dtype(images.dtype)
        check_images(images.shape, dtype, self.value_range, self.smallest_size)
        return images

    def compute_output_spec(self, reference, distorted):
        """Returns the shape and dtype of the distances."""
        reference = self._checked_images(reference)
        shape = reference.shape[:3] if self.spatial else reference.shape[:1]
        distorted = self._checked_images(distorted)
        check_same_shape(reference.shape, distorted.shape)
        return keras.KerasTensor(shape, dtype="float32")

    # How it is saved.

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

    @classmethod
    def from_config(cls, config):
        """Re-creates the layer without fetching anything.

        The backbone's weights come from the local cache; where it has none they
        are NaN until a saved model's are loaded into them.
        """
        config = dict(config)
        if isinstance(config["net"], dict):
            config["net"] = keras.saving.deserialize_keras_object(config["net"])
        return cls(**config, _offline=True)


def _one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(
            f"`{name}` must be one of {list(allowed)}. "
            f"Received: {name}={value!r}"
        )
    return value
