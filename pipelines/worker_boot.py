r"""Starts a Beam worker, as an engine asks for it.

    --environment_type=PROCESS \
    --environment_config='{"command": "/PATH/deploy/boot"}'

An engine starts this program for each worker (PROCESS), or a worker pool does
(--container_executable), where no container of Beam's is used. It asks the
engine's provision service for the job's options and starts Beam's worker.
`deploy/boot` is the same as a file that can be executed.

Files that Beam stages, such as --requirements_file, are not fetched: this
Python must have what the job imports.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from keras_lpips_cli.errors import UserError
from keras_lpips_cli.program import parse, run

NAME = "pipelines.worker_boot"
# Seconds to wait for the provision service.
TIMEOUT = 60


@dataclass(frozen=True, kw_only=True)
class BootConfig:
    """Flags of the program, which the engine gives.

    The addresses are used where the provision service names none.
    """

    id: str
    """Name of the worker."""
    provision_endpoint: str
    """HOST:PORT of the engine's provision service."""
    control_endpoint: str = ""
    """HOST:PORT of the engine's control service."""
    logging_endpoint: str = ""
    """HOST:PORT of the engine's logging service."""
    artifact_endpoint: str = ""
    """HOST:PORT of the engine's artifact service, which is not used."""
    semi_persist_dir: str = ""
    """Folder for staged files, which is not used."""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a worker until the engine ends it; returns the exit status."""
    config = parse(BootConfig, __doc__, argv, prog=NAME)

    def work():
        from apache_beam.runners.worker import sdk_worker_main

        os.environ |= worker_environment(config)
        sdk_worker_main.main([])

    return run(NAME, work)


def worker_environment(config: BootConfig) -> dict[str, str]:
    """Returns the variables from which Beam's worker takes its job.

    Args:
        config: flags of the program.

    Raises:
        UserError: the provision service cannot be reached.
    """
    import grpc
    from apache_beam.portability.api import (
        beam_provision_api_pb2,
        beam_provision_api_pb2_grpc,
        endpoints_pb2,
    )
    from google.protobuf import json_format, text_format

    with grpc.insecure_channel(config.provision_endpoint) as channel:
        provisions = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
        try:
            response = provisions.GetProvisionInfo(
                beam_provision_api_pb2.GetProvisionInfoRequest(),
                timeout=TIMEOUT,
                wait_for_ready=True,
                # Engines tell workers apart by it.
                metadata=[("worker_id", config.id)],
            )
        except grpc.RpcError as error:
            raise UserError(
                f"the provision service {config.provision_endpoint} does not "
                f"answer: {error.code().name}: {error.details()}"
            ) from None
    info = response.info
    services = {
        "CONTROL": (info.control_endpoint, config.control_endpoint),
        "LOGGING": (info.logging_endpoint, config.logging_endpoint),
        "STATUS": (info.status_endpoint, ""),
    }
    addresses = {
        f"{name}_API_SERVICE_DESCRIPTOR": text_format.MessageToString(
            service
            if service.url
            else endpoints_pb2.ApiServiceDescriptor(url=url)
        )
        for name, (service, url) in services.items()
        if service.url or url
    }
    if "CONTROL_API_SERVICE_DESCRIPTOR" not in addresses:
        raise UserError(
            f"the provision service {config.provision_endpoint} names no "
            "control service"
        )
    options = json_format.MessageToDict(info.pipeline_options)
    return {
        **addresses,
        "WORKER_ID": config.id,
        "PIPELINE_OPTIONS": json.dumps(options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


if __name__ == "__main__":
    sys.exit(main())
