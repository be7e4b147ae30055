"""TensorFlow Serving itself, where TENSORFLOW_MODEL_SERVER names its binary."""

import os
import shutil
import time

import pytest

from saved_models.serving_config import (
    ServingConfig,
    server_flags,
    write_serving_config,
)
from saved_models.transport.batch_client import BatchClient, connect
from saved_models.transport.errors import ServerError
from tests.support.ports import free_port

BINARY = os.environ.get("TENSORFLOW_MODEL_SERVER")
GOLDEN = [0.721880709, 0.137565609]
VERSION_CHANGE = 60

pytestmark = pytest.mark.skipif(
    not BINARY,
    reason="TENSORFLOW_MODEL_SERVER does not name a tensorflow_model_server, "
    "so TensorFlow Serving itself was not tried.",
)


@pytest.fixture(scope="module", params=[False, True], ids=["alone", "batched"])
def server(request, model, start, tmp_path_factory):
    """The ports of a running server and the folder of its models."""
    models = tmp_path_factory.mktemp("served")
    shutil.copytree(model, models / "lpips_alex")
    settings = ServingConfig(models=models, batching=request.param)
    write_serving_config(settings)
    config = models / "models.config"
    config.write_text(config.read_text().replace("/models/", f"{models}/"))
    grpc, rest = free_port(), free_port()
    command = [BINARY, f"--port={grpc}", f"--rest_api_port={rest}"]
    command += ["--file_system_poll_wait_seconds=1"]
    command += server_flags(settings, models)
    log = tmp_path_factory.mktemp("log") / "log"
    with start(command, rest, log):
        yield {False: rest, True: grpc}, models, log


def ask(ports, pairs, grpc, batch_size=2, **options):
    transport = connect("127.0.0.1", ports[grpc], grpc=grpc, **options)
    client = BatchClient(transport, batch_size=batch_size, in_flight=8)
    return client.distances(pairs)


@pytest.mark.parametrize("grpc", [False, True], ids=["rest", "grpc"])
def test_distances_are_the_references(grpc, server, pairs):
    ports, _, _ = server
    for batch_size in (1, 2):
        found = ask(ports, pairs * 20, grpc, batch_size)
        assert found == pytest.approx(GOLDEN * 20, abs=2e-6, rel=1e-5)
    found = ask(ports, pairs, grpc, label="stable")
    assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)


@pytest.mark.parametrize("grpc", [False, True], ids=["rest", "grpc"])
def test_a_bad_file_is_refused(grpc, server, pairs):
    ports, _, _ = server
    bad = (pairs[0][0], b"no image")
    first, second, third = ask(ports, [pairs[0], bad, pairs[1]], grpc)
    assert [first, third] == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
    assert "must hold PNG or JPEG files" in str(second)


def test_warm_up_requests_are_replayed(server):
    _, _, log = server
    assert "warmup" in log.read_text(errors="replace").lower()


def test_a_new_version_is_served_beside_the_old(server, pairs):
    ports, models, _ = server
    versions = models / "lpips_alex"
    shutil.copytree(versions / "1", versions / ".incomplete-2")
    (versions / ".incomplete-2").rename(versions / "2")
    end = time.monotonic() + VERSION_CHANGE
    while True:
        try:
            found = ask(ports, pairs, False, model_version=2)
            break
        except ServerError:
            assert time.monotonic() < end
            time.sleep(1)
    assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
    found = ask(ports, pairs, False, label="stable")
    assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
