r"""Requests the distance of two images, or of two folders, from a server.

    python -m saved_models.client --host localhost --port 8501 A.png B.png
    python -m saved_models.client --grpc --port 8500 references/ distorted/

Sends PNG and JPEG files unchanged. Of two folders, compares the files that
have the same name. Prints one distance, or for folders a line of distance and
name for each pair. Over REST neither TensorFlow nor Keras is needed.

Python programs use `saved_models.client.Client`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tyro.conf import Positional

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.options import NonNegativeInt, PositiveFloat, PositiveInt
from keras_lpips_cli.program import parse, run
from saved_models.transport.errors import PairError, ServerError
from saved_models.transport.requests import (
    BATCH_SIZE,
    IN_FLIGHT,
    RETRIES,
    TIMEOUT,
    Client,
    Pair,
)

__all__ = ["Client", "Pair", "PairError", "ServedModelConfig", "ServerError"]
NAME = "saved_models.client"


@dataclass(frozen=True, kw_only=True)
class ServedModelConfig:
    """Flags that choose a model on a server."""

    model: str = "lpips_alex"
    """Name of the model on the server."""
    model_version: PositiveInt | None = None
    """Version of the model. By default the server's choice."""
    label: str | None = None
    """Label of the version, for example stable, instead of its number."""
    grpc: bool = False
    """Use gRPC instead of REST."""

    def __post_init__(self):
        """Checks that one version is named."""
        if self.label is not None and self.model_version is not None:
            raise ValueError("--label and --model-version exclude each other")


@dataclass(frozen=True, kw_only=True)
class ClientConfig(ServedModelConfig):
    """Flags of the program."""

    reference: Positional[Path]
    """A PNG or JPEG file, or a folder of them."""
    distorted: Positional[Path]
    """A file or folder to compare with it."""
    host: str = "localhost"
    """Name or address of the server."""
    port: PositiveInt | None = None
    """Port of the server. By default 8501, or 8500 for gRPC."""
    timeout: PositiveFloat = TIMEOUT
    """Longest time of a request until its response is complete, in seconds."""
    retries: NonNegativeInt = RETRIES
    """Times that a request is sent again if the server did not accept it."""
    batch_size: PositiveInt = BATCH_SIZE
    """Most pairs in a request."""
    in_flight: PositiveInt = IN_FLIGHT
    """Most requests at a time."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compares the images; returns 1 if a pair could not be compared."""
    config = parse(ClientConfig, __doc__, argv, prog=NAME)
    return run(NAME, lambda: compare_on_server(config))


def compare_on_server(config: ClientConfig) -> int:
    """Prints the distances; returns 1 if a pair failed, else 0."""
    pairs = find_pairs(config.reference, config.distorted)
    client = Client(
        config.host,
        config.port,
        config.model,
        grpc=config.grpc,
        model_version=config.model_version,
        label=config.label,
        timeout=config.timeout,
        retries=config.retries,
        batch_size=config.batch_size,
        in_flight=config.in_flight,
    )
    files = ((a.read_bytes(), b.read_bytes()) for a, b in pairs.values())
    status = 0
    for name, result in zip(pairs, client.distances(files), strict=True):
        if isinstance(result, PairError):
            where = f"{name}: " if name else ""
            print(f"{NAME}: {where}{result}", file=sys.stderr)
            status = 1
        else:
            print(f"{result:.6f}" + (f"  {name}" if name else ""))
    return status


def find_pairs(
    reference: Path, distorted: Path
) -> dict[str, tuple[Path, Path]]:
    """Returns the files to compare by name; the name of a single pair is "".

    Raises:
        UserError: if folders have no file name in common, or only one path is
            a folder.
    """
    if not (reference.is_dir() or distorted.is_dir()):
        return {"": (reference, distorted)}
    if not (reference.is_dir() and distorted.is_dir()):
        raise UserError(
            "two files or two folders can be compared, not one of each: "
            f"{reference}, {distorted}"
        )
    sides = [
        {path.name: path for path in folder.iterdir() if path.is_file()}
        for folder in (reference, distorted)
    ]
    names = sorted(sides[0].keys() & sides[1].keys())
    if not names:
        raise UserError(
            f"{reference} and {distorted} have no file name in common"
        )
    return {name: (sides[0][name], sides[1][name]) for name in names}


if __name__ == "__main__":
    sys.exit(main())
