"""What tests need from outside the repository, or the reason to skip."""

import functools
import os
import signal
import subprocess

import pytest

from tests.support.paths import REPOSITORY, SHARED_DATA

# Read by FFmpeg when a process first uses it.
os.environ["OPENCV_FFMPEG_LOGLEVEL"] = "-8"
# Tests in these folders get the marker of that name.
MARKED_FOLDERS = {
    "parity": "parity",
    "wire": "serving",
    "matrix": "matrix",
    "engines": "engines",
}
# Exports, trainings and whole pipelines: files and folders that are slow.
SLOW = {
    "examples",
    "keras_lpips/test_backends.py",
    "keras_lpips/test_construction.py",
    "keras_lpips/test_golden_values.py",
    "keras_lpips/test_saving.py",
    "keras_lpips/test_shift_tolerant.py",
    "pipelines/networks",
    "pipelines/synthesis/test_job.py",
    "pipelines/test_find_duplicates.py",
    "pipelines/test_prepare_bapps.py",
    "pipelines/test_score.py",
    "saved_models",
    "test_published_distances.py",
    "training/test_evaluate.py",
    "training/test_kmeans.py",
    "training/test_precompute.py",
    "training/test_reference_steps.py",
    "training/test_severity.py",
    "training/test_train.py",
    "training/test_unjudged.py",
}


def pytest_collection_modifyitems(items):
    """Marks the tests of `tests/integration` by folder, and slow ones."""
    tests = REPOSITORY / "tests"
    slow = [tests / name for name in SLOW]
    missing = [str(path) for path in slow if not path.exists()]
    if missing:
        raise pytest.UsageError(f"tests/conftest.py names {missing}")
    for item in items:
        if any(item.path.is_relative_to(path) for path in slow):
            item.add_marker("slow")
        if item.path.parent.parent.name == "integration":
            item.add_marker(MARKED_FOLDERS[item.path.parent.name])


@pytest.fixture
def worker_pool(tmp_path):
    """Address of a pool that starts a Python worker process per worker."""
    # Imported here, since `make matrix` has no Beam.
    from tests.support.beam_engines import python_service

    with python_service(
        "apache_beam.runners.worker.worker_pool_main",
        tmp_path / "pool.log",
        "--service_port",
    ) as address:
        yield address


@pytest.fixture(scope="session")
def backbone():
    """A function that makes sure of a net's pretrained backbone.

    `backbone(net)` returns `net`; `backbone(net, version)` is for a version of
    LPIPS that has backbones of its own. It fetches the backbone into the cache
    on first use. That of "squeeze" is on no package index: it is imported from
    `../shared/data` where that exists; where it is not and torchvision's host
    cannot be reached either, the test skips.
    """
    from keras_lpips import WeightsError
    from keras_lpips.weights.presets import (
        cached_backbone,
        fetch_backbone,
        import_backbone,
    )

    @functools.cache
    def reason_missing(net, version):
        try:
            if cached_backbone(net, version) is not None:
                return None
        except WeightsError:
            pass  # A damaged file, which a fetch or an import replaces.
        at_hand = SHARED_DATA / "trunks" / "squeezenet1_1.npz"
        if net == "squeeze" and at_hand.exists():
            import_backbone(net, at_hand)
            return None
        try:
            fetch_backbone(net, version)
        except WeightsError as error:
            if net != "squeeze":
                raise
            return str(error)
        return None

    def ensure(net, version="0.1"):
        if reason := reason_missing(net, version):
            pytest.skip(reason)
        return net

    return ensure


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real photographs, examples and judgements."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"There is no {SHARED_DATA}, the data for tests.")
    return SHARED_DATA


@pytest.fixture
def ctrl_c():
    """Python's own handler of Ctrl-C, for this process and those it starts.

    A test run in the background of a shell inherits that Ctrl-C is ignored.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def small_disk(tmp_path):
    """A folder that takes 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("There is no `mount` to make a small disk with.")
    if done.returncode:
        pytest.skip(f"A small disk cannot be mounted: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
