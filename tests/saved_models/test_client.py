"""The client, over REST and gRPC, against servers on 127.0.0.1."""

import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from saved_models import client
from saved_models.transport import batch_client
from saved_models.transport.batch_client import Requests
from saved_models.transport.server_error import ServerError
from tests.keras_lpips.test_golden_values import DISTANCES, within
from tests.support.loopback_servers import (
    Behaviour,
    grpc_server,
    rest_server,
)

ROOT = Path(__file__).parents[2]
GOLDEN = DISTANCES["alex", "0.1", True]
# The same things, as either protocol says them.
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
    """Behaviour of a running server, with its `port`."""
    monkeypatch.setattr(batch_client, "FIRST_WAIT", 0.01)
    behaviour = Behaviour()
    serve = {"rest": rest_server, "grpc": grpc_server}[protocol]
    with serve(model, behaviour) as behaviour.port:
        yield behaviour


@pytest.fixture
def connect(protocol, server):
    """A function from settings to a transport to the server."""

    def make(**changes):
        settings = client.Settings(
            Path(),
            Path(),
            host="127.0.0.1",
            port=server.port,
            grpc=protocol == "grpc",
            **changes,
        )
        return client.connect(settings)

    return make


@pytest.fixture
def pairs(example_files):
    return list(zip(*example_files, strict=True))


def test_distances_come_in_the_order_of_the_pairs(connect, server, pairs):
    found = Requests(connect(), batch_size=3).distances(pairs * 5)
    assert within(found, GOLDEN * 5)
    assert len(server.requests) == 4


def test_requests_are_in_flight_together_but_not_more(connect, server, pairs):
    server.delay = 0.2
    requests = Requests(connect(), batch_size=1, in_flight=4)
    assert within(requests.distances(pairs * 6), GOLDEN * 6)
    assert server.most_at_once == 4


def test_a_busy_server_is_asked_again(connect, server, protocol, pairs):
    server.failures = [BUSY[protocol]] * 3
    assert within(Requests(connect()).distances(pairs), GOLDEN)
    assert len(server.requests) == 4


def test_a_server_that_stays_busy_is_given_up(connect, server, protocol, pairs):
    server.failures = [BUSY[protocol]] * 9
    with pytest.raises(ServerError, match="told to fail.*after 3 tries"):
        Requests(connect(), retries=2).distances(pairs)
    assert len(server.requests) == 3


@pytest.mark.parametrize("failure", [BROKEN, ABSENT])
def test_what_would_fail_again_is_not_sent_again(
    failure, connect, server, protocol, pairs
):
    server.failures = [failure[protocol]]
    with pytest.raises(ServerError, match="told to fail"):
        Requests(connect()).distances(pairs)
    assert len(server.requests) == 1


def test_a_slow_server_is_not_asked_again(connect, server, pairs):
    server.delay = 1
    with pytest.raises(ServerError, match="did not answer within 0.2 s"):
        Requests(connect(timeout=0.2)).distances(pairs)
    assert len(server.requests) == 1


def test_a_bad_file_costs_no_other_pair_its_distance(connect, pairs):
    bad = (pairs[0][0], b"no image")
    first, second, third = Requests(connect()).distances(
        [pairs[0], bad, pairs[1]]
    )
    assert within([first, third], GOLDEN)
    assert isinstance(second, ServerError)
    assert "must hold PNG or JPEG files" in str(second)


def test_version_and_label_are_asked_for(connect, server, protocol, pairs):
    Requests(connect(version=3)).distances(pairs)
    Requests(connect(label="stable")).distances(pairs)
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
        (b"<html>", "no list of distances"),
        (b'{"outputs": [1]}', "no list of distances"),
        (b'{"predictions": [0.5]}', "1 distances to 2 pairs"),
    ],
)
def test_an_answer_of_another_form_is_an_error(body, sentence, model, pairs):
    behaviour = Behaviour()
    behaviour.failures = [body]
    with rest_server(model, behaviour) as port:
        settings = client.Settings(Path(), Path(), host="127.0.0.1", port=port)
        with pytest.raises(ServerError, match=sentence):
            Requests(client.connect(settings)).distances(pairs)


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
    assert capsys.readouterr().out == "0.137566\n"
    assert command(server, protocol, *folders) == 0
    assert capsys.readouterr().out == "0.721881  p0.png\n0.137566  p1.png\n"


def test_the_command_names_what_was_refused(server, protocol, folders, capsys):
    (folders[0] / "p0.png").write_bytes(b"no image")
    assert command(server, protocol, *folders) == 1
    shown = capsys.readouterr()
    assert shown.out == "0.137566  p1.png\n"
    assert shown.err.startswith("client: p0.png: ")
    assert "must hold PNG or JPEG files" in shown.err


def test_the_command_says_what_is_missing(tmp_path, folders, capsys):
    assert client.main([str(tmp_path / "none"), "B.png"]) == 1
    assert "No such file" in capsys.readouterr().err
    assert client.main([str(folders[0]), str(folders[0] / "p0.png")]) == 1
    assert "not one of each" in capsys.readouterr().err
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    pair = [str(folder / "p0.png") for folder in folders]
    options = ["--host", "127.0.0.1", "--port", str(port), "--retries", "0"]
    assert client.main([*options, *pair]) == 1
    assert "Connection refused" in capsys.readouterr().err


def test_rest_needs_no_tensorflow():
    code = "import saved_models.client, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert "saved_models" in loaded
    assert not loaded & {"tensorflow", "keras", "grpc", "numpy"}
