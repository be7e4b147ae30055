"""Compares implementations of the backbone with `tf.function`.

    python -m benchmarks.engines --output engines.json

needs OpenVINO beside the extra `targets`; what is not installed is reported
as failed. `TF_ENABLE_ONEDNN_OPTS=0` before it measures TensorFlow without
oneDNN. Implementations are timed in turn; values are medians.

On two AVX-512 cores with TensorFlow 2.21.0, OpenVINO 2026.4.1, ONNX Runtime
1.31.1 and LiteRT 2.3.0, milliseconds for two batches of 4x256x256 / 1x512x512,
the largest error relative to a distance, and seconds until the first result
(a dash: not measured):

                                 alex  squeeze         vgg  error  seconds
    tf.function               41 / 40  33 / 35     771 / -  0e+00  0.2-0.9
    XLA                       54 / 48  37 / 41    1001 / -  4e-07  0.7-1.8
    both in one batch         41 / 41  34 / 38     817 / -  0e+00  0.2-0.9
    one image to two others   84 / 77  65 / 67    1637 / -  0e+00  0.4-1.9
    the same, embedded once   65 / 61  51 / 56    1174 / -  0e+00  0.3-1.4
    bfloat16                  28 / 26  26 / 29     429 / -  4e-03  0.3-0.9
    bfloat16, XLA             62 / 52  65 / 73    1015 / -  5e-03  1.0-2.3
    OpenVINO                  43 / 43  32 / 40     945 / -  2e-07  6.0-35.2
    OpenVINO, bfloat16        28 / 24  22 / 24     545 / -  4e-03  7.3-29.5
    ONNX Runtime              43 / 41  34 / 52     862 / -  2e-07  4.4-22.6
    LiteRT                    44 / 40  30 / 36     845 / -  4e-07  2.3-5.9
    weights as constants      42 / 42  34 / 34     750 / -  0e+00  0.6-3.2

So no alternative within 1e-5 of the reference is 10 % faster, and no engine
became an option. The results in detail:

- XLA is 11 to 33 % slower, and longer to compile each shape.
- One batch of both images leaves the convolutions the same work and adds a
  split.
- Weights as constants, which oneDNN can lay out once: from 3 % faster (vgg) to
  5 % slower (alex).
- OpenVINO, ONNX Runtime and LiteRT: slower, but for squeeze at the first shape,
  where LiteRT is 9 % and OpenVINO 2 % faster. They take 2 to 35 s to export
  and compile.
- bfloat16 takes 0.56 to 0.83 of the time and is wrong from the third digit on,
  by up to half a percent: not the metric. `LPIPS(dtype="mixed_bfloat16")` has
  it for a loss. XLA gains nothing from it.

One pass for an image that is used twice saves 17 to 28 %: `embed` and
`compare`, which training, evaluation and `keras-lpips matrix` use.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import get_args

import keras
import numpy as np
import skimage.data
import tensorflow as tf
from scipy.ndimage import gaussian_filter
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from benchmarks.measurement.interleaving import interleave
from keras_lpips import LPIPS
from keras_lpips.inference.jit import compile_function
from keras_lpips_cli.options import Net

NETS = get_args(Net)
SHAPES = {"4x256x256": (4, 256, 256), "1x512x512": (1, 512, 512)}
THREADS = 2
OURS = "tf.function"


def main(argv=None) -> None:
    """Measures what the arguments name; see the module."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--nets", nargs="+", choices=NETS, default=NETS)
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=SHAPES)
    parser.add_argument(
        "--implementations",
        nargs="+",
        choices=IMPLEMENTATIONS,
        default=list(IMPLEMENTATIONS),
    )
    parser.add_argument(
        "--seconds", type=float, default=6.0, help="for each net and shape"
    )
    arguments = parser.parse_args(argv)
    rows = []
    for net in arguments.nets:
        for shape in arguments.shapes:
            rows += measure(
                net, SHAPES[shape], arguments.implementations, arguments.seconds
            )
            arguments.output.write_text(json.dumps(rows, indent=1) + "\n")
    for row in rows:
        print(to_line(row))


def measure(net: str, shape, implementations, seconds: float) -> list[dict]:
    """Times all implementations for one net and shape.

    Args:
        net: "alex", "vgg" or "squeeze".
        shape: `(batch, height, width)` of each of the two batches.
        implementations: names out of `IMPLEMENTATIONS`.
        seconds: duration of the measurement.

    Returns:
        For each name `median_ms`, `ready_s` until the first result, and
        `error`: its largest difference from `OURS`, relative to the value; or
        `failed`.
    """
    pair = draw_pair(shape)
    lpips = LPIPS(net, dtype="float32")
    expected = IMPLEMENTATIONS[OURS](lpips, pair)()
    running, found = {}, {}
    for name in implementations:
        start = time.perf_counter()
        try:
            run = IMPLEMENTATIONS[name](lpips, pair)
            distances = np.asarray(run()).reshape(expected.shape)
        except Exception as error:
            line = (str(error).strip().splitlines() or [""])[0]
            found[name] = {"failed": f"{type(error).__name__}: {line}"}
            continue
        found[name] = {
            "ready_s": time.perf_counter() - start,
            "error": float(np.abs(distances / expected - 1).max()),
        }
        running[name] = run
    for name, taken in interleave(running, seconds).items():
        found[name] |= taken
    return [
        {"net": net, "shape": shape, "implementation": name, **found[name]}
        for name in implementations
    ]


def draw_pair(shape) -> list[np.ndarray]:
    """Returns parts of a photograph, and the same, blurred and with noise.

    Args:
        shape: `(batch, height, width)`, of 512 x 512 pixels at most.

    Returns:
        float32, `(batch, height, width, 3)`, [-1, 1].
    """
    batch, height, width = shape
    photo = skimage.data.astronaut().astype(np.float32) / 127.5 - 1
    corners = np.linspace(0, 512 - height, batch).astype(int)
    sharp = np.stack([photo[i : i + height, i : i + width] for i in corners])
    noise = np.random.default_rng(0).normal(0, 0.05, sharp.shape)
    blurred = gaussian_filter(sharp, (0, 1, 1, 0)) + noise
    return [sharp, np.clip(blurred, -1, 1).astype(np.float32)]


def to_line(row: dict) -> str:
    """Returns a row of a Markdown table."""
    cells = [
        row["net"],
        "x".join(map(str, row["shape"])),
        row["implementation"],
    ]
    if "failed" in row:
        cells += [row["failed"], "", ""]
    else:
        cells += [f"{row['median_ms']:.1f}", f"{row['error']:.0e}"]
        cells += [f"{row['ready_s']:.1f}"]
    return f"| {' | '.join(cells)} |"


def _tf_function(lpips, pair):
    function = compile_function(lpips, lpips.variables)
    tensors = [tf.constant(batch) for batch in pair]
    return lambda: function(*tensors).numpy()


def _frozen(lpips, pair):
    """Prepares weights as constants, whose layout oneDNN may convert once."""
    tensors = [tf.constant(batch) for batch in pair]
    function = tf.function(lpips, autograph=False)
    function = function.get_concrete_function(*tensors)
    function = convert_variables_to_constants_v2(function)
    return lambda: function(*tensors)[0].numpy()


def _xla(lpips, pair):
    function = tf.function(lpips, autograph=False, jit_compile=True)
    tensors = [tf.constant(batch) for batch in pair]
    return lambda: function(*tensors).numpy()


def _one_batch(lpips, pair):
    """Prepares one batch of both images."""

    @tf.function(autograph=False)
    def function(both):
        halves = [tf.split(tap, 2) for tap in lpips.embed(both)]
        return lpips.compare(*zip(*halves, strict=True))

    both = tf.constant(np.concatenate(pair))
    return lambda: function(both).numpy()


def _two_distances(lpips, pair):
    """Prepares distances of one image to two others, by two calls."""
    reference, distorted = map(tf.constant, pair)
    other = tf.reverse(distorted, [1])

    @tf.function(autograph=False)
    def function(reference, distorted, other):
        return lpips(reference, distorted), lpips(reference, other)

    return lambda: function(reference, distorted, other)[0].numpy()


def _embedded_once(lpips, pair):
    """Prepares the same distances with one pass for the reference."""
    reference, distorted = map(tf.constant, pair)
    other = tf.reverse(distorted, [1])

    @tf.function(autograph=False)
    def function(reference, distorted, other):
        embedded = lpips.embed(reference)
        return [
            lpips.compare(embedded, lpips.embed(images))
            for images in (distorted, other)
        ]

    return lambda: function(reference, distorted, other)[0].numpy()


def _bfloat16(lpips, pair):
    return _tf_function(LPIPS(lpips.net, dtype="mixed_bfloat16"), pair)


def _bfloat16_xla(lpips, pair):
    return _xla(LPIPS(lpips.net, dtype="mixed_bfloat16"), pair)


def _openvino(precision):
    def prepare(lpips, pair):
        import openvino

        shape = pair[0].shape
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "model.onnx")
            _keras_model(lpips).export(path, format="onnx", verbose=False)
            model = openvino.convert_model(path)
        model.reshape({port: shape for port in model.inputs})
        engine = openvino.compile_model(
            model,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": precision,
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": THREADS,
            },
        )
        request = engine.create_infer_request()
        return lambda: request.infer(pair, share_inputs=True)[0]

    return prepare


def _onnx_runtime(lpips, pair):
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        _keras_model(lpips).export(path, format="onnx", verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = THREADS
        session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
    images = dict(zip(("reference", "distorted"), pair, strict=True))
    return lambda: session.run(None, images)[0]


def _litert(lpips, pair):
    from ai_edge_litert.interpreter import Interpreter

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.tflite")
        _keras_model(lpips).export(path, format="litert", verbose=False)
        interpreter = Interpreter(str(path), num_threads=THREADS)
    runner = interpreter.get_signature_runner()
    images = dict(zip(("reference", "distorted"), pair, strict=True))
    return lambda: next(iter(runner(**images).values()))


def _keras_model(lpips):
    images = [
        keras.Input((None, None, 3), name=role)
        for role in ("reference", "distorted")
    ]
    model = keras.Model(images, lpips(*images))
    # Keras converts only a model that has been called.
    model([np.zeros((1, 64, 64, 3), np.float32)] * 2)
    return model


# By name, functions of a layer and two batches that return a function without
# arguments, which returns the distances.
IMPLEMENTATIONS = {
    OURS: _tf_function,
    "weights as constants": _frozen,
    "XLA": _xla,
    "both in one batch": _one_batch,
    "one image to two others": _two_distances,
    "the same, embedded once": _embedded_once,
    "bfloat16": _bfloat16,
    "bfloat16, XLA": _bfloat16_xla,
    "OpenVINO": _openvino("f32"),
    "OpenVINO, bfloat16": _openvino("bf16"),
    "ONNX Runtime": _onnx_runtime,
    "LiteRT": _litert,
}


if __name__ == "__main__":
    main()
