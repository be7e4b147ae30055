"""Which of two images people would call closer, as a graph.

A trained run keeps its ranking head, the paper's G, which learnt that from
their judgements; the published weights come without.
"""

import keras
import tensorflow as tf

from saved_models.graph.chunked_map import chunk_of, in_chunks
from saved_models.graph.request_checks import checked_batches
from saved_models.graph.signatures import FLOAT_IMAGES, Signature

PREFERENCE = "preference"


def preference_signature(lpips, ranking_head, max_pixels) -> Signature:
    """Returns the signature `preference`.

    It takes `reference`, `p0` and `p1`, float32 images in [-1, 1], and gives
    `preference`, float32 `(batch,)`: the probability that people prefer `p1`.

    Args:
        lpips: `keras_lpips.LPIPS` in float32, with `value_range` (-1, 1).
        ranking_head: takes the distances of `p0` and `p1` from the reference
            and returns a logit.
        max_pixels: most pixels of an image that a request may hold.
    """

    def prefer(*triplet):
        reference, p0, p1 = map(lpips.embed, triplet)
        distances = lpips.compare(reference, p0), lpips.compare(reference, p1)
        return keras.ops.sigmoid(ranking_head(*distances))

    def preference(reference, p0, p1):
        triplet = checked_batches(
            lpips.smallest_size,
            max_pixels,
            reference=reference,
            p0=p0,
            p1=p1,
        )
        step = chunk_of(tf.shape(triplet[0])[1:3])
        output = tf.TensorSpec((None,), tf.float32)
        return {PREFERENCE: in_chunks(prefer, triplet, step, output)}

    return Signature(
        preference, dict.fromkeys(("reference", "p0", "p1"), FLOAT_IMAGES)
    )
