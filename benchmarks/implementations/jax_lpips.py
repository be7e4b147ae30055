"""This package on Keras's JAX backend, ready to be timed."""

import jax
import numpy as np
from jax import numpy as jnp

from benchmarks.flops import convolution_operations
from benchmarks.implementations.precisions import BFLOAT16, FLOAT32
from benchmarks.interleaving import time_calls
from benchmarks.random_images import SEED, draw_images
from keras_lpips import LPIPS
from keras_lpips.inference import provenance
from keras_lpips.inference.jit import compiled


class Contestant:
    """Runs one thing after another; see `benchmarks.implementations.process`.

    Args:
        device: "gpu" or "cpu". What JAX sees is chosen by `JAX_PLATFORMS`,
            before it is loaded.
    """

    def __init__(self, device):
        del device
        self._device = jax.devices()[0]
        self._run = None

    def describe(self) -> dict:
        """Returns the device, its name and what runs it."""
        return {
            "platform": self._device.platform,
            "name": self._device.device_kind,
            "runtime": " ".join(self._device.client.platform_version.split()),
        }

    def describe_weights(self, net) -> dict:
        """Returns what results are to be labelled with, digests included."""
        return provenance.describe(net, version="0.1", calibrated=True)

    def operations(self, net, shape) -> int:
        """Returns what `convolution_operations` does."""
        return convolution_operations(net, shape)

    def compare(self, way, net, shape, precision) -> list[float]:
        """Makes ready for `turn`, and returns the distances.

        Args:
            way: "ours".
            net: "alex", "vgg" or "squeeze".
            shape: `(batch, height, width)` of each of the two batches.
            precision: one of
                `benchmarks.implementations.precisions.PRECISIONS`.
        """
        del way
        _set_precision(precision)
        dtype = "mixed_bfloat16" if precision == BFLOAT16 else "float32"
        lpips = LPIPS(net, dtype=dtype)
        distance = compiled(lpips, lpips.variables)
        pair = [jax.device_put(images) for images in draw_images(shape)]
        self._run = lambda: distance(*pair)
        return np.asarray(self._run()).tolist()

    def multiply(self, size, precision) -> None:
        """Makes ready for `turn` on products of square matrices."""
        _set_precision(precision)
        dtype = jnp.bfloat16 if precision == BFLOAT16 else jnp.float32
        matrix = jax.random.normal(jax.random.key(SEED), (size, size), dtype)
        product = jax.jit(jnp.matmul)
        self._run = lambda: product(matrix, matrix)

    def turn(self, calls) -> float:
        """Returns the seconds of one call; see `time_calls`."""
        return time_calls(self._run, jax.block_until_ready, calls)

    def peak_bytes(self) -> int | None:
        """Returns the peak of this process, or `None` on a CPU."""
        statistics = self._device.memory_stats()
        return statistics and statistics["peak_bytes_in_use"]


def _set_precision(precision):
    jax.config.update(
        "jax_default_matmul_precision",
        "highest" if precision == FLOAT32 else "tensorfloat32",
    )
