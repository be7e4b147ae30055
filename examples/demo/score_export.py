"""Scores images through an export, with TensorFlow and without Keras.

    python -m examples.demo.score_export MODEL IMAGES OUTPUT

Sends the PNG files in IMAGES to the SavedModel in MODEL, and writes to OUTPUT
how far the two copies of each photograph are from it, and which copy the
trained ranking head expects a judge to call closer.
"""

import json
import sys
from pathlib import Path

# Makes later imports fail: the server of an export has neither.
sys.modules["keras"] = sys.modules["keras_lpips"] = None

import tensorflow as tf  # noqa: E402

from examples.demo.photographs import CENTERS, KINDS  # noqa: E402


def main(argv=None) -> None:
    """Scores, prints and writes."""
    model, images, output = map(Path, sys.argv[1:] if argv is None else argv)
    signatures = tf.saved_model.load(str(model)).signatures
    scores = {name: score(signatures, images, name) for name in CENTERS}
    for name, values in scores.items():
        print(
            f"{name}: blurred {values['blurred']:.4f}, bent "
            f"{values['bent']:.4f}; bent preferred with probability "
            f"{values['preference']:.3f}"
        )
    output.write_text(json.dumps(scores, indent=2) + "\n")


def score(signatures, folder: Path, name: str) -> dict[str, float]:
    """Returns the distances of a photograph's copies, and the preference."""
    reference, *copies = (
        (folder / f"{name}_{kind}.png").read_bytes()
        for kind in ("reference", *KINDS)
    )
    distances = signatures["encoded"](
        reference=tf.constant([reference] * len(copies)),
        distorted=tf.constant(copies),
    )["distance"]
    reference, p0, p1 = (
        tf.cast(tf.io.decode_png(file, channels=3)[None], tf.float32) / 127.5
        - 1
        for file in (reference, *copies)
    )
    preference = signatures["preference"](reference=reference, p0=p0, p1=p1)
    return {
        **dict(zip(KINDS, distances.numpy().tolist(), strict=True)),
        "preference": float(preference["preference"][0]),
    }


if __name__ == "__main__":
    main()
