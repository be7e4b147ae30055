"""The client, over REST and gRPC, against servers on 127.0.0.1."""

import contextlib
import re
import socket
import subprocess
import sys
import threading
import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis.predict_pb2 import PredictResponse

from saved_models import client
from saved_models.client import Client, PairError, ServerError
from saved_models.transport import requests
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
REFUSED = {"rest": 400, "grpc": grpc.StatusCode.INVALID_ARGUMENT}
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
    monkeypatch.setattr(requests, "FIRST_WAIT", 0.01)
    behaviour = Behaviour()
    serve = {"rest": rest_server, "grpc": grpc_server}[protocol]
    with serve(model, behaviour) as behaviour.port:
        yield behaviour


@pytest.fixture
def ask(protocol, server):
    """A function from pairs and options of `Client` to the results."""

    def ask_server(pairs, **options):
        return results(
            "127.0.0.1", server.port, pairs, grpc=ask_server.grpc, **options
        )

    ask_server.grpc = protocol == "grpc"
    return ask_server


def results(host, port, pairs, **options):
    return list(Client(host, port, **options).distances(pairs))


@pytest.fixture
def pairs(example_files):
    return list(zip(*example_files, strict=True))


def test_distances_come_in_the_order_of_the_pairs(ask, server, pairs):
    found = ask(pairs * 5, batch_size=3)
    assert within(found, GOLDEN * 5)
    assert len(server.requests) == 4


def test_requests_in_flight_are_limited(ask, server, pairs):
    server.delay = 0.2
    found = ask(pairs * 6, batch_size=1, in_flight=4)
    assert within(found, GOLDEN * 6)
    assert server.most_at_once == 4


def test_a_request_to_a_busy_server_is_sent_again(ask, server, protocol, pairs):
    server.failures = [BUSY[protocol]] * 3
    assert within(ask(pairs), GOLDEN)
    assert len(server.requests) == 4


def test_retries_are_limited(ask, server, protocol, pairs):
    server.failures = [BUSY[protocol]] * 9
    with pytest.raises(ServerError, match="told to fail.*after 3 tries"):
        ask(pairs, retries=2)
    assert len(server.requests) == 3


@pytest.mark.parametrize("failure", [BROKEN, ABSENT])
def test_a_request_that_would_fail_again_is_not_sent_again(
    failure, ask, server, protocol, pairs
):
    server.failures = [failure[protocol]]
    with pytest.raises(ServerError, match="told to fail"):
        ask(pairs)
    assert len(server.requests) == 1


def test_a_request_that_timed_out_is_not_sent_again(ask, server, pairs):
    server.delay = 0.5
    with pytest.raises(ServerError, match="did not respond within 0.2 s"):
        ask(pairs, timeout=0.2)
    assert len(server.requests) == 1


def test_an_invalid_file_costs_no_other_pair_its_distance(ask, pairs):
    bad = (pairs[0][0], b"no image")
    first, second, third = ask([pairs[0], bad, pairs[1]])
    assert within([first, third], GOLDEN)
    assert isinstance(second, PairError)
    assert str(second) == (
        "`distorted` must hold PNG or JPEG files; this one is neither"
    )


def test_an_invalid_file_costs_no_other_client_its_distance(ask, server, pairs):
    server.merged = 8
    bad = (pairs[0][0], pairs[0][1][:-200])
    *found, last = ask([*pairs * 5, bad], batch_size=1, in_flight=8)
    assert within(found, GOLDEN * 5)
    assert "`distorted` cannot be decoded" in str(last)
    # None was sent again.
    assert len(server.requests) == 11


def test_a_request_beyond_the_threads_of_the_server_is_sent_again(model, pairs):
    behaviour = Behaviour()
    behaviour.threads, behaviour.delay = 2, 0.01
    with grpc_server(model, behaviour) as port:
        limits = {"retries": 20, "batch_size": 1, "in_flight": 6}
        found = results("127.0.0.1", port, pairs * 6, grpc=True, **limits)
    assert within(found, GOLDEN * 6)
    assert len(behaviour.requests) > 12


def test_a_message_that_is_too_large_is_its_pairs_error(model, pairs):
    behaviour = Behaviour()
    large = "Received message larger than max (9000000 vs. 4194304)"
    status = grpc.StatusCode.RESOURCE_EXHAUSTED
    # That of both pairs, and then that of the second.
    behaviour.failures = [(status, large), None, (status, large)]
    with grpc_server(model, behaviour) as port:
        first, second = results("127.0.0.1", port, pairs, grpc=True)
    assert within(first, GOLDEN[0])
    assert isinstance(second, PairError)
    assert large in str(second)


def test_a_rejected_request_is_halved(ask, server, protocol, pairs):
    server.failures = [REFUSED[protocol]]
    assert within(ask(pairs * 4), GOLDEN * 4)
    assert len(server.requests) == 3


def test_a_pair_is_not_blamed_for_a_refusal(ask, server, protocol, pairs):
    server.failures = [REFUSED[protocol]] * 2
    found = ask(pairs[:1])
    assert within(found, GOLDEN[:1])
    server.failures = [REFUSED[protocol]] * 3
    with pytest.raises(ServerError, match="told to fail.*after 3 tries"):
        ask(pairs[:1], retries=2)


def test_no_pairs_send_nothing(ask, server):
    assert ask([]) == []
    assert server.requests == []


def test_results_come_before_all_pairs_are_read(ask, server, pairs):
    taken = []

    def endless():
        while True:
            taken.append(pairs[0])
            yield pairs[0]

    limits = {"batch_size": 2, "in_flight": 2}
    client = Client("127.0.0.1", server.port, grpc=ask.grpc, **limits)
    results = client.distances(endless())
    assert taken == []
    assert within([next(results) for _ in range(9)], GOLDEN[:1] * 9)
    # Four batches are held beside the one whose results are being taken.
    assert len(taken) <= 18
    results.close()
    sent = len(server.requests)
    assert sent <= 9
    time.sleep(0.05)
    assert len(server.requests) == sent


def test_results_that_are_not_asked_for_are_not_requested(
    ask, server, protocol, pairs, monkeypatch
):
    monkeypatch.setattr(requests, "HELD", 20)
    monkeypatch.setattr(requests, "LONGEST_WAIT", 0.02)
    server.failures = [None, *[BUSY[protocol]] * 500]
    limits = {"batch_size": 1, "in_flight": 1, "retries": 50}
    client = Client("127.0.0.1", server.port, grpc=ask.grpc, **limits)
    results = client.distances(pairs[:1] * 20)
    assert within(next(results), GOLDEN[0])
    sent = len(server.requests)
    results.close()
    # That of the moment.
    assert len(server.requests) <= sent + 1


def test_a_request_has_not_too_many_bytes(ask, server, pairs, monkeypatch):
    size = max(len(a) + len(b) for a, b in pairs)
    monkeypatch.setattr(requests, "BATCH_BYTES", 2 * size)
    assert within(ask(pairs * 3), GOLDEN * 3)
    assert len(server.requests) == 3
    monkeypatch.setattr(requests, "BATCH_BYTES", 1)
    assert within(ask(pairs), GOLDEN)
    assert len(server.requests) == 5


def test_an_error_of_the_source_ends_the_requests(ask, pairs):
    def broken():
        yield pairs[0]
        raise OSError("no more")

    with pytest.raises(OSError, match="no more"):
        ask(broken())


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"retries": -1}, "`retries` must be at least 0. Received: -1"),
        ({"batch_size": 0}, "`batch_size` must be at least 1"),
        ({"in_flight": 0}, "`in_flight` must be at least 1"),
        ({"model_version": 3, "label": "stable"}, "not both"),
    ],
)
def test_wrong_options_of_the_client_are_errors(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Client(**options)


def test_the_version_is_the_highest_that_is_loaded(server, protocol):
    def find(**options):
        options["grpc"] = protocol == "grpc"
        return Client("127.0.0.1", server.port, **options).find_version()

    server.versions = {2: "AVAILABLE", 3: "AVAILABLE", 4: "LOADING"}
    assert find() == 3
    assert find(label="stable") == 2
    assert find(model_version=3) == 3
    server.versions = {4: "LOADING"}
    with pytest.raises(ServerError, match="is loaded: 4 is LOADING.*2 tries"):
        find(retries=1)
    with pytest.raises(ServerError, match="has no version 5"):
        find(model_version=5)
    server.versions = None
    assert find() is None


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"model_version_status": 5}',
        b'{"model_version_status": [{"version": "x", "state": "AVAILABLE"}]}',
        b"[" * 50_000,
    ],
)
def test_an_unexpected_status_is_an_error(body, model):
    behaviour = Behaviour()
    behaviour.failures = [body]
    with rest_server(model, behaviour) as port:
        with pytest.raises(ServerError, match="unexpected response body"):
            Client("127.0.0.1", port).find_version()


def test_version_and_label_are_sent(ask, server, protocol, pairs):
    ask(pairs, model_version=3)
    ask(pairs, label="stable")
    third, stable = server.requests
    if protocol == "rest":
        assert third == "/v1/models/lpips_alex/versions/3:predict"
        assert stable == "/v1/models/lpips_alex/labels/stable:predict"
    else:
        assert (third.name, third.version.value) == ("lpips_alex", 3)
        assert stable.version_label == "stable"


def row(distance, error):
    """A response with one good pair, and another one."""
    rows = b'{"distance": 0.5, "error": ""}, {"distance": %b, "error": %b}'
    return b'{"predictions": [' + rows % (distance, error) + b"]}"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"<html>", "unexpected response body"),
        (b'{"outputs": [1]}', "unexpected response body"),
        (b'{"predictions": [0.5]}', "1 distances and 1 errors for 2 pairs"),
        (b'{"predictions": 5}', "unexpected response body"),
        (b"[" * 50_000, "unexpected response body"),
        (b'{"predictions": [0.5, NaN]}', "distance nan, error ''"),
        (b'{"predictions": [0.5, Infinity]}', "distance inf"),
        (b'{"predictions": [0.5, -5]}', "distance -5"),
        (b'{"predictions": [0.5, true]}', "distance True"),
        (b'{"predictions": [0.5, "7"]}', "distance '7'"),
        (b'{"predictions": [0.5, 1' + b"0" * 400 + b"]}", "distance 1000"),
        (b'{"predictions": [0.5, 1' + b"0" * 5000 + b"]}", "response body"),
        (row(b"NaN", b'""'), "distance nan, error ''"),
        (row(b"0.5", b'"bad"'), "distance 0.5, error 'bad'"),
        (row(b"NaN", b"7"), "distance nan, error 7"),
        (b'{"predictions": [' + b" " * 100_000 + b"]}", "more than 73728"),
    ],
)
def test_an_unexpected_response_is_an_error(body, sentence, model, pairs):
    behaviour = Behaviour()
    behaviour.failures = [body]
    with rest_server(model, behaviour) as port:
        with pytest.raises(ServerError, match=sentence):
            results("127.0.0.1", port, pairs)


@pytest.mark.parametrize("distance", [b"NaN", b"null"])
def test_the_text_of_a_server_is_cleaned(distance, model, pairs):
    behaviour = Behaviour()
    behaviour.failures = [row(distance, b'"bad \\u001b[31m\\n image"')]
    with rest_server(model, behaviour) as port:
        found = results("127.0.0.1", port, pairs)
    assert found[0] == 0.5
    assert str(found[1]) == "bad [31m image"


@pytest.mark.parametrize(
    ("outputs", "sentence"),
    [
        ({}, "without `distance`"),
        ({"distance": np.zeros(2)}, "tensor of type 2"),
        ({"distance": np.zeros((2, 1), "f4")}, r"shape \[2, 1\]"),
        ({"distance": np.float32([0, np.nan])}, "distance nan, error ''"),
        ({"distance": np.float32([0, -1])}, "distance -1.0"),
        (
            {"distance": np.float32([0, 1]), "error": np.array([b"", b"x"])},
            "distance 1.0, error 'x'",
        ),
    ],
)
def test_an_unexpected_tensor_is_an_error(outputs, sentence, model, pairs):
    behaviour = Behaviour()
    response = PredictResponse()
    for name, values in outputs.items():
        response.outputs[name].CopyFrom(tf.make_tensor_proto(values))
    behaviour.failures = [response]
    with grpc_server(model, behaviour) as port:
        with pytest.raises(ServerError, match=sentence):
            results("127.0.0.1", port, pairs, grpc=True)


def test_a_tensor_that_claims_a_size_is_not_made(model, pairs):
    behaviour = Behaviour()
    response = PredictResponse()
    tensor = tf.make_tensor_proto(np.float32(0))
    tensor.tensor_shape.dim.add().size = 1 << 50
    response.outputs["distance"].CopyFrom(tensor)
    behaviour.failures = [response]
    with grpc_server(model, behaviour) as port:
        with pytest.raises(ServerError, match="shape"):
            results("127.0.0.1", port, pairs, grpc=True)


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"X",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n",
    ],
    ids=["informational", "header", "body"],
)
def test_a_server_that_sends_little_by_little_times_out(sent, pairs):
    ended = threading.Event()

    def drip():
        connection, _ = listening.accept()
        with connection, contextlib.suppress(OSError):
            while not ended.wait(0.02):
                connection.sendall(sent)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip)
        thread.start()
        started = time.monotonic()
        port = listening.getsockname()[1]
        with pytest.raises(ServerError, match="did not respond within 0.3 s"):
            results("127.0.0.1", port, pairs, timeout=0.3)
        assert time.monotonic() - started < 2
        ended.set()
        thread.join()


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


def test_the_command_names_rejected_pairs(server, protocol, folders, capsys):
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


def test_the_example_of_the_documentation_runs(
    model, folders, monkeypatch, capsys
):
    page = REPOSITORY / "docs" / "commands" / "client.md"
    (code,) = re.findall(r"```py\n(.*?)```", page.read_text(), re.DOTALL)
    (folders[1] / "p1.png").write_bytes(b"no image")
    monkeypatch.chdir(folders[0].parent)
    with rest_server(model, Behaviour()) as port:
        exec(code.replace("8501", str(port)), {})
    assert capsys.readouterr().out == (
        f"p0.png: {GOLDEN[0]:.3f}\np1.png cannot be compared: "
        "`distorted` must hold PNG or JPEG files; this one is neither\n"
    )


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
