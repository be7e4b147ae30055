"""What is asked of an engine's job service, beside running the pipeline."""

import grpc
from apache_beam.options.pipeline_options import (
    PipelineOptions,
    PortableOptions,
)
from apache_beam.portability.api import (
    beam_job_api_pb2,
    beam_job_api_pb2_grpc,
)

from keras_lpips_cli.errors import UserError

ANSWER_SECONDS = 30.0


def job_endpoint(options: PipelineOptions) -> str | None:
    """Returns HOST:PORT of the job service, `None` if Beam starts it."""
    endpoint = options.view_as(PortableOptions).job_endpoint
    return None if endpoint == "embed" else endpoint


def list_options(endpoint: str, seconds: float | None = None) -> set[str]:
    """Returns the names of the options that a job service describes.

    Args:
        endpoint: HOST:PORT.
        seconds: longest time to wait for the answer. Defaults to `None`,
            `ANSWER_SECONDS`.

    Raises:
        UserError: nothing answers there, or something else than a job service.
    """
    seconds = ANSWER_SECONDS if seconds is None else seconds
    with grpc.insecure_channel(endpoint) as channel:
        service = beam_job_api_pb2_grpc.JobServiceStub(channel)
        request = beam_job_api_pb2.DescribePipelineOptionsRequest()
        try:
            answer = service.DescribePipelineOptions(
                request, timeout=seconds, wait_for_ready=True
            )
        except grpc.RpcError as error:
            if error.code() == grpc.StatusCode.UNIMPLEMENTED:
                return set()
            raise UserError(
                f"No job service of Beam answers at {endpoint} "
                f"(--job_endpoint): {error.code().name} within {seconds:g} s"
            ) from None
    return {option.name for option in answer.options}
