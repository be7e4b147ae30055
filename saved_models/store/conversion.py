"""Converts a layer for other runtimes and compares the distances."""

import time
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_lpips import LPIPS
from keras_lpips.atomic_files import atomic_path
from keras_lpips_cli.errors import UserError

# A file whose distances differ by more is not written.
TOLERANCE = 2e-6
# At odd sizes, pooling layers that round differently give other values.
CHECKED_SHAPES = ((1, 64, 64, 3), (2, 67, 100, 3))
REPETITIONS = 20


class ConversionError(UserError):
    """A file cannot be converted."""


def convert(lpips: LPIPS, output: Path) -> dict[str, float]:
    """Writes a layer for another runtime, if the distances are equal.

    Args:
        lpips: a layer in float32 with `value_range` (-1, 1).
        output: a file that does not exist, `.onnx` or `.tflite`.

    Returns:
        `largest_difference` from the layer, and `milliseconds` and
        `tensorflow_milliseconds` for a pair of 64 x 64 pixels.

    Raises:
        ConversionError: if the file exists, has another suffix or computes
            other distances.
    """
    output = Path(output)
    formats = {".onnx": ("onnx", load_onnx), ".tflite": ("litert", load_litert)}
    if output.suffix not in formats:
        raise ConversionError(
            f"--output must end in one of {list(formats)}: {output}"
        )
    if output.exists():
        raise ConversionError(f"{output} exists")
    name, load = formats[output.suffix]
    images = [
        keras.Input((None, None, 3), name=role)
        for role in ("reference", "distorted")
    ]
    model = keras.Model(images, lpips(*images))
    # Keras exports only a model that has been called.
    model([np.zeros(CHECKED_SHAPES[0], np.float32)] * 2)
    with atomic_path(output) as partial:
        model.export(str(partial), format=name, verbose=False)
        return _compare(lpips, load(partial))


def _compare(lpips, run):
    function = tf.function(lambda a, b: lpips(a, b), autograph=False)
    generator = np.random.default_rng(0)
    difference = 0.0
    pairs = [
        generator.uniform(-1, 1, (2, *shape)).astype(np.float32)
        for shape in CHECKED_SHAPES
    ]
    for pair in pairs:
        found = np.abs(run(*pair) - function(*pair).numpy()).max()
        # Unlike `max`, it keeps a NaN.
        difference = float(np.maximum(difference, found))
    # True for NaN, too.
    if not difference <= TOLERANCE:
        raise ConversionError(
            f"the converted net differs by {difference:.1e}, more than "
            f"{TOLERANCE:.0e}; it was not written"
        )
    return {
        "largest_difference": difference,
        "milliseconds": _measure_milliseconds(run, pairs[0]),
        "tensorflow_milliseconds": _measure_milliseconds(
            lambda *pair: function(*pair).numpy(), pairs[0]
        ),
    }


def _measure_milliseconds(run, pair):
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run(*pair)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def load_onnx(path: Path) -> Callable:
    """Returns a function of two batches that runs an ONNX file."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda reference, distorted: session.run(
        None, {"reference": reference, "distorted": distorted}
    )[0]


def load_litert(path: Path) -> Callable:
    """Returns a function of two batches that runs a LiteRT file."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    (output,) = runner.get_output_details()
    return lambda reference, distorted: runner(
        reference=reference, distorted=distorted
    )[output]
