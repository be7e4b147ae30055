"""Engines that are not Python's, each as a process of its own on loopback."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.beam_engines import portable, served
from tests.support.ports import free_port

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
JARS = CACHE / "keras-lpips-engines"
PRISM = "github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0"
# Of the names and contents of all jars, see `digest_of`.
JARS_DIGEST = "dc00061a8813e18c8958ab993459d05599b2164b69de76c446ad4fdf43bd8d40"
# Java 17 hides these packages of java.base from Flink and Beam.
OPENED = (
    *("java.lang", "java.lang.invoke", "java.lang.reflect", "java.io"),
    *("java.net", "java.nio", "java.text", "java.time", "java.util"),
    *("java.util.concurrent", "java.util.concurrent.atomic"),
    *("java.util.concurrent.locks", "sun.nio.ch", "sun.nio.cs"),
    *("sun.security.action", "sun.util.calendar"),
)


def program(name):
    """Returns the path of a program, or skips the test without it."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def digest_of(folder):
    """Returns the digest of the jars in a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.jar")):
        digest.update(f"{path.name} {path.stat().st_size}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


@pytest.fixture(scope="session")
def jars():
    """Folder of the job server's jars, fetched once by Maven."""
    maven = program("mvn")
    if not (JARS / "fetched").exists():
        subprocess.run(
            [
                *(maven, "-q", "-B", "-f", HERE / "pom.xml"),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={JARS}",
            ],
            check=True,
        )
        (JARS / "fetched").touch()
    assert digest_of(JARS) == JARS_DIGEST
    return JARS


@pytest.fixture
def flink(jars, tmp_path, worker_pool):
    """Beam's flags for a Flink inside its job server."""
    port = free_port()
    command = [
        program("java"),
        *(f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in OPENED),
        *("-cp", f"{jars}/*"),
        "org.apache.beam.runners.flink.FlinkJobServerDriver",
        *("--job-host=127.0.0.1", f"--job-port={port}"),
        *("--artifact-port=0", "--expansion-port=0"),
        *("--flink-master=[local]", f"--artifacts-dir={tmp_path / 'staged'}"),
    ]
    # The configuration of a running cluster would be used here.
    environment = {x: y for x, y in os.environ.items() if x != "FLINK_CONF_DIR"}
    log = tmp_path / "flink.log"
    with served(command, port, log, environment) as address:
        yield [*portable(address, worker_pool), "--parallelism=2"]


@pytest.fixture(scope="session")
def prism_program():
    """Path of Beam's Prism, built once by Go."""
    folder = JARS / "prism"
    if not (folder / "prism").exists():
        subprocess.run(
            [program("go"), "install", PRISM],
            check=True,
            env=os.environ | {"GOBIN": str(folder)},
        )
    return folder / "prism"


@pytest.fixture
def prism(prism_program, tmp_path, worker_pool):
    """Beam's flags for Prism."""
    port = free_port()
    command = [
        *(prism_program, f"--job_port={port}", f"--web_port={free_port()}"),
        "--serve_http=false",
    ]
    with served(command, port, tmp_path / "prism.log") as address:
        yield portable(address, worker_pool)


@pytest.fixture(params=["prism", "flink"])
def engine(request):
    """Beam's flags for each engine."""
    return request.getfixturevalue(request.param)
