"""Converts LPIPS to ONNX or LiteRT, by Keras's exporters.

    python -m saved_models.convert --net alex --output lpips_alex.onnx
    python -m saved_models.convert --net alex --output lpips_alex.tflite

The file takes `reference` and `distorted`, float32 images in [-1, 1] of any
batch, height and width, and returns the distances. It does not validate its
inputs. It is written only if its runtime computes the layer's distances. Prints
the largest difference and the time of both. Needs the extra `targets`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import Net, Version
from keras_lpips_cli.program import parse, run

NAME = "saved_models.convert"


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """Flags of the program."""

    output: Path
    """A new file. Its suffix, .onnx or .tflite, chooses the format."""
    net: Net = "alex"
    """The backbone."""
    version: Version = "0.1"
    """Version of LPIPS; st is the shift-tolerant one, of alex and vgg."""


def main(argv: Sequence[str] | None = None) -> int:
    """Converts a net; see `program.run` for the exit status."""
    config = parse(ConvertConfig, __doc__, argv, prog=NAME)
    return run(NAME, lambda: convert_net(config), "nothing was written")


def convert_net(config: ConvertConfig) -> None:
    """Writes the file, and prints its difference from the layer and speed."""
    from keras_lpips import LPIPS
    from saved_models.store.conversion import convert

    lpips = LPIPS(config.net, config.version, dtype="float32")
    try:
        found = convert(lpips, config.output)
    except ImportError as error:
        raise UserError(
            f"{error}. Install the extra: pip install -e '.[targets]'"
        ) from error
    print(
        f"{config.output}: differs by at most "
        f"{found['largest_difference']:.1e}; a pair of 64 x 64 pixels takes "
        f"{found['milliseconds']:.1f} ms, in TensorFlow "
        f"{found['tensorflow_milliseconds']:.1f} ms"
    )


if __name__ == "__main__":
    sys.exit(main())
