"""Signatures of an export: one graph each, all on the same variables."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from keras_lpips import DISTS
from keras_lpips.layers.image_distance import ImageDistance
from keras_lpips.layers.normalization import to_signed_unit
from saved_models.graph.chunked_map import chunk_length, map_chunks
from saved_models.graph.encoded_images import decode, read_sizes
from saved_models.graph.request_checks import (
    check_batches,
    check_not_empty,
    find_pair_errors,
)

# The signature of requests that name none.
DEFAULT = "serving_default"
PREFERENCE = "preference"
FLOAT_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
UINT8_IMAGES = tf.TensorSpec((None, None, None, 3), tf.uint8)
FILES = tf.TensorSpec((None,), tf.string)
SCALARS = tf.TensorSpec((None,), tf.float32)
STRINGS = tf.TensorSpec((None,), tf.string)


@dataclass(frozen=True)
class Signature:
    """A function that a server offers.

    Attributes:
        function: takes tensors by the names in `inputs` and returns a
            dictionary of tensors.
        inputs: `tf.TensorSpec` by name.
    """

    function: Callable[..., dict[str, tf.Tensor]]
    inputs: dict[str, tf.TensorSpec]


class Signatures:
    """The signatures of a layer.

    Args:
        lpips: a layer in float32 with `value_range` (-1, 1).
        max_pixels: most pixels of an image in a request.
        resize: `(height, width)` to which `encoded` resizes. Defaults to
            `None`: the two images of a pair must have one size.
        ranking_head: maps the distances of `p0` and `p1` from the reference
            to a logit. Defaults to `None`, without `preference`.
    """

    def __init__(
        self,
        lpips: ImageDistance,
        max_pixels: int,
        resize: tuple[int, int] | None = None,
        ranking_head: Callable | None = None,
    ):
        if tuple(lpips.value_range) != (-1.0, 1.0):
            raise ValueError(
                "`lpips` must take images in [-1, 1]. Received: "
                f"value_range={lpips.value_range}"
            )
        self._lpips = lpips
        self._limits = (lpips.smallest_size, max_pixels)
        self._resize = resize
        self._ranking_head = ranking_head

    def all(self) -> dict[str, Signature]:
        """Returns the signatures by name, the default one first."""
        floats = {"reference": FLOAT_IMAGES, "distorted": FLOAT_IMAGES}
        integers = {"reference": UINT8_IMAGES, "distorted": UINT8_IMAGES}
        files = {"reference": FILES, "distorted": FILES}
        triplets = dict.fromkeys(("reference", "p0", "p1"), FLOAT_IMAGES)
        signatures = {
            DEFAULT: Signature(self.distance, floats),
            "distance": Signature(self.distance, floats),
            "uint8": Signature(self.uint8, integers),
            "encoded": Signature(self.encoded, files),
            "per_layer": Signature(self.per_layer, floats),
        }
        if not isinstance(self._lpips, DISTS):
            images = {"images": FLOAT_IMAGES}
            signatures["spatial"] = Signature(self.spatial, floats)
            signatures["embed"] = Signature(self.embed, images)
        if self._ranking_head is not None:
            signatures[PREFERENCE] = Signature(self.preference, triplets)
        return signatures

    def distance(self, reference, distorted):
        """Returns `distance`, float32 `(batch,)`, of images in [-1, 1]."""
        return {
            "distance": self._compute(
                self._lpips, SCALARS, reference=reference, distorted=distorted
            )
        }

    def uint8(self, reference, distorted):
        """Returns `distance`, float32 `(batch,)`, of images in [0, 255]."""
        return {
            "distance": self._compute(
                lambda *pair: self._lpips(*map(to_signed_unit, pair)),
                SCALARS,
                reference=reference,
                distorted=distorted,
            )
        }

    def encoded(self, reference, distorted):
        """Returns `distance` and `error` of pairs of PNG or JPEG files.

        `distance` is float32 `(batch,)`, `error` is string `(batch,)`. A pair
        that cannot be compared has NaN and a sentence; that of the others is
        empty. An invalid file fails its own pair only: a server may have
        merged the requests of several clients.

        Pairs of different sizes may share a request; unless the export
        resizes, they are then computed one by one. All headers are checked
        before any file is decoded.
        """
        files = self._checked_files(reference=reference, distorted=distorted)
        sizes = {role: read_sizes(batch) for role, batch in files.items()}
        errors = find_pair_errors(
            files, sizes, *self._limits, one_size=self._resize is None
        )
        good = tf.where(tf.equal(errors, ""))
        distances = tf.fill(tf.shape(errors), float("nan"))

        def compute():
            if self._resize is None:
                kept = tf.gather_nd(sizes["reference"], good)
                one_size = tf.reduce_all(tf.equal(kept, kept[:1]))
                size = tf.cast(kept[0], tf.int32)
                step = tf.where(one_size, chunk_length(size), 1)
            else:
                step = chunk_length(self._resize)
            computed = map_chunks(
                self._compare_files,
                [tf.gather_nd(batch, good) for batch in files.values()],
                step,
                [SCALARS, STRINGS],
            )
            return [
                tf.tensor_scatter_nd_update(nothing, good, values)
                for nothing, values in zip(
                    (distances, errors), computed, strict=True
                )
            ]

        distances, errors = tf.cond(
            tf.size(good) > 0, compute, lambda: [distances, errors]
        )
        return {"distance": distances, "error": errors}

    def _compare_files(self, *pair):
        """Returns distances and errors of pairs whose headers are right."""
        images, positions = decode(tf.concat(pair, axis=0), self._resize)
        count = tf.size(pair[0])
        # The row in `images` of each file, -1 for one that is not decoded.
        rows = tf.tensor_scatter_nd_update(
            tf.fill((2 * count,), -1),
            positions[:, None],
            tf.range(tf.size(positions)),
        )
        rows = tf.reshape(rows, (2, count))
        decoded = tf.where(tf.reduce_all(rows >= 0, axis=0))
        distances = tf.cond(
            tf.size(decoded) > 0,
            lambda: self._lpips(
                *(
                    to_signed_unit(
                        tf.gather(images, tf.gather_nd(row, decoded))
                    )
                    for row in tf.unstack(rows)
                )
            ),
            lambda: tf.zeros((0,), tf.float32),
        )
        errors = tf.fill((count,), "")
        for role, row in zip(
            ("distorted", "reference"), (rows[1], rows[0]), strict=True
        ):
            sentence = (
                f"`{role}` cannot be decoded: its PNG or JPEG data is damaged "
                "or truncated"
            )
            errors = tf.where(row < 0, sentence, errors)
        nothing = tf.fill((count,), float("nan"))
        return (
            tf.tensor_scatter_nd_update(nothing, decoded, distances),
            errors,
        )

    def per_layer(self, reference, distorted):
        """Returns `distance` and `per_layer`, float32 `(batch, taps)`."""
        shares = self._compute(
            self._lpips.per_layer,
            tf.TensorSpec((None, len(self._lpips.taps)), tf.float32),
            reference=reference,
            distorted=distorted,
        )
        return {
            "distance": tf.reduce_sum(shares, axis=-1),
            "per_layer": shares,
        }

    def spatial(self, reference, distorted):
        """Returns `spatial_map`, float32 `(batch, height, width)`."""
        return {
            "spatial_map": self._compute(
                self._lpips.spatial_map,
                tf.TensorSpec((None, None, None), tf.float32),
                reference=reference,
                distorted=distorted,
            )
        }

    def embed(self, images):
        """Returns `embedding`, float32 `(batch, features)`.

        The squared Euclidean distance of two is the LPIPS distance of their
        images, if those are of one size.
        """
        return {
            "embedding": self._compute(
                lambda chunk: self._lpips.flatten(self._lpips.embed(chunk)),
                tf.TensorSpec((None, None), tf.float32),
                images=images,
            )
        }

    def preference(self, reference, p0, p1):
        """Returns `preference`, float32 `(batch,)`.

        The probability that people judge `p1` to be closer to the reference,
        by the ranking head of a training run (the paper's G).
        """

        def prefer(*triplet):
            reference, p0, p1 = map(self._lpips.embed, triplet)
            logits = self._ranking_head(
                self._lpips.compare(reference, p0),
                self._lpips.compare(reference, p1),
            )
            return keras.ops.sigmoid(logits)

        return {
            PREFERENCE: self._compute(
                prefer, SCALARS, reference=reference, p0=p0, p1=p1
            )
        }

    def _compute(self, function, output, **batches):
        """Checks batches of images and calls a function on chunks of them."""
        images = check_batches(*self._limits, **batches)
        step = chunk_length(tf.shape(images[0])[1:3])
        (result,) = map_chunks(
            lambda *chunk: [function(*chunk)], images, step, [output]
        )
        return result

    def _checked_files(self, **files):
        """Returns the files of pairs, of which there is at least one."""
        counts = [tf.shape(batch)[0] for batch in files.values()]
        checks = [
            check_not_empty(counts[0]),
            tf.debugging.Assert(
                tf.equal(*counts),
                [
                    "`reference` and `distorted` must hold as many files, not",
                    *counts,
                ],
            ),
        ]
        with tf.control_dependencies(checks):
            return {role: tf.identity(batch) for role, batch in files.items()}
