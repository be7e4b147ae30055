"""Writes what TensorFlow Serving reads beside a folder of models.

    python -m saved_models.serving_config --models models

`models/models.config` names every model in the folder, `batching.config` says
how requests are merged, `compose.yaml` starts the server. Prints the line that
starts it without compose. The files are written again as models or versions
come; a label stays with its version until then.
"""

import shlex
import sys
from dataclasses import dataclass
from pathlib import Path

import simple_parsing
from google.protobuf import text_format
from simple_parsing.wrappers.field_wrapper import DashVariant
from tensorflow_serving.config.model_server_config_pb2 import (
    ModelServerConfig,
)

from keras_lpips.atomic_files import replacing
from keras_lpips.inference.saved_model import list_versions
from saved_models.store.versions import VersionError

MODELS_FILE = "models.config"
BATCHING_FILE = "batching.config"
COMPOSE_FILE = "compose.yaml"
GRPC_PORT, REST_PORT = 8500, 8501
# Where the container finds the folder of models.
MOUNT = "/models"
# Versions that are loaded: that of the label, and one that came later.
LOADED_VERSIONS = 2


@dataclass(frozen=True)
class Settings:
    """Which models, and how the server merges requests.

    Batching was measured with alex on two cores, busy ones: a batch of 16
    pairs of 64 pixels has six times the rate of single pairs, and more adds
    3 %; pairs of 256 pixels gain up to twice from 4, then nothing.
    """

    models: Path
    """The folder that holds the models' folders."""
    image: str = "tensorflow/serving:2.19.0"
    """The server's container image."""
    batching: bool = simple_parsing.field(default=False, action="store_true")
    """Whether requests that come together are computed together. One that is
    refused then takes those with it that it was merged with."""
    max_batch_size: int = 16
    """Most pairs that are computed together; a larger request is refused."""
    batch_timeout_micros: int = 2000
    """How long a request waits for others, in microseconds."""
    max_enqueued_batches: int = 64
    """Batches that may wait; a request beyond them is UNAVAILABLE."""
    num_batch_threads: int = 2
    """Batches that are computed at one time; the cores of the server."""


def main(argv=None) -> int:
    """Parses the command line and writes; returns the exit status."""
    parser = simple_parsing.ArgumentParser(
        prog="server_files",
        description=__doc__,
        add_option_string_dash_variants=DashVariant.DASH,
    )
    parser.add_arguments(Settings, "settings")
    settings = parser.parse_args(argv).settings
    try:
        write_server_files(settings)
    except VersionError as error:
        print(f"server_files: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"server_files: {error.filename}: {error.strerror}",
            file=sys.stderr,
        )
        return 1
    print(docker_line(settings))
    return 0


def write_server_files(settings) -> None:
    """Writes the files into the folder of models.

    Raises:
        VersionError: if the folder holds no model.
    """
    files = {
        MODELS_FILE: text_format.MessageToString(
            models_config(settings.models)
        ),
        BATCHING_FILE: batching_config(settings),
        COMPOSE_FILE: compose_file(settings),
    }
    for name, text in files.items():
        with replacing(settings.models / name) as partial:
            partial.write_text(text)


def models_config(models) -> ModelServerConfig:
    """Returns the models of a folder, the highest version of each `stable`."""
    config = ModelServerConfig()
    for model in sorted(path for path in models.iterdir() if path.is_dir()):
        versions = list_versions(model)
        if not versions:
            continue
        entry = config.model_config_list.config.add()
        entry.name = model.name
        entry.base_path = f"{MOUNT}/{model.name}"
        entry.model_platform = "tensorflow"
        entry.model_version_policy.latest.num_versions = LOADED_VERSIONS
        entry.version_labels["stable"] = versions[-1]
    if not config.model_config_list.config:
        raise VersionError(
            f"{models} holds no model: a folder with a version in it, as "
            "saved_models.export writes it"
        )
    return config


def batching_config(settings) -> str:
    """Returns the server's BatchingParameters.

    Tensors are not padded to a common size, which would change distances:
    requests whose float or uint8 images differ in size fail if they are
    merged. Those of `encoded` may differ.
    """
    return "".join(
        f"{name} {{ value: {getattr(settings, name)} }}\n"
        for name in (
            "max_batch_size",
            "batch_timeout_micros",
            "max_enqueued_batches",
            "num_batch_threads",
        )
    )


def server_flags(settings, mount=MOUNT) -> list[str]:
    """Returns the server's arguments but for its ports."""
    flags = [
        f"--model_config_file={mount}/{MODELS_FILE}",
        # The server reads its models' labels before it has loaded them.
        "--allow_version_labels_for_unavailable_models=true",
    ]
    if settings.batching:
        flags += [
            "--enable_batching=true",
            f"--batching_parameters_file={mount}/{BATCHING_FILE}",
        ]
    return flags


def compose_file(settings) -> str:
    """Returns a compose file, to be started in the folder of models."""
    command = "\n".join(f"      - {flag}" for flag in server_flags(settings))
    return f"""\
services:
  lpips:
    image: {settings.image}
    command:
{command}
    ports:
      - "{GRPC_PORT}:{GRPC_PORT}"
      - "{REST_PORT}:{REST_PORT}"
    volumes:
      - .:{MOUNT}:ro
    restart: unless-stopped
"""


def docker_line(settings) -> str:
    """Returns the command that starts the server."""
    ports = [f"-p={port}:{port}" for port in (GRPC_PORT, REST_PORT)]
    volume = f"-v={settings.models.resolve()}:{MOUNT}:ro"
    return shlex.join(
        ["docker", "run", "--rm", *ports, volume, settings.image]
        + server_flags(settings)
    )


if __name__ == "__main__":
    sys.exit(main())
