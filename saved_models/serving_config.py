"""Writes the configuration of TensorFlow Serving for a folder of models.

    python -m saved_models.serving_config --models models
    python -m saved_models.serving_config --models models --stable mine=3

Writes `models.config`, which names every model in the folder and the versions
to load, `batching.config`, which says how requests are merged, and
`compose.yaml`, which starts the server. Prints the command that starts it
without compose.

The label `stable` is given to the highest version of each model, or to that of
--stable. The version that had it before stays loaded. A running server reads
the files again, so this command releases a new version, and takes it back.
"""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from keras_lpips_cli.options import NonNegativeInt, PositiveInt
from keras_lpips_cli.program import parse, run
from saved_models.transport.requests import BATCH_SIZE, TIMEOUT

NAME = "saved_models.serving_config"
MODELS_FILE = "models.config"
BATCHING_FILE = "batching.config"
COMPOSE_FILE = "compose.yaml"
GRPC_PORT, REST_PORT = 8500, 8501
# The folder of models in the container.
MOUNT = "/models"
STABLE = "stable"
# Seconds after which a running server has seen new files.
POLL_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class ServingConfig:
    """Flags of the program.

    The defaults follow from a model, which `docs/serving.md` describes.
    """

    models: Path
    """The folder that holds the models' folders."""
    stable: tuple[str, ...] = ()
    """MODEL=VERSION: the version that is labelled stable."""
    image: str = "tensorflow/serving:2.20.0"
    """The server's container image."""
    cores: PositiveInt = 2
    """Cores of the server: the batches that are computed at a time."""
    batching: bool = False
    """Compute requests together; float and uint8 images need one size."""
    max_batch_size: PositiveInt = BATCH_SIZE
    """Most pairs that are computed together. A larger request is rejected."""
    batch_timeout_micros: NonNegativeInt = 2000
    """Longest wait of a request for others, in microseconds."""
    max_enqueued_batches: PositiveInt = 64
    """Batches that may wait. A request beyond them is UNAVAILABLE."""

    def __post_init__(self):
        """Checks the form of --stable."""
        for named in self.stable:
            model, _, version = named.rpartition("=")
            if not model or not version.isdecimal():
                raise ValueError(
                    "--stable must be MODEL=VERSION, for example "
                    f"lpips_alex=3. Received: {named}"
                )

    @property
    def num_batch_threads(self) -> int:
        """Batches that are computed at a time."""
        return self.cores

    @property
    def threads(self) -> int:
        """Requests at a time, of each protocol.

        As many as fill each core's batch with single pairs while the next one
        is collected, and two that gRPC keeps to itself. Without batching,
        each request is computed on its own, and 16 for each core are enough
        for eight clients with their default of requests.
        """
        if self.batching:
            return 2 * self.cores * self.max_batch_size + 2
        return 16 * self.cores + 2


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the files; see `program.run` for the exit status."""
    config = parse(ServingConfig, __doc__, argv, prog=NAME)

    def work():
        for change in write_serving_config(config):
            print(f"{NAME}: {change}", file=sys.stderr)
        print(docker_command(config))

    return run(NAME, work)


def write_serving_config(config: ServingConfig) -> list[str]:
    """Writes the files into the folder of models.

    Returns:
        A line for each label that was moved.

    Raises:
        VersionError: if the folder holds no model, or not a version that is
            to be stable.
    """
    from keras_lpips.atomic_files import atomic_path

    before = read_labels(config.models / MODELS_FILE)
    files = {
        MODELS_FILE: models_config(config.models, config.stable, before),
        BATCHING_FILE: batching_config(config),
        COMPOSE_FILE: compose_file(config),
    }
    for name, text in files.items():
        with atomic_path(config.models / name) as partial:
            partial.write_text(text)
    return [
        f"{model}: {STABLE} was version {before[model]}, is {version}"
        for model, version in read_labels(config.models / MODELS_FILE).items()
        if before.get(model, version) != version
    ]


def read_labels(path: Path) -> dict[str, int]:
    """Returns the version that is labelled stable, by model, or nothing.

    Raises:
        VersionError: if the file is no ModelServerConfig.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import (
        ModelServerConfig,
    )

    from saved_models.store.versions import VersionError

    if not path.exists():
        return {}
    try:
        config = text_format.Parse(path.read_text(), ModelServerConfig())
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise VersionError(f"{path} is no ModelServerConfig: {error}") from None
    return {
        entry.name: entry.version_labels[STABLE]
        for entry in config.model_config_list.config
        if STABLE in entry.version_labels
    }


def models_config(
    models: Path,
    stable: Sequence[str] = (),
    before: dict[str, int] | None = None,
) -> str:
    """Returns the server's ModelServerConfig, as text.

    Two versions of a model are loaded: the one that is labelled `stable`, and
    the one that had this label before, which serves until the label has moved.
    If it has not moved, the second is the next lower one.

    Args:
        models: the folder of the models' folders.
        stable: `MODEL=VERSION` for labels that do not go to the highest one.
        before: the labelled version by model.
    """
    from google.protobuf import text_format
    from tensorflow_serving.config.model_server_config_pb2 import (
        ModelServerConfig,
    )

    from keras_lpips.inference.saved_model import list_versions
    from saved_models.store.versions import VersionError

    config = ModelServerConfig()
    chosen = {
        model: int(version)
        for model, _, version in (named.rpartition("=") for named in stable)
    }
    for model in sorted(path for path in models.iterdir() if path.is_dir()):
        versions = list_versions(model)
        if not versions:
            continue
        version = chosen.pop(model.name, versions[-1])
        if version not in versions:
            raise VersionError(f"{model} has no version {version}: {versions}")
        entry = config.model_config_list.config.add()
        entry.name = model.name
        entry.base_path = f"{MOUNT}/{model.name}"
        entry.model_platform = "tensorflow"
        entry.version_labels[STABLE] = version
        second = (before or {}).get(model.name, version)
        if second == version or second not in versions:
            second = max((v for v in versions if v < version), default=version)
        loaded = entry.model_version_policy.specific.versions
        loaded.extend(sorted({version, second}))
    if chosen:
        raise VersionError(f"{models} holds no model {', '.join(chosen)}")
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
        f"--model_config_file_poll_wait_seconds={POLL_SECONDS}",
        # The server reads the labels before it loads the versions.
        "--allow_version_labels_for_unavailable_models=true",
        # By default both are four for each core. gRPC rejects requests beyond
        # them with RESOURCE_EXHAUSTED, REST lets them wait.
        f"--grpc_max_threads={config.threads}",
        f"--rest_api_num_threads={config.threads}",
        # As long as the client waits.
        f"--rest_api_timeout_in_ms={round(TIMEOUT * 1000)}",
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
