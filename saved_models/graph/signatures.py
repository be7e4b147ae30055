"""What a server offers: one graph per signature, all on the same variables."""

from dataclasses import dataclass

import tensorflow as tf

from saved_models.graph.chunked_map import chunk_of, in_chunks
from saved_models.graph.encoded_images import decode, read_sizes
from saved_models.graph.request_checks import (
    check_not_empty,
    check_sizes,
    checked_batches,
    checked_images,
)

# The one that a client gets who names none.
DEFAULT = "serving_default"
FLOAT_IMAGES = tf.TensorSpec((None, None, None, 3), tf.float32)
UINT8_IMAGES = tf.TensorSpec((None, None, None, 3), tf.uint8)
FILES = tf.TensorSpec((None,), tf.string)
DISTANCE = tf.TensorSpec((None,), tf.float32)


@dataclass(frozen=True)
class Signature:
    """A graph that a server offers.

    Attributes:
        function: takes tensors by the names in `inputs`, returns them by name.
        inputs: `tf.TensorSpec` by name.
    """

    function: object
    inputs: dict


class Signatures:
    """The graphs of a layer.

    Args:
        lpips: `keras_lpips.LPIPS` in float32, with `value_range` (-1, 1).
        max_pixels: most pixels of an image that a request may hold.
        resize: `(height, width)` to which `encoded` resizes, or `None`, where
            the two images of a pair need to be of one size.
    """

    def __init__(self, lpips, max_pixels, resize=None):
        if tuple(lpips.value_range) != (-1.0, 1.0):
            raise ValueError(
                "`lpips` must take images in [-1, 1]. Received: "
                f"value_range={lpips.value_range}"
            )
        self._lpips = lpips
        self._limits = (lpips.smallest_size, max_pixels)
        self._resize = resize

    def all(self) -> dict[str, Signature]:
        """Returns the signatures by name, the default one first."""
        floats = {"reference": FLOAT_IMAGES, "distorted": FLOAT_IMAGES}
        integers = {"reference": UINT8_IMAGES, "distorted": UINT8_IMAGES}
        files = {"reference": FILES, "distorted": FILES}
        return {
            DEFAULT: Signature(self.distance, floats),
            "distance": Signature(self.distance, floats),
            "uint8": Signature(self.uint8, integers),
            "encoded": Signature(self.encoded, files),
            "per_layer": Signature(self.per_layer, floats),
            "spatial": Signature(self.spatial, floats),
            "embed": Signature(self.embed, {"images": FLOAT_IMAGES}),
        }

    def distance(self, reference, distorted):
        """Returns `distance`, float32 `(batch,)`, of images in [-1, 1]."""
        return {
            "distance": self._pairwise(
                self._lpips, reference, distorted, DISTANCE
            )
        }

    def uint8(self, reference, distorted):
        """Returns `distance`, float32 `(batch,)`, of images in [0, 255]."""
        return {
            "distance": self._pairwise(
                lambda *pair: self._lpips(*map(to_signed_unit, pair)),
                reference,
                distorted,
                DISTANCE,
            )
        }

    def encoded(self, reference, distorted):
        """Returns `distance`, float32 `(batch,)`, of PNG or JPEG files.

        Pairs of different sizes may share a request; unless the export
        resizes, they are then computed one by one. What can be refused from a
        file's header is refused before any file is decoded. One bad file
        fails its whole request.
        """
        sizes = self._checked_sizes(reference, distorted)
        if self._resize is None:
            one_size = tf.reduce_all(tf.equal(sizes, sizes[:1]))
            step = tf.where(one_size, chunk_of(sizes[0]), 1)
        else:
            step = chunk_of(self._resize)
        with tf.control_dependencies([sizes]):
            files = [tf.identity(reference), tf.identity(distorted)]

        def compute(reference, distorted):
            return self._lpips(
                *(
                    to_signed_unit(decode(files, self._resize))
                    for files in (reference, distorted)
                )
            )

        return {"distance": in_chunks(compute, files, step, DISTANCE)}

    def per_layer(self, reference, distorted):
        """Returns `distance` and `per_layer`, float32 `(batch, taps)`."""
        shares = self._pairwise(
            self._lpips.per_layer,
            reference,
            distorted,
            tf.TensorSpec((None, len(self._lpips.taps)), tf.float32),
        )
        return {
            "distance": tf.reduce_sum(shares, axis=-1),
            "per_layer": shares,
        }

    def spatial(self, reference, distorted):
        """Returns `spatial_map`, float32 `(batch, height, width)`."""
        return {
            "spatial_map": self._pairwise(
                self._lpips.spatial_map,
                reference,
                distorted,
                tf.TensorSpec((None, None, None), tf.float32),
            )
        }

    def embed(self, images):
        """Returns `embedding`, float32 `(batch, features)`.

        The squared Euclidean distance of two is the LPIPS distance of their
        images, if those are of one size.
        """
        images = checked_images(images, *self._limits)
        return {
            "embedding": in_chunks(
                lambda chunk: self._lpips.flatten(self._lpips.embed(chunk)),
                [images],
                chunk_of(tf.shape(images)[1:3]),
                tf.TensorSpec((None, None), tf.float32),
            )
        }

    def _pairwise(self, function, reference, distorted, output):
        pair = checked_batches(
            *self._limits, reference=reference, distorted=distorted
        )
        step = chunk_of(tf.shape(pair[0])[1:3])
        return in_chunks(function, pair, step, output)

    def _checked_sizes(self, reference, distorted):
        """Returns the sizes of checked pairs of files, int32 `(pairs, 2)`."""
        counts = tf.shape(reference)[0], tf.shape(distorted)[0]
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
            sizes = read_sizes(reference, "reference")
            other_sizes = read_sizes(distorted, "distorted")
        checks = check_sizes(
            tf.concat([sizes, other_sizes], axis=0), *self._limits
        )
        if self._resize is None:
            differ = tf.reduce_any(tf.not_equal(sizes, other_sizes), axis=-1)
            pairs = tf.where(differ)[:, 0]
            checks += [
                tf.debugging.Assert(
                    tf.equal(tf.size(pairs), 0),
                    [
                        "The two images of a pair must be of one size; not so "
                        "the pairs at these positions, counted from 0:",
                        pairs,
                        "with heights and widths",
                        tf.gather(sizes, pairs),
                        tf.gather(other_sizes, pairs),
                    ],
                )
            ]
        with tf.control_dependencies(checks):
            return tf.identity(sizes)


def to_signed_unit(images):
    """Turns uint8 images into float32 ones in [-1, 1], as `Scorer` does."""
    return tf.cast(images, tf.float32) / 127.5 - 1
