r"""Asks a server for the distance of two images, or of two folders of images.

    python -m saved_models.client --host localhost --port 8501 A.png B.png
    python -m saved_models.client --grpc --port 8500 references/ distorted/

The files, PNG or JPEG, are sent as they are. Of folders, the files whose names
are in both are compared. Prints a distance; for folders a name and a distance
a line. Over REST it needs neither TensorFlow nor Keras.
"""

import sys
from dataclasses import dataclass
from pathlib import Path

import simple_parsing
from simple_parsing.wrappers.field_wrapper import DashVariant

from saved_models.transport.batch_client import Requests
from saved_models.transport.rest import RestTransport
from saved_models.transport.server_error import ServerError

REST_PORT, GRPC_PORT = 8501, 8500


@dataclass(frozen=True)
class Settings:
    """Whom to ask, about what, and how patiently."""

    reference: Path = simple_parsing.field(positional=True)
    """A PNG or JPEG file, or a folder of them."""
    distorted: Path = simple_parsing.field(positional=True)
    """What to compare with it, likewise."""
    host: str = "localhost"
    """Name or address of the server."""
    port: int | None = None
    """Its port; by default 8501, or 8500 for gRPC."""
    grpc: bool = simple_parsing.field(default=False, action="store_true")
    """Whether to speak gRPC instead of REST."""
    model: str = "lpips_alex"
    """Name of the model on the server."""
    version: int | None = None
    """Version of the model; by default the server's choice."""
    label: str | None = None
    """Label of the version, as `stable`, instead of its number."""
    timeout: float = 30.0
    """Longest wait for an answer, in seconds."""
    retries: int = 4
    """How often a request is sent again that the server did not take."""
    batch_size: int = 16
    """Most pairs in a request."""
    in_flight: int = 4
    """Most requests at one time."""


def main(argv=None) -> int:
    """Asks; returns 0, or 1 if a pair could not be compared."""
    parser = simple_parsing.ArgumentParser(
        prog="client",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    try:
        pairs = find_pairs(settings.reference, settings.distorted)
        files = [tuple(path.read_bytes() for path in p) for p in pairs.values()]
        results = Requests(
            connect(settings),
            settings.retries,
            settings.batch_size,
            settings.in_flight,
        ).distances(files)
    except (ServerError, ValueError) as error:
        print(f"client: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"client: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("client: interrupted", file=sys.stderr)
        return 130
    return report(dict(zip(pairs, results, strict=True)))


def find_pairs(reference, distorted) -> dict[str, tuple[Path, Path]]:
    """Returns the files to compare by name; one pair is called "".

    Raises:
        ValueError: if folders have no name in common, or one is a file.
    """
    if not (reference.is_dir() or distorted.is_dir()):
        return {"": (reference, distorted)}
    if not (reference.is_dir() and distorted.is_dir()):
        raise ValueError(
            "Two files or two folders can be compared, not one of each: "
            f"{reference}, {distorted}"
        )
    sides = [
        {path.name: path for path in folder.iterdir() if path.is_file()}
        for folder in (reference, distorted)
    ]
    names = sorted(sides[0].keys() & sides[1].keys())
    if not names:
        raise ValueError(
            f"{reference} and {distorted} have no file name in common"
        )
    return {name: (sides[0][name], sides[1][name]) for name in names}


def connect(settings):
    """Returns the transport of the settings."""
    if not settings.grpc:
        kind, port = RestTransport, REST_PORT
    else:
        # It brings TensorFlow, for seconds.
        from saved_models.transport.grpc_api import GrpcTransport

        kind, port = GrpcTransport, GRPC_PORT
    if settings.port is not None:
        port = settings.port
    return kind(
        settings.host,
        port,
        settings.model,
        settings.version,
        settings.label,
        settings.timeout,
    )


def report(results) -> int:
    """Prints distances and errors; returns 1 if there is an error."""
    status = 0
    for name, result in results.items():
        if isinstance(result, ServerError):
            where = f"{name}: " if name else ""
            print(f"client: {where}{result}", file=sys.stderr)
            status = 1
        else:
            print(f"{result:.6f}" + (f"  {name}" if name else ""))
    return status


if __name__ == "__main__":
    sys.exit(main())
