"""Workers that `deploy/boot` starts, by the commands of the documentation."""

import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from apache_beam.portability.api import (
    beam_provision_api_pb2 as provision,
)
from apache_beam.portability.api import (
    beam_provision_api_pb2_grpc,
)

from pipelines import score, worker_boot
from pipelines.worker_boot import BootConfig, worker_environment
from tests.support.paths import REPOSITORY
from tests.support.ports import free_port, wait_for_port

ADDRESS = "localhost:1234"


def documented_commands():
    """The commands of the section "By hand", without line breaks."""
    page = (REPOSITORY / "docs" / "deploy.md").read_text()
    section = page.split("## By hand")[1].split("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.DOTALL | re.MULTILINE)
    return [shlex.split(block.replace("\\\n", " ")) for block in blocks]


@pytest.fixture
def provisions():
    """A provision service: its address, what it returns, what it was asked."""

    class Service(beam_provision_api_pb2_grpc.ProvisionServiceServicer):
        def __init__(self):
            self.info = provision.ProvisionInfo()
            self.metadata = {}

        def GetProvisionInfo(self, request, context):
            self.metadata = dict(context.invocation_metadata())
            return provision.GetProvisionInfoResponse(info=self.info)

    service = Service()
    server = grpc.server(ThreadPoolExecutor(1))
    beam_provision_api_pb2_grpc.add_ProvisionServiceServicer_to_server(
        service, server
    )
    service.address = f"localhost:{server.add_insecure_port('localhost:0')}"
    server.start()
    yield service
    server.stop(None).wait()


def test_the_worker_gets_what_the_provision_service_says(provisions):
    info = provisions.info
    info.control_endpoint.url = "localhost:5"
    info.pipeline_options["beam:option:job_name:v1"] = "scores"
    info.runner_capabilities.extend(["a", "b"])
    found = worker_environment(
        BootConfig(
            id="3-1",
            provision_endpoint=provisions.address,
            control_endpoint=ADDRESS,
            logging_endpoint=ADDRESS,
        )
    )
    assert provisions.metadata["worker_id"] == "3-1"
    assert found == {
        "CONTROL_API_SERVICE_DESCRIPTOR": 'url: "localhost:5"\n',
        "LOGGING_API_SERVICE_DESCRIPTOR": f'url: "{ADDRESS}"\n',
        "WORKER_ID": "3-1",
        "PIPELINE_OPTIONS": '{"beam:option:job_name:v1": "scores"}',
        "RUNNER_CAPABILITIES": "a b",
    }


def test_a_service_that_is_not_there_is_one_sentence(
    provisions, monkeypatch, capsys
):
    monkeypatch.setattr(worker_boot, "TIMEOUT", 0.2)
    nobody = f"localhost:{free_port()}"
    flags = ["--id=1-1", f"--provision_endpoint={nobody}"]
    assert worker_boot.main(flags) == 1
    assert f"{nobody} does not answer" in capsys.readouterr().err
    flags[1] = f"--provision_endpoint={provisions.address}"
    assert worker_boot.main(flags) == 1
    assert "names no control service" in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.usefixtures("quiet_workers")
def test_the_commands_of_the_documentation_run(
    pairs, job_service, backbone, tmp_path, monkeypatch
):
    """The bytes are those of the direct runner."""
    backbone("alex")
    pool, scoring = documented_commands()
    port = free_port()
    places = {
        "python": sys.executable,
        "--service_port=50000": f"--service_port={port}",
        "pairs.csv": str(pairs),
        "--job_endpoint=localhost:8099": f"--job_endpoint={job_service}",
        "--environment_config=localhost:50000": (
            f"--environment_config=localhost:{port}"
        ),
    }
    output = tmp_path / "scores"
    used = [[places.get(x, x) for x in words] for words in (pool, scoring)]
    assert sum(x in places for x in pool + scoring) == len(places) + 1
    monkeypatch.setenv("PATH", f"{sys.exec_prefix}/bin:/usr/bin:/bin")
    log = tmp_path / "pool.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            used[0], cwd=REPOSITORY, stdout=out, stderr=out
        )
    try:
        wait_for_port(port, process, log, 60)
        flags = used[1][3:]
        flags[flags.index("--output") + 1] = str(output)
        assert score.main(flags) == 0
    finally:
        process.terminate()
        process.wait()
    assert "deploy/boot" in log.read_text()
    flags = ["--pairs", str(pairs), "--output", str(tmp_path / "here")]
    assert score.main(flags) == 0
    written = [
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (output, tmp_path / "here")
    ]
    assert written[0] == written[1]
