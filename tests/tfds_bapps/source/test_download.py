import dataclasses
import hashlib
import http.server
import threading

import pytest

from tests.support.fake_bapps import files, write_tar
from tfds_bapps import PreparationError
from tfds_bapps.source import published


@pytest.fixture
def host(tmp_path, monkeypatch):
    """A host of two small archives in the place of the official ones."""
    folder = tmp_path / "host"
    folder.mkdir()
    val = write_tar(folder / "twoafc_val.tar.gz", files({"val/cnn": 3}))
    write_tar(folder / "jnd.tar.gz", files({"val/cnn": 2}, "jnd"))
    sha256 = hashlib.sha256(val.read_bytes()).hexdigest()
    counts = {"2afc": {"val_cnn": 3}, "jnd": {"val_cnn": 2}}

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=folder)

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("localhost", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://localhost:{server.server_port}/"
    archives = [
        dataclasses.replace(archive, sha256=archive.sha256 and sha256)
        for archive in published.ARCHIVES
    ]
    monkeypatch.setattr(published, "ARCHIVES", tuple(archives))
    monkeypatch.setattr(published, "COUNTS", counts)
    monkeypatch.setattr(published, "HOST", address)
    yield folder
    server.shutdown()
    server.server_close()


def test_archives_are_downloaded_and_read_in_place(tmp_path, prepare, host):
    builder = prepare(None)
    assert builder.info.splits["val_cnn"].num_examples == 3
    assert prepare(None, "jnd").info.splits["val_cnn"].num_examples == 2
    assert not list((tmp_path / "downloads").rglob("*.png"))


def test_a_download_with_another_digest_is_rejected(
    prepare, host, nothing_made
):
    write_tar(host / "twoafc_val.tar.gz", files({"val/cnn": 4}))
    with pytest.raises(PreparationError, match="has the sha256 .* not the"):
        prepare(None)
    nothing_made()


def test_a_file_that_is_gone_says_where_else_to_look(
    prepare, host, nothing_made
):
    (host / "jnd.tar.gz").unlink()
    with pytest.raises(PreparationError) as raised:
        prepare(None, "jnd")
    sentence = str(raised.value)
    assert sentence.startswith(f"{published.HOST}jnd.tar.gz cannot be down")
    assert published.HOMEPAGE in sentence
    assert "save it as FOLDER/jnd.tar.gz and give FOLDER as --source" in (
        sentence
    )
    nothing_made()


def test_a_manual_folder_needs_no_host(tmp_path, prepare, host, monkeypatch):
    monkeypatch.setattr(published, "HOST", "http://host.invalid/")
    builder = prepare(None, download={"manual_dir": host})
    assert builder.info.splits.total_num_examples == 3
    jnd = prepare(host, "jnd")
    assert jnd.info.splits.total_num_examples == 2


def test_the_published_digests_are_those_of_two_archives():
    known = {a.file: a.sha256 for a in published.ARCHIVES if a.sha256}
    assert {name: len(sha256) for name, sha256 in known.items()} == {
        "twoafc_train.tar.gz": 64,
        "twoafc_val.tar.gz": 64,
    }
