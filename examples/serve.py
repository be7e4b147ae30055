"""Exports LPIPS, and scores PNG files as a server does, without Keras.

    python -m examples.serve MODELS

Writes `MODELS/lpips_alex/1`, a SavedModel that TensorFlow Serving can load,
and sends it a photograph of scikit-image with a blurred copy. In production a
server runs the export; `saved_models.serving_config` writes its configuration.
"""

import io
import subprocess
import sys

import tensorflow as tf
from PIL import Image
from skimage import data
from skimage.filters import gaussian
from skimage.util import img_as_ubyte


def encode(pixels) -> bytes:
    """Returns a uint8 RGB image as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def main(argv=None) -> None:
    """Exports, loads and scores."""
    (models,) = sys.argv[1:] if argv is None else argv
    output = f"{models}/lpips_alex"
    command = f"-m saved_models.export --net alex --output {output}"
    subprocess.run([sys.executable, *command.split()], check=True)
    # From here on only TensorFlow is needed.
    model = tf.saved_model.load(f"{output}/1")
    photograph = data.chelsea()
    blurred = img_as_ubyte(gaussian(photograph, 2, channel_axis=-1))
    answer = model.signatures["encoded"](
        reference=tf.constant([encode(photograph)]),
        distorted=tf.constant([encode(blurred)]),
    )
    print(f"distance of the blurred copy: {float(answer['distance'][0]):.4f}")


if __name__ == "__main__":
    main()
