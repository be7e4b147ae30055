"""Maps a function over the chunks of a large batch."""

from collections.abc import Callable, Sequence

import tensorflow as tf

# Pixels of a chunk: 64 images of 64 x 64, or one of 512 x 512. Larger chunks
# take more memory and are not faster.
CHUNK_PIXELS = 64 * 64 * 64


def chunk_length(size) -> tf.Tensor:
    """Returns the number of images of a size in a chunk, at least 1.

    Args:
        size: int32 `(2,)`, height and width.
    """
    return tf.maximum(1, CHUNK_PIXELS // tf.reduce_prod(size))


def map_chunks(
    function: Callable[..., Sequence[tf.Tensor]],
    batches: Sequence[tf.Tensor],
    step: tf.Tensor,
    outputs: Sequence[tf.TensorSpec],
) -> list[tf.Tensor]:
    """Calls a function on consecutive chunks and concatenates the results.

    The memory is bounded by the largest image, not by the number of images in a
    request or in requests merged by the server.

    Args:
        function: takes a chunk of each batch and returns tensors with the
            same first axis.
        batches: tensors of one length, at least 1.
        step: int32 scalar, the length of a chunk; the last may be shorter.
        outputs: a `tf.TensorSpec` for each result of the function.

    Returns:
        The tensors that `function(*batches)` would return.
    """
    count = tf.shape(batches[0])[0]

    def compute(start, *parts):
        chunk = [batch[start : start + step] for batch in batches]
        results = function(*chunk)
        return start + step, *(
            part.write(part.size(), result)
            for part, result in zip(parts, results, strict=True)
        )

    parts = [
        tf.TensorArray(
            output.dtype,
            size=0,
            dynamic_size=True,
            infer_shape=False,
            element_shape=output.shape,
        )
        for output in outputs
    ]
    _, *parts = tf.while_loop(
        lambda start, *_: start < count,
        compute,
        (0, *parts),
        # In turn, so that one chunk is in memory at a time.
        parallel_iterations=1,
    )
    return [part.concat() for part in parts]
