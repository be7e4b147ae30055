"""The client, over REST and gRPC, against servers on 127.0.0.1."""

import subprocess
import sys

import grpc
import pytest

from saved_models import client
from saved_models.transport import batch_client
from saved_models.transport.batch_client import BatchClient, connect
from saved_models.transport.errors import ServerError
from tests.support.golden_values import golden, within
from tests.support.loopback_servers import (
    Behaviour,
    grpc_server,
    rest_server,
)
from tests.support.paths import REPOSITORY
from tests.support.ports import free_port

GOLDEN = golden("alex")["distances"][:2]
# The same statuses in both protocols.
BUSY = {"rest": 503, "grpc": grpc.StatusCode.UNAVAILABLE}
BROKEN = {"rest": 500, "grpc": grpc.StatusCode.INTERNAL}
ABSENT = {"rest": 404, "grpc": grpc.StatusCode.NOT_FOUND}


@pytest.fixture(scope="module")
def model(loaded, exported):
    return loaded(exported("alex"))


@pytest.fixture(params=["rest", "grpc"])
def protocol(request):
    return request.param


@pytest.fixture
def server(protocol, model, monkeypatch):
    """The behaviour of a running server, with its `port`."""
    monkeypatch.setattr(batch_client, "FIRST_WAIT", 0.01)
    behaviour = Behaviour()
    serve = {"rest": rest_server, "grpc": grpc_server}[protocol]
    with serve(model, behaviour) as behaviour.port:
        yield behaviour


@pytest.fixture
def transport(protocol, server):
    """A function from options of `connect` to a transport to the server."""

    def make(**options):
        return connect(
            "127.0.0.1", server.port, grpc=protocol == "grpc", **options
        )

    return make


@pytest.fixture
def pairs(example_files):
    return list(zip(*example_files, strict=True))


def test_distances_come_in_the_order_of_the_pairs(transport, server, pairs):
    found = BatchClient(transport(), batch_size=3).distances(pairs * 5)
    assert within(found, GOLDEN * 5)
    assert len(server.requests) == 4


def test_requests_in_flight_are_limited(transport, server, pairs):
    server.delay = 0.2
    requests = BatchClient(transport(), batch_size=1, in_flight=4)
    assert within(requests.distances(pairs * 6), GOLDEN * 6)
    assert server.most_at_once == 4


def test_a_request_to_a_busy_server_is_sent_again(
    transport, server, protocol, pairs
):
    server.failures = [BUSY[protocol]] * 3
    assert within(BatchClient(transport()).distances(pairs), GOLDEN)
    assert len(server.requests) == 4


def test_retries_are_limited(transport, server, protocol, pairs):
    server.failures = [BUSY[protocol]] * 9
    with pytest.raises(ServerError, match="told to fail.*after 3 tries"):
        BatchClient(transport(), retries=2).distances(pairs)
    assert len(server.requests) == 3


@pytest.mark.parametrize("failure", [BROKEN, ABSENT])
def test_a_request_that_would_fail_again_is_not_sent_again(
    failure, transport, server, protocol, pairs
):
    server.failures = [failure[protocol]]
    with pytest.raises(ServerError, match="told to fail"):
        BatchClient(transport()).distances(pairs)
    assert len(server.requests) == 1


def test_a_request_that_timed_out_is_not_sent_again(transport, server, pairs):
    server.delay = 0.5
    with pytest.raises(ServerError, match="did not respond within 0.2 s"):
        BatchClient(transport(timeout=0.2)).distances(pairs)
    assert len(server.requests) == 1


def test_a_bad_file_costs_no_other_pair_its_distance(transport, pairs):
    bad = (pairs[0][0], b"no image")
    first, second, third = BatchClient(transport()).distances(
        [pairs[0], bad, pairs[1]]
    )
    assert within([first, third], GOLDEN)
    assert isinstance(second, ServerError)
    assert "must hold PNG or JPEG files" in str(second)


def test_version_and_label_are_sent(transport, server, protocol, pairs):
    BatchClient(transport(model_version=3)).distances(pairs)
    BatchClient(transport(label="stable")).distances(pairs)
    third, stable = server.requests
    if protocol == "rest":
        assert third == "/v1/models/lpips_alex/versions/3:predict"
        assert stable == "/v1/models/lpips_alex/labels/stable:predict"
    else:
        assert (third.name, third.version.value) == ("lpips_alex", 3)
        assert stable.version_label == "stable"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "unexpected response body"),
        (b'{"outputs": [1]}', "unexpected response body"),
        (b'{"predictions": [0.5]}', "1 distances for 2 pairs"),
    ],
)
def test_an_unexpected_response_is_an_error(body, sentence, model, pairs):
    behaviour = Behaviour()
    behaviour.failures = [body]
    with rest_server(model, behaviour) as port:
        with pytest.raises(ServerError, match=sentence):
            BatchClient(connect("127.0.0.1", port)).distances(pairs)


@pytest.fixture
def folders(tmp_path, pairs):
    for side, names in enumerate(("references", "distorted")):
        folder = tmp_path / names
        folder.mkdir()
        for pair, name in zip(pairs, ("p0.png", "p1.png"), strict=True):
            (folder / name).write_bytes(pair[side])
    return tmp_path / "references", tmp_path / "distorted"


def command(server, protocol, *arguments):
    options = ["--host", "127.0.0.1", "--port", str(server.port)]
    if protocol == "grpc":
        options.append("--grpc")
    return client.main([*options, *map(str, arguments)])


def test_the_command_compares_files_and_folders(
    server, protocol, folders, capsys
):
    files = [folder / "p1.png" for folder in folders]
    assert command(server, protocol, *files) == 0
    assert within(float(capsys.readouterr().out), GOLDEN[1])
    assert command(server, protocol, *folders) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [name for _, name in lines] == ["p0.png", "p1.png"]
    assert within([float(distance) for distance, _ in lines], GOLDEN)


def test_the_command_names_refused_pairs(server, protocol, folders, capsys):
    (folders[0] / "p0.png").write_bytes(b"no image")
    assert command(server, protocol, *folders) == 1
    shown = capsys.readouterr()
    assert shown.out.endswith("  p1.png\n")
    assert shown.err.startswith("saved_models.client: p0.png: ")
    assert "must hold PNG or JPEG files" in shown.err


def test_the_command_names_missing_files_and_servers(tmp_path, folders, capsys):
    assert client.main([str(tmp_path / "none"), "B.png"]) == 1
    assert "No such file" in capsys.readouterr().err
    assert client.main([str(folders[0]), str(folders[0] / "p0.png")]) == 1
    assert "not one of each" in capsys.readouterr().err
    pair = [str(folder / "p0.png") for folder in folders]
    options = [
        "--host",
        "127.0.0.1",
        "--port",
        str(free_port()),
        "--retries",
        "0",
    ]
    assert client.main([*options, *pair]) == 1
    assert "Connection refused" in capsys.readouterr().err


def test_rest_needs_no_tensorflow():
    code = "import saved_models.client, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "saved_models" in loaded
    assert not loaded & {"tensorflow", "keras", "grpc", "numpy"}
