"""Writes the configuration of TensorFlow Serving for a folder of models.

    python -m saved_models.serving_config --models models

Writes `models.config`, which names every model in the folder,
`batching.config`, which configures how requests are merged, and `compose.yaml`,
which starts the server. Prints the command that starts it without compose. Run
it again after new models or versions; until then the label `stable` stays with
its version.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_lpips_cli.options import NonNegativeInt, PositiveInt
from keras_lpips_cli.program import parse, run

NAME = "saved_models.serving_config"
MODELS_FILE = "models.config"
BATCHING_FILE = "batching.config"
COMPOSE_FILE = "compose.yaml"
GRPC_PORT, REST_PORT = 8500, 8501
# The folder of models in the container.
MOUNT = "/models"
# Loaded versions: the labeled one, and a newer one.
LOADED_VERSIONS = 2


@dataclass(frozen=True, kw_only=True)
class ServingConfig:
    """Flags of the program.

    Measured with alex on two cores: a batch of 16 pairs of 64 pixels has six
    times the throughput of single pairs, and larger batches add 3 %; pairs of
    256 pixels gain up to a factor of two from batches of 4, and no more from
    larger ones.
    """

    models: Path
    """The folder that holds the models' folders."""
    image: str = "tensorflow/serving:2.19.0"
    """The server's container image."""
    batching: bool = False
    """Compute concurrent requests together. A bad request then fails those
    that it was merged with."""
    max_batch_size: PositiveInt = 16
    """Most pairs that are computed together. Larger requests are rejected."""
    batch_timeout_micros: NonNegativeInt = 2000
    """Longest wait of a request for others, in microseconds."""
    max_enqueued_batches: PositiveInt = 64
    """Most queued batches. Further requests fail as UNAVAILABLE."""
    num_batch_threads: PositiveInt = 2
    """Batches that are computed at a time: the cores of the server."""


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the files; see `program.run` for the exit status."""
    config = parse(ServingConfig, __doc__, argv, prog=NAME)

    def work():
        write_serving_config(config)
        print(docker_command(config))

    return run(NAME, work)


def write_serving_config(config: ServingConfig) -> None:
    """Writes the files into the folder of models.

    Raises:
        VersionError: if the folder holds no model.
    """
    from keras_lpips.atomic_files import atomic_path

    files = {
        MODELS_FILE: models_config(config.models),
        BATCHING_FILE: batching_config(config),
        COMPOSE_FILE: compose_file(config),
    }
    for name, text in files.items():
        with atomic_path(config.models / name) as partial:
            partial.write_text(text)


def models_config(models: Path) -> str:
    """Returns the server's ModelServerConfig, as text.

    The highest version of each model is labeled `stable`.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import (
        ModelServerConfig,
    )

    from keras_lpips.inference.saved_model import list_versions
    from saved_models.store.versions import VersionError

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
            f"{models} holds no model, as saved_models.export writes it"
        )
    return text_format.MessageToString(config)


def batching_config(config: ServingConfig) -> str:
    """Returns the server's BatchingParameters, as text.

    Tensors are not padded to a common size, which would change distances.
    Merged requests whose float or uint8 images differ in size therefore fail;
    the images of `encoded` may differ.
    """
    return "".join(
        f"{name} {{ value: {getattr(config, name)} }}\n"
        for name in (
            "max_batch_size",
            "batch_timeout_micros",
            "max_enqueued_batches",
            "num_batch_threads",
        )
    )


def server_flags(config: ServingConfig, mount: str = MOUNT) -> list[str]:
    """Returns the server's arguments without its ports."""
    flags = [
        f"--model_config_file={mount}/{MODELS_FILE}",
        # The server reads the labels before it loads the versions.
        "--allow_version_labels_for_unavailable_models=true",
    ]
    if config.batching:
        flags += [
            "--enable_batching=true",
            f"--batching_parameters_file={mount}/{BATCHING_FILE}",
        ]
    return flags


def compose_file(config: ServingConfig) -> str:
    """Returns a compose file, which is started in the folder of models."""
    command = "\n".join(f"      - {flag}" for flag in server_flags(config))
    return f"""\
services:
  lpips:
    image: {config.image}
    command:
{command}
    ports:
      - "{GRPC_PORT}:{GRPC_PORT}"
      - "{REST_PORT}:{REST_PORT}"
    volumes:
      - .:{MOUNT}:ro
    restart: unless-stopped
"""


def docker_command(config: ServingConfig) -> str:
    """Returns the command that starts the server."""
    ports = [f"-p={port}:{port}" for port in (GRPC_PORT, REST_PORT)]
    volume = f"-v={config.models.resolve()}:{MOUNT}:ro"
    return shlex.join(
        ["docker", "run", "--rm", *ports, volume, config.image]
        + server_flags(config)
    )


if __name__ == "__main__":
    sys.exit(main())
