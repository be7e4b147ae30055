"""This package on Keras's TensorFlow or JAX backend, ready to be timed."""

import keras
import numpy as np

from benchmarks.implementations.names import BFLOAT16, CPU, FLOAT32, GPU, OURS
from benchmarks.inputs.random_images import SEED, draw_images
from benchmarks.measurement.flops import convolution_operations
from benchmarks.measurement.interleaving import time_calls
from benchmarks.memory import peak_growth
from keras_lpips import LPIPS
from keras_lpips.inference import provenance
from keras_lpips.inference.jit import compile_function

JAX = keras.backend.backend() == "jax"
if JAX:
    import jax
else:
    import tensorflow as tf


class Implementation:
    """Prepares and times calls; see `benchmarks.implementations.process`.

    Args:
        device: "gpu" or "cpu"; `JAX_PLATFORMS` decides what JAX sees.
    """

    def __init__(self, device):
        del device
        self._runs = {}

    def describe(self) -> dict:
        """Returns the device, its name and its runtime."""
        if JAX:
            device = jax.devices()[0]
            runtime = " ".join(device.client.platform_version.split())
            platform, name = device.platform, device.device_kind
        else:
            gpus = tf.config.list_physical_devices("GPU")
            platform = name = GPU if gpus else CPU
            runtime = f"TensorFlow {tf.__version__}"
        return {"platform": platform, "name": name, "runtime": runtime}

    def describe_weights(self, net) -> dict:
        """Returns the net's settings and the digests of its weights."""
        return provenance.describe(net, version="0.1", calibrated=True)

    def operations(self, net, shape) -> int:
        """Returns `convolution_operations(net, shape)`."""
        return convolution_operations(net, shape)

    def prepare(
        self, name, net, shape, precision=FLOAT32, gradient=False
    ) -> list[float]:
        """Prepares `turn(name)` and returns the result of the first call.

        Args:
            name: `OURS`, or `CONVOLUTIONS` for the backbone alone.
            net: "alex", "vgg" or "squeeze".
            shape: `(batch, height, width)` of each of the two batches.
            precision: one of `PRECISIONS`. Defaults to float32.
            gradient: whether the gradient to the second batch is computed,
                too. Defaults to `False`.

        Returns:
            The distances, or nothing where others are computed.
        """
        pair = [_to_device(images) for images in draw_images(shape)]
        _set_precision(precision)
        dtype = "mixed_bfloat16" if precision == BFLOAT16 else "float32"
        lpips = LPIPS(net, dtype=dtype)
        if gradient:
            function = _gradient_of(lpips)
        elif name == OURS:
            function = compile_function(lpips, lpips.variables)
        else:
            function = compile_function(
                lambda a, b: (lpips.backbone(a)[-1], lpips.backbone(b)[-1]),
                lpips.variables,
            )
        self._runs[name] = lambda: function(*pair)
        first = self._runs[name]()
        plain = name == OURS and not gradient
        return np.asarray(first).tolist() if plain else []

    def multiply(self, size, precision=FLOAT32) -> None:
        """Prepares `turn("product")` of square matrices."""
        _set_precision(precision)
        dtype = "bfloat16" if precision == BFLOAT16 else "float32"
        matrix = keras.random.normal((size, size), seed=SEED, dtype=dtype)
        product = jax.jit(jax.numpy.matmul) if JAX else tf.matmul
        self._runs["product"] = lambda: product(matrix, matrix)

    def turn(self, name, calls=1) -> float:
        """Returns the seconds of one call; see `time_calls`."""
        return time_calls(self._runs[name], _wait, calls)

    def peak_bytes(self) -> int | None:
        """Returns the peak of memory on the device, `None` if unknown."""
        statistics = JAX and jax.devices()[0].memory_stats()
        return statistics["peak_bytes_in_use"] if statistics else None

    def peak_growth(self, name, net, shape) -> int:
        """Returns how many bytes one distance adds to the process's peak."""
        del name
        from keras_lpips.inference.scorer import get_scorer

        return peak_growth(get_scorer(net).distance, draw_images(shape))


def _gradient_of(lpips):
    """Returns a compiled function to the gradient to the second batch."""
    if JAX:
        return jax.jit(jax.grad(lambda a, b: lpips(a, b).sum(), argnums=1))

    @tf.function(autograph=False)
    def gradient(reference, distorted):
        with tf.GradientTape() as tape:
            tape.watch(distorted)
            total = tf.reduce_sum(lpips(reference, distorted))
        return tape.gradient(total, distorted)

    return gradient


def _to_device(images):
    return jax.device_put(images) if JAX else tf.constant(images)


def _wait(results):
    if JAX:
        jax.block_until_ready(results)
    else:
        for tensor in tf.nest.flatten(results):
            tensor.numpy()


def _set_precision(precision):
    if JAX:
        jax.config.update(
            "jax_default_matmul_precision",
            "highest" if precision == FLOAT32 else "tensorfloat32",
        )
    else:
        tf.config.experimental.enable_tensor_float_32_execution(
            precision != FLOAT32
        )
