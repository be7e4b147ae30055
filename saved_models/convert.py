"""Converts LPIPS to ONNX or LiteRT, by Keras's exporters.

    python -m saved_models.convert --net alex --output lpips_alex.onnx
    python -m saved_models.convert --net alex --output lpips_alex.tflite

The file takes `reference` and `distorted`, float32 images in [-1, 1] with free
batch, height and width, and gives the distances; it checks nothing. Its own
runtime runs it before it gets its name, and the largest difference from the
layer and both speeds are printed. Needs the packages of the extra `targets`.
"""

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import simple_parsing
import tensorflow as tf
from simple_parsing.wrappers.field_wrapper import DashVariant

from keras_lpips import LPIPS, WeightsError
from keras_lpips.atomic_files import replacing

# A file that differs by more is not written.
TOLERANCE = 2e-6
# The second has an odd size, at which pools that round differently show.
CHECKED_SHAPES = ((1, 64, 64, 3), (2, 67, 100, 3))
REPETITIONS = 20


class ConversionError(ValueError):
    """A file cannot be written; the message says why."""


@dataclass(frozen=True)
class Settings:
    """What to convert, and to what."""

    output: Path
    """The file, a new one; .onnx or .tflite says which format."""
    net: str = simple_parsing.choice("alex", "vgg", "squeeze", default="alex")
    """The backbone."""
    heads: str = simple_parsing.choice("0.1", "0.0", default="0.1")
    """The heads' version."""


def main(argv=None) -> int:
    """Parses the command line and converts; returns the exit status."""
    parser = simple_parsing.ArgumentParser(
        prog="convert",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    try:
        lpips = LPIPS(settings.net, settings.heads, dtype="float32")
        found = convert(lpips, settings.output)
    except (ConversionError, WeightsError) as error:
        print(f"convert: {error}", file=sys.stderr)
        return 1
    except ImportError as error:
        print(
            f"convert: {error}. Install the extra: pip install -e '.[targets]'",
            file=sys.stderr,
        )
        return 1
    except OSError as error:
        print(f"convert: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    print(
        f"{settings.output}: differs by at most "
        f"{found['largest_difference']:.1e}; a pair of 64 x 64 takes "
        f"{found['milliseconds']:.1f} ms, in TensorFlow "
        f"{found['tensorflow_milliseconds']:.1f} ms"
    )
    return 0


def convert(lpips, output) -> dict:
    """Writes a layer for another runtime, once that gives its distances.

    Args:
        lpips: `keras_lpips.LPIPS` in float32, with `value_range` (-1, 1).
        output: a file that is not there yet, `.onnx` or `.tflite`.

    Returns:
        `largest_difference` from the layer, and `milliseconds` and
        `tensorflow_milliseconds` for a pair of 64 x 64 pixels.

    Raises:
        ConversionError: if the file is there already, is of another kind or
            would give other distances.
    """
    output = Path(output)
    formats = {".onnx": ("onnx", _run_onnx), ".tflite": ("litert", _run_litert)}
    if output.suffix not in formats:
        raise ConversionError(
            f"--output must end in one of {list(formats)}: {output}"
        )
    if output.exists():
        raise ConversionError(f"{output} is there already")
    name, load = formats[output.suffix]
    images = [
        keras.Input((None, None, 3), name=role)
        for role in ("reference", "distorted")
    ]
    model = keras.Model(images, lpips(*images))
    # Keras converts only a model that has been called.
    model([np.zeros(CHECKED_SHAPES[0], np.float32)] * 2)
    with replacing(output) as partial:
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
        difference = max(difference, float(found))
    # Written so that NaN fails, too.
    if not difference <= TOLERANCE:
        raise ConversionError(
            f"The converted net differs by {difference:.1e}, more than "
            f"{TOLERANCE:.0e}; it was not written"
        )
    return {
        "largest_difference": difference,
        "milliseconds": _clock(run, pairs[0]),
        "tensorflow_milliseconds": _clock(
            lambda *pair: function(*pair).numpy(), pairs[0]
        ),
    }


def _clock(run, pair):
    times = []
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        run(*pair)
        times.append(time.perf_counter() - start)
    return float(np.median(times)) * 1e3


def _run_onnx(path):
    import onnxruntime

    session = onnxruntime.InferenceSession(path)
    return lambda reference, distorted: session.run(
        None, {"reference": reference, "distorted": distorted}
    )[0]


def _run_litert(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    runner = interpreter.get_signature_runner()
    (output,) = runner.get_output_details()
    return lambda reference, distorted: runner(
        reference=reference, distorted=distorted
    )[output]


if __name__ == "__main__":
    sys.exit(main())
