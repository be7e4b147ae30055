from dataclasses import replace

import numpy as np
import pytest

from keras_lpips import WeightsError
from keras_lpips.backbones.registry import BACKBONES
from keras_lpips.weights import presets
from keras_lpips_cli.commands.weights import NAMES

FILES = {
    "alex": "alex.npz",
    "vgg": "vgg.npz",
    "squeeze": "squeeze.npz",
    "alex@st": "alex_st.npz",
    "vgg@st": "vgg_st.npz",
}


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("KERAS_LPIPS_HOME", str(folder))
    return folder


@pytest.fixture
def no_network(monkeypatch):
    """Every source but the cache folder fails."""

    def fail(*arguments):
        raise WeightsError("there is no network")

    monkeypatch.setattr(presets, "download_package", fail)
    monkeypatch.setattr(presets, "download_address", fail)


def test_names_are_those_of_the_registry():
    # That of DISTS has the weights of LPIPS.
    variants = [
        presets.backbone_label(net, version)
        for net in BACKBONES
        for version in BACKBONES[net].variants
        if presets.backbone_label(net, version) != net
    ]
    assert list(NAMES) == [*BACKBONES, *variants] == list(FILES)


def test_where_prints_each_path_and_what_is_missing(command, empty_cache):
    done = command("weights", "where")
    assert done.out.splitlines() == [
        f"{name}: {empty_cache / file} (does not exist)"
        for name, file in FILES.items()
    ]
    assert (done.status, done.err) == (0, "")
    assert not empty_cache.exists()


def test_fetch_and_verify_pass_with_a_complete_cache(command, backbone):
    backbone("alex")
    path = presets.backbone_path("alex")
    done = command("weights", "fetch", "alex")
    assert (done.status, done.out, done.err) == (0, f"alex: {path}\n", "")
    done = command("weights", "verify", "alex")
    assert (done.status, done.err) == (0, "")
    assert done.out == f"alex: {path} and heads of version 0.1, 0.0 are valid\n"


def test_backbones_of_a_version_are_fetched_and_verified(command, backbone):
    backbone("vgg", "st")
    path = presets.backbone_path("vgg", "st")
    done = command("weights", "fetch", "vgg@st")
    assert (done.status, done.out, done.err) == (0, f"vgg@st: {path}\n", "")
    done = command("weights", "verify", "vgg@st")
    assert (done.status, done.err) == (0, "")
    assert done.out == f"vgg@st: {path} and heads of version st are valid\n"


def test_without_a_network_a_package_is_named(command, empty_cache, no_network):
    done = command("weights", "fetch", "alex@st")
    assert (done.status, done.out) == (1, "")
    fetching, error = done.err.splitlines()
    assert "'alex@st' (stlpips-pytorch==0.0.2)" in fetching
    wheel = "stlpips_pytorch-0.0.2-py3-none-any.whl"
    assert f"Get {wheel} of stlpips-pytorch==0.0.2 (sha256 a412bf90" in error
    assert error.endswith(f"keras-lpips weights import alex@st {wheel}")


def test_without_a_network_fetch_says_how_to_import(
    command, empty_cache, no_network
):
    done = command("weights", "fetch", "squeeze", "alex")
    assert (done.status, done.out) == (1, "")
    squeeze, fetching, alex = done.err.splitlines()
    assert fetching.startswith("Downloading the backbone of 'alex'")
    for line, net, file, digits in (
        (squeeze, "squeeze", "squeezenet1_1-b8a52dc0.pth", "b8a52dc0"),
        (alex, "alex", "alexnet-owt-7be5be79.pth", "7be5be79"),
    ):
        assert line.startswith(f"keras-lpips: {net}: The backbone of '{net}'")
        assert f"https://download.pytorch.org/models/{file}" in line
        assert f"sha256 {digits}..." in line
        assert f"keras-lpips weights import {net} {file}" in line
    assert list(empty_cache.iterdir()) == []


def test_a_pair_without_its_backbone_is_one_sentence(
    command, empty_cache, no_network, photo_folders
):
    paths = [folder / "coffee.png" for folder in photo_folders]
    done = command("pair", *paths, "--net", "squeeze", "--off-the-shelf")
    assert (done.status, done.out) == (1, "")
    assert done.err.count("\n") == 1 and "weights import squeeze" in done.err


def test_the_shared_file_of_squeeze_can_be_imported(
    command, empty_cache, shared_data
):
    file = shared_data / "trunks" / "squeezenet1_1.npz"
    done = command("weights", "import", "squeeze", file)
    assert (done.status, done.err) == (0, "")
    assert done.out == f"squeeze: {empty_cache / 'squeeze.npz'}\n"
    assert command("weights", "verify", "squeeze").status == 0


def test_files_without_the_weights_of_the_net_are_an_error(
    refused, empty_cache, tmp_path
):
    (tmp_path / "text.npz").write_text("no archive")
    (tmp_path / "text.pth").write_text("no archive")
    np.savez(tmp_path / "other.npz", **{"features.0.kernel": np.zeros(3)})
    np.savez(tmp_path / "ours.npz", **{"conv1/kernel": np.zeros(3)})
    np.savez(tmp_path / "words.npz", **{"conv1/kernel": np.array(["a"])})
    for name, message in (
        ("none.npz", "No such file"),
        ("none.pth", "No such file"),
        ("text.npz", "is not a readable .npz"),
        ("text.pth", "is not a known file of 'alex'"),
        ("other.npz", "features.0.bias is missing for 'alex'"),
        ("ours.npz", "does not hold the weights of 'alex'"),
        ("words.npz", "does not hold real numbers"),
    ):
        path = tmp_path / name
        error = refused("weights", "import", "alex", path)
        assert message in error and str(path) in error
    assert not empty_cache.exists()


def test_weights_of_another_net_are_an_error(
    refused, backbone, tmp_path, monkeypatch
):
    backbone("alex")
    file = presets.backbone_path("alex")
    monkeypatch.setenv("KERAS_LPIPS_HOME", str(tmp_path / "cache"))
    for net in ("vgg", "squeeze"):
        error = refused("weights", "import", net, file)
        assert f"{file} does not hold the weights of '{net}'" in error
    assert not (tmp_path / "cache").exists()


def test_verify_reports_missing_and_damaged_backbones(
    command, empty_cache, tmp_path
):
    done = command("weights", "verify")
    assert done.status == 1 and len(done.err.splitlines()) == len(FILES)
    assert f"alex: {empty_cache / 'alex.npz'} does not exist" in done.err
    empty_cache.mkdir()
    (empty_cache / "alex.npz").write_text("damaged")
    done = command("weights", "verify", "alex")
    assert done.status == 1 and "is not a readable .npz" in done.err


def test_verify_reports_damaged_heads(command, backbone, monkeypatch):
    backbone("alex")
    alex = BACKBONES["alex"]
    heads = {**alex.heads, "0.0": "0" * 64}
    monkeypatch.setitem(BACKBONES, "alex", replace(alex, heads=heads))
    done = command("weights", "verify", "alex")
    assert done.status == 1 and "version 0.0, is damaged" in done.err


def test_unknown_nets_are_an_error_before_any_is_fetched(command, empty_cache):
    for arguments in (["fetch", "alex", "resnet"], ["import", "resnet", "a"]):
        done = command("weights", *arguments)
        assert done.status == 2 and "resnet" in done.err
    assert not empty_cache.exists()
