"""TensorFlow Serving itself, where TENSORFLOW_MODEL_SERVER names its binary."""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from saved_models.client import Client, PairError, ServerError
from saved_models.serving_config import (
    ServingConfig,
    server_flags,
    write_serving_config,
)
from tests.support.ports import free_port

BINARY = os.environ.get("TENSORFLOW_MODEL_SERVER")
GOLDEN = [0.721880709, 0.137565609]
VERSION_CHANGE = 60
POLL = "--model_config_file_poll_wait_seconds"

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
    configure(settings)
    grpc, rest = free_port(), free_port()
    command = [BINARY, f"--port={grpc}", f"--rest_api_port={rest}"]
    command += ["--file_system_poll_wait_seconds=1"]
    command += server_flags(settings, models)
    command += [f"{POLL}=1"]
    log = tmp_path_factory.mktemp("log") / "log"
    # The warm-up is logged as information, which `make` turns off.
    with start(command, rest, log, {"TF_CPP_MIN_LOG_LEVEL": "0"}):
        yield {False: rest, True: grpc}, models, log


def configure(settings):
    write_serving_config(settings)
    config = settings.models / "models.config"
    text = config.read_text().replace('"/models/', f'"{settings.models}/')
    config.write_text(text)


def ask(ports, pairs, grpc, batch_size=2, **options):
    return list(client_of(ports, grpc, batch_size, **options).distances(pairs))


def client_of(ports, grpc, batch_size=2, **options):
    options |= {"batch_size": batch_size, "in_flight": 8}
    return Client("127.0.0.1", ports[grpc], grpc=grpc, **options)


@pytest.mark.parametrize("grpc", [False, True], ids=["rest", "grpc"])
def test_distances_are_the_references(grpc, server, pairs):
    ports, _, _ = server
    for batch_size in (1, 2):
        found = ask(ports, pairs * 20, grpc, batch_size)
        assert found == pytest.approx(GOLDEN * 20, abs=2e-6, rel=1e-5)
    found = ask(ports, pairs, grpc, label="stable")
    assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
    assert client_of(ports, grpc).find_version() == 1
    assert client_of(ports, grpc, label="stable").find_version() == 1


@pytest.mark.parametrize("grpc", [False, True], ids=["rest", "grpc"])
def test_an_invalid_file_is_rejected(grpc, server, pairs):
    ports, _, _ = server
    bad = (pairs[0][0], b"no image")
    first, second, third = ask(ports, [pairs[0], bad, pairs[1]], grpc)
    assert [first, third] == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
    assert "must hold PNG or JPEG files" in str(second)


def test_warm_up_requests_are_replayed(server):
    _, _, log = server
    assert "warmup" in log.read_text(errors="replace").lower()


def test_pairs_of_many_clients_are_lost_by_none(server, pairs):
    ports, _, _ = server
    bad = (pairs[0][0], pairs[0][1][:-200])
    sent = [*pairs * 10, bad] * 5
    for grpc in (False, True):
        with ThreadPoolExecutor(8) as pool:
            tasks = [pool.submit(ask, ports, sent, grpc, 1) for _ in range(8)]
            for task in tasks:
                found = task.result()
                assert [isinstance(x, PairError) for x in found] == (
                    [False] * 20 + [True]
                ) * 5
                good = [x for x in found if not isinstance(x, PairError)]
                assert good == pytest.approx(GOLDEN * 50, abs=2e-6, rel=1e-5)


def test_new_versions_are_released_and_taken_back(server, pairs):
    ports, models, _ = server
    versions = models / "lpips_alex"
    for number, stable in ((2, "2"), (3, "3"), (None, "2")):
        if number:
            partial = versions / f".incomplete-{number}"
            shutil.copytree(versions / "1", partial)
            partial.rename(versions / str(number))
        settings = ServingConfig(
            models=models, stable=(f"lpips_alex={stable}",)
        )
        configure(settings)
        end = time.monotonic() + VERSION_CHANGE
        while True:
            # The label is served all the time.
            found = ask(ports, pairs, False, label="stable")
            assert found == pytest.approx(GOLDEN, abs=2e-6, rel=1e-5)
            try:
                ask(ports, pairs, False, model_version=int(stable))
                break
            except ServerError:
                assert time.monotonic() < end
                time.sleep(0.2)
    # The first one is unloaded at the latest when the third is stable.
    with pytest.raises(ServerError):
        ask(ports, pairs, False, model_version=1)
