"""pipelines.score with the model on a server."""

import csv
import hashlib
import io
import json

import grpc
import numpy as np
import pytest
from PIL import Image

from keras_lpips import ImageError, distance
from keras_lpips.images.reader import load_image
from pipelines import score
from saved_models.transport import requests
from tests.support.beam_engines import PROCESSES
from tests.support.fake_pairs import write_list
from tests.support.loopback_servers import (
    Behaviour,
    grpc_server,
    rest_server,
)
from tests.support.ports import free_port

SERVERS = {"rest": rest_server, "grpc": grpc_server}

pytestmark = pytest.mark.usefixtures("quiet_workers")


@pytest.fixture(autouse=True)
def short_waits(backbone, monkeypatch):
    backbone("alex")
    monkeypatch.setattr(requests, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(requests, "LONGEST_WAIT", 0.05)


class StandIn:
    """A model with the signature `encoded`, by the library."""

    def __init__(self):
        self.signatures = {"encoded": self.encoded}

    def encoded(self, reference, distorted):
        distances, errors = [], []
        for files in zip(reference.numpy(), distorted.numpy(), strict=True):
            try:
                images = [Image.open(io.BytesIO(file)) for file in files]
                distances.append(distance(*map(load_image, images)))
                errors.append(b"")
            except (OSError, ImageError):
                distances.append(np.nan)
                errors.append(b"it is no image")
        return {
            "distance": np.float32(distances),
            "error": np.array(errors, object),
        }


@pytest.fixture(params=SERVERS)
def server(request):
    """The behaviour of a running server, with the flags that name it."""
    behaviour = Behaviour()
    behaviour.versions = {2: "AVAILABLE", 3: "AVAILABLE"}
    with SERVERS[request.param](StandIn(), behaviour) as port:
        behaviour.flags = ["--server", f"127.0.0.1:{port}"]
        behaviour.flags += ["--grpc"] * (request.param == "grpc")
        yield behaviour


def argv(pairs, output, *flags, beam=()):
    words = ["--pairs", pairs, "--output", output, "--shard-pairs", 6, *flags]
    return list(map(str, [*words, "--", *beam]))


def read(output):
    """The distances by name, and the manifest."""
    rows = []
    for path in sorted(output.glob("scores-*.csv")):
        with path.open() as file:
            rows += [list(row.values()) for row in csv.DictReader(file)]
    manifest = json.loads((output / "manifest.json").read_text())
    return {tuple(names): float(d) for *names, d in rows}, manifest


def test_distances_and_manifest_are_those_of_the_server(
    server, pairs, records, tmp_path
):
    found = {}
    for name, source in (("list", pairs), ("records", records)):
        for where, flags in (("here", []), ("there", server.flags)):
            output = tmp_path / name / where
            output.parent.mkdir(exist_ok=True)
            assert score.main(argv(source, output, *flags)) == 0
            found[where] = read(output)
        (expected, _), (distances, manifest) = found.values()
        assert list(distances) == list(expected)
        assert list(distances.values()) == pytest.approx(
            list(expected.values()), abs=1e-6
        )
    assert (manifest["model"], manifest["model_version"]) == ("lpips_alex", 3)
    assert manifest["server"] == server.flags[1]
    assert "net" not in manifest and "max_pixels" not in manifest


@pytest.mark.slow
@pytest.mark.distributed
@pytest.mark.parametrize("server", ["grpc"], indirect=True)
def test_several_processes_share_a_server(server, pairs, tmp_path):
    written = []
    for name, beam in (("one", []), ("two", PROCESSES)):
        output = tmp_path / name
        assert score.main(argv(pairs, output, *server.flags, beam=beam)) == 0
        written.append(
            {
                path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                for path in output.iterdir()
            }
        )
    assert written[0] == written[1]


def test_all_pairs_go_to_the_version_that_the_label_named(
    server, pairs, tmp_path
):
    flags = [*server.flags, "--label", "stable"]
    assert score.main(argv(pairs, tmp_path / "x", *flags)) == 0
    assert read(tmp_path / "x")[1]["model_version"] == 2
    status, trial, *scored = map(str, server.requests)
    assert "stable" in trial
    assert len(scored) == 4
    for request in scored:
        assert "stable" not in request
        assert "/versions/2:predict" in request or "value: 2" in request


def test_a_pair_that_is_invalid_is_named_with_its_reason(
    server, pairs, tmp_path, capsys
):
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pairs.open() as file:
        _, *rows = csv.reader(file)
    rows = [[f"{pairs.parent}/{name}" for name in row] for row in rows[:8]]
    rows[2][1], rows[5][0] = "bad.png", "none.png"
    listed = write_list(tmp_path / "list.csv", rows)
    flags = [*server.flags, "--tolerate", "2"]
    assert score.main(argv(listed, tmp_path / "x", *flags)) == 0
    distances, manifest = read(tmp_path / "x")
    assert (manifest["scored"], manifest["failed"]) == (6, 2)
    good = [tuple(row) for i, row in enumerate(rows) if i not in (2, 5)]
    assert list(distances) == good
    (bad,) = tmp_path.glob("x/failed-*.csv")
    with bad.open() as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    assert reasons[0] == "it is no image"
    assert "none.png does not exist" in reasons[1]


def test_a_run_is_resumed_with_the_version_that_it_began_with(
    server, pairs, tmp_path, capsys
):
    output = tmp_path / "x"
    assert score.main(argv(pairs, output, *server.flags)) == 0
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    (output / "manifest.json").unlink()
    (output / "scores-00001-of-00004.csv").unlink()
    server.versions[4] = "AVAILABLE"
    assert score.main(argv(pairs, output, *server.flags, "--resume")) == 1
    assert "model_version was 3 and is 4" in capsys.readouterr().err
    flags = [*server.flags, "--resume", "--model-version", "3"]
    assert score.main(argv(pairs, output, *flags)) == 0
    after = {path.name: path.read_bytes() for path in output.iterdir()}
    assert after == before


def test_a_server_that_fails_ends_the_job_in_one_sentence(
    server, pairs, tmp_path, capsys
):
    usual = server.requests

    class FailLater(list):
        def append(self, request):
            super().append(request)
            # The status, a trial and two shards.
            if len(self) == 5:
                internal = grpc.StatusCode.INTERNAL
                server.failures = [
                    internal if "--grpc" in server.flags else 500
                ]

    server.requests = FailLater(usual)
    assert score.main(argv(pairs, tmp_path / "x", *server.flags)) == 1
    error = capsys.readouterr().err
    assert "tasks are not done: " in error and "told to fail" in error
    assert "Traceback" not in error
    flags = [*server.flags, "--resume"]
    assert score.main(argv(pairs, tmp_path / "x", *flags)) == 0
    assert read(tmp_path / "x")[1]["scored"] == 20


def refused(pairs, tmp_path, flags, capsys):
    """Runs the program; returns its sentence."""
    assert score.main(argv(pairs, tmp_path / "x", *flags)) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert not (tmp_path / "x").exists()
    return error.strip().splitlines()[-1]


@pytest.mark.parametrize("more", [[], ["--grpc"]], ids=["rest", "grpc"])
def test_no_server_is_one_sentence(more, pairs, tmp_path, capsys):
    address = f"127.0.0.1:{free_port()}"
    flags = ["--server", address, *more]
    error = refused(pairs, tmp_path, flags, capsys)
    assert address in error and "after 3 tries" in error


@pytest.mark.parametrize(
    ("failures", "sentence"),
    [
        ([b"<html>"], "unexpected response body"),
        ([404], "returned 404"),
        ([None, b'{"predictions": [7]}'], "two identical images it returned 7"),
        (
            [None, b'{"predictions": [{"distance": null, "error": "no"}]}'],
            "two identical images it returned no",
        ),
        ([None, b'{"predictions": "7"}'], "returned neither a distance"),
        ([None, b"hello"], "unexpected response body"),
    ],
)
def test_a_server_that_answers_nonsense_is_rejected(
    failures, sentence, pairs, tmp_path, capsys
):
    behaviour = Behaviour()
    behaviour.failures = failures
    with rest_server(StandIn(), behaviour) as port:
        flags = ["--server", f"127.0.0.1:{port}"]
        error = refused(pairs, tmp_path, flags, capsys)
    assert sentence in error


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (["--server", "localhost"], "must be HOST:PORT. Received: localhost"),
        (["--server", "x:70000"], "must be HOST:PORT"),
        (["--server", ":8501"], "must be HOST:PORT"),
        (["--server", "x:8501", "--net", "vgg"], "--net is not for --server"),
        (["--server", "x:8501", "--maps"], "--maps is not for --server"),
        (["--grpc"], "--grpc needs --server"),
        (["--model-version", "3"], "--model-version needs --server"),
        (
            ["--server", "x:1", "--label", "a", "--model-version", "3"],
            "exclude each other",
        ),
    ],
)
def test_flags_that_exclude_each_other_are_rejected(flags, sentence, capsys):
    with pytest.raises(SystemExit) as exit:
        score.main(argv("x.csv", "x", *flags))
    assert exit.value.code == 2
    assert sentence in " ".join(
        capsys.readouterr().err.replace("│", "").split()
    )
